"""What can go wrong at the bench, and the outcome that each of them means for the experiment."""

from closedloop.recipes import ClosedloopError, FailureCause


class LabFileError(ClosedloopError):
    """A lab file cannot be read, or says something impossible."""


class ProcedureError(ClosedloopError):
    """A recipe cannot be made with this lab's stocks, vessels and instruments."""


class InstrumentError(ClosedloopError):
    """An instrument did not do what it was told; ``cause`` is what that makes of the running experiment."""

    cause = FailureCause.INTERRUPTED

    @property
    def aftermath(self) -> tuple[str, ...]:
        """What went wrong after it, as the notes on this exception say."""
        return tuple(getattr(self, "__notes__", ()))

    def __str__(self) -> str:
        return "; ".join((super().__str__(), *self.aftermath))


class NoAnswer(InstrumentError):
    """Nothing came back from the instrument within its time limit, or the port could not be opened."""


class Refused(InstrumentError):
    """The instrument answered, with an error or with something its manual does not define."""


class WrongVessel(InstrumentError):
    """What stands on the plate, or lies with the samples, is not this run's."""


class Blocked(InstrumentError):
    """A pump stalled before its volume was out."""

    cause = FailureCause.BLOCKED


class OverTemperature(InstrumentError):
    """A temperature went past the limit of an interlock."""

    cause = FailureCause.OVER_TEMPERATURE


class NoImage(InstrumentError):
    """The microscope took no picture of the sample."""

    cause = FailureCause.NO_IMAGE
