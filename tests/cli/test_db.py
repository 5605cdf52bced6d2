"""``closedloop db upgrade``."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from closedloop.campaign import campaign
from closedloop.cli import db, settings
from closedloop.store import Store, StoreMissing
from closedloop.store import upgrade as upgrade_module
from closedloop.store.database import parse_url


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store of the first version."""
    folder = tmp_path / "migrations"
    shutil.copytree(upgrade_module.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (folder / "versions").glob("[0-9]*_*.py"):
        if not file.name.startswith("0001"):
            file.unlink()
    monkeypatch.setattr(upgrade_module, "MIGRATIONS", folder)
    url = f"sqlite:///{tmp_path}/lab.db"
    upgrade_module.upgrade(parse_url(url))
    monkeypatch.undo()
    return url


def test_an_old_store_is_upgraded_after_a_copy(old: str, tmp_path: Path) -> None:
    last = upgrade_module.revisions()[-1]
    result = CliRunner().invoke(db.app, ["upgrade", "--store", old, "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "store": old,
        "before": "0001",
        "after": last,
        "backup": f"{tmp_path}/lab.db.before-0002",
    }
    assert f"upgraded from 0001 to {last}" in result.stderr
    again = CliRunner().invoke(db.app, ["upgrade"], env={"CLOSEDLOOP_STORE": old})
    assert (again.exit_code, again.stdout) == (0, "")
    assert "nothing to do" in again.stderr


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLOSEDLOOP_STORE", raising=False)
    result = CliRunner().invoke(db.app, ["upgrade"])
    assert isinstance(result.exception, StoreMissing)
    assert "closedloop.db" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_the_option_goes_before_the_environment(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lab.db"
    Store.open(url).close()
    result = CliRunner().invoke(
        db.app, ["upgrade", "--store", url], env={"CLOSEDLOOP_STORE": "sqlite:////nowhere/x.db"}
    )
    assert result.exit_code == 0


def test_python_and_the_command_line_keep_things_in_the_same_place() -> None:
    """Said twice, so that `closedloop --help` need not load the store to tell it."""
    assert settings.DEFAULT_STORE == campaign.DEFAULT_STORE
