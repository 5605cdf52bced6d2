"""``closedloop evaluate segmenter``: agreement with label images that people have drawn."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from closedloop.recipes import ClosedloopError

_SUFFIXES = {".png", ".tif", ".tiff", ".jpg", ".jpeg"}


class NothingToEvaluate(ClosedloopError):
    """The folders hold no image with a label image of the same name."""


def segmenter(
    images: Annotated[Path, typer.Option(help="Folder of images.")],
    masks: Annotated[Path, typer.Option(help="Folder of label images of the same names, 0 = background.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """AP50, AP75, AP90, mean AP .50:.05:.95 and mIoU, averaged over the images that have a label image."""
    pairs = _pairs(images, masks)
    from closedloop.tem import NotAnImage, Segmenter
    from closedloop.tem.metrics import average, compare
    from closedloop.tem.reading import read_labels, read_picture

    method = Segmenter.load()
    agreements = []
    for done, (image, mask) in enumerate(pairs, 1):
        truth = read_labels(mask)
        found = method.segment(read_picture(image).grey)
        if truth.shape != found.shape:
            raise NotAnImage(
                f"{mask}: is {truth.shape[::-1]} pixels, its image {found.shape[::-1]}; they must be equal"
            )
        agreements.append(compare(truth, found))
        if sys.stderr.isatty():
            print(f"\r{done} of {len(pairs)} images", end="\n" if done == len(pairs) else "", file=sys.stderr)
    scores = average(agreements)
    if as_json:
        from closedloop.cli.output import print_json

        print_json({"images": len(pairs)} | {name: round(value, 5) for name, value in scores.items()})
        return
    typer.echo(f"{len(pairs)} images: " + ", ".join(f"{name} {value:.3f}" for name, value in scores.items()))


def _pairs(images: Path, masks: Path) -> list[tuple[Path, Path]]:
    for folder in (images, masks):
        if not folder.is_dir():
            raise NothingToEvaluate(f"{folder}: is no folder; give one with images and one with label images")
    by_name = {path.stem: path for path in sorted(masks.iterdir()) if path.suffix.lower() in _SUFFIXES}
    pairs = [
        (path, by_name[path.stem])
        for path in sorted(images.iterdir())
        if path.suffix.lower() in _SUFFIXES and path.stem in by_name
    ]
    if not pairs:
        raise NothingToEvaluate(f"{images} and {masks}: no image has a label image of the same name")
    return pairs
