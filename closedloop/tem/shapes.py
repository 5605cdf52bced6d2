"""The shape class of an outline by a plain rule over its fills; the shares of classes in a sample."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from closedloop.recipes import Shape

# Fewer pixels show no corners: what is compact is then a sphere.
LEAST_AREA_PX = 150


def classify(solidity: float, aspect_ratio: float, area: float, rectangle_fill: NDArray[np.float64]) -> Shape:
    """One of sphere, cube, rectangle, rod, triangle, hexagon and irregular.

    rectangle_fill: (3,) area of the hull over that of its tightest rectangle, triangle and circle. A disc fills them
    by .785, .605 and 1; a square 1, .5 and .637; a regular triangle .5, 1 and .413; a regular hexagon .75, .667, .827.
    """
    rectangle, triangle, circle = (float(fill) for fill in rectangle_fill)
    if solidity < 0.85:
        return Shape.IRREGULAR
    if aspect_ratio >= 1.8:
        return Shape.ROD
    if area < LEAST_AREA_PX:
        return Shape.SPHERE
    if triangle > 0.78 and rectangle < 0.66:
        return Shape.TRIANGLE
    if rectangle > 0.875:
        return Shape.RECTANGLE if aspect_ratio > 1.25 else Shape.CUBE
    if circle < 0.60:
        return Shape.IRREGULAR
    if triangle > 0.655 and circle < 0.86 and aspect_ratio < 1.25 and solidity > 0.93 and rectangle < 0.80:
        return Shape.HEXAGON
    return Shape.SPHERE


def fractions(shapes: Iterable[Shape]) -> dict[Shape, float]:
    """Shares of the classes that occur, the commonest first."""
    counted: dict[Shape, int] = {}
    for shape in shapes:
        counted[shape] = counted.get(shape, 0) + 1
    total = sum(counted.values())
    return {shape: count / total for shape, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))}


def wilson(found: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of a share, `found` of `total` (above 0): Wilson's score interval, which holds for 0 and for all too."""
    z = -float(ndtri((1 - level) / 2))
    share, narrower = found / total, 1 + z**2 / total
    centre = (share + z**2 / (2 * total)) / narrower
    half = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2)) / narrower
    return max(0.0, centre - half), min(1.0, centre + half)
