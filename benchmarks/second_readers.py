"""ncempy's readers, to compare with: each module by itself, since importing the package imports matplotlib and more."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def ncempy_module(name: str) -> ModuleType:
    """``ncempy.io``'s module of that name; skips the test where ncempy is not installed."""
    package = importlib.util.find_spec("ncempy")
    if package is None or not package.submodule_search_locations:
        pytest.skip("needs ncempy, from the extra closedloop[test]")
    place = Path(package.submodule_search_locations[0]) / "io" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"_ncempy_{name}", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
