"""``closedloop tem measure``: one image, many, or folders of them.

Exit status: 0 where every image was measured; 1 where some were, and others failed or wait for a person; 2 where none
was, or the command itself could not be carried out.
"""

import math
import os
import re
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closedloop.cli.output import STDERR, print_json, show_progress
from closedloop.recipes import ClosedloopError

if TYPE_CHECKING:
    from closedloop.tem import Measurement
    from closedloop.tem.folder import Sample, SampleResult


class CannotWrite(ClosedloopError):
    """A file that was asked for cannot be written."""


class ScaleOption(ClosedloopError):
    """``--scale`` is not the name of one of the images and a number."""


class NothingMeasured(ClosedloopError):
    """Not one of the images gave a size."""


def measure(
    images: Annotated[
        list[Path],
        # One that cannot be read is for the measuring to name, which goes on with the others.
        typer.Argument(
            metavar="IMAGE…", readable=False, help="Image files of one sample, or folders: each folder is a sample."
        ),
    ],
    nm_per_px: Annotated[
        float | None, typer.Option(help="Pixel size in nm of all images; overrules the files' and the scale bars'.")
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option(metavar="IMAGE=NM", help="Pixel size in nm of one image; may be given more than once."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A new folder for page, tables, overlays, histograms and label images of every sample."),
    ] = None,
    masks: Annotated[Path | None, typer.Option(help="Write one image's particles as a label image (.tif).")] = None,
    overlay: Annotated[Path | None, typer.Option(help="Write one image with outlines (.png).")] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that measure many images side by side; by default as many as pay."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """Measure the particles: equivalent circle diameters of those that do not touch the edge, and shapes of all.

    One image that fails does not stop the others. Exit status: 0 all measured, 1 some failed or wait for a person
    because of a doubtful scale, 2 none was measured.
    """
    from closedloop.tem.pixel_size import check_stated_size

    if nm_per_px is not None:
        check_stated_size(nm_per_px)
    _check_output(masks, (".tif", ".tiff"), "--masks", images)
    _check_output(overlay, (".png", ".jpg", ".jpeg"), "--overlay", images)
    if len(images) == 1 and not os.path.isdir(images[0]) and not scale:
        _measure_one(images[0], nm_per_px, out, masks, overlay, as_json)
        return
    if masks is not None or overlay is not None:
        raise CannotWrite("--masks and --overlay are for one image; with many, --out FOLDER writes those of each")
    _measure_many(images, nm_per_px, scale or [], out, workers, as_json)


def _measure_one(
    image: Path, nm_per_px: float | None, out: Path | None, masks: Path | None, overlay: Path | None, as_json: bool
) -> None:
    from closedloop.tem import measure_image, save_labels, save_picture
    from closedloop.tem import overlay as draw_overlay
    from closedloop.tem.folder import Sample, SampleResult, without_pixels
    from closedloop.tem.report import SamplePage, draft_of

    with draft_of(out) if out is not None else nullcontext() as draft:
        found = measure_image(image, nm_per_px)
        try:
            if masks is not None:
                save_labels(masks, found.labels)
            if overlay is not None:
                save_picture(overlay, draw_overlay(found.grey, found.labels))
        except OSError as error:
            raise CannotWrite(f"{error.filename or masks or overlay}: cannot be written ({error.strerror})") from error
        if draft is not None:
            page = SamplePage(draft, Sample(image.stem, (image,)))
            page.add(image, found)
            page.finish(SampleResult(Sample(image.stem, (image,)), (without_pixels(found),)))
    if out is not None:
        STDERR.print(f"written: {out / 'report.html'}", soft_wrap=True, markup=False)
    if found.note:
        _note(found.note)
    if as_json:
        print_json(found.to_json())
    else:
        describe(found)


def _measure_many(
    places: Sequence[Path],
    nm_per_px: float | None,
    options: Sequence[str],
    out: Path | None,
    workers: int | None,
    as_json: bool,
) -> None:
    from closedloop.tem import Segmenter
    from closedloop.tem.folder import asked_of, collect, find_samples, passed_over
    from closedloop.tem.names import in_words
    from closedloop.tem.report import SamplePage, draft_of, write_index
    from closedloop.tem.side_by_side import side_by_side, useful_workers

    samples = find_samples(places, leave_out=out)
    beside = passed_over(places, leave_out=out)
    for link in filter(os.path.isdir, beside):
        _note(f"{link}: is a link to a folder, which is not followed; name that folder too to have it measured")
    others = [path for path in beside if not os.path.isdir(path)]
    if others:
        named = ", ".join(path.name for path in others[:5]) + (", …" if len(others) > 5 else "")
        _note(
            f"{len(others)} file{'s' if len(others) > 1 else ''} passed over, no image by the suffix: {in_words(named)}"
        )
    for sample in samples:
        for copy, image in sample.copies:
            _note(f"{copy}: has the same content as {image}, and is counted once")
        for image, earlier in sample.elsewhere:
            _note(f"{image}: has the same content as {earlier} of another sample; counted in both, and once over all")
    scales = _scales(options, samples)
    count = sum(len(sample.images) for sample in samples)
    results: list[SampleResult] = []
    with (
        draft_of(out) if out is not None else nullcontext() as draft,
        side_by_side(Segmenter.load(), min(workers or useful_workers(count), count)) as measure_images,
    ):
        folders = _folder_names(samples)
        answers = measure_images(asked_of(samples, scales, nm_per_px))
        with show_progress("measuring", count) as advance:
            for sample, folder in zip(samples, folders, strict=True):
                shown = None if draft is None else SamplePage(draft / folder, sample)
                result = collect(sample, answers, shown, advance)
                if shown is not None:
                    shown.finish(result)
                results.append(result)
        if draft is not None and len(samples) > 1:
            write_index(draft, results, folders)
    if out is not None:
        page = out / ("index.html" if len(samples) > 1 else "report.html")
        STDERR.print(f"written: {page}", soft_wrap=True, markup=False)
    for found in (found for result in results for found in result.measured if found.note):
        _note(f"{in_words(found.name)}: {found.note}")
    for failure in (failure for result in results for failure in result.failed):
        STDERR.print(f"{failure.error}: {failure.message}", soft_wrap=True, markup=False)
    if as_json:
        print_json(_json(results))
    else:
        for result in results:
            _show(result)
    _end(results)


def _note(text: str) -> None:
    STDERR.print(f"note: {text}", soft_wrap=True, markup=False)


def _end(results: "Sequence[SampleResult]") -> None:
    """The exit status says whether every image was measured."""
    failed = sum(len(result.failed) for result in results)
    if not any(result.measured for result in results):
        raise NothingMeasured(f"none of {failed} images could be measured; the lines above say why")
    if failed:
        waiting = sum(failure.waits for result in results for failure in result.failed)
        total = failed + sum(len(result.measured) for result in results)
        STDERR.print(f"{failed} of {total} images were not measured, {waiting} of them wait for a person's scale")
        raise typer.Exit(1)


def _json(results: "Sequence[SampleResult]") -> dict[str, Any]:
    """Every image in order under "images"; "samples" and, over all of them, "summary" as of one image."""
    from closedloop.tem.folder import pooled_over_all
    from closedloop.tem.names import in_words

    images = []
    for result in results:
        known: dict[str, dict[str, Any]] = {each.name: each.to_json() for each in result.measured}
        known |= {str(failure.image): failure.to_json() for failure in result.failed}
        images += [{"sample": in_words(result.sample.name)} | known[str(image)] for image in result.sample.images]
    return {
        "images": images,
        "samples": [
            {
                "sample": in_words(result.sample.name),
                "measured": len(result.measured),
                "failed": len(result.failed),
                "copies": [
                    {"image": in_words(copy), "copy_of": in_words(image)} for copy, image in result.sample.copies
                ],
                "summary": result.pooled.to_json()["summary"],
            }
            for result in results
        ],
        "summary": pooled_over_all(results).to_json()["summary"],
    }


def _show(result: "SampleResult") -> None:
    from closedloop.tem.names import in_words

    typer.echo(f"{in_words(result.sample.name)}:")
    for each in result.measured:
        typer.echo(f"  {in_words(Path(each.name).name)}: {sizes_in_words(each)}")
    for failure in result.failed:
        waits = "waits for a person (its scale is in doubt)" if failure.waits else failure.error
        typer.echo(f"  {in_words(failure.image.name)}: {waits}")
    typer.echo(f"  together: {sizes_in_words(result.pooled)}")


def sizes_in_words(found: "Measurement") -> str:
    """Count, mean and standard deviation."""
    text = f"{found.count} whole particles"
    if found.mean_diameter_nm is not None:
        text += f", mean {found.mean_diameter_nm:.2f} nm"
    if found.std_diameter_nm is not None:
        text += f", standard deviation {found.std_diameter_nm:.2f} nm"
    return f"{text}; {doubt_in_words(found)}" if found.in_doubt else text


def doubt_in_words(found: "Measurement") -> str:
    """Of an image that is in doubt: how much, and what a person can do."""
    return f"in doubt: the mean may be off by {found.size_error:.0%}; look at the overlay, correct it if need be"


def describe(found: "Measurement") -> None:
    """One image in words on standard output."""
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
        if found.in_doubt:
            typer.echo(doubt_in_words(found))
        elif found.size_error is not None:
            typer.echo(f"told apart well: nine such pictures of ten have a mean that is within {found.size_error:.1%}")
        shares = ", ".join(f"{shape} {share:.0%}" for shape, share in found.shape_fractions.items())
        typer.echo(f"shapes: {shares}")


def _scales(options: Sequence[str], samples: "Sequence[Sample]") -> dict[Path, float]:
    """Pixel sizes by image from ``NAME=NM``, where NAME is the image's path as found or its file's name alone."""
    from closedloop.tem import UnreadableScale
    from closedloop.tem.pixel_size import check_stated_size

    images = [image for sample in samples for image in sample.images]
    copies = {name: image for sample in samples for copy, image in sample.copies for name in (str(copy), copy.name)}
    scales: dict[Path, float] = {}
    for option in options:
        name, separator, number = option.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not separator or math.isnan(value):
            raise ScaleOption(f"--scale {option}: write it as IMAGE=NM, nm per pixel as a number")
        try:
            check_stated_size(value)
        except UnreadableScale as error:
            raise ScaleOption(f"--scale {option}: {error}") from error
        named = [image for image in images if name in (str(image), image.name)]
        if not named and name in copies:
            raise ScaleOption(f"--scale {option}: has the same content as {copies[name]}, so state the scale of that")
        if len(named) != 1:
            many = f"{len(named)} images have that name, so give its path" if named else "no such image is among them"
            raise ScaleOption(f"--scale {option}: {many}")
        scales[named[0]] = value
    return scales


def _folder_names(samples: "Sequence[Sample]") -> list[str]:
    """A folder for each sample below the one for all; one sample needs none of its own."""
    if len(samples) == 1:
        return ["."]
    names: list[str] = []
    for sample in samples:
        plain = re.sub(r"[^\w.-]+", "_", sample.name).strip("._") or "sample"
        name, number = plain, 2
        while name in names:
            name, number = f"{plain}-{number}", number + 1
        names.append(name)
    return names


def _check_output(path: Path | None, suffixes: tuple[str, ...], option: str, images: Sequence[Path]) -> None:
    """Before the work rather than after it. Of what is there already only what was written by this may be replaced."""
    from closedloop.tem.pictures import written_here

    if path is None:
        return
    if path.suffix.lower() not in suffixes:
        raise CannotWrite(f"{option} {path}: give a name that ends with {' or '.join(suffixes)}")
    if not os.path.isdir(path.parent):
        raise CannotWrite(f"{option} {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise CannotWrite(f"{option} {path}: you may not write into the folder {path.parent}; choose another place")
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return
    if any(image.exists() and path.samefile(image) for image in images):
        raise CannotWrite(f"{option} {path}: is the image itself, which is never overwritten; give another name")
    if not written_here(path):
        raise CannotWrite(
            f"{option} {path}: is there already and was not written, or was changed since, by this command, so it is "
            "not overwritten; give another name"
        )
