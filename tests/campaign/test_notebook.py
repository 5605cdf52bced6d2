"""The example notebook runs from an empty folder, cell by cell, and its store says what the cells did."""

import json
from pathlib import Path

import pytest

from closedloop.campaign import Campaign
from closedloop.recipes import FailureCause
from closedloop.store import State

NOTEBOOK = Path(__file__).parents[2] / "docs" / "examples" / "ask-and-tell.ipynb"


def test_ask_and_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [], "outputs would go stale; keep the notebook without them"
            exec(compile("".join(cell["source"]), f"{NOTEBOOK.name}, {cell['id']}", "exec"), names)
    campaign = Campaign.open("cdse", store=f"sqlite:///{tmp_path}/ask-and-tell.db")
    made, blocked, third, own = campaign.experiments()
    assert [each.state for each in (made, blocked, third, own)] == [
        State.CLOSED,
        State.FAILED,
        State.PROPOSED,
        State.CLOSED,
    ]
    assert blocked.outcome is not None
    assert blocked.outcome.failure_cause is FailureCause.BLOCKED
    assert third.recipe not in (made.recipe, blocked.recipe)
    assert own.reason == "chosen by the lab"
    assert own.recipe.reaction_time_min == 20.0
    shown = capsys.readouterr().out
    assert "CdSe, 4 ± 0.2 nm" in shown
    assert "chance of a hit" in shown
    assert "precedent 1" in shown
