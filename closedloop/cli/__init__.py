"""The command line: thin commands over the other rooms."""

from closedloop.cli.entry import main

__all__ = ["main"]
