"""``closedloop tem``: an image's scale, its particles, their sizes and shapes, and what a person corrects in them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from closedloop.cli.output import print_json
from closedloop.cli.tem_correct import correct
from closedloop.cli.tem_measure import CannotWrite, measure
from closedloop.cli.tem_train import train

__all__ = ["CannotWrite", "app"]

app = typer.Typer(no_args_is_help=True, help="Electron microscope images: scale, particles, sizes and shapes.")
app.command("measure")(measure)
app.command("correct")(correct)
app.command("train")(train)


@app.command()
def scale(
    image: Annotated[Path, typer.Argument(help="An image file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """Read the scale alone: from the file, or from the scale bar and its label."""
    from closedloop.tem import look_at_scale

    found = look_at_scale(image)
    if "doubt" in found:
        print(found["doubt"], file=sys.stderr)
    if as_json:
        print_json(found)
    elif "doubt" not in found:
        bar = f"a scale bar of {found['bar_px']:.2f} px that says {found['text']}" if found["bar_px"] else ""
        where = "the file" if found["source"] == "metadata" else bar
        typer.echo(f"{found['nm_per_px']:.5g} nm per pixel, from {where} (confidence {found['confidence']:.2f})")
