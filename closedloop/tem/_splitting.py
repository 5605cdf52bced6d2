"""Split a mask of touching particles into one label each, by watershed of the distance to the mask's edge.

Every maximum of the distance starts a basin; two basins whose border lies nearly as deep as the shallower of the two
are one particle with a rough or straight edge (a rod's ridge is level), and are joined again. Intensities and edges
are the work of `closedloop.tem.classical`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem import _filters as filters

# Two equal discs whose centres lie 1.2 radii apart meet at a neck of 0.8 of their depth: those are two particles.
NECK_RATIO = 0.85


def split_touching(mask: NDArray[np.bool_], neck_ratio: float = NECK_RATIO) -> NDArray[np.int32]:
    """Labels (H, W) int32 from a mask (H, W) bool; 0 is the background, every pixel of the mask has a label."""
    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    depth = distance_inside(mask)
    smooth = filters.blurred(depth, 1.0)
    smooth[~mask] = 0
    plateau = cv2.dilate(smooth, np.ones((5, 5), np.uint8))
    peaks = mask & (smooth >= plateau - 1e-4) & (depth > 0.5)
    count, markers = cv2.connectedComponents(peaks.astype(np.uint8), connectivity=8)
    labels = _watershed(smooth, np.asarray(markers, np.int32), mask)
    return _join_shallow(labels, smooth, count - 1, neck_ratio)


def distance_inside(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of each pixel of the mask to the nearest pixel outside; the frame's border is no edge of a particle."""
    return np.minimum(filters.distance_to_zero(mask), np.float32(max(mask.shape)))


def _watershed(depth: NDArray[np.float32], markers: NDArray[np.int32], mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    from skimage.segmentation import watershed

    labels: NDArray[np.int32] = watershed(-depth, markers, mask=mask).astype(np.int32)
    return labels


def _join_shallow(
    labels: NDArray[np.int32], depth: NDArray[np.float32], count: int, neck_ratio: float
) -> NDArray[np.int32]:
    if count < 2:
        return labels
    peak = np.zeros(count + 1, np.float32)
    np.maximum.at(peak, labels.ravel(), depth.ravel())
    peak[0] = 0
    firsts, seconds, heights = [], [], []
    for a, b, da, db in (
        (labels[:, :-1], labels[:, 1:], depth[:, :-1], depth[:, 1:]),
        (labels[:-1], labels[1:], depth[:-1], depth[1:]),
    ):
        meet = (a != b) & (a > 0) & (b > 0)
        firsts.append(np.minimum(a[meet], b[meet]))
        seconds.append(np.maximum(a[meet], b[meet]))
        heights.append(np.minimum(da[meet], db[meet]))
    key = np.concatenate(firsts).astype(np.int64) * (count + 1) + np.concatenate(seconds)
    if not key.size:
        return labels
    height = np.concatenate(heights)
    pairs, inverse = np.unique(key, return_inverse=True)
    neck = np.zeros(len(pairs), np.float32)
    np.maximum.at(neck, inverse, height)
    parent = np.arange(count + 1)

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for index in np.argsort(-neck):
        one, two = root(int(pairs[index] // (count + 1))), root(int(pairs[index] % (count + 1)))
        if one != two and neck[index] > neck_ratio * min(peak[one], peak[two]):
            deeper, other = (one, two) if peak[one] >= peak[two] else (two, one)
            parent[other] = deeper
    roots = np.array([root(i) for i in range(count + 1)])
    _, compact = np.unique(roots, return_inverse=True)
    return compact.astype(np.int32)[labels]
