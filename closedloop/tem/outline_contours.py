"""The outlines of many particles at once: area, axes, perimeter, hull, and the outline itself at evenly spaced points.

OpenCV follows each border; everything after that runs over all particles together, because a call per particle and
step would cost more than the arithmetic. What the numbers mean for a shape is left to `outline_features`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

POINTS = 128  # per outline; a power of two for the Fourier transform
_SMOOTH_FROM = 40  # border pixels from which the chain is averaged over five of them instead of three


@dataclass(frozen=True)
class Outlines:
    """Per particle, (n,) in px: pixel count, axes of the ellipse of the same second moments, perimeter, parts.

    points: (n, POINTS) complex, x + iy, evenly spaced along the outer border of the largest part, clockwise as drawn
    (y runs down); hulls: corners (k, 2) int32 of all parts together.
    """

    area: NDArray[np.int64]
    major: Array
    minor: Array
    perimeter: Array
    parts: NDArray[np.int64]
    points: NDArray[np.complex128]
    hulls: list[NDArray[np.int32]]


def trace(masks: Iterable[NDArray[np.bool_]]) -> Outlines:
    """Follow the border of each mask (h, w), of one pixel or more."""
    moments: list[tuple[float, float, float, float]] = []
    chains: list[NDArray[Any]] = []
    hulls: list[NDArray[np.int32]] = []
    parts: list[int] = []
    for mask in masks:
        padded = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.uint8)
        padded[1:-1, 1:-1] = mask
        found = cv2.moments(padded, True)
        moments.append((found["m00"], found["mu20"], found["mu02"], found["mu11"]))
        contours, _ = cv2.findContours(padded, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        parts.append(len(contours))
        chain = contours[0] if len(contours) == 1 else max(contours, key=len)
        chains.append(chain)
        hull = cv2.convexHull(chain if len(contours) == 1 else np.concatenate(contours))
        hulls.append(np.asarray(hull, np.int32).reshape(-1, 2))
    if not chains:
        empty = np.zeros(0)
        nothing = np.zeros(0, np.int64)
        return Outlines(nothing, empty, empty, empty, nothing, np.zeros((0, POINTS), np.complex128), [])
    area, in_x, in_y, crossed = np.array(moments).T
    major, minor = _axes(area, in_x, in_y, crossed)
    perimeter, points = _walk(chains)
    return Outlines(area.astype(np.int64), major, minor, perimeter, np.array(parts, np.int64), points, hulls)


def _axes(area: Array, in_x: Array, in_y: Array, crossed: Array) -> tuple[Array, Array]:
    """Major and minor axis, from second moments about the centre; a pixel is a square, not a point."""
    xx, yy, xy = in_x / area + 1 / 12, in_y / area + 1 / 12, crossed / area
    middle, apart = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    return 4 * np.sqrt(middle + apart), 4 * np.sqrt(np.maximum(middle - apart, 1e-9))


def _walk(chains: list[NDArray[Any]]) -> tuple[Array, NDArray[np.complex128]]:
    """Perimeter of each closed chain of border pixels, averaged along itself, and POINTS points evenly spaced on it.

    A count of steps would make a disc's outline a twentieth too long.
    """
    lengths = np.array([len(chain) for chain in chains])
    flat = np.concatenate(chains).reshape(-1, 2).astype(np.float64)
    chain = flat[:, 0] + 1j * flat[:, 1]
    starts = np.cumsum(lengths) - lengths
    first, size = np.repeat(starts, lengths), np.repeat(lengths, lengths)
    place = np.arange(len(chain)) - first

    def ahead(of: NDArray[np.complex128], steps: int) -> NDArray[np.complex128]:
        return of[first + (place + steps) % size]

    near = chain + ahead(chain, 1) + ahead(chain, -1)
    wide = near + ahead(chain, 2) + ahead(chain, -2)
    smooth = np.where(size >= _SMOOTH_FROM, wide / 5, np.where(size > 4, near / 3, chain))
    steps = np.abs(ahead(smooth, 1) - smooth)
    total = np.add.reduceat(steps, starts)

    # One long line on which the outlines follow each other, each closed, with a gap of 1 before the next.
    until = np.cumsum(steps) - steps
    offset = until[starts]
    where = until - offset[np.repeat(np.arange(len(chains)), lengths)]
    order = np.arange(len(chains))
    begins = np.cumsum(total + 1) - total - 1
    known_at = np.insert(where + np.repeat(begins, lengths), starts + lengths, begins + total)
    known = np.insert(smooth, starts + lengths, smooth[starts])
    wanted = (begins[order, None] + total[:, None] * (np.arange(POINTS) / POINTS)).ravel()
    points = np.interp(wanted, known_at, known).reshape(len(chains), POINTS)
    # A closed convex line that is moved out by half a pixel everywhere grows by 2π · 1/2.
    return total + np.pi, points
