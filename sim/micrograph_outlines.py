"""Outlines of nanocrystals in projection: a table of radius by direction for each, of unit-circle area.

Every outline is star-shaped in a frame that is squeezed along its long axis (`Outline.aspect`), so that a rod of
eight to one is as well resolved as a disc. Painting them belongs to `sim.micrograph_paint`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import Shape

Array = NDArray[np.float64]

BINS = 2048


def _directions() -> Array:
    """Angles of the middles of the bins, (BINS,); bins are even in the diamond angle, which needs no arc tangent."""
    diamond = (np.arange(BINS) + 0.5) * (4.0 / BINS)
    across = np.where(diamond < 2.0, diamond - 1.0, 3.0 - diamond)
    along = np.where(diamond < 2.0, 1.0, -1.0) * (1.0 - np.abs(across))
    return np.arctan2(across, along)


ANGLES = _directions()
_ORDER = np.argsort(ANGLES)
_WIDTHS = np.empty(BINS)  # of each bin as an angle
_WIDTHS[_ORDER] = np.diff(np.concatenate((ANGLES[_ORDER], ANGLES[_ORDER][:1] + 2.0 * np.pi)))
_WIDTHS = 0.5 * (_WIDTHS + np.roll(_WIDTHS, 1))


@dataclass(frozen=True)
class Outline:
    """One outline: ``radius`` (BINS,) by direction in the squeezed frame, ``facets`` (BINS,) brightness of the face
    that lies in that direction; thickness falls off as (1 - ρ^power)^root, ρ 0 in the middle, 1 at the edge."""

    family: str
    shape: Shape
    radius: NDArray[np.float32]
    facets: NDArray[np.float32]
    aspect: float
    power: float
    root: float
    bend: float

    @property
    def reach(self) -> float:
        """Farthest point in units of the equivalent circle's radius."""
        stretch = math.sqrt(self.aspect)
        extent = np.hypot(self.radius * np.cos(ANGLES) * stretch, self.radius * np.sin(ANGLES) / stretch)
        return float(extent.max()) + abs(self.bend) / stretch


def _polygon(corners: Array) -> Array:
    """Radius by direction of a polygon about the origin; ``corners`` (n, 2), (BINS,)."""
    after = np.roll(corners, -1, axis=0)
    steps = np.linspace(0.0, 1.0, max(24, 960 // len(corners)), endpoint=False)[:, None, None]
    points = (corners[None] * (1.0 - steps) + after[None] * steps).reshape(-1, 2)
    angle = np.arctan2(points[:, 1], points[:, 0])
    order = np.argsort(angle)
    return np.interp(ANGLES, angle[order], np.hypot(points[order, 0], points[order, 1]), period=2.0 * np.pi)


def _rounded(corners: Array, roundness: float) -> Array:
    """A convex polygon whose corners are arcs; ``roundness`` 0 is sharp, 1 its inscribed circle. (BINS,)

    It is the hull of discs that lie in the corners of the polygon drawn smaller.
    """
    inradius = float(_polygon(corners).min())
    turn = np.linspace(0.0, 2.0 * np.pi, 72, endpoint=False)
    disc = roundness * inradius * np.stack((np.cos(turn), np.sin(turn)), axis=1)
    points = ((1.0 - roundness) * corners[:, None, :] + disc[None]).reshape(-1, 2)
    hull = cv2.convexHull(points.astype(np.float32))[:, 0, :].astype(np.float64)
    return _polygon(hull)


def _regular(sides: int, roundness: float, generator: np.random.Generator, skew: float = 0.0) -> Array:
    turns = 2.0 * np.pi * np.arange(sides) / sides
    reach = np.exp(skew * generator.standard_normal(sides))
    return _rounded(np.stack((reach * np.cos(turns), reach * np.sin(turns)), axis=1), roundness)


def _superellipse(exponent: float) -> Array:
    return (np.abs(np.cos(ANGLES)) ** exponent + np.abs(np.sin(ANGLES)) ** exponent) ** (-1.0 / exponent)


def _arms(count: int, width: float, length: float, spread: float, generator: np.random.Generator) -> Array:
    """A core with ``count`` arms at about even angles: tetrapods, stars, branched crystals."""
    radius = np.ones(BINS)
    for arm in range(count):
        towards = 2.0 * np.pi * (arm + spread * generator.standard_normal()) / count
        turn = np.angle(np.exp(1j * (ANGLES - towards)))
        radius = np.maximum(
            radius, 1.0 + length * (1.0 + spread * generator.standard_normal()) * np.exp(-((turn / width) ** 2))
        )
    return radius


def _capsule(aspect: float) -> Array:
    """A cylinder with round ends, seen in the frame that is squeezed by its aspect, (BINS,)."""
    half = aspect - 1.0
    turn = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 200)
    cap = np.stack((half + np.cos(turn), np.sin(turn)), axis=1)
    flank = np.linspace(1.0, -1.0, 200)[1:-1, None] * np.array([[half, 0.0]]) + np.array([[0.0, 1.0]])
    points = np.concatenate((cap, flank, -cap, -flank))
    points = points / np.array([[math.sqrt(aspect), 1.0 / math.sqrt(aspect)]])
    angle = np.arctan2(points[:, 1], points[:, 0])
    order = np.argsort(angle)
    return np.interp(ANGLES, angle[order], np.hypot(points[order, 0], points[order, 1]), period=2.0 * np.pi)


def _faces(count: int, strength: float, generator: np.random.Generator) -> Array:
    """Brightness of ``count`` faces that meet in the middle, about 1, (BINS,)."""
    if count == 0 or strength == 0.0:
        return np.ones(BINS)
    levels = 1.0 + strength * generator.uniform(-1.0, 1.0, count)
    sector = np.floor((ANGLES + np.pi) / (2.0 * np.pi) * count).astype(np.int64) % count
    return levels[sector]


Form = tuple[Array, float, int, tuple[float, float], tuple[float, float]]
"""Radius, aspect, number of faces, then ranges of power and root: how thickness falls off to the edge."""
ROUND: tuple[tuple[float, float], tuple[float, float]] = ((1.8, 2.6), (0.45, 0.6))
FLAT: tuple[tuple[float, float], tuple[float, float]] = ((5.0, 40.0), (0.3, 1.0))
PEAKED: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 2.0), (0.4, 0.8))


def _sphere(g: np.random.Generator) -> Form:
    return np.ones(BINS), 1.0 + 0.12 * g.random() ** 2, 0, *ROUND


def _faceted(g: np.random.Generator) -> Form:
    sides = int(g.integers(5, 10))
    return _regular(sides, g.uniform(0.1, 0.7), g, 0.06), 1.0 + 0.15 * g.random(), sides, (1.8, 12.0), (0.4, 0.8)


def _ellipse(g: np.random.Generator) -> Form:
    return np.ones(BINS), g.uniform(1.2, 2.2), 0, *ROUND


_SQUARE = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])


def _cube(g: np.random.Generator) -> Form:
    aspect, faces = 1.0 + 0.08 * g.random(), 4 * int(g.random() < 0.2)
    if g.random() < 0.4:
        return _superellipse(g.uniform(3.0, 14.0)), aspect, faces, *FLAT
    return _rounded(_SQUARE, g.uniform(0.03, 0.6)), aspect, faces, *FLAT


def _rectangle(g: np.random.Generator) -> Form:
    return _rounded(_SQUARE, g.uniform(0.03, 0.45)), g.uniform(1.25, 2.2), 0, *FLAT


def _rod(g: np.random.Generator) -> Form:
    aspect = math.exp(g.uniform(math.log(2.0), math.log(7.0)))
    if g.random() < 0.7:
        return _capsule(aspect), aspect, 0, (2.0, 5.0), (0.4, 0.8)
    return _rounded(_SQUARE, g.uniform(0.05, 0.3)), aspect, 0, *FLAT


def _triangle(g: np.random.Generator) -> Form:
    return _regular(3, g.uniform(0.05, 0.5), g, 0.03), 1.0 + 0.06 * g.random(), 3 * int(g.random() < 0.3), *FLAT


def _hexagon(g: np.random.Generator) -> Form:
    radius = _regular(6, g.uniform(0.05, 0.5), g, 0.03)
    return radius, 1.0 + 0.12 * g.random(), int(g.choice([0, 3, 6])), *FLAT


def _rhombus(g: np.random.Generator) -> Form:
    radius = _regular(4, g.uniform(0.05, 0.4), g, 0.03)
    return radius, g.uniform(1.2, 2.0), 4 * int(g.random() < 0.6), *(PEAKED if g.random() < 0.5 else FLAT)


def _bipyramid(g: np.random.Generator) -> Form:
    corners = np.array([[1.0, 0.0], [0.25, 0.9], [-0.25, 0.9], [-1.0, 0.0], [-0.25, -0.9], [0.25, -0.9]])
    corners[[1, 2, 4, 5], 0] *= g.uniform(0.0, 2.4)
    return _rounded(corners, g.uniform(0.05, 0.5)), g.uniform(1.5, 3.5), 4, *PEAKED


def _four_star(g: np.random.Generator) -> Form:
    if g.random() < 0.5:
        return 1.0 + g.uniform(0.2, 0.4) * np.cos(4.0 * ANGLES), 1.0 + 0.05 * g.random(), 8, (1.5, 8.0), (0.4, 0.9)
    return _arms(4, g.uniform(0.25, 0.45), g.uniform(0.6, 1.4), 0.04, g), 1.0, 0, (1.5, 8.0), (0.4, 0.9)


def _six_star(g: np.random.Generator) -> Form:
    if g.random() < 0.5:
        return 1.0 + g.uniform(0.2, 0.4) * np.cos(6.0 * ANGLES), 1.0, 12, (1.5, 8.0), (0.4, 0.9)
    return _arms(6, g.uniform(0.18, 0.3), g.uniform(0.5, 1.2), 0.03, g), 1.0, 0, (1.5, 8.0), (0.4, 0.9)


def _flower(g: np.random.Generator) -> Form:
    lobes = int(g.integers(5, 10))
    radius = 1.0 + g.uniform(0.25, 0.55) * np.abs(np.cos(0.5 * lobes * ANGLES))
    return radius, 1.0 + 0.1 * g.random(), 0, (1.5, 4.0), (0.4, 0.8)


def _branched(g: np.random.Generator) -> Form:
    count = int(g.integers(3, 6))
    return _arms(count, g.uniform(0.2, 0.4), g.uniform(0.8, 2.0), 0.12, g), 1.0, 0, (1.5, 6.0), (0.4, 0.8)


def _irregular(g: np.random.Generator) -> Form:
    if g.random() < 0.4:
        return (
            _regular(int(g.integers(4, 9)), g.uniform(0.05, 0.4), g, 0.2),
            g.uniform(1.0, 1.6),
            0,
            (1.5, 12.0),
            (0.4, 0.9),
        )
    radius = np.ones(BINS)
    for order in range(2, 9):
        swing = 0.28 / order**0.8 * g.standard_normal()
        radius = radius * np.exp(swing * np.cos(order * ANGLES + 2.0 * np.pi * g.random()))
    return radius, g.uniform(1.0, 1.5), 0, (1.5, 8.0), (0.4, 0.8)


def _peanut(g: np.random.Generator) -> Form:
    """Two that have grown together."""
    return 1.0 + g.uniform(0.1, 0.35) * np.cos(2.0 * ANGLES), g.uniform(1.1, 1.5), 0, *ROUND


def _worm(g: np.random.Generator) -> Form:
    aspect = g.uniform(4.0, 9.0)
    return _capsule(aspect), aspect, 0, (2.0, 4.0), (0.4, 0.7)


FAMILIES: dict[str, tuple[Shape, Callable[[np.random.Generator], Form]]] = {
    "sphere": (Shape.SPHERE, _sphere),
    "faceted": (Shape.SPHERE, _faceted),
    "ellipse": (Shape.IRREGULAR, _ellipse),
    "cube": (Shape.CUBE, _cube),
    "rectangle": (Shape.RECTANGLE, _rectangle),
    "rod": (Shape.ROD, _rod),
    "triangle": (Shape.TRIANGLE, _triangle),
    "hexagon": (Shape.HEXAGON, _hexagon),
    "rhombus": (Shape.RHOMBUS, _rhombus),
    "bipyramid": (Shape.RHOMBUS, _bipyramid),
    "four-pointed star": (Shape.FOUR_POINTED_STAR, _four_star),
    "six-pointed star": (Shape.SIX_POINTED_STAR, _six_star),
    "flower": (Shape.FLOWER, _flower),
    "branched": (Shape.IRREGULAR, _branched),
    "irregular": (Shape.IRREGULAR, _irregular),
    "peanut": (Shape.IRREGULAR, _peanut),
    "worm": (Shape.ROD, _worm),
}
"""What can be drawn, with the class that a microscopist would give it."""


_ORDERS = np.arange(2, 8)
_RIPPLES = np.exp(1j * _ORDERS[:, None] * ANGLES[None, :])


@lru_cache(maxsize=16)
def _form(family: str, seed: int) -> Form:
    """What the siblings of one batch share."""
    return FAMILIES[family][1](np.random.default_rng(seed))


def draw_outline(
    family: str,
    generator: np.random.Generator,
    *,
    form: int | None = None,
    roughness: float = 0.015,
    face_contrast: float = 0.0,
) -> Outline:
    """One outline of a family with the small irregularities of real crystals.

    Outlines of the same ``form`` (a seed) are siblings, as in one batch: alike but for ``roughness``, the relative
    swing of each of the coarse ripples. ``face_contrast`` is how much faces may differ in brightness.
    """
    shape, make = FAMILIES[family]
    radius, aspect, faces, power, root = make(generator) if form is None else _form(family, form)
    aspect = max(1.0, aspect * math.exp((0.1 if aspect > 1.2 else 0.02) * generator.standard_normal()))
    swings = roughness * generator.standard_normal(6) * np.exp(2j * np.pi * generator.random(6)) / _ORDERS**0.5
    radius = radius * (1.0 + (swings @ _RIPPLES).real)
    radius = radius * math.sqrt(2.0 * np.pi / float(np.sum(radius**2 * _WIDTHS)))
    falls = generator if form is None else np.random.default_rng(form)
    exponent = math.exp(falls.uniform(math.log(power[0]), math.log(power[1])))
    if family == "worm":
        bend = float(generator.uniform(-2.5, 2.5))
    else:
        bend = float(generator.uniform(-0.6, 0.6)) if family == "rod" and generator.random() < 0.3 else 0.0
    return Outline(
        family,
        shape,
        radius.astype(np.float32),
        _faces(faces, face_contrast, generator).astype(np.float32),
        float(aspect),
        exponent,
        float(falls.uniform(*root)),
        bend,
    )
