"""The hash of a program: what a result rests on counts, what it does not rest on does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from closedloop import program as module
from closedloop.campaign.dryrun.shelf import program_of
from closedloop.program import parts_of, program
from closedloop.synthesis.evaluation.shelf import PREDICTING

FILES = {
    "__init__.py": "",
    "begin.py": "from closedloop.room import near\n\ndef later():\n    import numpy.linalg\n",
    "room/__init__.py": "",
    "room/near.py": "import json\nfrom importlib import import_module\nimport_module('no_such.thing')\n",
    "room/data/table.csv": "1",
    "room/notes/readme.md": "",
    "other.py": "from closedloop import begin\nimport scipy\n",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    yield tmp_path
    module._program.cache_clear()


def now(*modules: str, **named: object) -> bytes:
    module._program.cache_clear()
    return program(*modules, **named)  # type: ignore[arg-type]


def test_what_is_imported_counts_wherever_it_is_imported_and_data_beside_it(root: Path) -> None:
    files, libraries = parts_of(["closedloop.begin"])
    named = {path.relative_to(root).as_posix() for path in files}
    assert named == {"begin.py", "room/__init__.py", "room/near.py", "room/data/table.csv"}
    assert libraries == {"numpy", "no_such"}
    files, libraries = parts_of(["closedloop.begin"], apart=["closedloop.room.near"])
    assert "room/near.py" not in {path.relative_to(root).as_posix() for path in files}
    assert libraries == {"numpy"}


@pytest.mark.parametrize("changed", [name for name in FILES if name not in ("__init__.py", "other.py")])
def test_the_hash_changes_with_each_of_these_files_alone(root: Path, changed: str) -> None:
    before = now("closedloop.begin")
    assert now("closedloop.begin") == before
    (root / changed).write_text("# changed\n" + FILES[changed])
    assert (now("closedloop.begin") == before) == changed.endswith(".md")
    (root / "other.py").write_text("pass\n")
    assert (now("closedloop.begin") == before) == changed.endswith(".md")


def test_the_hash_changes_with_the_version_of_a_library(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = now("closedloop.begin")
    monkeypatch.setattr(module, "version", lambda library: "0.0.0")
    assert now("closedloop.begin") != before


def test_a_module_that_is_not_there_is_an_error(root: Path) -> None:
    with pytest.raises(ValueError, match=r"no module 'closedloop\.elsewhere'"):
        program("closedloop.elsewhere")


def test_kept_folds_rest_on_every_library_that_fits_use_and_on_the_graph_encoder_but_on_no_page() -> None:
    files, libraries = parts_of(PREDICTING)
    assert {"numpy", "scipy", "rdkit", "sklearn", "lightgbm", "torch", "torch_geometric"} <= libraries
    names = {path.name for path in files}
    assert {"molecules.safetensors", "substances.csv", "fitting.py", "methods.py", "formula.py"} <= names
    assert not names & {"page.py", "plots.py", "scores.py", "shelf.py"}


def test_a_dry_run_rests_on_its_own_strategy_and_on_whatever_that_imports() -> None:
    def names(strategy: str, *, designs: bool = False) -> set[str]:
        files, _ = parts_of(*program_of(strategy, designs=designs))
        return {path.parent.name + "/" + path.name for path in files}

    assert {"strategies/by_baybe.py", "dryrun/seeding.py", "dryrun/replay.py"} <= names("baybe")
    assert not {"strategies/by_baybe.py", "dryrun/seeding.py", "dryrun/page.py"} & names("random")
    assert {"designers/proposer.py", "propose/acquire.py", "synthesis/fitting.py"} <= names("closedloop", designs=True)
    assert {"literature/tables.py", "campaign/precedents.py"} <= names("closedloop", designs=True)
    assert "synthesis/fitting.py" not in names("random", designs=True)
    assert {"designers/by_ax.py", "dryrun/seeding.py"} <= names("ax", designs=True)
