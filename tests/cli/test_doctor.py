"""``closedloop doctor``: what is there, what is missing, each said once."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from closedloop.cli.doctor import doctor
from closedloop.store import Store
from closedloop.synthesis.model import DEFAULT_WEIGHTS


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/lab.db"
    with Store.open(url) as store:
        store.add_model(DEFAULT_WEIGHTS, data_digest="d", metrics={}, note="not worse")
    return url


def call(url: str, *arguments: str) -> Result:
    app = typer.Typer()
    app.command()(doctor)
    return CliRunner().invoke(app, [*arguments, "--store", url])


def findings(url: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(call(url, "--json").stdout)
    return found


def test_the_model_in_service_is_looked_at_too(url: str) -> None:
    assert [one["state"] for one in findings(url) if one["subject"] == "model in service"] == ["ok"]
    with Store.open(url) as store:
        path = store.promote("model-0001", "by eye").path
    assert ["model-0001" in one["detail"] for one in findings(url) if one["subject"] == "model in service"] == [True]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])
    result = call(url)
    assert result.exit_code == 1
    assert "MISSING" in result.stdout
    assert "the weights of model-0001 are gone or changed" in result.stdout


def test_what_is_wrong_with_the_store_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("foo")
    assert result.exit_code == 1
    assert result.stdout.count("'foo' is not the address of a store") == 1


def test_a_store_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    subjects = {one["subject"]: one["state"] for one in findings(f"sqlite:///{tmp_path}/new.db")}
    assert subjects["database"] == "note"
    assert "model in service" not in subjects
    assert list(tmp_path.iterdir()) == []
