"""Where particles lie on the film: packed layers with grains, islands, chains, clusters, sparse fields, second layers.

Positions only; what lies there is drawn by `sim.micrograph_paint`.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
Image = NDArray[np.float32]
Layout = Literal[
    "lattice", "disordered", "islands", "chains", "bilayer", "clusters", "sparse", "scattered", "few", "empty"
]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
PACKED: tuple[Layout, ...] = ("lattice", "disordered", "islands", "chains", "bilayer")
MOST = 5000


@dataclass(frozen=True)
class Places:
    """``x``, ``y`` (n,) centres in px, ``turn`` (n,) orientation in rad, ``layer`` (n,) 0 lowest, ``radius`` (n,)
    equivalent circle radius in px."""

    x: Array
    y: Array
    turn: Array
    layer: NDArray[np.int64]
    radius: Array

    def __len__(self) -> int:
        return len(self.x)

    def take(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> "Places":
        """Those that a mask or an order picks."""
        return Places(self.x[keep], self.y[keep], self.turn[keep], self.layer[keep], self.radius[keep])


def noise(size: tuple[int, int], sigma_px: float, generator: np.random.Generator) -> Image:
    """Gaussian noise of zero mean and unit variance with a correlation length of ``sigma_px``, (height, width)."""
    shrink = max(1, int(sigma_px / 2.5))
    small = (size[0] // shrink + 3, size[1] // shrink + 3)
    white = generator.standard_normal(small, dtype=np.float32)
    field = np.asarray(cv2.GaussianBlur(white, (0, 0), max(sigma_px / shrink, 0.3)), dtype=np.float32)
    if shrink > 1:
        large = (small[1] * shrink, small[0] * shrink)
        field = np.asarray(cv2.resize(field, large, interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    field = field[: size[0], : size[1]]
    mean, deviation = cv2.meanStdDev(field)
    return np.ascontiguousarray((field - np.float32(mean[0, 0])) * np.float32(1.0 / (deviation[0, 0] + 1e-6)))


def draw_radii(count: int, mean: float, spread: float, generator: np.random.Generator) -> Array:
    """Log-normal radii of mean ``mean`` and relative standard deviation ``spread``, (count,)."""
    sigma = math.sqrt(math.log(1.0 + spread**2))
    return mean * np.exp(sigma * np.clip(generator.standard_normal(count), -2.7, 2.7) - 0.5 * sigma**2)


def lay_out(
    layout: Layout,
    radius: float,
    spread: float,
    gap: float,
    aspect: float,
    size: tuple[int, int],
    generator: np.random.Generator,
    *,
    count: int | None = None,
    square: bool = False,
) -> Places:
    """Places for one kind of particle.

    ``radius`` mean equivalent radius in px, ``spread`` relative, ``gap`` px between neighbours, ``aspect`` of the
    particles (packed layers align them), ``count`` for what is not packed, ``square``: a square lattice, as cubes do.
    """
    if layout == "empty":
        nothing = np.zeros(0)
        return Places(nothing, nothing, nothing, np.zeros(0, dtype=np.int64), nothing)
    if layout in PACKED:
        places = _packed(layout, radius, spread, gap, aspect, size, generator, square)
    else:
        places = _strewn(layout, radius, spread, gap, aspect, size, generator, count or 40)
    reach = places.radius * math.sqrt(aspect)
    inside = (places.x > -0.7 * reach) & (places.x < size[1] + 0.7 * reach)
    inside &= (places.y > -0.7 * reach) & (places.y < size[0] + 0.7 * reach)
    places = places.take(inside)
    return places.take(np.arange(len(places)) < MOST)


def _packed(
    layout: Layout,
    radius: float,
    spread: float,
    gap: float,
    aspect: float,
    size: tuple[int, int],
    generator: np.random.Generator,
    square: bool,
) -> Places:
    """Layers in which neighbours nearly touch. Packed as circles on a squeezed plane, which is then stretched."""
    pitch = 2.0 * radius + gap
    ordered = layout == "lattice" or generator.random() < 0.35
    stretch = math.sqrt(aspect)
    lean = 2.0 * np.pi * generator.random()
    # The frame seen from the squeezed plane: its corners turned back and squeezed.
    half = 0.5 * np.array([[size[1], size[0]], [-size[1], size[0]]]) + 2.0 * radius * stretch
    cos, sin = math.cos(lean), math.sin(lean)
    back = np.stack(((half @ [cos, sin]) / stretch, (half @ [-sin, cos]) * stretch), axis=1)
    extent = np.abs(back).max(axis=0)
    points, turn = _lattice(pitch, extent, int(generator.integers(1, 6)) if ordered else 1, square, generator)
    jitter = generator.uniform(0.0, 0.05) if ordered else generator.uniform(0.12, 0.4)
    points = points + jitter * pitch * generator.standard_normal(points.shape)
    radii = draw_radii(len(points), radius, spread, generator)
    points = points[generator.random(len(points)) > generator.choice([0.0, 0.01, 0.05, 0.15])]
    radii = radii[: len(points)]
    turn = turn[: len(points)]
    points = _push_apart(points, radii, gap, 2 if ordered else 9)
    keep = _apart(points, radii, generator.choice([0.02, 0.10]))
    points, radii, turn = points[keep], radii[keep], turn[keep]
    stretched = points * np.array([stretch, 1.0 / stretch])
    x = 0.5 * size[1] + cos * stretched[:, 0] - sin * stretched[:, 1]
    y = 0.5 * size[0] + sin * stretched[:, 0] + cos * stretched[:, 1]
    if aspect > 1.15:
        turn = lean + 0.06 * generator.standard_normal(len(x))
    elif square or ordered:
        turn = turn + lean + 0.08 * generator.standard_normal(len(x))
    else:
        turn = 2.0 * np.pi * generator.random(len(x))
    places = Places(x, y, turn, np.zeros(len(x), dtype=np.int64), radii)
    if layout == "islands":
        return places.take(_where(places, size, generator.uniform(0.03, 0.25) * size[1], "above", generator))
    if layout == "chains":
        return places.take(_where(places, size, generator.uniform(0.05, 0.15) * size[1], "near", generator))
    if layout == "bilayer":
        return _second_layer(places, pitch, stretch, lean, size, generator)
    if generator.random() < 0.3:
        return places.take(_where(places, size, 0.15 * size[1], "mostly", generator))
    return places


def _lattice(
    pitch: float, extent: Array, grains: int, square: bool, generator: np.random.Generator
) -> tuple[Array, Array]:
    """Points of a lattice over ±``extent``, in grains of different direction, (n, 2); the direction at each, (n,)."""
    reach = float(np.hypot(*extent)) + pitch
    row = pitch if square else pitch * math.sqrt(0.75)
    # A long thin plane would need far more points than are kept; then there is one grain along the axes.
    single = grains == 1 or extent.max() > 3.0 * extent.min()
    wide, high = (extent + pitch) if single else (reach, reach)
    rows, columns = math.ceil(high / row), math.ceil(wide / pitch)
    v, u = np.mgrid[-rows : rows + 1, -columns : columns + 1].astype(np.float64)
    grid = np.stack(((u + (0.0 if square else 0.5) * np.mod(v, 2)) * pitch, v * row), axis=-1).reshape(-1, 2)
    grid = grid + pitch * generator.random(2)
    if single:
        return grid, np.zeros(len(grid))
    seeds = generator.uniform(-1.0, 1.0, (grains, 2)) * extent
    found, turns = [], []
    for grain in range(grains):
        turn = np.pi * generator.random()
        cos, sin = math.cos(turn), math.sin(turn)
        points = grid @ np.array([[cos, sin], [-sin, cos]])
        points = points[(np.abs(points) < extent + pitch).all(axis=1)]
        own = np.argmin(np.linalg.norm(points[:, None, :] - seeds[None], axis=2), axis=1) == grain
        found.append(points[own])
        turns.append(np.full(int(own.sum()), turn))
    return np.concatenate(found), np.concatenate(turns)


def _push_apart(points: Array, radii: Array, gap: float, rounds: int) -> Array:
    """Move neighbours that are nearer than their radii and the gap allow away from each other, (n, 2)."""
    if len(points) < 2:
        return points
    widest = 2.0 * float(np.quantile(radii, 0.98)) + gap
    pairs = np.zeros((0, 2), dtype=np.int64)
    for step in range(rounds):
        if step % 3 == 0:
            pairs = cKDTree(points).query_pairs(1.25 * widest, output_type="ndarray")
            if len(pairs) == 0:
                return points
            wanted = radii[pairs[:, 0]] + radii[pairs[:, 1]] + gap
        between = points[pairs[:, 1]] - points[pairs[:, 0]]
        distance = np.sqrt((between**2).sum(axis=1)) + 1e-6
        push = 0.45 * np.clip(wanted - distance, 0.0, None) / distance
        shift = between * push[:, None]
        moved = np.empty_like(points)
        for axis in (0, 1):
            moved[:, axis] = np.bincount(pairs[:, 1], shift[:, axis], len(points)) - np.bincount(
                pairs[:, 0], shift[:, axis], len(points)
            )
        points = points + moved
    return points


def _apart(points: Array, radii: Array, tolerance: float) -> NDArray[np.bool_]:
    """Which to keep so that no two overlap by more than ``tolerance`` of their radii together, (n,)."""
    keep = np.ones(len(points), dtype=bool)
    if len(points) < 2:
        return keep
    pairs = cKDTree(points).query_pairs(2.0 * float(radii.max()), output_type="ndarray")
    reach = radii[pairs[:, 0]] + radii[pairs[:, 1]]
    distance = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    for first, second in pairs[distance < (1.0 - tolerance) * reach]:
        if keep[first] and keep[second]:
            keep[second] = False
    return keep


def _where(
    places: Places,
    size: tuple[int, int],
    sigma: float,
    rule: Literal["above", "near", "mostly"],
    generator: np.random.Generator,
) -> NDArray[np.bool_]:
    """Which places a smooth random landscape keeps: hills (islands), contour lines (chains) or all but pits, (n,)."""
    field = noise(size, sigma, generator) + 0.25 * noise(size, max(2.0, 0.2 * sigma), generator)
    rows = np.clip(places.y, 0, size[0] - 1).astype(np.int64)
    columns = np.clip(places.x, 0, size[1] - 1).astype(np.int64)
    height = field[rows, columns]
    if rule == "near":
        width = generator.uniform(0.08, 0.22)
        return np.abs(height) < width
    level = generator.uniform(-0.5, 0.9) if rule == "above" else generator.uniform(-1.6, -0.8)
    return height > level


def _second_layer(
    places: Places, pitch: float, stretch: float, lean: float, size: tuple[int, int], generator: np.random.Generator
) -> Places:
    """The places and, in patches, a layer over the hollows between them."""
    over = places.take(_where(places, size, 0.15 * size[1], "above", generator))
    along, across = 0.5 * pitch * stretch, 0.5 * pitch / stretch / math.sqrt(3.0)
    if generator.random() < 0.3:  # straight over each other's edge instead of in a hollow
        across = 0.0
    x = over.x + math.cos(lean) * along - math.sin(lean) * across
    y = over.y + math.sin(lean) * along + math.cos(lean) * across
    return Places(
        np.concatenate((places.x, x)),
        np.concatenate((places.y, y)),
        np.concatenate((places.turn, over.turn)),
        np.concatenate((places.layer, over.layer + 1)),
        np.concatenate((places.radius, over.radius)),
    )


def _strewn(
    layout: Layout,
    radius: float,
    spread: float,
    gap: float,
    aspect: float,
    size: tuple[int, int],
    generator: np.random.Generator,
    count: int,
) -> Places:
    """Particles that fell where they fell: alone, in clusters, or on each other."""
    reach = radius * aspect**0.25
    radii = draw_radii(count, radius, spread, generator)
    if layout == "clusters":
        heaps = max(1, round(count / math.exp(generator.uniform(math.log(3.0), math.log(40.0)))))
        members = generator.integers(heaps, size=count)
        middle = generator.random((heaps, 2)) * [size[1], size[0]]
        share = np.bincount(members, minlength=heaps)[members]
        width = generator.uniform(0.5, 0.9) * reach * np.sqrt(share)
        points = middle[members] + width[:, None] * generator.standard_normal((count, 2))
        # Clusters that have hardly moved apart lie on each other.
        points = _push_apart(points, radii * aspect**0.25, gap, int(generator.integers(4, 25)))
        keep = _apart(points, radii, generator.uniform(0.05, 0.55))
    else:
        rim = 0.3 * reach if layout == "few" else -reach
        points = rim + generator.random((count, 2)) * [size[1] - 2.0 * rim, size[0] - 2.0 * rim]
        if layout != "scattered":
            points = _push_apart(points, radii * aspect**0.25, gap, 12)
            keep = _apart(points, radii * aspect**0.25, 0.05)
        else:
            keep = _apart(points, radii, generator.uniform(0.2, 0.7))
    points, radii = points[keep], radii[keep]
    turn = 2.0 * np.pi * generator.random(len(points))
    return Places(points[:, 0], points[:, 1], turn, np.zeros(len(points), dtype=np.int64), radii)
