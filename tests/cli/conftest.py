"""Fixtures of the command line's tests."""

from collections.abc import Callable

import pytest
from rich.console import Console


@pytest.fixture
def shown_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how wide tables are shown. Rich looks at COLUMNS once, when a console is made, which was long before."""

    def width(columns: int) -> None:
        console = Console(width=columns, highlight=False, markup=False)
        monkeypatch.setattr("closedloop.cli.output.STDOUT", console)

    return width
