"""What can keep a model from being retrained; the champion stays in service through all of it."""

from closedloop.recipes import ClosedloopError


class RetrainError(ClosedloopError):
    """Training or judging a challenger failed."""


class RetrainBusy(RetrainError):
    """Another process is retraining on the same store."""


class ServiceRunning(RetrainError):
    """Another process serves the same store."""
