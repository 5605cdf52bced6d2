"""What a user can get wrong when asking why."""

from closedloop.recipes import ClosedloopError


class ExplanationError(ClosedloopError):
    """This cannot be explained; the subclasses say what is in the way."""


class UnknownAxis(ExplanationError):
    """A sweep along something that is neither a condition nor a chemical of the recipe, or over no sensible range."""


class NoPrecedents(ExplanationError):
    """There is nothing to compare the recipe with."""


class NothingToExplain(ExplanationError):
    """The model gives every recipe the same number, because its data could not teach it better."""


class CannotDraw(ExplanationError):
    """The plot cannot be written where it was asked for."""
