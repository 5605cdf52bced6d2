"""Each particle's size, shape and descriptors from a label image, in pixels.

Outlines are followed by `outline_contours`, measured by `feret` and `outline_features`, named by `outline_classes`;
here they come together with the grey values, the frame's edge and the doubts. Sizes in nm belong to `measurement`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from closedloop.recipes import Shape
from closedloop.tem import _filters as filters
from closedloop.tem.doubts import CONCAVE, doubts
from closedloop.tem.edge_bias import edge_weights
from closedloop.tem.feret import calipers
from closedloop.tem.outline_classes import classify
from closedloop.tem.outline_contours import trace
from closedloop.tem.outline_features import descriptors

_SMOOTHING = 1.5  # Gaussian, px: single pixels are mostly noise
_NEXT, _RING = 1, 4  # px around a particle: blurred by its own edge; the ground to compare with
_ROWS = 1024  # of the image that are looked at together
_LEAST_RING = 5  # pixels of ground without which nothing can be compared


@dataclass(frozen=True)
class ParticleShape:
    """One particle in pixels; see `Particle` for what the fields mean.

    confidence: how clearly the outline stands out, 0 to 1. row_px, column_px: centre of the bounding box.
    """

    label: int
    area_px: int
    perimeter_px: float
    circularity: float
    solidity: float
    convexity: float
    eccentricity: float
    aspect_ratio: float
    shape: Shape
    confidence: float
    touches_edge: bool
    feret_max_px: float
    feret_min_px: float
    feret_max90_px: float
    shape_confidence: float
    doubts: tuple[str, ...]
    edge_weight: float
    row_px: float
    column_px: float
    chance: float | None = None

    @property
    def equivalent_diameter_px(self) -> float:
        return float(2 * np.sqrt(self.area_px / np.pi))


def describe_particles(
    labels: NDArray[np.int32],
    grey: NDArray[np.float32],
    ignore: NDArray[np.bool_] | None = None,
    chances: NDArray[np.floating] | None = None,
) -> list[ParticleShape]:
    """One entry per label of (H, W) int32, in the order of the labels; grey (H, W) float32 between 0 and 1.

    A particle that the scale bar or its label (`ignore`) covers in part counts as touching the edge. chances: of the
    labels 1 to n, (n,), where somebody judged them.
    """
    found = [(index + 1, box) for index, box in enumerate(find_objects(labels)) if box is not None]
    if not found:
        return []
    outlines = trace(labels[box] == label for label, box in found)
    feret = calipers(outlines.hulls)
    plain = descriptors(outlines, feret)
    shapes, sure = classify(outlines, feret)
    numbers = np.array([label for label, _ in found])
    clear = clearness(labels, grey)[numbers]
    boxes = np.array([[rows.start, rows.stop, columns.start, columns.stop] for _, (rows, columns) in found])
    edge = _touching(labels, boxes, numbers, ignore)
    frame = (labels.shape[0], labels.shape[1])
    weights = edge_weights(boxes[:, 3] - boxes[:, 2], boxes[:, 1] - boxes[:, 0], frame, ignore)
    # A star may have notches; anything else is the more doubtful the more ragged it is.
    notched = np.array([shape in CONCAVE for shape in shapes])
    confidence = np.clip(clear * np.where(notched, 1.0, np.minimum(1.0, plain.solidity / 0.9)), 0, 1)
    likely = [None] * len(found) if chances is None else chances[numbers - 1].tolist()
    reasons = [
        doubts(
            area_px=int(outlines.area[i]),
            parts=int(outlines.parts[i]),
            circularity=float(plain.circularity[i]),
            solidity=float(plain.solidity[i]),
            convexity=float(plain.convexity[i]),
            eccentricity=float(plain.eccentricity[i]),
            aspect_ratio=float(plain.aspect_ratio[i]),
            shape=shape,
            clear=float(clear[i]),
            chance=likely[i],
        )
        for i, shape in enumerate(shapes)
    ]
    # In the order of the fields.
    columns: list[Sequence[Any]] = [
        numbers.tolist(),
        outlines.area.tolist(),
        outlines.perimeter.tolist(),
        plain.circularity.tolist(),
        plain.solidity.tolist(),
        plain.convexity.tolist(),
        plain.eccentricity.tolist(),
        plain.aspect_ratio.tolist(),
        shapes,
        confidence.tolist(),
        edge.tolist(),
        feret.feret_max.tolist(),
        feret.feret_min.tolist(),
        feret.feret_max90.tolist(),
        sure.tolist(),
        reasons,
        np.where(edge, 0.0, weights).tolist(),
        ((boxes[:, 0] + boxes[:, 1] - 1) / 2).tolist(),
        ((boxes[:, 2] + boxes[:, 3] - 1) / 2).tolist(),
        likely,
    ]
    return [ParticleShape(*values) for values in zip(*columns, strict=True)]


def clearness(labels: NDArray[np.int32], grey: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far the grey inside each label is from the ground around it, in that ground's spread: 0 not at all, towards
    1 entirely; (largest label + 1,). The ground is what lies 2 to 4 px outside and belongs to no particle.

    Where neighbours leave no ground, 0.5: nothing is known.
    """
    sums = np.zeros((5, int(labels.max()) + 1))  # pixels and grey inside; pixels, grey and its square around
    margin = 2 * _RING
    for first in range(0, labels.shape[0], _ROWS):
        last = min(first + _ROWS, labels.shape[0])
        rows = slice(max(0, first - margin), min(labels.shape[0], last + margin))
        own = slice(first - rows.start, last - rows.start)
        _add_sums(sums, labels[rows], filters.blurred(np.asarray(grey[rows], np.float32), _SMOOTHING), own)
    inside, grey_inside, around, grey_around, squares = sums
    level = grey_around / np.maximum(around, 1)
    spread = np.sqrt(np.maximum(squares / np.maximum(around, 1) - level**2, 0))
    step = np.abs(grey_inside / np.maximum(inside, 1) - level)
    return np.where(around < _LEAST_RING, 0.5, 1 - np.exp(-step / (3 * spread + 1e-6)))


def _add_sums(sums: NDArray[np.float64], labels: NDArray[np.int32], smooth: NDArray[np.float32], rows: slice) -> None:
    """Add what the rows of a strip (h, W) hold to sums (5, labels), in place."""
    count = sums.shape[1]
    # Exact up to 2²⁴ labels. A pixel of ground near two particles is ground to both.
    numbers = labels.astype(np.float32)
    highest = cv2.dilate(numbers, np.ones((2 * _RING + 1,) * 2, np.uint8))
    lowest = cv2.erode(np.where(labels > 0, numbers, np.float32(count)), np.ones((2 * _RING + 1,) * 2, np.uint8))
    next_to = cv2.dilate((labels > 0).astype(np.uint8), np.ones((2 * _NEXT + 1,) * 2, np.uint8))
    values, here = smooth[rows].ravel(), labels[rows].ravel()
    sums[0] += np.bincount(here, minlength=count)
    sums[1] += np.bincount(here, values, count)
    ring = np.flatnonzero((next_to[rows] == 0) & (highest[rows] > 0))
    near, far = highest[rows].ravel()[ring].astype(np.int64), lowest[rows].ravel()[ring].astype(np.int64)
    ground = values[ring].astype(np.float64)
    other = near != far
    owner, ground = np.concatenate([near, far[other]]), np.concatenate([ground, ground[other]])
    sums[2] += np.bincount(owner, minlength=count)
    sums[3] += np.bincount(owner, ground, count)
    sums[4] += np.bincount(owner, ground**2, count)


def _touching(
    labels: NDArray[np.int32], boxes: NDArray[np.int64], numbers: NDArray[np.int64], ignore: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    """Which particles, (n,), reach the frame or what hides the picture; boxes (n, 4) as top, bottom, left, right."""
    height, width = labels.shape
    edge = (boxes[:, 0] == 0) | (boxes[:, 1] == height) | (boxes[:, 2] == 0) | (boxes[:, 3] == width)
    if ignore is None or not ignore.any():
        return np.asarray(edge)
    hidden = cv2.dilate(ignore.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.asarray(edge | np.isin(numbers, labels[hidden]))
