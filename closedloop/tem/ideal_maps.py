"""What a network that sees perfectly would say of a label image: the seed map and the flows.

The *seed map* is the distance of a pixel to its particle's outline over the largest such distance in that particle: 0
on the outline, 1 in the middle, whatever the particle's size. The *flows* are the horizontal and vertical parts of the
unit vector that points away from the outline, towards the middle. Training wants them of the true labels; how well they
agree with what was seen tells how far labels made from it can be believed.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

LEFT_OUT = -1  # beyond the picture: nothing is known, and what is cut there has no outline


class IdealMaps(NamedTuple):
    """Each (H, W) float32, 0 outside of particles."""

    seed: NDArray[np.float32]
    across: NDArray[np.float32]
    down: NDArray[np.float32]


def ideal_maps(labels: NDArray[np.int32]) -> IdealMaps:
    """From labels (H, W) int32; 0 and below is no particle."""
    particle = labels > 0
    depth = _depth(labels)
    largest = np.zeros(max(int(labels.max()), 0) + 1, np.float32)
    np.maximum.at(largest, labels[particle], depth[particle])
    seed = np.where(particle, depth / np.maximum(largest[np.maximum(labels, 0)], 1.0), 0).astype(np.float32)
    # Central differences within the particle; depth outside counts as 0, which is right at an outline.
    across = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3)
    length = np.maximum(np.hypot(across, down), 1e-6)
    return IdealMaps(
        seed,
        np.where(particle, across / length, 0).astype(np.float32),
        np.where(particle, down / length, 0).astype(np.float32),
    )


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
