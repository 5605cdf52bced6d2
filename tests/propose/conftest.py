"""A synthetic lab and a model that is biased against it: the benchmark's, so that tests and figures agree."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def lab() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "propose_synthetic.py"
    spec = importlib.util.spec_from_file_location("propose_synthetic", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["propose_synthetic"] = module
    spec.loader.exec_module(module)
    return module
