"""What a user can get wrong about the model."""

from closedloop.recipes import ClosedloopError


class TooFewExperiments(ClosedloopError):
    """There is not enough to learn a size from."""


class ModelFileError(ClosedloopError):
    """A file is not a model, is cut short, or was written by another version."""


class DesignError(ClosedloopError):
    """No amounts can be designed: the recipe and the target contradict each other."""


class UnknownModel(ClosedloopError):
    """No model of this name can be evaluated."""
