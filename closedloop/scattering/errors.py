"""Why an X-ray pattern gives no size."""

from closedloop.recipes import ClosedloopError


class PatternError(ClosedloopError):
    """The arrays or the file are not a powder pattern, or the wavelength is not one of X-rays."""


class NoPeaks(PatternError):
    """No peak of the pattern stands out of its background and noise."""


class NarrowerThanInstrument(PatternError):
    """The peaks are as narrow as the instrument's own or as the pattern's steps: the crystallites are too large."""
