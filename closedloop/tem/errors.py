"""What can be wrong with an image, and the outcome that each of them means for an experiment."""

from closedloop.recipes import ClosedloopError, FailureCause


class NotAnImage(ClosedloopError):
    """A file is no image that can be read, or an array has no pixels that could be measured."""

    cause = FailureCause.NO_IMAGE


class DiffractionPattern(NotAnImage):
    """The file says that its pixels are reciprocal lengths or angles."""


class MissingReader(NotAnImage):
    """The file may well be an image, but what reads its format is not installed."""


class NoParticles(ClosedloopError):
    """The picture shows nothing that could be told from its ground, or a uniform grey."""

    cause = FailureCause.TOO_FEW_PARTICLES


class UnreadableScale(ClosedloopError):
    """Neither the file nor the picture says beyond doubt how many nanometres a pixel is."""

    cause = FailureCause.UNREADABLE_SCALE


class ScaleConflict(UnreadableScale):
    """The file's own pixel size and the scale bar in the picture disagree."""
