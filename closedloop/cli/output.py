"""What every command shares: JSON goes to standard output alone, everything else to standard error."""

import json
from typing import Any

import typer
from rich.console import Console

STDERR = Console(stderr=True, highlight=False)
STDOUT = Console(highlight=False)


def print_json(content: Any) -> None:
    """One JSON document on standard output; a number that is not finite would not be JSON and is refused."""
    typer.echo(json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False))
