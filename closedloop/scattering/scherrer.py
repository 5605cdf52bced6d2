"""From the widths of a powder pattern's peaks to a crystallite size, by Scherrer's equation.

Assumes spheres without strain: strain widens peaks too, and then the size is a lower limit. The size is volume
weighted, so that large crystallites count for more than in a TEM mean.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from closedloop.columns import Columns, read_two_columns
from closedloop.recipes import Evidence, Method, Outcome
from closedloop.recipes.fields import Fraction, Frozen, NonNegative, Positive
from closedloop.scattering.errors import NarrowerThanInstrument, PatternError
from closedloop.scattering.profile import FEWEST_POINTS, Peak, fit_peaks

# Full width at half maximum times the *diameter* of a sphere, in units of the wavelength over cos θ: Patterson, Phys.
# Rev. 1939, 56, 978. The familiar 0.89 is the same constant for the cube root of the volume, 0.806 diameters.
SPHERE_K = 1.107
# X-rays of laboratory tubes and synchrotrons; copper K-alpha, both lines together, is 0.15418 nm.
_SHORTEST_NM, _LONGEST_NM = 0.005, 1.0
# A peak must be this much wider than the instrument's own, and this many steps wide, for the difference to mean a size.
_WIDER_THAN_INSTRUMENT, _FEWEST_STEPS = 1.2, 4.0
# What overlap and the background do to a width, whatever the fit's own covariance says.
_LEAST_RELATIVE_SD = 0.03

# What a heading calls another axis than 2θ. A name that may begin a sample's counts where a unit or the other column
# follows it.
_TWO_THETA = re.compile(r"(?:2|two)[\s*·-]*(?:theta|th\b|θ)", re.IGNORECASE)
_INTENSITY = r"(?:i|int\w*|counts?|cps)\b"
_FOLLOWED = rf"(?=\s*[,;\t(\[/]|\s+(?:{_INTENSITY}|(?:deg|mm|nm|å)\S*|°|a\^?-1\b))"
_FLAGS = re.IGNORECASE | re.MULTILINE
_PER_LENGTH = r"\b1/(?:nm|å|a\b)|(?:(?:\bnm|å)\s*(?:\^|\*\*)?|\ba\s*(?:\^|\*\*))[({]?(?:[-−]1|⁻¹)"
_OTHER_AXES = (
    ("q", re.compile(r"^[qs]" + _FOLLOWED + "|" + _PER_LENGTH, _FLAGS)),
    ("d", re.compile(r"^d" + _FOLLOWED + r"|\bd[\s-]*(?:spacing|value)", _FLAGS)),
    ("r", re.compile(r"^r" + _FOLLOWED, _FLAGS)),
    ("θ", re.compile(r"^(?:theta|θ)", _FLAGS)),
    ("another angle of the goniometer", re.compile(r"^(?:omega|phi|chi|[ωφχ])" + _FOLLOWED, _FLAGS)),
)
# Peaks are narrower or wider in these than in the intensity itself.
_FUNCTION = r"(?:log|log10|ln|lg|sqrt)"
_OTHER_INTENSITY = re.compile(
    rf"(?:\b{_FUNCTION}|\bsquare root of|√)[ \t(\[]*{_INTENSITY}"
    rf"|\b{_INTENSITY}[ \t]*(?:[(\[][ \t]*)?(?:{_FUNCTION}\b|\^\s*\(?(?:0?\.5|1/2))",
    _FLAGS,
)


class PeakSize(Frozen):
    """One peak; angles in degrees 2θ, ``size_fwhm_deg`` is its width after the instrument's was taken off."""

    two_theta_deg: Positive
    fwhm_deg: Positive
    size_fwhm_deg: Positive
    lorentzian: Fraction
    height: Positive
    size_nm: Positive
    size_sd_nm: NonNegative


class ScatteringSize(Frozen):
    """Sphere diameter (or whatever ``k`` stands for) from the width common to all peaks, with its standard deviation.

    The standard deviation grows where single peaks disagree: strain, other shapes than spheres. It does not tell of a
    second phase with peaks of quite another width (4 nm CdSe beside 20 nm gold): look at the pattern for one.
    ``note`` says what was left out of the pattern.
    """

    size_nm: Positive
    size_sd_nm: NonNegative
    k: Positive
    wavelength_nm: Positive
    instrument_fwhm_deg: NonNegative
    peaks: tuple[PeakSize, ...]
    note: str | None = None


def read_pattern(path: Path) -> Columns:
    """(two_theta_deg, intensity) of a .xy, .xye, .csv or .dat file.

    Raises `closedloop.columns.ColumnFileError`, and `PatternError` where the heading says that it is another
    axis, or not the intensity itself.
    """
    columns, heading = read_two_columns(path, fewest_rows=FEWEST_POINTS, most_columns=3)
    heading = heading.replace("_", " ")
    if not _TWO_THETA.search(heading):
        for axis, pattern in _OTHER_AXES:
            if pattern.search(heading):
                raise PatternError(f"{path}: its heading says that the first column is {axis}; give 2θ in degrees")
    if other := _OTHER_INTENSITY.search(heading):
        raise PatternError(f"{path}: its heading says {other[0]!r}, not the intensity itself; give counts")
    return columns


def size_from_pattern(
    two_theta_deg: ArrayLike,
    intensity: ArrayLike,
    *,
    wavelength_nm: float,
    instrument_fwhm_deg: float = 0.0,
    k: float = SPHERE_K,
) -> ScatteringSize:
    """Crystallite size from a powder pattern, (n,) each: ``size = k * wavelength / (width * cos θ)``.

    ``instrument_fwhm_deg`` is the width that a well-crystallised standard shows on the same instrument; with 0 the size
    is a lower limit. ``k`` is for full widths at half maximum. Raises `PatternError`, `NoPeaks` or
    `NarrowerThanInstrument`.
    """
    if not _SHORTEST_NM <= wavelength_nm <= _LONGEST_NM:
        raise PatternError(
            f"a wavelength of {wavelength_nm:g} nm is not one of X-rays; give nm (copper K-alpha is 0.15418)"
        )
    if not (np.isfinite(instrument_fwhm_deg) and instrument_fwhm_deg >= 0):
        raise PatternError(f"an instrument's width of {instrument_fwhm_deg:g}° is impossible; give degrees 2θ, or 0")
    if not (np.isfinite(k) and k > 0):
        raise PatternError(f"a Scherrer constant of {k:g} is impossible; it lies near 1")
    fit = fit_peaks(two_theta_deg, intensity)
    heights = np.array([peak.height for peak in fit.peaks])
    middle_deg = float(np.average([peak.two_theta_deg for peak in fit.peaks], weights=heights))
    width = fit.width_deg / np.cos(np.radians(middle_deg / 2))
    step = float(np.median(np.diff(np.unique(np.asarray(two_theta_deg, dtype=np.float64)))))
    narrowest = max(_WIDER_THAN_INSTRUMENT * instrument_fwhm_deg, _FEWEST_STEPS * step)
    if width < narrowest:
        raise NarrowerThanInstrument(
            f"the peaks have a full width of {width:.3f}° 2θ; with this instrument and these steps only widths above "
            f"{narrowest:.3f}° mean a size, so the crystallites are too large for this method"
        )
    corrected = _corrected(width, fit.lorentzian, instrument_fwhm_deg)
    size = _scherrer(corrected, middle_deg, wavelength_nm, k)
    sizes = tuple(
        _peak_size(peak, wavelength_nm, instrument_fwhm_deg, k)
        for peak in fit.peaks
        if peak.fwhm_deg > _WIDER_THAN_INSTRUMENT * instrument_fwhm_deg
    )
    return ScatteringSize(
        size_nm=size,
        size_sd_nm=size * _relative_sd(fit.width_sd_deg / corrected, size, sizes),
        k=k,
        wavelength_nm=wavelength_nm,
        instrument_fwhm_deg=instrument_fwhm_deg,
        peaks=sizes,
        note="; ".join(fit.notes) or None,
    )


def _corrected(fwhm_deg: float, lorentzian: float, instrument_fwhm_deg: float) -> float:
    """The width without the instrument's: squares subtract for Gaussians, widths for Lorentzians, a mixture between."""
    power = 2.0 - lorentzian
    return float((fwhm_deg**power - instrument_fwhm_deg**power) ** (1 / power))


def _scherrer(fwhm_deg: float, two_theta_deg: float, wavelength_nm: float, k: float) -> float:
    return float(k * wavelength_nm / (np.radians(fwhm_deg) * np.cos(np.radians(two_theta_deg / 2))))


def _peak_size(peak: Peak, wavelength_nm: float, instrument_fwhm_deg: float, k: float) -> PeakSize:
    width = _corrected(peak.fwhm_deg, peak.lorentzian, instrument_fwhm_deg)
    size = _scherrer(width, peak.two_theta_deg, wavelength_nm, k)
    return PeakSize(
        two_theta_deg=peak.two_theta_deg,
        fwhm_deg=peak.fwhm_deg,
        size_fwhm_deg=width,
        lorentzian=peak.lorentzian,
        height=peak.height,
        size_nm=size,
        size_sd_nm=float(size * np.hypot(peak.fwhm_sd_deg / width, _LEAST_RELATIVE_SD)),
    )


def _relative_sd(fitted: float, size_nm: float, peaks: Sequence[PeakSize]) -> float:
    """The fit's own, what the peaks' disagreement adds (weighted by their areas), and `_LEAST_RELATIVE_SD`."""
    areas = np.array([peak.height * peak.fwhm_deg for peak in peaks])
    logs = np.log([peak.size_nm / size_nm for peak in peaks])
    scatter = np.sqrt(np.average(logs**2, weights=areas) / len(peaks)) if len(peaks) else 0.0
    return float(np.sqrt(fitted**2 + scatter**2 + _LEAST_RELATIVE_SD**2))


def outcome_from_pattern(
    size: ScatteringSize, *, success: bool | None = None, files: Sequence[str] = (), recorded_at: datetime | None = None
) -> Outcome:
    """A provisional outcome, which any TEM result supersedes; whether it counts as a success is the caller's to say."""
    note = (
        f"Scherrer, {len(size.peaks)} peaks, K {size.k:g}, volume weighted: "
        f"{size.size_nm:.2f} ± {size.size_sd_nm:.2f} nm"
    )
    if size.note:
        note = f"{note}; {size.note}"
    return Outcome(
        success=success,
        size_nm=size.size_nm,
        size_error_nm=size.size_sd_nm,
        evidence=Evidence(method=Method.SCATTERING, files=tuple(files), recorded_at=recorded_at, note=note),
    )
