"""Gather what the edge profile is fitted to: for pixels of like particles, the place across the edge and the contrast.

The fit itself is in `closedloop.tem._edge`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from closedloop.tem import _filters as filters

# Plenty for a profile of forty points; more would only take longer.
_MOST_PROFILE_PIXELS = 80_000


def edge_pixels(
    labels: NDArray[np.int32],
    inside: NDArray[np.float32],
    outside: NDArray[np.float32],
    owner: NDArray[np.int32],
    radii: NDArray[np.float64],
    heights: NDArray[np.float64],
    contrast: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """What `edge_level` fits: place in radii and contrast of pixels of like particles, and their radius in pixels.

    Particles of middling size are taken, on the sides where they have no neighbour. Where enough of them are
    elliptical, the place is the elliptical radius, which the noise of a first outline does not disturb; otherwise it
    is the distance from that outline, evened out.
    """
    middle = float(np.median(radii[1:]))
    chosen_labels = (radii > 0.6 * middle) & (radii < 1.6 * middle)
    chosen_labels[0] = False
    on_border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    chosen_labels[on_border] = False
    ellipses = _ellipses(labels)
    elliptical = chosen_labels & (ellipses.likeness > 0.975)
    radial = elliptical.sum() >= max(3, 0.3 * chosen_labels.sum())
    if radial:
        chosen_labels = elliptical
    pixels = chosen_labels[owner] & _faces_ground(owner, middle) & (outside < 0.7 * radii[owner])
    chosen = np.flatnonzero(pixels)
    chosen = chosen[:: max(1, len(chosen) // _MOST_PROFILE_PIXELS)]
    own = owner.ravel()[chosen]
    if radial:
        place = ellipses.radius(chosen // labels.shape[1], chosen % labels.shape[1], own)
    else:
        signed = np.where(labels > 0, 0.5 - inside, outside - 0.5).astype(np.float32)
        signed = filters.blurred(signed, 0.2 * middle).ravel()[chosen]
        place = np.clip(1 + signed / radii[own], 0, None)
    return place, contrast.ravel()[chosen] / heights[own], middle


class _Ellipses(NamedTuple):
    """Per label: centre, inverse covariance (yy, xy, xx), and how well an ellipse of the same moments fills it."""

    centre_y: NDArray[np.float64]
    centre_x: NDArray[np.float64]
    yy: NDArray[np.float64]
    xy: NDArray[np.float64]
    xx: NDArray[np.float64]
    likeness: NDArray[np.float64]

    def radius(self, y: NDArray[np.intp], x: NDArray[np.intp], own: NDArray[np.int32]) -> NDArray[np.float64]:
        """Elliptical radius of pixels (1 on the outline of the ellipse) about the centres of their owners."""
        dy, dx = y - self.centre_y[own], x - self.centre_x[own]
        return np.sqrt(self.yy[own] * dy**2 + 2 * self.xy[own] * dx * dy + self.xx[own] * dx**2) / 2


def _ellipses(labels: NDArray[np.int32]) -> _Ellipses:
    y, x = np.nonzero(labels)
    own = labels[y, x]
    count = int(labels.max()) + 1
    area = np.maximum(np.bincount(own, minlength=count), 1).astype(np.float64)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(own, weights=values, minlength=count) / area

    centre_y, centre_x = mean(y.astype(float)), mean(x.astype(float))
    dy, dx = y - centre_y[own], x - centre_x[own]
    # A pixel is a square, not a point: its own second moment is 1/12.
    yy, xx, xy = mean(dy**2) + 1 / 12, mean(dx**2) + 1 / 12, mean(dy * dx)
    determinant = np.maximum(yy * xx - xy**2, 1e-9)
    likeness = area / (4 * np.pi * np.sqrt(determinant))
    return _Ellipses(centre_y, centre_x, xx / determinant, -xy / determinant, yy / determinant, likeness)


def _faces_ground(owner: NDArray[np.int32], middle: float) -> NDArray[np.bool_]:
    """Pixels that lie well inside their particle's territory, so that no neighbour is near on their side."""
    borders = np.zeros(owner.shape, np.uint8)
    borders[:, 1:] |= (owner[:, 1:] != owner[:, :-1]).astype(np.uint8)
    borders[1:] |= (owner[1:] != owner[:-1]).astype(np.uint8)
    return filters.distance_to_zero(borders == 0) > 0.25 * middle
