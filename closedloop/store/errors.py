"""What can go wrong with a store, each with a name and a remedy."""

from closedloop.recipes import ClosedloopError


class StoreError(ClosedloopError):
    """Ancestor of every error of this room."""


class StoreUrlError(StoreError):
    """The address is not one of a database that outlives the process."""


class StoreMissing(StoreError):
    """There is no store at the address, and the caller did not ask for a new one."""


class StoreFolderMissing(StoreError):
    """The folder that the database file should lie in does not exist."""


class StoreReadOnly(StoreError):
    """The database file or its folder may not be written."""


class StoreUnreachable(StoreError):
    """The operating system does not let the database file be looked at: a folder that may not be entered, or a name
    that is too long."""


class NotADatabase(StoreError):
    """The file is not a SQLite database, or is a database of some other program."""


class NewerSchema(StoreError):
    """A later version of closedloop has upgraded the database."""


class StoreLocked(StoreError):
    """Another process held the database for longer than the time limit."""


class StoreFull(StoreError):
    """The disk has no room left."""


class StoreDamaged(StoreError):
    """The database file is corrupt."""


class StoreDiskFailed(StoreError):
    """The operating system would not read or write the database file: a quota, a limit, or a failing disk."""


class CampaignNameError(StoreError):
    """The name cannot be part of a file name and of an experiment's id."""


class OtherLab(StoreError):
    """The store holds what another lab made."""


class UnknownCampaign(StoreError):
    """No campaign of this name was saved."""


class UnknownExperiment(StoreError):
    """No experiment has this id."""


class UnknownImage(StoreError):
    """The experiment has no image of this content."""


class UnknownStep(StoreError):
    """A step was confirmed that was never written down as intended."""


class UnknownModel(StoreError):
    """No model has this id."""


class IllegalMove(StoreError):
    """An experiment cannot go from its state to the one asked for."""


class NothingToRollBack(StoreError):
    """No model was ever promoted, so there is none to take back."""


class AlreadyChampion(StoreError):
    """The model to be promoted is in service."""


class ArtefactError(StoreError):
    """A file to be kept cannot be read."""


class ArtefactMissing(StoreError):
    """A file that the store kept is no longer there, or no longer the same."""
