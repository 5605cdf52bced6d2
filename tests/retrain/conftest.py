"""A store with a campaign, and a maker of small models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from closedloop.store import Store
from tests.retrain.line_model import LineMaker


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/lab.db") as opened:
        opened.save_campaign("cdse", "", "d1")
        yield opened


@pytest.fixture
def maker() -> LineMaker:
    return LineMaker()
