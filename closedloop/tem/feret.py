"""Caliper diameters, area and perimeter of many convex hulls at once, from the centres of their border pixels.

A hull through pixel centres is too small: the true border lies beyond the outermost centres, by up to the distance to
the next row of centres along it. That is 1 px along the grid and almost nothing along a long oblique edge,
gcd(dx, dy)/length for an edge (dx, dy), and on average half of it on each side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BEYOND_CORNER = (
    0.5  # px that a disc of some tens of px reaches beyond its centres in any direction, both sides together
)
_AT_ONCE = 256  # hulls whose pairs of corners are in memory together


@dataclass(frozen=True)
class Calipers:
    """Per hull, (n,) in px or px².

    feret_max and feret_min are the largest and smallest distance between two parallel tangents (ISO 13322-1),
    feret_max90 that of the tangents parallel to the line of the largest. area: the pixels in the hull; rectangle: area
    of the tightest rectangle.
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
    x, y = _padded(hulls)
    next_x, next_y = np.roll(x, -1, axis=1), np.roll(y, -1, axis=1)
    edge_x, edge_y = next_x - x, next_y - y
    lengths = np.sqrt(edge_x**2 + edge_y**2)
    steps = np.gcd(edge_x.astype(np.int64), edge_y.astype(np.int64))  # from centre to centre along an edge
    twice = np.abs((x * next_y - y * next_x).sum(axis=1))
    # Pick's theorem: as many pixel centres lie in the hull or on it.
    area = twice / 2 + steps.sum(axis=1) / 2 + 1
    # A line that is moved out by half a pixel everywhere grows by 2π · 1/2.
    perimeter = lengths.sum(axis=1) + np.pi

    # The tightest strip and the tightest rectangle lie along an edge. Repeated corners have no direction; that of the
    # rows is as good as any.
    safe = np.where(lengths > 0, lengths, 1.0)
    along_x, along_y = np.where(lengths > 0, edge_x, 1.0) / safe, edge_y / safe
    beyond = np.where(lengths > 0, steps, 1) / safe
    height = _extents(x, y, -along_y, along_x) + beyond
    rectangle = height * (_extents(x, y, along_x, along_y) + beyond)

    rows = np.arange(len(x))
    apart_x = (x[:, :, None] - x[:, None]).reshape(len(x), -1)
    apart_y = (y[:, :, None] - y[:, None]).reshape(len(x), -1)
    farthest = (apart_x**2 + apart_y**2).argmax(axis=1)
    span_x, span_y = apart_x[rows, farthest], apart_y[rows, farthest]
    span = np.sqrt(span_x**2 + span_y**2)
    beyond_span = np.gcd(span_x.astype(np.int64), span_y.astype(np.int64)) / np.maximum(span, 1.0)
    beyond_span = np.maximum(np.where(span > 0, beyond_span, 1.0), _BEYOND_CORNER)
    # A single pixel has no line either.
    span_x, span_y = np.where(span > 0, span_x, 1.0) / np.maximum(span, 1.0), span_y / np.maximum(span, 1.0)
    return Calipers(
        area=area,
        perimeter=perimeter,
        feret_max=span + beyond_span,
        feret_min=height.min(axis=1),
        feret_max90=_extents(x, y, -span_y[:, None], span_x[:, None])[:, 0] + beyond_span,
        rectangle=rectangle.min(axis=1),
    )


def _extents(x: Array, y: Array, direction_x: Array, direction_y: Array) -> Array:
    """Width of each hull, corners x and y (n, k), along each of its own unit directions (n, m): (n, m)."""
    at = direction_x[:, :, None] * x[:, None] + direction_y[:, :, None] * y[:, None]
    return np.asarray(at.max(axis=2) - at.min(axis=2))


def _padded(hulls: Sequence[NDArray[np.int32]]) -> tuple[Array, Array]:
    """x and y, (n, most corners); the last corner is repeated where a hull has fewer. Each starts at its own origin."""
    sizes = np.array([len(hull) for hull in hulls])
    flat = np.concatenate(hulls).astype(np.float64)
    last = sizes - 1
    at = (np.cumsum(sizes) - sizes)[:, None] + np.minimum(np.arange(sizes.max()), last[:, None])
    corners = flat[at] - flat[at[:, :1]]
    return corners[..., 0], corners[..., 1]
