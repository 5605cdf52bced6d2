"""``closedloop tem``: an image's scale, its particles, their sizes and shapes."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from closedloop.recipes import ClosedloopError

app = typer.Typer(no_args_is_help=True, help="Electron microscope images: scale, particles, sizes and shapes.")

Image = Annotated[Path, typer.Argument(help="A TIFF, PNG or JPEG file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")]


class CannotWrite(ClosedloopError):
    """A file that was asked for cannot be written."""


@app.command()
def measure(
    image: Image,
    nm_per_px: Annotated[
        float | None, typer.Option(help="Pixel size in nm; overrules the file's and the scale bar's.")
    ] = None,
    masks: Annotated[Path | None, typer.Option(help="Write the particles as a label image (.tif).")] = None,
    overlay: Annotated[Path | None, typer.Option(help="Write the picture with outlines (.png).")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the particles: equivalent circle diameters of those that do not touch the edge, and shapes of all."""
    _check_output(masks, (".tif", ".tiff"), "--masks")
    _check_output(overlay, (".png", ".jpg", ".jpeg"), "--overlay")
    from closedloop.tem import measure_image, save_labels, save_picture
    from closedloop.tem import overlay as draw_overlay

    found = measure_image(image, nm_per_px)
    try:
        if masks is not None:
            save_labels(masks, found.labels)
        if overlay is not None:
            save_picture(overlay, draw_overlay(found.grey, found.labels))
    except OSError as error:
        raise CannotWrite(f"{error.filename or masks or overlay}: cannot be written ({error.strerror})") from error
    if found.note:
        print(f"note: {found.note}", file=sys.stderr)
    if as_json:
        from closedloop.cli.output import print_json

        print_json(found.to_json())
        return
    source = {"metadata": "the file", "scale_bar": f"the scale bar “{found.scale.text}”", "user": "you"}
    typer.echo(
        f"scale: {found.nm_per_px:.5g} nm per pixel, from {source[found.scale.source]} "
        f"(confidence {found.scale.confidence:.2f})"
    )
    cut = len(found.particles) - found.count
    typer.echo(f"particles: {found.count} whole, {cut} that touch the edge and are left out of the sizes")
    if found.mean_diameter_nm is not None:
        spread = "" if found.std_diameter_nm is None else f", standard deviation {found.std_diameter_nm:.2f} nm"
        typer.echo(f"equivalent circle diameter: mean {found.mean_diameter_nm:.2f} nm{spread}")
        shares = ", ".join(f"{shape} {share:.0%}" for shape, share in found.shape_fractions.items())
        typer.echo(f"shapes: {shares}")


@app.command()
def scale(image: Image, as_json: AsJson = False) -> None:
    """Read the scale alone: from the file, or from the scale bar and its label."""
    from closedloop.tem import read_scale

    found = read_scale(image)
    if as_json:
        from closedloop.cli.output import print_json

        print_json(found.to_json())
        return
    where = "the file" if found.source == "metadata" else f"a scale bar of {found.bar_px:.2f} px that says {found.text}"
    typer.echo(f"{found.nm_per_px:.5g} nm per pixel, from {where} (confidence {found.confidence:.2f})")


def _check_output(path: Path | None, suffixes: tuple[str, ...], option: str) -> None:
    """Before the work rather than after it."""
    if path is None:
        return
    if path.suffix.lower() not in suffixes:
        raise CannotWrite(f"{option} {path}: give a name that ends with {' or '.join(suffixes)}")
    if not path.parent.is_dir():
        raise CannotWrite(f"{option} {path}: there is no folder {path.parent}; make it first")
