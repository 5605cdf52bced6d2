"""How the console script ends."""

import sys

import pytest

from closedloop.cli import main


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
