"""Paint many particles into a frame at once: optical thickness, the surface that a scanning microscope sees, labels.

Particles of like size are computed together, which makes a field of thousands as cheap as one of ten. Where they lie:
`sim.micrograph_layout`; outlines: `sim.micrograph_outlines`; film, light and camera come after.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.micrograph_layout import Places
from sim.micrograph_outlines import BINS, Outline

F32 = NDArray[np.float32]
_CHUNK = 120_000  # pixels computed together; larger ones fall out of the processor's cache
_LADDER = 1.12


@dataclass(frozen=True)
class Looks:
    """What each particle looks like; arrays are (n,) and float32 unless said otherwise.

    ``outline`` (n,) int64 index into ``outlines``; ``depth`` optical thickness through the middle, ``bright`` of the
    surface (scanning microscope), ``fringe`` lattice fringes and ``contour`` bend contours (amplitudes),
    ``equal`` thickness fringes (amplitude), ``grain`` how strongly ``texture`` (H, W) shows. Of the scene: ``inner``
    and ``core`` (radius of the core as a share, and its optical thickness against the whole: negative is hollow),
    ``halo`` and ``halo_px`` (ligand shell), ``edge``, ``edge_power``, ``light`` (shading of surfaces), ``fringe_px``.
    """

    outlines: tuple[Outline, ...]
    outline: NDArray[np.int64]
    depth: F32
    bright: F32
    fringe: F32
    contour: F32
    equal: F32
    grain: F32
    texture: F32
    inner: float
    core: float
    halo: float
    halo_px: float
    edge: float
    edge_power: float
    light: tuple[float, float]
    fringe_px: float


@dataclass(frozen=True)
class Painted:
    """``thickness``: optical thickness, summed over all that lie above each other; ``surface``: brightness of what lies
    uppermost; ``labels``: which that is, i + 1 for particle i; all (H, W). ``area`` (n,) px² of each particle in the
    frame before others cover it."""

    thickness: F32
    surface: F32
    labels: NDArray[np.int32]
    area: NDArray[np.int64]


def paint(places: Places, looks: Looks, size: tuple[int, int], generator: np.random.Generator) -> Painted:
    """Paint all particles; within a layer smaller and darker ones lie above."""
    painted = Painted(
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
        np.zeros(size, np.int32),
        np.zeros(len(places), np.int64),
    )
    table = np.stack([outline.radius for outline in looks.outlines]).ravel()
    faces = np.stack([outline.facets for outline in looks.outlines]).ravel()
    if all(not np.ptp(outline.facets) for outline in looks.outlines):
        faces = faces[:0]
    scatter = generator.random((len(places), 4)).astype(np.float32)
    for chunk, half in _chunks(places, looks):
        _paint(chunk, half, places, looks, table, faces, scatter[chunk], painted)
    return painted


def _chunks(places: Places, looks: Looks) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Particles to compute together and the half-width of their windows, in the order in which they are painted."""
    reach = np.array([outline.reach for outline in looks.outlines])[looks.outline] * places.radius
    halves = np.ceil(reach + 1.2 + (3.0 * looks.halo_px if looks.halo else 0.0))
    rung = np.ceil(np.log(np.maximum(halves, 4.0) / 4.0) / math.log(_LADDER) - 1e-9)
    order = np.lexsort((looks.depth, -rung, places.layer))
    key = places.layer * 1000 + rung
    start = 0
    while start < len(order):
        half = math.ceil(4.0 * _LADDER ** rung[order[start]])
        stop = start + 1
        while (
            stop < len(order)
            and key[order[stop]] == key[order[start]]
            and (stop - start) * (2 * half + 3) ** 2 < _CHUNK
        ):
            stop += 1
        yield order[start:stop], half
        start = stop


def _paint(
    chunk: NDArray[np.int64],
    half: int,
    places: Places,
    looks: Looks,
    table: F32,
    faces: F32,
    scatter: F32,
    painted: Painted,
) -> None:
    """Paint the particles ``chunk`` (n,) into ``painted``, in place, each in a window of ±``half`` px."""
    height, width = painted.labels.shape
    column, row = np.rint(places.x[chunk]), np.rint(places.y[chunk])
    radius = places.radius[chunk]
    own = [looks.outlines[index] for index in looks.outline[chunk]]
    stretch = np.sqrt([outline.aspect for outline in own])
    # One pixel more on each side, for the slope at the window's rim.
    steps = np.arange(-half - 1, half + 2)
    dx = (steps[None, :] - (places.x[chunk] - column)[:, None]).astype(np.float32)
    dy = (steps[None, :] - (places.y[chunk] - row)[:, None]).astype(np.float32)
    cos, sin = np.cos(places.turn[chunk]), np.sin(places.turn[chunk])

    def turned(by_x: NDArray[np.float64], by_y: NDArray[np.float64]) -> F32:
        return (by_x.astype(np.float32)[:, None] * dx)[:, None, :] + (by_y.astype(np.float32)[:, None] * dy)[:, :, None]

    along = turned(cos / (radius * stretch), sin / (radius * stretch))
    across = turned(-sin * stretch / radius, cos * stretch / radius)
    bends = np.array([outline.bend for outline in own], np.float32)
    if bends.any():
        across = across - bends[:, None, None] * (along * along - np.float32(0.33))
    share = across / (np.abs(along) + np.abs(across) + np.float32(1e-9))
    diamond = np.where(along >= 0, share + np.float32(1.0), np.float32(3.0) - share)
    place = (diamond * np.float32(BINS / 4)).astype(np.int32) & (BINS - 1)
    place += (looks.outline[chunk] * BINS).astype(np.int32)[:, None, None]
    relative = np.sqrt(along * along + across * across) / table[place]

    middle = (slice(None), slice(1, -1), slice(1, -1))
    across_rows = relative[:, 2:, 1:-1] - relative[:, :-2, 1:-1]
    across_columns = relative[:, 1:-1, 2:] - relative[:, 1:-1, :-2]
    slope = np.float32(0.5) * np.sqrt(across_rows * across_rows + across_columns * across_columns)
    relative = relative[middle]
    margin = 3.0 * looks.halo_px if looks.halo else 0.6
    rows = row.astype(np.int64)[:, None] + steps[None, 1:-1]
    columns = column.astype(np.int64)[:, None] + steps[None, 1:-1]
    seen = relative < 1.0 + np.float32(margin) * slope
    seen &= ((rows >= 0) & (rows < height))[:, :, None]
    seen &= ((columns >= 0) & (columns < width))[:, None, :]
    picked = np.flatnonzero(seen)
    which = picked // (2 * half + 1) ** 2
    where = (rows[:, :, None] * width + columns[:, None, :]).ravel()[picked]
    rho, slope = relative.ravel()[picked], slope.ravel()[picked]
    inside = rho < 1.0
    painted.area[chunk] = np.bincount(which[inside], minlength=len(chunk))
    painted.labels.ravel()[where[inside]] = (chunk[which[inside]] + 1).astype(np.int32)

    u, v = along[middle].ravel()[picked], across[middle].ravel()[picked]
    profile = _profile(rho, slope, which, own)
    optical = profile
    if looks.core:
        optical = optical + np.float32(looks.core) * _profile(
            rho / np.float32(looks.inner), slope / looks.inner, which, own
        )
    optical = np.maximum(_modulated(optical, profile, u, v, where, which, chunk, radius, looks, scatter), 0.0)
    optical *= looks.depth[chunk][which]
    towards = place[middle].ravel()[picked] if len(faces) else None
    if towards is not None:
        optical *= faces[towards]
    if looks.halo:
        outside = np.maximum(rho - 1.0, 0.0) / (slope * np.float32(looks.halo_px) + np.float32(1e-6))
        optical += np.where(inside, 0.0, np.float32(looks.halo) * np.exp(-outside * outside)).astype(np.float32)
    np.add.at(painted.thickness.ravel(), where, optical.astype(np.float32))

    shade = 1.0 + np.float32(looks.edge) * np.minimum(rho, 1.0) ** np.float32(looks.edge_power)
    across_window = np.float32(looks.light[0]) * dx[:, None, 1:-1] + np.float32(looks.light[1]) * dy[:, 1:-1, None]
    shade += (across_window / radius.astype(np.float32)[:, None, None]).ravel()[picked]
    if towards is not None:
        shade *= faces[towards]
    shade *= 1.0 + looks.grain[chunk][which] * looks.texture.ravel()[where]
    shade *= looks.bright[chunk][which]
    painted.surface.ravel()[where[inside]] = np.maximum(shade, 0.0)[inside]


def _profile(rho: F32, slope: F32, which: NDArray[np.int64], own: list[Outline]) -> F32:
    """Thickness from ``rho``, 1 in the middle; a pixel that the edge cuts counts as far as it is covered, (m,)."""
    power = np.array([outline.power for outline in own], np.float32)[which]
    root = np.array([outline.root for outline in own], np.float32)[which]
    cover = np.clip((1.0 - rho) / (slope + np.float32(1e-6)) + np.float32(0.5), 0.0, 1.0)
    # The thickness is taken in the middle of the part that is covered.
    depth = np.minimum(rho, 1.0 - np.float32(0.5) * cover * slope)
    return cover * np.clip(1.0 - np.maximum(depth, 1e-6) ** power, 0.0, 1.0) ** root


def _modulated(
    optical: F32,
    profile: F32,
    u: F32,
    v: F32,
    where: NDArray[np.int64],
    which: NDArray[np.int64],
    chunk: NDArray[np.int64],
    radius: NDArray[np.float64],
    looks: Looks,
    scatter: F32,
) -> F32:
    """Lattice fringes, fringes of equal thickness, bend contours and texture on top of the thickness, (m,)."""
    phase, direction = 2.0 * np.pi * scatter[:, 0], np.pi * scatter[:, 1]
    fringe, equal, contour = looks.fringe[chunk], looks.equal[chunk], looks.contour[chunk]
    if fringe.any():
        pitch = (2.0 * np.pi * radius / looks.fringe_px).astype(np.float32)
        wave = (pitch * np.cos(direction))[which] * u + (pitch * np.sin(direction))[which] * v + phase[which]
        optical = optical * (1.0 + fringe[which] * np.cos(wave))
    if equal.any():
        turns = (2.0 * np.pi * (1.0 + 3.0 * scatter[:, 2])).astype(np.float32)
        optical = optical * (1.0 + equal[which] * np.cos(turns[which] * profile))
    if contour.any():
        away = np.cos(direction)[which] * u + np.sin(direction)[which] * v + (0.8 * scatter[:, 2] - 0.4)[which]
        away = away + (scatter[:, 3] - 0.5)[which] * (u * u + v * v)
        optical = optical * (1.0 + contour[which] * np.exp(-away * away * np.float32(30.0)))
    grain = looks.grain[chunk]
    if grain.any():
        optical = optical * (1.0 + grain[which] * looks.texture.ravel()[where])
    return optical
