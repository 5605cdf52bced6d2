"""Takes out of a spectrum what no sample makes: wild readings, and steps where an instrument changes its grating, lamp
or detector.

Both look like peaks to a second derivative. They are told from lines by their edges: a line rises over several
readings, an artefact from one reading to the next.
"""

import numpy as np
from numpy.typing import NDArray

from closedloop.optical.curves import EV_NM
from closedloop.optical.errors import SpectrumError

Array = NDArray[np.float64]

# A wild reading may be so many points long, and no longer than this in energy: the narrowest lines of ensembles have a
# full width at half maximum of 0.05 eV.
_LONGEST_SPIKE, _WIDEST_SPIKE_EV = 3, 0.025
# In standard deviations of its own height as noise gives it, as a share of what the spectrum spans, and in units of
# the file's last digit.
_NOISE_TIMES, _SHARE, _QUANTA = 6.0, 0.004, 3.0
# How much of the third differences may be something else than the artefact.
_UNEXPLAINED = 0.1
_MOST = 20


def without_artefacts(wavelength_nm: Array, absorbance: Array) -> tuple[Array, list[str]]:
    """Absorbance (n,) at rising wavelengths (n,) without them, and a sentence for each that was taken out.

    Raises `SpectrumError` where they are too many.
    """
    values = absorbance.copy()
    said: list[str] = []
    while (found := _worst(wavelength_nm, values)) is not None:
        if len(said) == _MOST:
            raise SpectrumError(
                f"the spectrum has more than {_MOST} spikes and steps that no sample makes; record it again"
            )
        first, length, height = found
        if length:
            values[first : first + length] -= height
            what = f"a spike of {height:.2g} at {wavelength_nm[first]:g} nm was taken out"
        else:
            values[first:] -= height
            what = (
                f"a step of {height:.2g} between {wavelength_nm[first - 1]:g} and {wavelength_nm[first]:g} nm was "
                "taken out; look at the instrument's baseline there"
            )
        said.append(what)
    return values, said


def noise_of(absorbance: Array) -> float:
    """Standard deviation of the noise of one reading, the rounding of the file at the least."""
    # Fourth differences see noise and hardly any signal; their weights 1, 4, 6, 4, 1 multiply its variance by 70.
    seen = 1.4826 * float(np.median(np.abs(np.diff(absorbance, 4)))) / np.sqrt(70)
    # Where a slope is slow against the last digit, rounding errors of neighbours are alike, and weigh more for it.
    return max(float(seen), _last_digit(absorbance) / 2)


def _last_digit(absorbance: Array) -> float:
    """The smallest difference between readings; negligible where they are not rounded."""
    return float(np.diff(np.unique(absorbance)).min(initial=np.inf)) if np.ptp(absorbance) > 0 else 0.0


def _worst(wavelength_nm: Array, values: Array) -> tuple[int, int, float] | None:
    """First reading, length in readings (0: a step, which has no end) and height of what sticks out most."""
    low, high = np.percentile(values, (2, 98))
    least = max(_SHARE * float(high - low), _QUANTA * _last_digit(values))
    noise, third = noise_of(values), np.diff(values, 3)
    gaps = np.diff(wavelength_nm)
    worst, most = None, 0.0
    for length in range(_LONGEST_SPIKE + 1):
        shape = np.zeros(length + 12)
        shape[6 : 6 + length if length else None] = 1
        pattern = np.diff(shape, 3)[2:-2]
        size = len(pattern)
        filter_ = np.convolve(pattern[::-1], [1, -3, 3, -1]) / (pattern @ pattern)
        bound = max(least, _NOISE_TIMES * noise * float(np.linalg.norm(filter_)))
        windows = np.lib.stride_tricks.sliding_window_view(third, size)
        heights = windows @ pattern / (pattern @ pattern)
        rest = ((windows - heights[:, None] * pattern) ** 2).sum(axis=1)
        even = np.lib.stride_tricks.sliding_window_view(gaps, size + 2)
        usual = np.median(even, axis=1)
        wide = length * usual * EV_NM / wavelength_nm[: len(usual)] ** 2 > _WIDEST_SPIKE_EV
        possible = (
            (np.abs(heights) > bound)
            & (rest < _UNEXPLAINED * (windows**2).sum(axis=1))
            & (np.abs(even - usual[:, None]).max(axis=1) < 0.2 * usual)
            & (not length or ~wide)
        )
        if possible.any():
            explained = np.where(possible, heights**2, 0) * (pattern @ pattern)
            index = int(np.argmax(explained))
            if explained[index] > most:
                worst, most = (index + 4, length, float(heights[index])), float(explained[index])
    return worst
