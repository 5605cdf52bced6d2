"""The command line: thin commands over the other rooms."""

from closedloop.cli.app import main

__all__ = ["main"]
