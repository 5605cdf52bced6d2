"""The one ancestor of every error that a user can cause, and the warning of a recipe that is no answer.

The command line prints such an error as one line and exits with status 2; anything else is a defect of ours.
"""


class ClosedloopError(Exception):
    """An error that a user can cause and mend; its message says what was wrong and what to do."""


class NotListed(ClosedloopError):
    """A list of recipes or of experiments belongs where something else was given."""


class TargetMissed(UserWarning):
    """A recipe was made for a target that, by the model, it will not meet; the message says what may."""
