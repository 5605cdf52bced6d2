"""Entry point of the console script: every way in which a command can end is an exit status and at most one line.

Imports the commands when it is called, so that an interruption while they are read is no traceback either.
"""

import errno
import os
import sys

# What Typer makes of a KeyboardInterrupt.
INTERRUPTED = 130
_FULL = (errno.ENOSPC, errno.EDQUOT)


def main() -> None:
    """Runs what the command line says. Ends the program: 0, 130 after Ctrl-C, 2 for an error that a user can cause."""
    try:
        status = _status()
    except KeyboardInterrupt:
        status = INTERRUPTED
    if status == INTERRUPTED:
        print("stopped", file=sys.stderr)
    sys.exit(status)


def _status() -> str | int | None:
    from closedloop.cli.app import app
    from closedloop.cli.output import DiskFull
    from closedloop.recipes import ClosedloopError

    try:
        try:
            app()
            status: str | int | None = 0
        except SystemExit as ended:
            status = ended.code
        sys.stdout.flush()  # not left to Python's end, where nothing can be said any more
        return status
    except ClosedloopError as error:
        return _refused(error)
    except BrokenPipeError:  # whoever reads, such as `head`, has enough
        _drop_output()
        return 1
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _drop_output()
        what = error.filename or "what was to be written"
        return _refused(DiskFull(f"{what}: does not fit ({error.strerror}); make room, or write to another disk"))


def _refused(error: Exception) -> int:
    print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


def _drop_output() -> None:
    """What standard output still holds back and does not take; Python would try again at its end, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
