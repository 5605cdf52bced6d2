"""An absorbance spectrum -> a size: the first exciton peak, and published sizing curves with their ranges."""

from closedloop.optical.curves import CURVES, SizingCurve, sizing_curve
from closedloop.optical.errors import NoExcitonPeak, NoSizingCurve, OutsideSizingCurve, SpectrumError
from closedloop.optical.exciton import ExcitonPeak, PeakKind, find_exciton
from closedloop.optical.sizing import OpticalSize, outcome_from_absorbance, read_spectrum, size_from_absorbance

__all__ = [
    "CURVES",
    "ExcitonPeak",
    "NoExcitonPeak",
    "NoSizingCurve",
    "OpticalSize",
    "OutsideSizingCurve",
    "PeakKind",
    "SizingCurve",
    "SpectrumError",
    "find_exciton",
    "outcome_from_absorbance",
    "read_spectrum",
    "size_from_absorbance",
    "sizing_curve",
]
