"""Where a particle ends: the level of its contrast at the edge, from the mean edge profile of all particles.

In transmission a flat particle crosses half of its contrast at its edge; a sphere, whose thickness falls to nothing
there, crosses less than a fifth, and half of the contrast would make it 13% too small. Which it is, the picture says:
the profile across the edge, averaged over all particles, is fitted by a mixture of the two, blurred.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.optimize import least_squares

HALF_HEIGHT = 0.5
_LEAST_PIXELS = 400
_LEAST_EXPLAINED = 0.98
_BIN = 0.04
_BINS = np.arange(0.0, 1.6, _BIN) + _BIN / 2
_TABLE_RADIUS = 40
_TABLE_BLURS = np.concatenate([np.linspace(0.0, 0.2, 17), np.linspace(0.225, 0.8, 24)])


class EdgeLevel(NamedTuple):
    """Contrast at the edge as a fraction of the contrast inside, and what the fit of the profile found.

    flatness: 1 for a flat particle, 0 for a sphere. blur: standard deviation in radii. rim: how strong the seam along
    the edge is, by how wide it is in radii; in dark particles an underfocus, in bright ones a bright rim. fitted: False
    where too few pixels or a profile of another kind (bright rims in a scanning microscope) left half height as the
    honest choice.
    """

    fraction: float
    flatness: float
    blur: float
    rim: float
    fitted: bool


def edge_level(
    place: NDArray[np.floating], contrast: NDArray[np.floating], radius_px: float, smoothing_px: float
) -> EdgeLevel:
    """The level at which to cut a smoothed picture.

    place: (n,) distance of each pixel from its particle's middle along the normal, in that particle's first radius.
    contrast: (n,) contrast of the *unsmoothed* picture there, 0 on the ground and about 1 inside.
    radius_px: typical first radius. smoothing_px: standard deviation of the Gaussian that smoothed the picture to cut.
    """
    fallback = EdgeLevel(HALF_HEIGHT, 1.0, 0.0, 0.0, fitted=False)
    index = np.floor(place / _BIN).astype(int)
    inside = (index >= 0) & (index < len(_BINS))
    counts = np.bincount(index[inside], minlength=len(_BINS)).astype(float)
    sums = np.bincount(index[inside], weights=contrast[inside], minlength=len(_BINS))
    known = counts > 20
    if counts.sum() < _LEAST_PIXELS or known.sum() < 12 or not known[_BINS > 1.2].any():
        return fallback
    where, profile = _BINS[known], sums[known] / counts[known]
    weight = np.sqrt(counts[known] / counts[known].max())

    def residuals(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        edge, flatness, blur, height, floor, fringe, reach = parameters
        return (floor + height * _profile(where / edge, flatness, blur / edge, fringe, reach / edge) - profile) * weight

    fit = least_squares(
        residuals,
        x0=(1.05, 0.3, 0.1, 1.0, 0.0, 0.2, 0.2),
        bounds=((0.8, 0.0, 0.01, 0.6, -0.2, 0.0, 0.05), (1.35, 1.0, 0.45, 1.6, 0.3, 1.0, 0.5)),
    )
    spread = float(np.sum(((profile - np.average(profile, weights=weight**2)) * weight) ** 2))
    explained = 1 - 2 * fit.cost / spread if spread > 0 else 0.0
    edge, flatness, blur, height, floor, fringe, reach = (float(value) for value in fit.x)
    if explained < _LEAST_EXPLAINED:
        return fallback
    total_blur = float(np.hypot(blur, smoothing_px / radius_px)) / edge
    fraction = floor + height * float(_profile(np.array([1.0]), flatness, total_blur, fringe, reach / edge)[0])
    return EdgeLevel(float(np.clip(fraction, 0.1, 0.7)), flatness, blur, fringe * reach, fitted=True)


def _profile(
    where: NDArray[np.floating], flatness: float, blur: float, fringe: float, reach: float
) -> NDArray[np.float64]:
    """Contrast at a distance (in radii) from the middle of a blurred particle that is flat and sphere in parts.

    fringe and reach: strength and width of the bright seam of a slight underfocus, a difference of two Gaussians.
    """
    rows = [_blurred(where, flatness, width) for width in (blur, float(np.hypot(blur, reach)))]
    return (1 + fringe) * rows[0] - fringe * rows[1]


def _blurred(where: NDArray[np.floating], flatness: float, blur: float) -> NDArray[np.float64]:
    disc, sphere = _tables()
    place = float(np.interp(blur, _TABLE_BLURS, np.arange(len(_TABLE_BLURS))))
    low = min(int(place), len(_TABLE_BLURS) - 2)
    share = place - low
    table = flatness * disc[low : low + 2] + (1 - flatness) * sphere[low : low + 2]
    row = (1 - share) * table[0] + share * table[1]
    return np.interp(where * _TABLE_RADIUS, np.arange(len(row)), row)


@cache
def _tables() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Profiles of a blurred disc and a blurred sphere of unit radius, (blurs, distances), through their middles."""
    reach = 3 * _TABLE_RADIUS
    axis = np.arange(-reach, reach + 1)
    distance = np.hypot(axis[:, None], axis[None, :])
    disc = np.clip(_TABLE_RADIUS + 0.5 - distance, 0, 1)
    sphere = np.sqrt(np.clip(1 - (distance / _TABLE_RADIUS) ** 2, 0, None))
    rows = [
        np.stack([gaussian_filter(shape, blur * _TABLE_RADIUS, truncate=3)[reach, reach:] for blur in _TABLE_BLURS])
        for shape in (disc, sphere)
    ]
    return rows[0], rows[1]
