"""What the network is to predict, worked out from a label image.

The *seed map* is the distance of a pixel to its particle's outline over the largest such distance in that particle: 0
on the outline, 1 in the middle, whatever the particle's size. The *flows* are the horizontal and vertical parts of the
unit vector that points away from the outline, towards the middle.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

LEFT_OUT = -1  # beyond the picture: nothing is known, and what is cut there has no outline
DOUBTFUL = -2  # near an uncertain outline: teaches nothing, but a particle ends there


def targets(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """(5, H, W) float32: particle or not, seed, flow x, flow y, weight; from (H, W) int32 with `LEFT_OUT`, `DOUBTFUL`.

    The weight is 0 where nothing is known, 2 about outlines, on which sizes rest, and grows towards gaps between
    neighbours, which decide whether two particles become one.
    """
    particle = labels > 0
    depth = _depth(labels)
    largest = np.zeros(max(int(labels.max()), 0) + 1, np.float32)
    np.maximum.at(largest, labels[particle], depth[particle])
    seed = np.where(particle, depth / np.maximum(largest[np.maximum(labels, 0)], 1.0), 0).astype(np.float32)
    # Central differences within the particle; depth outside counts as 0, which is right at an outline.
    across = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3)
    length = np.maximum(np.hypot(across, down), 1e-6)
    weight = np.where(labels < 0, 0.0, 1.0 + _outlines(labels) + 2.0 * _between(labels)).astype(np.float32)
    return np.stack(
        [
            particle.astype(np.float32),
            seed,
            np.where(particle, across / length, 0),
            np.where(particle, down / length, 0),
            weight,
        ]
    ).astype(np.float32)


def _depth(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Distance in pixels of each particle's pixels to the nearest pixel of something else; neither the frame nor
    what is not known is an outline."""
    particle = labels > 0
    outline = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        before = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
        after = (slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))
        differs = (labels[before] != labels[after]) & (labels[before] != LEFT_OUT) & (labels[after] != LEFT_OUT)
        outline[before] |= differs
        outline[after] |= differs
    inner = ((particle | (labels == LEFT_OUT)) & ~outline).astype(np.uint8)
    if inner.all():
        return np.ones(labels.shape, np.float32)
    distance = cv2.distanceTransform(inner, cv2.DIST_L2, 5)
    return np.where(particle, distance + 0.5, 0).astype(np.float32)


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
