"""What can be wrong with a data set or a user's table."""

from closedloop.recipes import ClosedloopError


class DataError(ClosedloopError):
    """A data set that cannot be loaded: unknown, missing, renamed, truncated or not what it should be."""


class TableError(DataError):
    """A user's table with faults; `closedloop data check` lists them all."""
