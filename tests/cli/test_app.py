"""How the console script ends."""

import sys
from pathlib import Path

import pytest

from closedloop.campaign import only_runner
from closedloop.campaign.reading import find_campaign
from closedloop.cli import main
from closedloop.store import Store


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["closedloop", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_an_interruption_is_said_and_has_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("closedloop.store.Store.open", interrupted)
    assert _run(monkeypatch, "models", "list") == 130
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "stopped; run the same command again to go on\n")


def test_a_wrong_option_goes_to_standard_error_with_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "models", "list", "--nonsense") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "--nonsense" in said.err
    assert "stopped" not in said.err


@pytest.mark.parametrize(("budget", "noted"), [(["--budget", "3"], True), (["--budget", "9"], False), ([], False)])
def test_a_budget_that_cannot_hold_the_hits_is_noted_before_anything_is_made(
    budget: list[str],
    noted: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("endless.yaml").write_text(find_campaign("cdse")[1] + "hits_wanted: 9\n")
    with only_runner(Store.open("sqlite:///lab.db")):
        assert _run(monkeypatch, "run", "endless.yaml", "--store", "sqlite:///lab.db", *budget) == 2
    said = capsys.readouterr()
    note = "note: 9 hits need 9 experiments; the budget is 3, so this run can only begin the campaign\n"
    assert said.err.startswith(note if noted else "CampaignBusy")
