"""What a person changed in a label image, and the sizes that follow from the particles as corrected.

Reading the many forms of label images is left to `closedloop.tem.instance_maps`, the store to `closedloop.campaign`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from closedloop.recipes import ClosedloopError
from closedloop.tem.instance_maps import InstanceMap, check_is_no_photograph, read_instance_map
from closedloop.tem.measurement import Measurement, measure_image
from closedloop.tem.reading import Picture
from closedloop.tem.segmenter import Found, Segmenter

SAME_IOU = 0.98  # an outline saved and read again as a polygon moves by less
_HIGHEST_LABEL = 1_000_000
_STRAY_PX = 5
_NAMED = 5

Labels = NDArray[np.int32]


class UnusableCorrection(ClosedloopError):
    """A corrected label image does not fit its image, or holds no particles that could be told apart."""


@dataclass(frozen=True)
class Changes:
    """What became of the particles: labels before and after, by how they belong together.

    Two belong together where half of the smaller one's pixels or more lie in the other. kept: one to one, and alike
    to 2% of the area (IoU .98). redrawn: one to one with another outline, or several to several. merged: several
    became one. split: one became several.
    """

    kept: tuple[int, ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]
    redrawn: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    merged: tuple[tuple[tuple[int, ...], int], ...]
    split: tuple[tuple[int, tuple[int, ...]], ...]

    def counts(self) -> dict[str, int]:
        """How many particles as they were before; of those added, as they are now."""
        return {
            "kept": len(self.kept),
            "removed": len(self.removed),
            "merged": sum(len(before) for before, _ in self.merged),
            "split": len(self.split),
            "redrawn": sum(len(before) for before, _ in self.redrawn),
            "added": len(self.added),
        }

    def __str__(self) -> str:
        counts = self.counts()
        words = [f"{counts[name]} {name}" for name in ("removed", "split", "redrawn", "added") if counts[name]]
        if self.merged:
            words.insert(0, f"{counts['merged']} merged into {len(self.merged)}")
        return ", ".join(words) or "nothing changed"


def read_correction(
    path: Path, shape: tuple[int, int], *, split_pieces: bool = False, picture: Picture | None = None
) -> InstanceMap:
    """A person's label image for an image of (H, W) pixels, checked; `picture`, the image, must not be given for it.

    Labels keep their numbers. split_pieces: each connected piece (8 neighbours) becomes a particle of its own.

    Raises `NotAnInstanceMap`, and `UnusableCorrection` where the size is another, nothing is marked, or all particles
    have one and the same value.
    """
    read = fitting_map(path, shape, picture)
    labels, notes = read.labels, list(read.notes)
    if not labels.any():
        raise UnusableCorrection(f"{path}: marks no particle; every pixel is background")
    if split_pieces:
        labels = connected_pieces(labels)
    elif int(labels.max()) > _HIGHEST_LABEL:
        labels = np.unique(labels, return_inverse=True)[1].reshape(shape).astype(np.int32)
        labels += np.int32(not (read.labels == 0).any())  # without any background the lowest label is a particle
        notes.append("the labels are very large and were numbered anew")
    pieces = scattered(labels)
    if pieces and len(np.unique(labels[labels > 0])) == 1 and _is_black_and_white(pieces, labels):
        raise UnusableCorrection(
            f"{path}: all its {len(next(iter(pieces.values())))} pieces have the same value: that is a black-and-white "
            "mask; add --split-pieces to count each piece as a particle"
        )
    if pieces:
        notes.append(_about_pieces(pieces))
    areas = np.bincount(labels.ravel())[1:]
    stray = np.flatnonzero((areas > 0) & (areas < _STRAY_PX)) + 1
    if stray.size:
        notes.append(f"{_listed(stray)}: fewer than {_STRAY_PX} pixels; a slip of the brush? They count as particles")
    return InstanceMap(labels, tuple(notes))


def fitting_map(path: Path, shape: tuple[int, int], picture: Picture | None = None) -> InstanceMap:
    """An instance map for an image of (H, W) pixels, not the picture itself.

    Raises `NotAnInstanceMap`, `UnusableCorrection`.
    """
    read = read_instance_map(path, shape, None if picture is None else picture.stored_shape)
    height, width = read.labels.shape
    if (height, width) != shape:
        raise UnusableCorrection(
            f"{path}: is {width} × {height} pixels, the image {shape[1]} × {shape[0]}; correct the label image without "
            "cropping or scaling it"
        )
    if picture is not None:
        check_is_no_photograph(path, read.labels, picture)
    return read


def changes_between(before: Labels, after: Labels) -> Changes:
    """What was done to turn one label image (H, W) into the other.

    Raises ValueError where their shapes differ.
    """
    if before.shape != after.shape:
        raise ValueError(f"label images differ in shape: {before.shape} and {after.shape}")
    old, old_index, old_areas = np.unique(np.append(before, 0), return_inverse=True, return_counts=True)
    new, new_index, new_areas = np.unique(np.append(after, 0), return_inverse=True, return_counts=True)
    pairs, shared = np.unique(old_index * len(new) + new_index, return_counts=True)
    links = []
    for pair, overlap in zip(pairs, shared, strict=True):
        a, b = int(pair // len(new)), int(pair % len(new))
        if old[a] and new[b] and 2 * overlap >= min(old_areas[a], new_areas[b]):
            links.append((int(old[a]), int(new[b]), overlap / (old_areas[a] + new_areas[b] - overlap)))
    return _sorted_out([int(label) for label in old if label], [int(label) for label in new if label], links)


def connected_pieces(labels: Labels) -> Labels:
    """Each connected piece (8 neighbours) of each label as a particle of its own, numbered from 1."""
    from skimage.measure import label

    return np.asarray(label(labels, background=0, connectivity=2), np.int32)


def scattered(labels: Labels) -> dict[int, tuple[tuple[float, float], ...]]:
    """Labels in several pieces (8 neighbours), each with the middles (row, column) of its pieces in pixels."""
    found = {}
    for index, box in enumerate(find_objects(labels)):
        if not box:  # a number that no particle has
            continue
        count, _, _, middles = cv2.connectedComponentsWithStats((labels[box] == index + 1).astype(np.uint8))
        if count > 2:
            top, left = box[0].start, box[1].start
            found[index + 1] = tuple((float(y) + top, float(x) + left) for x, y in middles[1:])
    return found


def measure_labels(image: str | Path | NDArray[Any], labels: Labels, nm_per_px: float | None = None) -> Measurement:
    """As `closedloop.tem.measure_image`, of particles that somebody else has found: labels (H, W) int32.

    Raises `NotAnImage`, `UnreadableScale`, `ScaleConflict`, `NoParticles`.
    """
    return measure_image(image, nm_per_px, _Given(labels))


class _Given(Segmenter):
    """Finds what was drawn."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels

    def find(self, image: NDArray[Any], ignore: NDArray[np.bool_] | None = None) -> Found:
        return Found(self._labels)


def _sorted_out(old: list[int], new: list[int], links: list[tuple[int, int, float]]) -> Changes:
    """Groups of particles that belong together, each by how many there were and are."""
    alike = {(a, b) for a, b, iou in links if iou >= SAME_IOU}
    kept: list[int] = []
    removed: list[int] = []
    added: list[int] = []
    redrawn, merged, split = [], [], []
    for were, are in _groups(old, new, links):
        if not are:
            removed += were
        elif not were:
            added += are
        elif len(were) == len(are) == 1 and (were[0], are[0]) in alike:
            kept += were
        elif len(were) > 1 and len(are) == 1:
            merged.append((were, are[0]))
        elif len(were) == 1 and len(are) > 1:
            split.append((were[0], are))
        else:
            redrawn.append((were, are))
    return Changes(tuple(kept), tuple(removed), tuple(added), tuple(redrawn), tuple(merged), tuple(split))


def _groups(
    old: list[int], new: list[int], links: list[tuple[int, int, float]]
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The connected parts of the graph of links: the particles before and those now, in the order of their labels."""
    place_old, place_new = {label: i for i, label in enumerate(old)}, {label: i for i, label in enumerate(new)}
    rows = [place_old[a] for a, _, _ in links]
    columns = [len(old) + place_new[b] for _, b, _ in links]
    total = len(old) + len(new)
    count, group = connected_components(coo_array((np.ones(len(links)), (rows, columns)), shape=(total, total)))
    were: list[list[int]] = [[] for _ in range(count)]
    are: list[list[int]] = [[] for _ in range(count)]
    for label, i in place_old.items():
        were[group[i]].append(label)
    for label, i in place_new.items():
        are[group[len(old) + i]].append(label)
    return [(tuple(a), tuple(b)) for a, b in zip(were, are, strict=True)]


def _is_black_and_white(pieces: dict[int, tuple[tuple[float, float], ...]], labels: Labels) -> bool:
    """Whether one value stands for many things: three pieces or more, or the value of a mask."""
    value = int(labels.max())
    return value in (255, 65535) or len(pieces[value]) > 2


def _about_pieces(pieces: dict[int, tuple[tuple[float, float], ...]]) -> str:
    apart = max(float(np.hypot(*np.ptp(np.array(middles), axis=0))) for middles in pieces.values())
    return (
        f"{_listed(np.array(list(pieces)))}: in several pieces, up to {apart:.0f} px apart, each label measured as one "
        "particle; add --split-pieces if they are several"
    )


def _listed(labels: NDArray[np.integer]) -> str:
    shown = ", ".join(str(label) for label in labels[:_NAMED])
    more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
    return f"label{'s' if len(labels) > 1 else ''} {shown}{more}"
