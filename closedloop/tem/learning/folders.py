"""Folders of micrographs and label images -> samples; which of them are held out is decided by their source."""

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import ClosedloopError
from closedloop.tem.annotations import annotation_mask
from closedloop.tem.folder import IMAGE_SUFFIXES
from closedloop.tem.instance_maps import MAP_SUFFIXES, read_instance_map
from closedloop.tem.learning.samples import Sample
from closedloop.tem.learning.weak import weak_labels
from closedloop.tem.network import ParticleNet
from closedloop.tem.reading import read_picture

MASK_FOLDERS = ("masks", "segmaps")


class UnusableTrainingFolder(ClosedloopError):
    """A folder for training lacks images, label images, or pairs of equal names and sizes."""


def read_folder(folder: Path) -> list[Sample]:
    """The images of ``folder/images`` that have a label image of the same name in ``folder/masks`` (or ``segmaps``).

    Raises `UnusableTrainingFolder`, `NotAnImage`.
    """
    masks = next((folder / name for name in MASK_FOLDERS if (folder / name).is_dir()), None)
    if masks is None or not (folder / "images").is_dir():
        raise UnusableTrainingFolder(
            f"{folder}: needs a folder “images” and a folder “masks” with label images of the same names"
        )
    by_name = {path.stem: path for path in sorted(masks.iterdir()) if path.suffix.lower() in MAP_SUFFIXES}
    samples = []
    for path in sorted((folder / "images").iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.stem not in by_name:
            continue
        grey = read_picture(path).grey
        labels = read_instance_map(by_name[path.stem]).labels
        if labels.shape != grey.shape:
            raise UnusableTrainingFolder(
                f"{by_name[path.stem]}: is {labels.shape[::-1]} pixels, its image {grey.shape[::-1]}; make them equal"
            )
        samples.append(Sample(path.stem, _eight_bit(grey), labels.astype(np.int32)))
    if not samples:
        raise UnusableTrainingFolder(f"{folder}: no image has a label image of the same name")
    return samples


def read_unlabelled(folder: Path, detector: ParticleNet) -> list[Sample]:
    """The images of a folder with weak labels; those on which nothing is agreed are left out.

    Raises `UnusableTrainingFolder` where none is left.
    """
    samples = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        grey = read_picture(path).grey
        labels = weak_labels(grey, detector, annotation_mask(grey))
        if (labels > 0).any():
            samples.append(Sample(path.stem, _eight_bit(grey), labels))
    if not samples:
        raise UnusableTrainingFolder(f"{folder}: holds no image on whose particles network and threshold agree")
    return samples


def _eight_bit(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    return (np.clip(grey, 0, 1) * 255).round().astype(np.uint8)


def sources(folder: Path) -> dict[str, str]:
    """Name of an image -> where it comes from, by ``sources.csv`` (columns image, and doi or source)."""
    path = folder / "sources.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as opened:
        rows = [(row.get("image"), row.get("doi") or row.get("source")) for row in csv.DictReader(opened)]
    return {image: source for image, source in rows if image and source}


def split(samples: Sequence[Sample], origin: dict[str, str], share: float) -> tuple[list[Sample], list[Sample]]:
    """(to train on, held out): all images of a source on one side, which one by a hash of its name."""
    kept: list[Sample] = []
    held: list[Sample] = []
    for sample in samples:
        digest = hashlib.sha256(origin.get(sample.name, sample.name).encode()).hexdigest()
        (held if int(digest, 16) % 1000 < share * 1000 else kept).append(sample)
    return kept, held
