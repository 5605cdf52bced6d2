"""``closedloop models list | promote | rollback`` and ``closedloop retrain``."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from closedloop.campaign import Campaign
from closedloop.cli import models
from closedloop.store import NothingToRollBack, Store, UnknownCampaign, UnknownModel


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/lab.db"
    weights = tmp_path / "w.safetensors"
    with Store.open(url) as store:
        Campaign.open("cdse", store)
        for number in range(2):
            weights.write_bytes(bytes([number]))
            store.add_model(weights, data_digest="d", metrics={"size": 0.5}, note="size error: not worse")
    return url


def call(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(models.app, [*arguments, "--store", url])


def retrain(url: str, *arguments: str) -> Result:
    app = typer.Typer()
    app.command()(models.retrain)
    return CliRunner().invoke(app, [*arguments, "--store", url])


def test_promote_and_rollback_say_who_serves(url: str) -> None:
    listed = json.loads(call(url, "list", "--json").stdout)
    assert listed["champion"] is None
    assert [(one["id"], one["status"], one["metrics"]) for one in listed["models"]] == [
        ("model-0001", "challenger", {"size": 0.5}),
        ("model-0002", "challenger", {"size": 0.5}),
    ]
    assert json.loads(call(url, "promote", "model-0002", "--why", "by eye", "--json").stdout) == {
        "champion": "model-0002"
    }
    assert json.loads(call(url, "list", "--json").stdout)["champion"] == "model-0002"
    plain = call(url, "list")
    assert "model-0002  champion" in plain.stdout
    assert "in service: model-0002" in plain.stderr
    assert json.loads(call(url, "rollback", "--json").stdout) == {"champion": None}
    with Store.open(url) as store:
        assert [one.reason for one in store.promotions()] == ["by eye", "rolled back by a person"]


def test_what_cannot_be_done_is_named(url: str) -> None:
    assert isinstance(call(url, "promote", "model-0009").exception, UnknownModel)
    assert isinstance(call(url, "rollback").exception, NothingToRollBack)


def test_retrain_that_is_not_due_says_how_far_it_is(url: str) -> None:
    result = retrain(url, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"model": None, "promoted": False, "reason": "not due", "checks": []}
    assert "cdse: 0 of " in result.stderr
    result = retrain(url, "--now", "--json")
    assert json.loads(result.stdout)["reason"].startswith("0 experiments of this lab can be learned from")
    assert isinstance(retrain(url, "--campaign", "cdze").exception, UnknownCampaign)
