"""An X-ray powder pattern -> a crystallite size: peaks, pseudo-Voigt fits, Scherrer's equation."""

from closedloop.scattering.errors import NarrowerThanInstrument, NoPeaks, PatternError
from closedloop.scattering.profile import Peak, PeakFit, fit_peaks
from closedloop.scattering.scherrer import (
    SPHERE_K,
    PeakSize,
    ScatteringSize,
    outcome_from_pattern,
    read_pattern,
    size_from_pattern,
)

__all__ = [
    "SPHERE_K",
    "NarrowerThanInstrument",
    "NoPeaks",
    "PatternError",
    "Peak",
    "PeakFit",
    "PeakSize",
    "ScatteringSize",
    "fit_peaks",
    "outcome_from_pattern",
    "read_pattern",
    "size_from_pattern",
]
