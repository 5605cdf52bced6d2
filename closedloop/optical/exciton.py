"""Finds the first exciton peak of an absorbance spectrum, as a maximum or as a shoulder. Knows no sizing curves.

Spikes and steps that no sample makes are taken out first (`closedloop.optical.artefacts`).
Works on an even energy grid, where an exciton line is symmetric: the lowest-energy peak of the negative second
derivative that stands out of the noise says where to look, and a slowly varying scatter tail hardly touches it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from closedloop.optical.artefacts import noise_of, without_artefacts
from closedloop.optical.curves import EV_NM
from closedloop.optical.errors import NoExcitonPeak, SpectrumError

Array = NDArray[np.float64]

FEWEST_POINTS = 30
# Spectrometers count to 4 or 6, and write 10 where no light came through.
LARGEST_ABSORBANCE = 10.0
_STEP_EV = 0.004
# Half widths of the smoothing window; lines of ensembles have half widths at half maximum of 0.025 to 0.15 eV.
_HALF_WINDOWS_EV = (0.06, 0.12)
_ORDER = 4
# A peak counts where its curvature is this many times that of the noise, and where it makes up this share of the local
# and its place this share of the largest absorbance.
_NOISE_TIMES, _LOCAL_SHARE, _GLOBAL_SHARE = 6.0, 0.02, 0.02
# So far above the peak, on so many points of the grid, the absorbance is at least this share of the peak's.
_BEYOND_EV, _BEYOND_POINTS, _CONTINUUM_SHARE = 0.3, 25, 0.15
# A first exciton keeps a fifth of its height in the valley beyond it, even in the narrowest ensembles, and what follows
# nearby is at most about twice as high. What falls to this share, over this much energy, and is followed by something
# so many times as high so near (in eV) is a band of something else. Those of solvents are narrow.
_VALLEY_EV, _WIDEST_BAND_EV = 0.04, 0.08
_BANDS = ((0.1, 0.5, np.inf), (0.3, 5.0, 0.35))


class PeakKind(StrEnum):
    MAXIMUM = "maximum"
    SHOULDER = "shoulder"


@dataclass(frozen=True)
class ExcitonPeak:
    """Position in nm and eV, and the half width at half maximum of the red (low-energy) side.

    The width is ``None`` where the spectrum ends before the absorbance has fallen to half. ``absorbance`` is above the
    baseline. ``notes`` say what was taken out of the spectrum, or passed over in it.
    """

    kind: PeakKind
    peak_nm: float
    peak_ev: float
    hwhm_nm: float | None
    hwhm_ev: float | None
    absorbance: float
    notes: tuple[str, ...] = ()


def find_exciton(wavelength_nm: ArrayLike, absorbance: ArrayLike) -> ExcitonPeak:
    """The first exciton peak of ``absorbance`` at ``wavelength_nm``, (n,) each, in any order.

    Raises `SpectrumError` where the arrays are no absorbance spectrum, `NoExcitonPeak` where nothing stands out.
    """
    wavelengths, values = _checked(wavelength_nm, absorbance)
    values, notes = without_artefacts(wavelengths, values)
    passed_over: tuple[str, ...] = ()
    # A narrow window keeps a narrow line; a broad or noisy one may stand out only in a wide window.
    for half_window_ev in _HALF_WINDOWS_EV:
        spectrum, index, bands = _past_bands(wavelengths, values, half_window_ev)
        if index is not None:
            return replace(_measured(spectrum, index), notes=(*notes, *bands))
        passed_over = passed_over or bands
    nothing = (
        "no maximum and no shoulder stands out of the noise; the sample may be too dilute, too broad, or no "
        "semiconductor nanocrystal"
    )
    raise NoExcitonPeak("; ".join((*passed_over, nothing)))


def _checked(wavelength_nm: ArrayLike, absorbance: ArrayLike) -> tuple[Array, Array]:
    x, y = np.asarray(wavelength_nm, dtype=np.float64), np.asarray(absorbance, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise SpectrumError(f"wavelengths {x.shape} and absorbances {y.shape} must be two lists of the same length")
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    wavelengths, where = np.unique(x, return_inverse=True)
    if len(wavelengths) and EV_NM / wavelengths[0] - EV_NM / wavelengths[-1] < 0.4:
        raise SpectrumError("the spectrum is too short to find a peak in; record at least 0.4 eV around it")
    if len(wavelengths) < FEWEST_POINTS:
        raise SpectrumError(f"the spectrum has {len(wavelengths)} wavelengths; at least {FEWEST_POINTS} are needed")
    if wavelengths[0] < 150 or wavelengths[-1] > 5000:
        raise SpectrumError(
            f"wavelengths from {wavelengths[0]:g} to {wavelengths[-1]:g} are not nanometres of a visible or "
            "near-infrared spectrum; give nm"
        )
    if y.max() > LARGEST_ABSORBANCE:
        raise SpectrumError(
            f"absorbances up to {y.max():g} are more than a spectrometer can tell; give absorbance (of per cent "
            "transmittance it is 2 - log10)"
        )
    if y.max() <= 0:
        raise SpectrumError("of the absorbances none is above zero; check their sign and the baseline")
    return wavelengths, np.bincount(where, weights=y) / np.bincount(where)


@dataclass(frozen=True)
class _Smoothed:
    """Local polynomial fits on an even energy grid, (g,) each.

    Absorbance, its negative second derivative (per eV²), and the standard deviation that noise gives to the latter.
    """

    energy: Array
    absorbance: Array
    curvature: Array
    noise: Array
    half_window_ev: float

    @property
    def reach(self) -> int:
        """Half the window in grid steps."""
        return round(self.half_window_ev / _STEP_EV)


def _smoothed(wavelength_nm: Array, absorbance: Array, half_window_ev: float) -> _Smoothed:
    """Quartic fits with tricube weights to the recorded points themselves.

    A spectrum that is even in wavelength is not even in energy; interpolating it first would add kinks that look like
    peaks. Raises `SpectrumError` where a window holds too few points.
    """
    energy, values = EV_NM / wavelength_nm[::-1], absorbance[::-1]
    sd = noise_of(values)
    grid = np.arange(energy[0], energy[-1], _STEP_EV)
    fits = np.empty((len(grid), 3))
    for row, centre in enumerate(grid):
        first, last = np.searchsorted(energy, (centre - half_window_ev, centre + half_window_ev))
        if last - first <= _ORDER + 1:
            raise SpectrumError(
                f"the spectrum has too few points near {EV_NM / centre:.0f} nm; record it at intervals of "
                f"{half_window_ev / 4 * EV_NM / centre**2:.1f} nm or finer there, or cut it off"
            )
        offset = (energy[first:last] - centre) / half_window_ev
        weight = np.sqrt((1 - np.abs(offset) ** 3).clip(1e-6) ** 3)
        solver = np.linalg.pinv(weight[:, None] * np.vander(offset, _ORDER + 1, increasing=True)) * weight
        fits[row, 0] = solver[0] @ values[first:last]
        fits[row, 1] = -2 * (solver[2] @ values[first:last]) / half_window_ev**2
        fits[row, 2] = 2 * sd * np.linalg.norm(solver[2]) / half_window_ev**2
    return _Smoothed(grid, fits[:, 0], fits[:, 1], fits[:, 2], half_window_ev)


def _past_bands(
    wavelengths: Array, values: Array, half_window_ev: float
) -> tuple["_Smoothed", int | None, tuple[str, ...]]:
    """The spectrum without the bands red of its first exciton, the latter's grid index, and a sentence for each band.

    A solvent's C-H bands are such: nanocrystals absorb at every energy above their first exciton, and these do not.
    """
    passed_over: tuple[str, ...] = ()
    while True:
        spectrum = _smoothed(wavelengths, values, half_window_ev)
        index = _first_peak(spectrum)
        band = (
            None if index is None else _band(spectrum, np.interp(-spectrum.energy, -EV_NM / wavelengths, values), index)
        )
        if band is None:
            return spectrum, index, passed_over
        top_ev, end_ev = band
        note = (
            f"the band at {EV_NM / top_ev:.0f} nm was passed over: the absorbance beyond it falls to the baseline, as "
            "a solvent's does and that of nanocrystals does not"
        )
        passed_over += (note,)
        kept = EV_NM / wavelengths > end_ev
        wavelengths, values = wavelengths[kept], values[kept]
        if len(wavelengths) < FEWEST_POINTS:
            return spectrum, None, passed_over


def _band(spectrum: _Smoothed, readings: Array, index: int) -> tuple[float, float] | None:
    """Where the peak at ``index`` has its top and where it has fallen to the baseline, if it does so and the
    absorbance rises again. ``readings``, (g,), are not smoothed, which would lower a narrow band."""
    window = round(_VALLEY_EV / _STEP_EV)
    means = np.convolve(readings, np.full(window, 1 / window), mode="valid")
    first = index - spectrum.reach
    top = first + int(np.argmax(readings[first : index + spectrum.reach + 1]))
    # A fit of scatter would reach too far here: where it is strong, solvents have no bands.
    baseline = float(means[:index].min())
    height = float(readings[top]) - baseline
    below = np.flatnonzero(readings - baseline < height / 2)
    width = int(below[below > top].min(initial=len(readings)) - below[below < top].max(initial=0))
    if width * _STEP_EV > _WIDEST_BAND_EV:
        return None
    for share, following, within_ev in _BANDS:
        low = top + np.flatnonzero(means[top:] - baseline < share * height)
        if len(low):
            near = readings[low[0] :][spectrum.energy[low[0] :] < spectrum.energy[top] + within_ev] - baseline
            if near.max(initial=0.0) > following * height:
                return float(spectrum.energy[top]), float(spectrum.energy[low[0]])
    return None


def _first_peak(spectrum: _Smoothed) -> int | None:
    """Grid index of the peak of the curvature at the lowest energy that is neither noise nor negligible."""
    from scipy.signal import find_peaks

    above = spectrum.absorbance - float(np.percentile(spectrum.absorbance, 2))
    if above.max() <= 1e-9 * np.abs(spectrum.absorbance).max():
        return None
    # The curvature of a line of absorbance a is about a / width²; times the window squared it is an absorbance again.
    area = spectrum.half_window_ev**2
    indices, properties = find_peaks(spectrum.curvature, prominence=0.0)
    for index, prominence in zip(indices, properties["prominences"], strict=True):
        strong = min(float(spectrum.curvature[index]), float(prominence))
        if (
            spectrum.reach <= index < len(above) - spectrum.reach
            and strong > _NOISE_TIMES * spectrum.noise[index]
            and strong * area > _LOCAL_SHARE * above[index]
            and above[index] > _GLOBAL_SHARE * above.max()
        ):
            return int(index)
    return None


def _scatter(spectrum: _Smoothed, index: int) -> Array:
    """Offset and Rayleigh scatter (fourth power of the energy) under the spectrum, (g,), fitted red of the peak.

    What lies more than 0.35 eV below the peak is taken to be free of absorption; where the spectrum has too little of
    it, the lowest absorbance red of the peak is the offset.
    """
    from scipy.optimize import nnls

    energy, absorbance = spectrum.energy, spectrum.absorbance
    red = energy < energy[index] - 0.35
    if red.sum() < 25:
        return np.full_like(absorbance, float(absorbance[: index + 1].min()))
    # nnls keeps the scatter positive; the offset may have either sign.
    shape = (energy / energy[index]) ** 4
    ones = np.ones(int(red.sum()))
    weights, _ = nnls(np.column_stack([shape[red], ones, -ones]), absorbance[red])
    return np.asarray(weights[0] * shape + weights[1] - weights[2])


def _measured(spectrum: _Smoothed, index: int) -> ExcitonPeak:
    from scipy.signal import find_peaks

    energy, corrected = spectrum.energy, spectrum.absorbance - _scatter(spectrum, index)
    maxima, _ = find_peaks(corrected)
    near = maxima[np.abs(maxima - index) <= spectrum.reach]
    if len(near):
        kind = PeakKind.MAXIMUM
        top = int(near[np.argmin(np.abs(near - index))])
        position = _vertex(energy, corrected, top)
    else:
        kind, top = PeakKind.SHOULDER, index
        position = _vertex(energy, spectrum.curvature, index)
    _require_absorption(spectrum, top, position)
    height = float(corrected[top])
    below = np.flatnonzero(corrected[:top] <= height / 2)
    hwhm_ev = hwhm_nm = None
    if len(below):
        i = int(below[-1])
        share = (height / 2 - corrected[i]) / (corrected[i + 1] - corrected[i])
        half = energy[i] + share * _STEP_EV
        hwhm_ev = float(position - half)
        hwhm_nm = float(EV_NM / half - EV_NM / position)
    return ExcitonPeak(kind, EV_NM / position, position, hwhm_nm, hwhm_ev, height)


def _require_absorption(spectrum: _Smoothed, top: int, position: float) -> None:
    """Nanocrystals absorb at every energy above their first exciton. Raises `SpectrumError` for what does not.

    Left undecided where the spectrum ends too soon to tell.
    """
    above = spectrum.absorbance - float(np.percentile(spectrum.absorbance, 2))
    beyond = above[spectrum.energy > position + _BEYOND_EV]
    if len(beyond) >= _BEYOND_POINTS and float(np.median(beyond)) < _CONTINUUM_SHARE * above[top]:
        raise SpectrumError(
            f"towards shorter wavelengths the line at {EV_NM / position:.0f} nm falls to the baseline, as emission "
            "does and the absorbance of nanocrystals does not; give an absorbance spectrum"
        )


def _vertex(energy: Array, values: Array, index: int) -> float:
    """Position of the parabola through a grid maximum and its neighbours."""
    left, top, right = values[index - 1 : index + 2]
    bend = left - 2 * top + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float(energy[index] + np.clip(shift, -1, 1) * _STEP_EV)
