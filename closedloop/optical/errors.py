"""Why a spectrum gives no size."""

from closedloop.recipes import ClosedloopError


class SpectrumError(ClosedloopError):
    """The arrays or the file are not an absorbance spectrum."""


class NoExcitonPeak(SpectrumError):
    """The spectrum has neither a maximum nor a shoulder that stands out of its noise."""


class NoSizingCurve(ClosedloopError):
    """No published sizing curve for the product, or none of that name."""


class OutsideSizingCurve(ClosedloopError):
    """The peak lies where the sizing curve was never measured."""
