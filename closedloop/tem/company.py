"""How far a particle can be believed in the company of the others of its picture: the chance that it is a true one.

`closedloop.tem.credibility` sees one particle by itself. Whether a faint one is like all the others, or a clear one is
a speck a fifth of their size, only the whole picture tells. Fourteen such measures go through a small network, taught
on pictures whose particles are known (`closedloop.tem.learning.judgement`).
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, gaussian_filter1d

from closedloop.tem.judge import Judge

MEASURES = (
    "credibility",
    "log_diameter",
    "over_typical_by_area",
    "off_typical_by_area",
    "over_typical_by_count",
    "alike_in_size_by_count",
    "alike_in_size_by_area",
    "log_count",
    "mean_credibility_by_count",
    "mean_credibility_by_area",
    "covered",
    "contrast",
    "contrast_over_typical",
    "free_rim",
)
_BIN, _ALIKE = 0.05, 0.2  # of the natural logarithm of diameters
_RIM = 3  # pixels about an outline that are compared with what it holds


class Company(Judge):
    """(n, 14) measures -> (n,) chance that a particle overlaps a true one by more than half."""

    def __init__(self) -> None:
        super().__init__(len(MEASURES))


def expected_best(chance: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which particles (n,) bool to keep, the likeliest ones, so that true ones over all, true or found, are expected to
    be most: in a clear picture a doubtful one costs more than in a picture where all are. None at all, where it is
    likelier that there is none.
    """
    order = np.argsort(-chance, kind="stable")
    true = np.cumsum(chance[order], dtype=np.float64)
    score = true / (np.arange(1, len(order) + 1) + true[-1] - true)
    kept = np.zeros(len(order), bool)
    if score.max() >= np.prod(1 - chance, dtype=np.float64):
        kept[order[: int(score.argmax()) + 1]] = True
    return kept


def measures(labels: NDArray[np.int32], credit: NDArray[np.floating], grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 14) float32 in the order of `MEASURES`, from labels (H, W) numbered 1 to n, their credibilities (n,) and the
    normalised picture (H, W)."""
    belief: NDArray[np.float64] = np.clip(np.asarray(credit, np.float64), 0.01, 0.99)
    area, contrast, free = _places(labels, grey, len(belief))
    size = 0.5 * np.log(4 * area / np.pi)
    by_count, by_area = belief, belief * area
    typical = _weighted_median(size, by_area)
    middle = _weighted_median(contrast, by_area)

    def one(value: float) -> NDArray[np.float64]:
        return np.full(len(size), value)

    columns = [
        np.log(belief / (1 - belief)),
        size,
        size - typical,
        np.abs(size - typical),
        size - _weighted_median(size, by_count),
        _alike(size, by_count),
        _alike(size, by_area),
        one(np.log(len(size))),
        one(float(belief.mean())),
        one(float(np.average(belief, weights=area))),
        one(float(area.sum() / labels.size)),
        np.abs(contrast),
        np.clip(contrast / (middle if abs(middle) > 1e-3 else 1e-3), -2, 3),
        free,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _places(
    labels: NDArray[np.int32], grey: NDArray[np.float32], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of each particle: area in pixels, mean grey less that of the ground about it, share of its rim that is ground."""
    area, contrast, free = np.ones(count), np.zeros(count), np.zeros(count)
    kernel = np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)
    for index, box in enumerate(find_objects(labels, count)):
        if box is None:
            continue
        wider = tuple(slice(max(0, side.start - _RIM), side.stop + _RIM) for side in box)
        here, level = labels[wider], grey[wider]
        own = here == index + 1
        about = (cv2.dilate(own.view(np.uint8), kernel) > 0) & ~own
        ground = about & (here == 0)
        area[index] = own.sum()
        free[index] = ground.sum() / max(int(about.sum()), 1)
        if ground.any():
            contrast[index] = float(level[own].mean()) - float(level[ground].mean())
    return area, contrast, free


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, below[-1] / 2)])


def _alike(size: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) share of the weight that lies at about the same size, 1 where all sizes are equal."""
    place = np.rint((size - size.min()) / _BIN).astype(np.int64)
    held = np.bincount(place, weights) / weights.sum()
    padded = np.pad(held, round(4 * _ALIKE / _BIN))
    spread = gaussian_filter1d(padded, _ALIKE / _BIN, mode="constant") * (np.sqrt(2 * np.pi) * _ALIKE / _BIN)
    share: NDArray[np.float64] = spread[place + round(4 * _ALIKE / _BIN)]
    return share
