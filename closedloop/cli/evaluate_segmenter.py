"""``closedloop evaluate segmenter``: agreement with label images that people have drawn, baselines beside it."""

import csv
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closedloop.cli.output import STDERR, print_json, print_table, show_progress
from closedloop.recipes import ClosedloopError
from closedloop.whole_files import whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from closedloop.tem.metrics import Agreement
    from closedloop.tem.segmenter import Found

    Method = Callable[[NDArray[np.float32]], Found]

_OURS = "closedloop"
_SHOWN = {"AP50": "AP50", "AP75": "AP75", "AP90": "AP90", "mean_AP": "mean AP", "mIoU": "mIoU"}


class NothingToEvaluate(ClosedloopError):
    """The folders hold no image with a label image of the same name, or more than one."""


class MaskDoesNotFit(ClosedloopError):
    """A label image has another size than its image."""


class TableNotWritable(ClosedloopError):
    """The table that was asked for cannot be written."""


class Baseline(StrEnum):
    """Methods without training that are measured beside the segmenter."""

    OTSU = "otsu"
    CLASSICAL = "classical"


def segmenter(
    images: Annotated[Path, typer.Option(help="Folder of images.")],
    masks: Annotated[Path, typer.Option(help="Folder of instance maps of the same names, 0 or black = background.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
    baseline: Annotated[
        list[Baseline] | None,
        typer.Option(help="Measure a method without training beside it; may be given more than once."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write a table with a line per image and method (.csv).")] = None,
) -> None:
    """AP50, AP75, AP90, mean AP .50:.05:.95 and mIoU, averaged over the images that have an instance map.

    Sizes: relative error of the mean equivalent diameter of the particles that do not touch the edge; counts: that of
    the number of all particles; median and worst over the images. Beside it whether the size errors that the segmenter
    states hold, and how large the errors are where it is not in doubt.
    """
    _check_table(out)
    pairs, notes = _pairs(images, masks)
    chosen = list(dict.fromkeys(baseline or ()))
    found = _evaluated(pairs, {_OURS: _segmenter(), **{str(name): _baseline(name) for name in chosen}}, notes)
    if out is not None:
        _write_table(out, pairs, found)
    for note in notes:
        STDERR.print(f"note: {note}", soft_wrap=True, markup=False)
    if as_json:
        content: dict[str, Any] = {"images": len(pairs)} | _scores(found[_OURS]) | _stated_errors(found[_OURS])
        if chosen:
            content["baselines"] = {str(name): _scores(found[str(name)]) for name in chosen}
        if notes:
            content["notes"] = notes
        print_json(content)
    else:
        _show(found, len(pairs))


def _evaluated(
    pairs: Sequence[tuple[Path, Path]], methods: Mapping[str, "Method"], notes: list[str]
) -> dict[str, list["Agreement"]]:
    """Per method one agreement per pair; what had to be decided about a map is added to the notes."""
    from closedloop.tem.certainty import size_error_of_labels
    from closedloop.tem.instance_maps import check_is_no_photograph, read_instance_map
    from closedloop.tem.metrics import compare
    from closedloop.tem.reading import read_picture

    found: dict[str, list[Agreement]] = {name: [] for name in methods}
    with show_progress("measuring", len(pairs)) as advance:
        for image, mask in pairs:
            truth = read_instance_map(mask)
            picture = read_picture(image)
            grey = picture.grey
            if truth.labels.shape != grey.shape:
                raise MaskDoesNotFit(
                    f"{mask}: is {_size(truth.labels)} pixels, its image {image} {_size(grey)}; they must be equal"
                )
            check_is_no_photograph(mask, truth.labels, picture)
            notes.extend(f"{mask.name}: {note}" for note in truth.notes)
            for name, method in methods.items():
                seen = method(grey)
                stated = None if seen.chances is None else size_error_of_labels(seen.labels, seen.chances)
                found[name].append(compare(truth.labels, seen.labels, stated))
            advance(image.name)
    return found


def _size(pixels: "NDArray[Any]") -> str:
    return f"{pixels.shape[1]} × {pixels.shape[0]}"


def _segmenter() -> "Method":
    from closedloop.tem import Segmenter

    return Segmenter.load().find


def _baseline(name: Baseline) -> "Method":
    from closedloop.tem.annotations import annotation_mask
    from closedloop.tem.segmenter import Found

    if name is Baseline.OTSU:
        from closedloop.tem.otsu import segment_by_otsu

        return lambda grey: Found(segment_by_otsu(grey, annotation_mask(grey)))
    from closedloop.tem.classical import segment_classically

    return lambda grey: Found(segment_classically(grey, annotation_mask(grey)))


def _scores(agreements: Sequence["Agreement"]) -> dict[str, float | None]:
    from closedloop.tem.metrics import average, errors

    return _rounded({**average(agreements), **errors(agreements)})


def _stated_errors(agreements: Sequence["Agreement"]) -> dict[str, float | None]:
    from closedloop.tem.metrics import stated_errors

    return _rounded(stated_errors(agreements))


def _rounded(scores: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 5) for name, value in scores.items()}


def _show(found: Mapping[str, Sequence["Agreement"]], count: int) -> None:
    from rich.table import Table

    table = Table(title=f"{count} images", title_justify="left", box=None)
    table.add_column("")
    for heading in (*_SHOWN.values(), "size error: median", "worst", "count error: median", "worst"):
        table.add_column(heading, justify="right")
    for name, agreements in found.items():
        scores = _scores(agreements)
        cells = [f"{scores[key]:.3f}" for key in _SHOWN]
        for what in ("size_error", "count_error"):
            for which in ("median", "worst"):
                value = scores[f"{which}_{what}"]
                cells.append("unknown" if value is None else f"{value:.1%}")
        table.add_row(name, *cells)
    print_table(table)
    said = _stated_errors(found[_OURS])
    if said["within_stated_error"] is None:
        return
    typer.echo(f"within the size error that is stated: {said['within_stated_error']:.0%} of the images")
    middle, worst = said["median_size_error_where_sure"], said["worst_size_error_where_sure"]
    off = "" if middle is None else f"; the others' means are off by {middle:.1%} in the median, {worst:.1%} at most"
    typer.echo(f"in doubt: {said['in_doubt']} of {count}{off}")


def _check_table(path: Path | None) -> None:
    """Before the work rather than after it."""
    if path is None:
        return
    if path.suffix.lower() != ".csv":
        raise TableNotWritable(f"--out {path}: give a name that ends with .csv")
    if not path.parent.is_dir():
        raise TableNotWritable(f"--out {path}: there is no folder {path.parent}; make it first")


def _write_table(path: Path, pairs: Sequence[tuple[Path, Path]], found: Mapping[str, Sequence["Agreement"]]) -> None:
    rows = [
        {"image": image.name, "method": name} | agreement.to_json()
        for name, agreements in found.items()
        for (image, _), agreement in zip(pairs, agreements, strict=True)
    ]
    try:
        with whole(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise TableNotWritable(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def _pairs(images: Path, masks: Path) -> tuple[list[tuple[Path, Path]], list[str]]:
    """Images and maps of equal names, and what was left out."""
    from closedloop.tem.instance_maps import MAP_SUFFIXES

    for folder in (images, masks):
        if not folder.is_dir():
            raise NothingToEvaluate(f"{folder}: is no folder; give one with images and one with label images")
    by_name = _by_name(masks, MAP_SUFFIXES)
    pictures = _by_name(images, _image_suffixes())
    pairs = [(path, by_name[name]) for name, path in pictures.items() if name in by_name]
    if not pairs:
        raise NothingToEvaluate(f"{images} and {masks}: no image has a label image of the same name")
    notes = []
    for what, alone in (
        ("images have no label image", [path for name, path in pictures.items() if name not in by_name]),
        ("label images have no image", [path for name, path in by_name.items() if name not in pictures]),
    ):
        if alone:
            shown = ", ".join(path.name for path in alone[:5]) + (", …" if len(alone) > 5 else "")
            notes.append(f"{len(alone)} {what} and were left out: {shown}")
    return pairs, notes


def _image_suffixes() -> tuple[str, ...]:
    from closedloop.tem.folder import IMAGE_SUFFIXES

    return IMAGE_SUFFIXES


def _by_name(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in suffixes and path.is_file() and not path.name.startswith("."):
            if path.stem in found:
                raise NothingToEvaluate(f"{found[path.stem]} and {path} have one name; keep one of them")
            found[path.stem] = path
    return found
