"""The one ancestor of every error that a user can cause.

The command line prints such an error as one line and exits with status 2; anything else is a defect of ours.
"""


class ClosedloopError(Exception):
    """An error that a user can cause and mend; its message says what was wrong and what to do."""
