"""What lies behind and beside the particles: carbon film or rough substrate, holes, stains, debris, uneven light.

Everything here is ground to a segmenter: nothing in this module is ever labelled.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sim.micrograph_layout import noise

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Film:
    """Settings of the ground, lengths in px, strengths as shares of the open beam (TEM) or of the full range (SEM).

    ``speckle`` with ``speckle_px``: amorphous granularity; ``clouds``: slow changes; ``tilt`` and ``vignette``: uneven
    light; ``holes``: share of the frame without film; ``stains``, ``debris``, ``streaks``: how many; ``grains``:
    strength of polygonal patches; ``rough``: strength of a rough substrate with structure on every scale; ``heaps`` of
    precipitate, which hide what is below.
    """

    speckle: float
    speckle_px: float
    clouds: float
    tilt: tuple[float, float]
    vignette: float
    holes: float
    stains: int
    debris: int
    streaks: int
    grains: float
    rough: float
    heaps: int


NOTHING = Film(
    speckle=0.0,
    speckle_px=1.0,
    clouds=0.0,
    tilt=(0.0, 0.0),
    vignette=0.0,
    holes=0.0,
    stains=0,
    debris=0,
    streaks=0,
    grains=0.0,
    rough=0.0,
    heaps=0,
)


def draw_film(scanning: bool, size: tuple[int, int], generator: np.random.Generator) -> Film:
    """An ordinary ground, now and then a bad one."""
    bad = generator.random() < 0.25

    def sometimes(chance: float) -> bool:
        return bool(generator.random() < chance)

    return Film(
        speckle=math.exp(generator.uniform(math.log(0.004), math.log(0.06))),
        speckle_px=float(generator.uniform(0.5, 2.6)),
        clouds=float(generator.uniform(0.0, 0.08 if bad else 0.03)),
        tilt=(float(0.05 * generator.standard_normal()), float(0.05 * generator.standard_normal())),
        vignette=float(generator.uniform(0.0, 0.35)) if sometimes(0.25) else 0.0,
        holes=float(generator.uniform(0.1, 0.6)) if not scanning and sometimes(0.12) else 0.0,
        stains=int(generator.integers(1, 8)) if sometimes(0.2) else 0,
        debris=int(generator.integers(3, 120)) if sometimes(0.25) else 0,
        streaks=int(generator.integers(1, 7)) if sometimes(0.08) else 0,
        grains=float(generator.uniform(0.02, 0.12)) if sometimes(0.06) else 0.0,
        heaps=int(generator.integers(1, 4)) if not scanning and sometimes(0.06) else 0,
        rough=float(generator.uniform(0.02, 0.25)) if sometimes(0.45 if scanning else 0.05) else 0.0,
    )


def draw_ground(film: Film, radius: float, size: tuple[int, int], generator: np.random.Generator) -> F32:
    """The ground as a factor about 1, (H, W); ``radius`` of the particles in px says how small debris has to be."""
    ground = 1.0 + film.speckle * noise(size, film.speckle_px, generator)
    if film.clouds:
        ground += film.clouds * noise(size, generator.uniform(0.04, 0.25) * size[1], generator)
    if film.rough:
        for octave in range(4):
            ground += film.rough * 0.55**octave * noise(size, size[1] / 20.0 / 2.0**octave, generator)
    if film.grains:
        ground += film.grains * _polygons(size, generator)
    if film.stains:
        ground *= 1.0 - _stains(film.stains, radius, size, generator)
    if film.streaks:
        ground += _streaks(film.streaks, size, generator)
    if film.holes:
        ground = _holes(ground, film.holes, size, generator)
    if film.heaps:
        ground *= 1.0 - _heaps(film.heaps, size, generator)
    if film.debris:
        ground *= 1.0 - _debris(film.debris, radius, size, generator)
    rows = np.linspace(-1.0, 1.0, size[0], dtype=np.float32)[:, None]
    columns = np.linspace(-1.0, 1.0, size[1], dtype=np.float32)[None, :]
    light = 1.0 + film.tilt[0] * rows + film.tilt[1] * columns - film.vignette * 0.5 * (rows * rows + columns * columns)
    return np.maximum(ground * light, 0.02).astype(np.float32)


def _polygons(size: tuple[int, int], generator: np.random.Generator) -> F32:
    """Patches of even brightness about 0, as a crystalline or flaky support shows them."""
    seeds = np.full(size, 255, np.uint8)
    count = int(generator.integers(20, 300))
    seeds[generator.integers(size[0], size=count), generator.integers(size[1], size=count)] = 0
    _, nearest = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    levels = generator.standard_normal(int(nearest.max()) + 1).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(levels[nearest], (0, 0), 1.0), dtype=np.float32)


def _stains(count: int, radius: float, size: tuple[int, int], generator: np.random.Generator) -> F32:
    """Soft dark patches with a ragged rim, larger than particles, 0 to 0.5."""
    canvas = np.zeros(size, np.float32)
    for _ in range(count):
        middle = (int(generator.integers(size[1])), int(generator.integers(size[0])))
        axes = np.maximum(3, generator.uniform(0.03, 0.2, 2) * size[1] + radius).astype(int)
        strength = float(generator.uniform(0.03, 0.4) * (1.0 if generator.random() < 0.8 else -0.4))
        cv2.ellipse(canvas, middle, tuple(axes.tolist()), float(generator.uniform(0, 180)), 0, 360, strength, -1)
    ragged = canvas * (1.0 + 0.5 * noise(size, 0.02 * size[1], generator))
    return np.clip(cv2.GaussianBlur(ragged, (0, 0), generator.uniform(1.5, 0.04 * size[1])), -0.3, 0.6).astype(
        np.float32
    )


def _heaps(count: int, size: tuple[int, int], generator: np.random.Generator) -> F32:
    """Ragged opaque patches, 0 to 0.95."""
    rows, columns = np.arange(size[0], dtype=np.float32)[:, None], np.arange(size[1], dtype=np.float32)[None, :]
    hill = np.zeros(size, np.float32)
    for _ in range(count):
        row, column = (generator.random(2) * size).astype(np.float32)
        spread = np.float32(generator.uniform(0.03, 0.12) * size[1])
        hill = np.maximum(hill, np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * spread * spread)))
    ragged = hill * (1.0 + 0.3 * noise(size, 0.012 * size[1], generator) + 0.12 * noise(size, 3.0, generator))
    return (generator.uniform(0.7, 0.95) * np.clip(6.0 * (ragged - 0.5) + 0.5, 0.0, 1.0)).astype(np.float32)


def _debris(count: int, radius: float, size: tuple[int, int], generator: np.random.Generator) -> F32:
    """Specks far smaller than the particles, 0 to 0.6."""
    canvas = np.zeros(size, np.float32)
    largest = max(0.6, min(0.28 * radius, 5.0))
    for x, y in generator.random((count, 2)) * [size[1], size[0]]:
        speck = max(1, round(16 * largest * generator.random()))
        cv2.circle(canvas, (round(16 * x), round(16 * y)), speck, float(generator.uniform(0.05, 0.6)), -1, shift=4)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.6), dtype=np.float32)


def _streaks(count: int, size: tuple[int, int], generator: np.random.Generator) -> F32:
    """Wrinkles of the film, fibres and scratches: curved lines, dark or light."""
    canvas = np.zeros(size, np.float32)
    for _ in range(count):
        steps = np.cumsum(generator.standard_normal(24) * 0.25) * 0.3 + generator.uniform(0, 2 * np.pi)
        points = np.cumsum(np.stack((np.cos(steps), np.sin(steps)), axis=1), axis=0) * (size[1] / 14.0)
        points += generator.random(2) * [size[1], size[0]] - points[12]
        strength = float(generator.uniform(0.03, 0.25) * generator.choice([-1.0, 1.0]))
        cv2.polylines(canvas, [np.rint(points).astype(np.int32)], False, strength, int(generator.integers(1, 5)))
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), generator.uniform(0.6, 2.5)), dtype=np.float32)


def _holes(ground: F32, share: float, size: tuple[int, int], generator: np.random.Generator) -> F32:
    """Lacey carbon: no film in the holes, a thick rim around them."""
    field = noise(size, generator.uniform(0.06, 0.2) * size[1], generator)
    level = float(np.quantile(field[::8, ::8], share))
    film = np.clip((field - level) * generator.uniform(8.0, 40.0), 0.0, 1.0)
    rim = np.exp(-(((field - level - 0.06) * 12.0) ** 2))
    return (1.0 + (ground * generator.uniform(0.7, 0.92) - 1.0) * film - generator.uniform(0.0, 0.25) * rim).astype(
        np.float32
    )
