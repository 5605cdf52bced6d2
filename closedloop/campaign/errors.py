"""What can be wrong with a campaign before anything moves, or stop it while it runs."""

from collections.abc import Sequence

from closedloop.recipes import ClosedloopError


class CampaignFileError(ClosedloopError):
    """A campaign's file cannot be used; the message has every fault with its line."""

    def __init__(self, where: str, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"{where}: {'; '.join(faults)}")


class CampaignBusy(ClosedloopError):
    """Another process is running a campaign of this store."""


class LabInUse(ClosedloopError):
    """Something of another campaign is being made in this lab."""


class NotOfThisCampaign(ClosedloopError):
    """A recipe or outcome that does not belong to what the campaign makes."""


class NotRecordable(ClosedloopError):
    """What was given as a recipe or as its outcome is none, or none that can be true."""


class NotACount(ClosedloopError):
    """So many recipes cannot be proposed."""


class OneChemicalTwice(ClosedloopError):
    """A recipe lists one chemical under two names."""


class ReportNotWritable(ClosedloopError):
    """The report cannot be written where it was asked for."""


class NotWaiting(ClosedloopError):
    """Nothing can be measured of this experiment, for it has no sample yet."""


class NotProposed(ClosedloopError):
    """Only what still waits for a decision can be edited."""


class EditNotReadable(ClosedloopError):
    """A change to a recipe that says neither which chemical or condition nor how much."""


class RecipeBreaksLimits(ClosedloopError):
    """A recipe outside the limits of its campaign; the message has every limit that it breaks."""
