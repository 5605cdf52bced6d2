"""From an absorbance spectrum to a size and to the provisional outcome of an experiment."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from numpy.typing import ArrayLike

from closedloop.columns import Columns, read_two_columns
from closedloop.optical.curves import sizing_curve
from closedloop.optical.errors import SpectrumError
from closedloop.optical.exciton import FEWEST_POINTS, PeakKind, find_exciton
from closedloop.recipes import Evidence, Method, Outcome
from closedloop.recipes.fields import Finite, Frozen, Positive

# A column that is called A, T or R, as the last one of the heading. T and R may be a sample's names, and count where
# the other column is named before them.
_LAST = r"\s*(?:[\[(][^\])]*[\])])?[,;\s]*$"
_ABSORBANCE = re.compile(r"\babs|\bOD\b|optical density|extinction|(?-i:[,;\s]A)" + _LAST, re.IGNORECASE)
_OTHER = re.compile(
    r"%\s*[TR]\b|\b[TR]\s*[\[(]?\s*%|transmi(?:ttance|ssion)|reflect(?:ance|ivity)"
    r"|\bPLE?\b|\b\w*luminescence|\bemission|\bfluor\w*|\bexcitation|\bcounts?\b|\bcps\b"
    r"|(?:[,;\t]|(?:wavelength|nm|λ)[^\n,;\t]*\s)\s*(?P<letter>(?-i:[TR]))" + _LAST,
    re.IGNORECASE,
)


class OpticalSize(Frozen):
    """Diameter by a sizing curve, and the peak that it was read from; ``hwhm`` is that of the peak's red side,
    ``note`` what was taken out of the spectrum."""

    product: str
    size_nm: Positive
    peak_nm: Positive
    peak_ev: Positive
    peak_kind: PeakKind
    hwhm_nm: Positive | None
    hwhm_ev: Positive | None
    absorbance: Finite
    curve: str
    source: str
    note: str | None = None


def read_spectrum(path: Path) -> Columns:
    """(wavelength_nm, absorbance) of a file of two columns.

    Raises `closedloop.columns.ColumnFileError`, and `SpectrumError` where the heading says that it is no absorbance.
    """
    columns, heading = read_two_columns(path, fewest_rows=FEWEST_POINTS)
    other = _OTHER.search(heading)
    if other and not _ABSORBANCE.search(heading):
        raise SpectrumError(
            f"{path}: its heading says {other['letter'] or other[0]}, which is not absorbance; give an absorbance "
            "spectrum (2 - log10 of per cent transmittance)"
        )
    return columns


def size_from_absorbance(
    wavelength_nm: ArrayLike, absorbance: ArrayLike, product: str, *, curve: str | None = None
) -> OpticalSize:
    """Diameter of a product's nanocrystals from their spectrum, (n,) each; ``curve`` names one of several curves.

    Raises `SpectrumError`, `NoExcitonPeak`, `NoSizingCurve` or `OutsideSizingCurve`.
    """
    chosen = sizing_curve(product, curve)
    peak = find_exciton(wavelength_nm, absorbance)
    return OpticalSize(
        product=product,
        size_nm=chosen.size_nm(peak.peak_nm),
        peak_nm=peak.peak_nm,
        peak_ev=peak.peak_ev,
        peak_kind=peak.kind,
        hwhm_nm=peak.hwhm_nm,
        hwhm_ev=peak.hwhm_ev,
        absorbance=peak.absorbance,
        curve=chosen.name,
        source=chosen.source,
        note="; ".join(peak.notes) or None,
    )


def outcome_from_absorbance(
    size: OpticalSize, *, success: bool | None = None, files: Sequence[str] = (), recorded_at: datetime | None = None
) -> Outcome:
    """A provisional outcome, which any TEM result supersedes; whether it counts as a success is the caller's to say."""
    observables = {"absorbance_peak_nm": size.peak_nm}
    if size.hwhm_nm is not None:
        observables["absorbance_hwhm_nm"] = size.hwhm_nm
    note = f"first exciton {size.peak_kind} at {size.peak_nm:.1f} nm; sizing curve {size.curve} ({size.source})"
    if size.note:
        note = f"{note}; {size.note}"
    return Outcome(
        success=success,
        size_nm=size.size_nm,
        observables=observables,
        evidence=Evidence(method=Method.ABSORBANCE, files=tuple(files), recorded_at=recorded_at, note=note),
    )
