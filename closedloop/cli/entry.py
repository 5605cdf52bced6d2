"""Entry point of the console script: every way in which a command can end is an exit status and at most one line.

Imports nothing that Python has not read by itself until `main` is called, so that an interruption while the program
is read is no traceback either; one that comes before, while Python starts, is Python's own.
"""

import errno
import os
import sys

# What Typer makes of a KeyboardInterrupt.
INTERRUPTED = 130
_FULL = (errno.ENOSPC, errno.EDQUOT)


def main() -> None:
    """Runs what the command line says. Ends the program: 0, 130 after Ctrl-C, 2 for an error that a user can cause."""
    _open_what_is_closed()
    try:
        status = _status()
    except KeyboardInterrupt:
        status = INTERRUPTED
    if status == INTERRUPTED:
        print("stopped", file=sys.stderr)
    sys.exit(status)


def _open_what_is_closed() -> None:
    """A stream that whoever called us closed takes and gives nothing. Python has None there, and the system would give
    its number to the next file that is opened, such as the store."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8", errors="replace")  # noqa: SIM115 (open to the end)
            setattr(sys, name, stream)


def _status() -> str | int | None:
    import typer

    from closedloop.cli.app import app
    from closedloop.cli.output import DiskFull, FileRefused, WrongUsage
    from closedloop.recipes import ClosedloopError

    # What Typer raises of a command line that it cannot take; its own name for it is not public.
    not_taken: type[Exception] = typer.BadParameter.__bases__[0]
    try:
        try:
            status: str | int | None = app(prog_name="closedloop", standalone_mode=False) or 0
        except SystemExit as ended:
            status = ended.code
        except not_taken as error:
            if not str(error):  # no command was named, and Typer has shown the help
                return 2
            from closedloop.cli.usage import in_one_line

            raise WrongUsage(in_one_line(error)) from error
        sys.stdout.flush()  # not left to Python's end, where nothing can be said any more
        return status
    except ClosedloopError as error:
        return _refused(error)
    except BrokenPipeError:  # whoever reads, such as `head`, has enough
        _drop_output()
        return 1
    except OSError as error:
        if error.errno not in _FULL:
            if error.filename is None:
                raise  # of no file, so a fault of ours
            what = f"{error.filename}: is refused ({error.strerror})"
            return _refused(FileRefused(f"{what}; check the path, and that you may read and write there"))
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
