"""Finds and fits the peaks of a powder pattern: pseudo-Voigt profiles on a slowly varying background.

All peaks are fitted together, because those of nanocrystals overlap. Knows no wavelength and no crystallite size.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from closedloop.scattering.artefacts import without_spikes
from closedloop.scattering.errors import NarrowerThanInstrument, NoPeaks, PatternError

Array = NDArray[np.float64]
# (position, full width at half maximum, height), in degrees 2θ and counts.
_Guess = tuple[float, float, float]

FEWEST_POINTS = 60
# A peak counts where its prominence is this many times the noise and this share of the largest peak. The prominence of
# noise itself reaches from its highest to its lowest point, 6 to 7 standard deviations in a thousand.
_NOISE_TIMES, _LEAST_SHARE = 9.0, 0.05
_MOST_PEAKS = 12
# A hidden peak is looked for where the fit misses this share of the pattern's span, and kept where it brings the sum of
# squares down to this share.
_LEAST_HUMP, _HUMP_GAIN = 0.02, 0.6
# How many terms more the background gets, to see how far the width depends on it.
_MORE_TERMS = (1, 2, 4)
# Relative deviation of one peak's width from the common one that costs as much as the common fit's share of misfit.
_HELD = 0.2
_SMOOTHING_DEG = 0.4


@dataclass(frozen=True)
class Peak:
    """A fitted peak; angles in degrees 2θ, ``fwhm_sd_deg`` from the fit's covariance, ``lorentzian`` from 0 to 1."""

    two_theta_deg: float
    fwhm_deg: float
    fwhm_sd_deg: float
    height: float
    lorentzian: float


@dataclass(frozen=True)
class PeakFit:
    """All peaks of a pattern, by rising angle, and what they have in common.

    ``width_deg`` is the full width at half maximum times cos θ that fits all peaks at once; ``width_sd_deg`` holds the
    fit's own deviation and how far the width moves when the background is freer. The width of a single peak may differ
    from it where the pattern demands that. ``notes`` say what was left out of the pattern.
    """

    peaks: tuple[Peak, ...]
    width_deg: float
    width_sd_deg: float
    lorentzian: float
    notes: tuple[str, ...] = ()


def fit_peaks(two_theta_deg: ArrayLike, intensity: ArrayLike) -> PeakFit:
    """The peaks of ``intensity`` at ``two_theta_deg``, (n,) each.

    Raises `PatternError` where the arrays are no pattern, `NoPeaks` where nothing stands out, `NarrowerThanInstrument`
    where only spikes do.
    """
    angle, counts, notes = without_spikes(*_checked(two_theta_deg, intensity))
    try:
        first = _first_guess(angle, counts)
    except NoPeaks:
        if notes:
            raise NarrowerThanInstrument(
                "all that stands out is no wider than two steps; measure with finer steps, or the crystallites are "
                "too large for this method"
            ) from None
        raise
    return replace(_fitted(angle, counts, first), notes=tuple(notes))


def _checked(two_theta_deg: ArrayLike, intensity: ArrayLike) -> tuple[Array, Array]:
    x, y = np.asarray(two_theta_deg, dtype=np.float64), np.asarray(intensity, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise PatternError(f"angles {x.shape} and intensities {y.shape} must be two lists of the same length")
    known = np.isfinite(x) & np.isfinite(y)
    x, where = np.unique(x[known], return_inverse=True)
    y = y[known]
    if len(x) < FEWEST_POINTS:
        raise PatternError(f"the pattern has {len(x)} angles; at least {FEWEST_POINTS} are needed")
    if x[0] < 0 or x[-1] > 180:
        raise PatternError(f"angles from {x[0]:g} to {x[-1]:g} are not degrees 2θ; give 2θ between 0 and 180°")
    if x[-1] - x[0] < 3:
        raise PatternError(f"the pattern covers only {x[-1] - x[0]:g}° 2θ; a peak and its background need at least 3°")
    if y.max() <= 0:
        raise PatternError("of the intensities none is above zero; give counts, not their negatives")
    return x, np.bincount(where, weights=y) / np.bincount(where)


def _first_guess(angle: Array, counts: Array) -> list[_Guess]:
    """(position, full width, height) of what stands out, the most prominent first."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks, peak_widths

    step = float(np.median(np.diff(angle)))
    # Second differences see the noise and hardly any signal; their weights 1, 2, 1 multiply its variance by 6.
    noise = 1.4826 * float(np.median(np.abs(np.diff(counts, 2)))) / np.sqrt(6)
    found: dict[int, tuple[float, float]] = {}
    # Narrow peaks are found with little smoothing; broad noisy ones only stand out with more.
    for width_deg in (0.0, _SMOOTHING_DEG / 4, _SMOOTHING_DEG):
        sigma = width_deg / step
        smooth = gaussian_filter1d(counts, sigma, mode="nearest") if sigma > 0.5 else counts
        left = noise / np.sqrt(max(1.0, 2 * np.sqrt(np.pi) * sigma))
        least = max(_NOISE_TIMES * left, _LEAST_SHARE * float(np.ptp(smooth)), 1e-12)
        indices, properties = find_peaks(smooth, prominence=least)
        widths = peak_widths(smooth, indices, rel_height=0.5)[0] * step
        if width_deg and len(indices):
            found = {}
        for index, prominence, width in zip(indices, properties["prominences"], widths, strict=True):
            found[int(index)] = (float(prominence), float(width))
        if found and all(width > 3 * width_deg for _, width in found.values()) and noise < 0.02 * np.ptp(smooth):
            break
    if not found:
        raise NoPeaks("no peak stands out of the background and noise; measure longer, or the sample is amorphous")
    ranked = sorted(found.items(), key=lambda item: -item[1][0])[:_MOST_PEAKS]
    return [(float(angle[i]), max(width, 2 * step), prominence) for i, (prominence, width) in ranked]


def pseudo_voigt(angle: Array, position: float, fwhm: float, height: float, lorentzian: float) -> Array:
    """``lorentzian`` parts of a Lorentzian and the rest of a Gaussian, both of full width ``fwhm``; (n,)."""
    u = (angle - position) / (fwhm / 2)
    return np.asarray(height * (lorentzian / (1 + u**2) + (1 - lorentzian) * np.exp(-np.log(2) * u**2)))


@dataclass(frozen=True)
class _Common:
    """A fit with one width and shape: peaks, width times cos θ, Lorentzian share, and residuals (n,)."""

    peaks: list[_Guess]
    width_deg: float
    width_sd_deg: float
    lorentzian: float
    residuals: Array


class _Fit:
    """Least squares with a Chebyshev background; widths common to all peaks, or held near the common one."""

    def __init__(self, angle: Array, counts: Array, widest_deg: float, *, more_terms: int = 0) -> None:
        self.angle, self.scale = angle, float(np.ptp(counts))
        self.counts = counts / self.scale
        self.low, self.span = float(angle[0]), float(angle[-1] - angle[0])
        self.step = float(np.median(np.diff(angle)))
        # One background term for every few peak widths; more would take the peaks' tails away.
        self.terms = int(np.clip(1 + self.span / (8 * widest_deg), 2, 4)) + more_terms
        reduced = 2 * (angle - self.low) / self.span - 1
        self.chebyshev = np.polynomial.chebyshev.chebvander(reduced, self.terms - 1)

    def common(self, guess: list[_Guess], width_deg: float) -> _Common:
        """A fit with ``width / cos θ`` and shape common to all peaks, as crystallites of one size give them.

        That tells overlapping peaks apart, where free widths would trade them against each other and the background.
        """
        from scipy.optimize import least_squares

        count = len(guess)

        def unpack(parameters: Array) -> Array:
            peaks = np.empty((count, 4))
            peaks[:, 0], peaks[:, 2] = parameters[2 : 2 + count], parameters[2 + count : 2 + 2 * count]
            peaks[:, 1] = parameters[0] / np.cos(np.radians(peaks[:, 0] / 2))
            peaks[:, 3] = parameters[1]
            return peaks

        def residual(parameters: Array) -> Array:
            background = self.chebyshev @ parameters[2 + 2 * count :]
            return np.asarray(_sum(self.angle, unpack(parameters)) + background - self.counts)

        positions = np.array([position for position, _, _ in guess])
        heights = np.array([height / self.scale for _, _, height in guess])
        reach = np.full(count, max(width_deg, self.step))
        bounds = (
            np.concatenate([[self.step / 2, 0.0], positions - reach, np.zeros(count), np.full(self.terms, -np.inf)]),
            np.concatenate([[self.span / 2, 1.0], positions + reach, np.full(count, 4.0), np.full(self.terms, np.inf)]),
        )
        start = np.concatenate([[width_deg, 0.3], positions, heights, self._background(guess)])
        result = least_squares(residual, _between(start, *bounds), bounds=bounds, x_scale="jac", max_nfev=200)
        peaks = [(float(p), float(w), float(h) * self.scale) for p, w, h, _ in unpack(result.x)]
        deviation = _deviations(result.jac, result.fun)
        return _Common(peaks, float(result.x[0]), float(deviation[0]), float(result.x[1]), result.fun)

    def single(self, shared: _Common) -> list[Peak]:
        """Every peak with its own width and shape, held to the common width by what `_HELD` allows."""
        from scipy.optimize import least_squares

        guess, count = shared.peaks, len(shared.peaks)
        widths = np.array([width for _, width, _ in guess])
        strength = np.sqrt(shared.residuals @ shared.residuals / count) / _HELD

        def residual(parameters: Array) -> Array:
            peaks = parameters[: 4 * count].reshape(count, 4)
            misfit = _sum(self.angle, peaks) + self.chebyshev @ parameters[4 * count :] - self.counts
            return np.concatenate([misfit, strength * np.log(peaks[:, 1] / widths)])

        start, lower, upper = [], [], []
        for position, width, height in guess:
            start += [position, width, height / self.scale, shared.lorentzian]
            lower += [position - width / 2, width / 2, 0.0, 0.0]
            upper += [position + width / 2, 2 * width, 4.0, 1.0]
        bounds = (
            np.array(lower + [-np.inf] * self.terms),
            np.array(upper + [np.inf] * self.terms),
        )
        first = np.array(start + self._background(guess).tolist())
        result = least_squares(residual, _between(first, *bounds), bounds=bounds, x_scale="jac", max_nfev=200)
        deviation = _deviations(result.jac, result.fun)
        return [
            Peak(
                float(result.x[i]),
                float(result.x[i + 1]),
                float(deviation[i + 1]),
                float(result.x[i + 2] * self.scale),
                float(result.x[i + 3]),
            )
            for i in range(0, 4 * count, 4)
        ]

    def _background(self, guess: list[_Guess]) -> Array:
        peaks = np.array([(position, width, height / self.scale, 0.3) for position, width, height in guess])
        solution = np.linalg.lstsq(self.chebyshev, self.counts - _sum(self.angle, peaks), rcond=None)[0]
        return np.asarray(solution, dtype=np.float64)


def _fitted(angle: Array, counts: Array, guess: list[_Guess]) -> PeakFit:
    widths = np.array([width * np.cos(np.radians(position / 2)) for position, width, _ in guess])
    width = float(np.median(widths))
    widest = float(widths.max())
    fit = _Fit(angle, counts, widest)
    shared = fit.common(guess, width)
    # Peaks hidden in the flank of another leave a hump; each is taken in if it explains much of what was left.
    while len(shared.peaks) < _MOST_PEAKS:
        hump = _hump(angle, shared.residuals, shared.width_deg)
        if hump is None:
            break
        more = fit.common([*shared.peaks, (*hump[:2], hump[2] * fit.scale)], shared.width_deg)
        if more.residuals @ more.residuals > _HUMP_GAIN * (shared.residuals @ shared.residuals):
            break
        shared = more
    low, high = float(angle[0]), float(angle[-1])
    largest = max(height for _, _, height in shared.peaks)
    peaks = [p for p in shared.peaks if low + p[1] / 4 < p[0] < high - p[1] / 4 and p[2] > _LEAST_SHARE * largest]
    if not peaks:
        raise NoPeaks("what stands out of the background has not the shape of a peak; check the pattern")
    if len(peaks) < len(shared.peaks):
        shared = fit.common(peaks, shared.width_deg)
    freer = [_Fit(angle, counts, widest, more_terms=n).common(shared.peaks, shared.width_deg) for n in _MORE_TERMS]
    by_background = np.sqrt(np.mean([(free.width_deg - shared.width_deg) ** 2 for free in freer]))
    width_sd = float(np.hypot(shared.width_sd_deg, by_background))
    singles = sorted(fit.single(shared), key=lambda peak: peak.two_theta_deg)
    return PeakFit(tuple(singles), shared.width_deg, width_sd, shared.lorentzian)


def _hump(angle: Array, residuals: Array, width_deg: float) -> _Guess | None:
    """Where the fit lies lowest under the data, over about a peak's width; its height relative to the data's span."""
    from scipy.ndimage import gaussian_filter1d

    step = float(np.median(np.diff(angle)))
    missing = gaussian_filter1d(-residuals, max(0.5, width_deg / step / 4), mode="nearest")
    top = int(np.argmax(missing))
    return (float(angle[top]), width_deg, float(missing[top])) if missing[top] > _LEAST_HUMP else None


def _between(values: Array, lower: Array, upper: Array) -> Array:
    return np.clip(values, lower + 1e-12, upper - 1e-12)


def _sum(angle: Array, peaks: Array) -> Array:
    """Sum of the pseudo-Voigts in the rows of ``peaks`` (p, 4), at ``angle`` (n,)."""
    total = np.zeros_like(angle)
    for row in peaks:
        total += pseudo_voigt(angle, *row)
    return total


def _deviations(jacobian: Any, residuals: Array) -> Array:
    """Standard deviations of the parameters, (p,), from the scatter that the fit leaves."""
    freedom = max(1, len(residuals) - jacobian.shape[1])
    jacobian = np.asarray(jacobian)
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * (residuals @ residuals) / freedom
    return np.sqrt(np.clip(np.diag(covariance), 0, None))
