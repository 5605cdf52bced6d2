"""Fixtures that every room's tests may use."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Several processes of pytest share the cores already, so that each has one thread. Before anything imports torch.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED_DATA = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data beside the repository, which may not ship; tests that need it skip without it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the development data in ../shared/data, which may not ship")
    return SHARED_DATA


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Two of torch's threads, whatever this machine has."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
