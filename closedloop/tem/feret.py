"""Caliper diameters, area and perimeter of many convex hulls at once, from the centres of their border pixels.

A hull through pixel centres is half a pixel too small all round along the grid and √2/4 px along its diagonals, so
every width grows by max(|cos θ|, |sin θ|): the border then runs midway between the last pixel inside and the first one
outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_AT_ONCE = 256  # hulls whose pairs of corners are in memory together


@dataclass(frozen=True)
class Calipers:
    """Per hull, (n,) in px or px².

    feret_max and feret_min are the largest and smallest distance between two parallel tangents (ISO 13322-1),
    feret_max90 that of the tangents parallel to the line of the largest. rectangle: area of the tightest rectangle.
    """

    area: Array
    perimeter: Array
    feret_max: Array
    feret_min: Array
    feret_max90: Array
    rectangle: Array


def calipers(hulls: Sequence[NDArray[np.int32]]) -> Calipers:
    """hulls: corners (k, 2) as (x, y) of pixel centres in order around each hull, k ≥ 1 (a single pixel has one)."""
    chunks = [_calipers(hulls[first : first + _AT_ONCE]) for first in range(0, len(hulls), _AT_ONCE)]
    return Calipers(*(np.concatenate([getattr(chunk, each.name) for chunk in chunks]) for each in fields(Calipers)))


def _calipers(hulls: Sequence[NDArray[np.int32]]) -> Calipers:
    corners = _padded(hulls)
    edges = np.roll(corners, -1, axis=1) - corners
    lengths = np.hypot(edges[..., 0], edges[..., 1])
    after = np.roll(corners, -1, axis=1)
    twice = np.abs((corners[..., 0] * after[..., 1] - corners[..., 1] * after[..., 0]).sum(axis=1))
    # The hull moved out by a diamond of half a pixel (Steiner's formula for two convex bodies).
    area = twice / 2 + np.abs(edges).max(axis=2).sum(axis=1) / 2 + 0.5
    # A line that is moved out by half a pixel everywhere grows by 2π · 1/2.
    perimeter = lengths.sum(axis=1) + np.pi

    # Repeated corners have no direction; that of the rows is as good as any.
    along = np.where(lengths[..., None] > 0, edges, [1.0, 0.0]) / np.where(lengths > 0, lengths, 1.0)[..., None]
    height = _extents(corners, np.stack([-along[..., 1], along[..., 0]], axis=2))
    rectangle = height * _extents(corners, along)

    pairs = (corners[:, :, None] - corners[:, None]).reshape(len(corners), -1, 2)
    far = np.hypot(pairs[..., 0], pairs[..., 1])
    reach = far + _moved_out(pairs / np.where(far > 0, far, 1.0)[..., None])
    farthest = reach.argmax(axis=1)[:, None]
    span = np.take_along_axis(pairs, farthest[..., None], axis=1)[:, 0]
    across = np.stack([-span[:, 1], span[:, 0]], axis=1) / np.maximum(np.hypot(*span.T), 1e-12)[:, None]
    across[(span == 0).all(axis=1)] = (0.0, 1.0)
    return Calipers(
        area=area,
        perimeter=perimeter,
        feret_max=np.maximum(reach.max(axis=1), 1.0),
        feret_min=height.min(axis=1),
        feret_max90=_extents(corners, across[:, None, :])[:, 0],
        rectangle=rectangle.min(axis=1),
    )


def _extents(corners: Array, directions: Array) -> Array:
    """Width of each hull, corners (n, k, 2), along each of its own unit directions (n, m, 2): (n, m)."""
    at = directions @ corners.transpose(0, 2, 1)
    return np.asarray(at.max(axis=2) - at.min(axis=2) + _moved_out(directions))


def _moved_out(directions: Array) -> Array:
    """What a width along unit directions (..., 2) gains between pixel centres and the border, in px."""
    return np.asarray(np.abs(directions).max(axis=-1))


def _padded(hulls: Sequence[NDArray[np.int32]]) -> Array:
    """(n, most corners, 2); the last corner is repeated where a hull has fewer. Each starts at its own origin."""
    corners = np.zeros((len(hulls), max(map(len, hulls)), 2))
    for row, hull in zip(corners, hulls, strict=True):
        row[: len(hull)] = hull - hull[0]
        row[len(hull) :] = row[len(hull) - 1]
    return corners
