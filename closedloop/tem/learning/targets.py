"""What the network is to predict of a label image (`closedloop.tem.ideal_maps`), and what of it counts how much."""

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem.ideal_maps import ideal_maps

DOUBTFUL = -2  # near an uncertain outline: teaches nothing, but a particle ends there


def targets(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """(5, H, W) float32: particle or not, seed, flow x, flow y, weight; from (H, W) int32 with `LEFT_OUT`, `DOUBTFUL`.

    The weight is 0 where nothing is known, 2 about outlines, on which sizes rest, and grows towards gaps between
    neighbours, which decide whether two particles become one.
    """
    weight = np.where(labels < 0, 0.0, 1.0 + _outlines(labels) + 2.0 * _between(labels)).astype(np.float32)
    return np.stack([(labels > 0).astype(np.float32), *ideal_maps(labels), weight])


def _outlines(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Pixels within 2 of an outline, inside or outside."""
    kernel = np.ones((5, 5), np.uint8)
    image = np.maximum(labels, 0).astype(np.float32)
    near: NDArray[np.bool_] = cv2.dilate(image, kernel) != cv2.erode(image, kernel)
    return near


def _between(labels: NDArray[np.int32], reach: int = 2) -> NDArray[np.bool_]:
    """Pixels within `reach` of two particles."""
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    known = np.maximum(labels, 0).astype(np.float32)
    highest = cv2.dilate(known, kernel)
    lowest = -cv2.dilate(np.where(known > 0, -known, -np.float32(1e9)), kernel)
    both: NDArray[np.bool_] = (highest > 0) & (lowest < 1e8) & (highest != lowest)
    return both
