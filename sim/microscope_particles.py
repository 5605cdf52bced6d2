"""Where particles lie on the film and what each looks like in projection: outlines, thickness, contrast.

Geometry only; light, noise and the scale bar belong to `sim.microscope`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import Shape

Array = NDArray[np.float64]

_ANGLES = np.linspace(0.0, 2.0 * np.pi, 720, endpoint=False)
FLAT_BEVEL = 0.18  # share of a faceted crystal's radius over which it thins out to its edge
FACETED = (Shape.CUBE, Shape.RECTANGLE, Shape.RHOMBUS, Shape.TRIANGLE, Shape.HEXAGON)


@dataclass(frozen=True)
class Outline:
    """A star-shaped outline of unit-circle area: radius by angle, stretched by ``aspect`` along its own axis."""

    radius: Array  # (720,), at evenly spaced angles
    aspect: float
    rotation: float
    flat: bool

    def relative_radius(self, x: Array, y: Array) -> Array:
        """0 at the centre, 1 on the outline; ``x`` and ``y`` in units of the equivalent circle's radius."""
        cos, sin, stretch = math.cos(self.rotation), math.sin(self.rotation), math.sqrt(self.aspect)
        along, across = (cos * x + sin * y) / stretch, (cos * y - sin * x) * stretch
        angle = np.arctan2(across, along) * (len(_ANGLES) / (2.0 * np.pi))
        return np.hypot(along, across) / self.radius[angle.astype(np.int64) % len(_ANGLES)]

    def thickness(self, relative: Array) -> Array:
        """Thickness along the beam in units of the equivalent circle's radius, 0 outside; (same shape)."""
        if self.flat:
            return 1.6 * np.clip((1.0 - relative) / FLAT_BEVEL, 0.0, 1.0)
        return 2.0 * np.sqrt(np.clip(1.0 - relative**2, 0.0, None))


def _polygon(sides: int, roundness: float) -> Array:
    """Regular polygon; ``roundness`` 0 is sharp, 1 a circle."""
    sector = 2.0 * np.pi / sides
    sharp = math.cos(sector / 2.0) / np.cos(np.mod(_ANGLES, sector) - sector / 2.0)
    return sharp ** (1.0 - roundness)


def draw_outline(shape: Shape, generator: np.random.Generator) -> Outline:
    """An outline of the shape with the small irregularities of real crystals, turned at random."""
    aspect = 1.0 + 0.08 * generator.random()
    match shape:
        case Shape.CUBE:
            radius = _polygon(4, 0.3)
        case Shape.RECTANGLE:
            radius, aspect = _polygon(4, 0.3), 1.4 + 0.3 * generator.random()
        case Shape.RHOMBUS:
            radius, aspect = _polygon(4, 0.25), 1.3 + 0.3 * generator.random()
        case Shape.TRIANGLE:
            radius = _polygon(3, 0.35)
        case Shape.HEXAGON:
            radius = _polygon(6, 0.15)
        case Shape.ROD:
            radius = (np.abs(np.cos(_ANGLES)) ** 4 + np.abs(np.sin(_ANGLES)) ** 4) ** -0.25
            aspect = 2.5 + 1.2 * generator.random()
        case Shape.FLOWER:
            radius = 1.0 + 0.18 * np.cos(6.0 * _ANGLES)
        case Shape.FOUR_POINTED_STAR:
            radius = 1.0 + 0.35 * np.cos(4.0 * _ANGLES)
        case Shape.SIX_POINTED_STAR:
            radius = 1.0 + 0.30 * np.cos(6.0 * _ANGLES)
        case _:
            radius = np.ones_like(_ANGLES)
    if shape is Shape.RHOMBUS:
        # Stretched along a diagonal, a square is a rhombus; along a side (turned by 45 degrees) a rectangle.
        turned = radius
    elif shape is Shape.RECTANGLE:
        turned = np.roll(radius, len(_ANGLES) // 8)
    else:
        turned = radius
    rough = 0.10 if shape is Shape.IRREGULAR else 0.015
    for order in range(2, 7):
        turned = turned * (
            1.0 + rough * generator.standard_normal() * np.cos(order * _ANGLES + 2.0 * np.pi * generator.random())
        )
    turned = turned / math.sqrt(float(np.mean(turned**2)))
    return Outline(turned, aspect, 2.0 * np.pi * generator.random(), shape in FACETED)


@dataclass(frozen=True)
class Deposit:
    """Particles on the film: which of those offered found a place (n,), and their centres (n, 2) as (x, y) in px."""

    kept: NDArray[np.int64]
    centres: Array


def deposit(
    reach: Array, gap: float, size: tuple[int, int], generator: np.random.Generator, overlapping: float
) -> Deposit:
    """Lay particles down one by one: most roll up to a neighbour, some land alone, few lie on top of another.

    ``reach`` (n,) largest radii in px, ``gap`` the ligand shell between two crystals in px, ``size`` (height, width).
    A particle that finds no place is left out.
    """
    height, width = size
    centres = np.zeros((len(reach), 2))
    placed = np.zeros(len(reach))
    kept: list[int] = []
    for index, radius in enumerate(reach):
        found = None
        stacked = bool(kept) and generator.random() < overlapping
        margin = 0.7 * radius
        for _ in range(40):
            count = len(kept)
            if count and (stacked or generator.random() < 0.8):
                neighbour = int(generator.integers(count))
                angle = 2.0 * np.pi * generator.random()
                distance = placed[neighbour] + radius + gap * (0.8 + 0.5 * generator.random())
                if stacked:
                    distance *= 0.45 + 0.35 * generator.random()
                x = centres[neighbour, 0] + distance * math.cos(angle)
                y = centres[neighbour, 1] + distance * math.sin(angle)
            else:
                x = -margin + (width + 2 * margin) * generator.random()
                y = -margin + (height + 2 * margin) * generator.random()
            if not (-margin < x < width + margin and -margin < y < height + margin):
                continue
            if count:
                away = np.hypot(centres[:count, 0] - x, centres[:count, 1] - y) - placed[:count] - radius
                near = int(np.sum(away < 0.6 * gap))
                if near > (1 if stacked else 0):
                    continue
            found = (x, y)
            break
        if found is None:
            continue
        centres[len(kept)], placed[len(kept)] = found, radius
        kept.append(index)
    return Deposit(np.array(kept, dtype=np.int64), centres[: len(kept)])
