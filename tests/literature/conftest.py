"""The data set that takes seconds to load, loaded once for all tests of this room."""

import time
from pathlib import Path

import pytest

from closedloop.literature import Loaded, load


@pytest.fixture(scope="session")
def gu2025_folder(shared_data: Path) -> Path:
    return shared_data / "gu2025"


@pytest.fixture(scope="session")
def gu2025(gu2025_folder: Path) -> Loaded:
    """All recipes and negatives; loading them may take 10 s of processor time, as the issue asks."""
    started = time.process_time()
    loaded = load("gu2025", gu2025_folder)
    assert time.process_time() - started < 10
    return loaded
