"""Even out the illumination and decide whether particles are darker or brighter than what lies between them.

Both are questions about the whole picture, so they are answered on a thumbnail. Splitting and edges are the work of
`closedloop.tem.classical`.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem import _filters as filters
from closedloop.tem._splitting import split_touching

THUMBNAIL = 320
_POLYNOMIAL_TERMS = 6
_ROUNDS = 4
_LEAST_SHARE = 0.25  # of ground in a pixel of the thumbnail that tells of it
_LEAST_KNOWN = 0.02  # of the thumbnail


class Ground(NamedTuple):
    """What lies between the particles.

    level: (H, W) float32, the illumination that would be seen without particles.
    dark: particles are darker than the level.
    threshold: Otsu's threshold on the contrast (level − image, or the reverse where particles are bright).
    """

    level: NDArray[np.float32]
    dark: bool
    threshold: float


def find_ground(image: NDArray[np.float32], ignore: NDArray[np.bool_]) -> Ground:
    """Fit a second-order surface to the pixels that are not particles, for both polarities, and keep the better one.

    image: (H, W) float32, finite, not constant. ignore: (H, W) bool, pixels of the scale bar and its label.
    """
    size = _thumbnail(image.shape)
    small = filters.blurred(filters.resized(image, size), 1.0)
    usable = cv2.resize(ignore.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) == 0
    if usable.sum() < 10 * _POLYNOMIAL_TERMS:
        usable = np.ones_like(usable)
    candidates = [_fit(small, usable, dark) for dark in (True, False)]
    coefficients, threshold, dark, _ = max(candidates, key=lambda candidate: candidate[3])
    return Ground(_surface(coefficients, small.shape, image.shape), dark, threshold)


def ground_level(image: NDArray[np.float32], ground: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """The illumination that would be seen without particles, (H, W), where it is known which pixels are `ground`.

    image: (H, W) float32. ground: (H, W) bool, clear of edges. `None` where that is too little to fit a surface to.
    """
    size = _thumbnail(image.shape)
    share = filters.resized(ground.astype(np.float32), size)
    small = filters.resized(image * ground, size) / np.maximum(share, 1e-6)
    known = share > _LEAST_SHARE
    if known.mean() < _LEAST_KNOWN:
        return None
    columns = np.stack([term[known] for term in _terms(small.shape)], axis=1)
    coefficients = np.linalg.lstsq(columns, small[known], rcond=None)[0]
    return _surface(coefficients, small.shape, image.shape)


def otsu(values: NDArray[np.floating]) -> float:
    """Otsu's threshold (IEEE Trans. Syst. Man Cybern. 1979, 9, 62) from a 512-bin histogram between the 0.1% tails."""
    low, high = np.percentile(values, (0.1, 99.9))
    if high <= low:
        return float(low)
    counts, edges = np.histogram(values, bins=512, range=(low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    moment = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (moment / below - (moment[-1] - moment) / above) ** 2
    return float(centres[int(np.nanargmax(between[:-1]))] + (edges[1] - edges[0]) / 2)


def _thumbnail(shape: tuple[int, ...]) -> tuple[int, int]:
    """Width and height."""
    shrink = max(1.0, max(shape) / THUMBNAIL)
    return max(8, round(shape[1] / shrink)), max(8, round(shape[0] / shrink))


def _surface(coefficients: NDArray[np.floating], small: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """What was fitted to a thumbnail of shape `small`, in the picture's own `shape`."""
    level = np.tensordot(coefficients, np.stack(_terms(small)), axes=1).astype(np.float32)
    return filters.resized(level, shape[::-1])


def _fit(
    small: NDArray[np.float32], usable: NDArray[np.bool_], dark: bool
) -> tuple[NDArray[np.float64], float, bool, float]:
    sign = 1.0 if dark else -1.0
    terms = np.stack([term.ravel() for term in _terms(small.shape)], axis=1)
    ground = usable.copy()
    coefficients = np.zeros(_POLYNOMIAL_TERMS)
    coefficients[0] = float(np.median(small[usable]))
    threshold = 0.0
    contrast = np.zeros_like(small)
    for round_ in range(_ROUNDS):
        contrast = (sign * ((terms @ coefficients).reshape(small.shape) - small)).astype(np.float32)
        threshold = otsu(contrast[usable])
        ground = usable & (contrast < threshold)
        ground &= cv2.dilate((~ground & usable).astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
        # A surface through the few pixels that are left between crowded particles would be a guess: keep it flat.
        columns = _POLYNOMIAL_TERMS if ground.sum() > 0.1 * usable.sum() and round_ else 1
        if ground.sum() < 20:
            ground = usable & (contrast < threshold)
        coefficients = np.zeros(_POLYNOMIAL_TERMS)
        pixels = ground.ravel()
        coefficients[:columns] = np.linalg.lstsq(terms[pixels, :columns], small.ravel()[pixels], rcond=None)[0]
    contrast = (sign * ((terms @ coefficients).reshape(small.shape) - small)).astype(np.float32)
    threshold = otsu(contrast[usable])
    return coefficients, threshold, dark, _particle_likeness(usable & (contrast > threshold))


def _particle_likeness(mask: NDArray[np.bool_]) -> float:
    """Mean solidity of the pieces by area, less the share of the frame's border that the mask takes.

    Particles are compact and the ground between them is not; the ground, not a particle, runs along the border.
    """
    if not mask.any() or mask.all():
        return -1.0
    labels = split_touching(mask)
    total = weighted = 0.0
    contours, _ = cv2.findContours(_with_gaps(labels), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    for contour in contours:
        hull = cv2.contourArea(cv2.convexHull(contour))
        if hull >= 6:
            area = cv2.contourArea(contour)
            total += hull
            weighted += area
    solidity = weighted / total if total else 0.0
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean()
    return float(solidity - 0.5 * border)


def _with_gaps(labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The labels as one mask with a gap between neighbours, so that one call finds every outline."""
    image = labels.astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    same = cv2.dilate(image, kernel) == np.where(labels > 0, image, -1)
    return (same & (labels > 0)).astype(np.uint8)


def _terms(shape: tuple[int, ...]) -> list[NDArray[np.float32]]:
    height, width = shape
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    one = np.ones((height, width), np.float32)
    return [one, one * x, one * y, x * y, one * x**2, one * y**2]
