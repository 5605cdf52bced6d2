"""A store in a folder of its own, on a clock that the test moves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from closedloop.recipes import Reagent, Recipe
from closedloop.store import Store

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class TestClock:
    """Goes on by a minute whenever it is asked."""

    __test__ = False

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        self.moment += timedelta(minutes=1)
        return self.moment


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lab.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url, now=TestClock()) as opened:
        opened.save_campaign("cdse", "target: 3.5", "d1")
        yield opened


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(
        product="CdSe",
        reagents=(Reagent(name="CdO", amount_mmol=0.1), Reagent(name="Ölsäure, 90%", amount_mmol=None)),
        injection_temperature_c=270.0,
    )
