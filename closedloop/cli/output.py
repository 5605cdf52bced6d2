"""What every command shares: JSON goes to standard output alone, everything else to standard error."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement

from closedloop.recipes import ClosedloopError

if TYPE_CHECKING:
    from rich.table import Table

# What is shown holds paths and names that people chose: brackets in them are no markup.
STDERR = Console(stderr=True, highlight=False, markup=False)
STDOUT = Console(highlight=False, markup=False)
# No word is longer, in characters.
_WIDEST = 10_000
# What every generator of random numbers takes, also with a little added.
MOST_SEED = 2**31 - 1


class DiskFull(ClosedloopError):
    """Standard output, or a file, has no room for what was to be written."""


class FileRefused(ClosedloopError):
    """The operating system refuses a file or a folder, and no room has said so in words of its own."""


class WrongUsage(ClosedloopError):
    """The command line names no command, option or value that there is, or leaves one out that must be given."""


def print_json(content: Any) -> None:
    """One JSON document on standard output; a number that is not finite would not be JSON and is refused."""
    typer.echo(json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False))


def print_table(table: "Table") -> None:
    """A table on standard output of which nothing is cut off: a terminal folds what it has no room for, and
    elsewhere no word is broken, however long the lines become."""
    unbound = STDOUT.options.update(max_width=_WIDEST)
    for column in table.columns:
        column.overflow = "fold"
        if not STDOUT.is_terminal:
            cells = (Measurement.get(STDOUT, unbound, cell) for cell in (column.header, *column.cells))
            column.min_width = max(each.minimum for each in cells)
    STDOUT.print(table, crop=False)


@contextmanager
def going_on(kept: bool = True) -> Iterator[None]:
    """Around the work of a command that, stopped by Ctrl-C and run again, goes on with what it has ``kept``."""
    try:
        yield
    except KeyboardInterrupt:
        if kept:
            STDERR.print("what was done is kept: run the same command again to go on")
        raise


@contextmanager
def show_progress(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar on standard error, gone when done; nothing where that is no terminal. The yielded call counts one more."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=STDERR, transient=True, disable=not STDERR.is_terminal) as progress:
        task = progress.add_task(what, total=total)

        def advance(name: str) -> None:
            progress.update(task, advance=1, description=escape(f"{what} {name}"))

        yield advance
