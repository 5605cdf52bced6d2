"""``closedloop dryrun``: the contract's JSON, results in a folder, and errors in one line."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from closedloop.cli import main

HEADER = "id,source,product,reagents,reaction_temperature_c,reaction_time_min,size_nm,success,failure_cause\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """24 recipes of one product whose sizes follow heat and time, two failures, and one of another product."""
    rows = [
        f"{t}-{m},paper {t},CdSe,CdO=0.1; oleic acid={m % 7 + 1}; Se=0.1; mystery goo=1,{t},{m},"
        f"{2 + (t - 200) / 40 + m / 20:.3f},true,"
        for t in (200, 220, 240, 260)
        for m in (1, 2, 5, 10, 20, 40)
    ]
    rows += [f"f{m},paper f,CdSe,CdO=0.1; Se=0.1,150,{m},,false,nothing formed" for m in (1, 2)]
    rows += ["x,paper x,PbS,PbO=0.1; S=0.1,150,3,4.0,true,"]
    path = tmp_path / "mine=1.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def _run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["closedloop", "dryrun", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def _json(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[dict[str, Any], str]:
    assert _run([*arguments, "--json"], monkeypatch) == 0
    shown = capsys.readouterr()
    return json.loads(shown.out), shown.err


def test_the_contract(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found, said = _json(
        ["--data", "cdse2022", "--product", "CdSe", "--target-size", "2.0", "--seeds", "3"],
        monkeypatch,
        capsys,
    )
    assert list(found["strategies"]) == ["closedloop", "random"]
    for one in found["strategies"].values():
        assert len(one["experiments_to_hit"]) == 3
        assert all(isinstance(count, int) and count >= 1 for count in one["experiments_to_hit"])
        assert one["median"] == sorted(one["experiments_to_hit"])[1]
    assert found["pool"]["recipes"] == 234
    assert found["literature"]["cold_start"] is True
    assert found["literature"]["learned_from"] == 0
    assert "cold start" in said


def test_a_table_of_ones_own_with_failures_and_unknown_chemicals(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found, said = _json(
        ["--data", str(table), "--product", "CdSe", "--target-size", "3", "--seeds", "2", "--batch", "2"],
        monkeypatch,
        capsys,
    )
    assert found["pool"]["recipes"] == 26
    assert found["pool"]["sources"] == 5
    # One experiment is no cold start, but no model can be fitted on it.
    assert (found["literature"]["learned_from"], found["literature"]["cold_start"]) == (1, False)
    assert (found["literature"]["model"], "cold start" in said) == ("none", False)
    assert said.count("mystery goo") == 1
    assert found["plan"]["batch"] == 2


def test_a_budget_that_is_too_small_leaves_null(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(table), "--product", "CdSe", "--target-size", "5.5", "--tolerance", "0.001"]
    found, _ = _json([*arguments, "--strategies", "random", "--seeds", "4", "--budget", "1"], monkeypatch, capsys)
    assert None in found["strategies"]["random"]["experiments_to_hit"]
    assert found["strategies"]["random"]["median"] is None


def test_a_folder_keeps_page_json_and_runs(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results"
    arguments = ["--data", str(table), "--product", "CdSe", "--target-size", "3", "--strategies", "closedloop,random"]
    found, _ = _json([*arguments, "--seeds", "2", "--out", str(out)], monkeypatch, capsys)
    assert json.loads((out / "dryrun.json").read_text(encoding="utf-8")) == found
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert "26 published recipes from 5 sources" in page
    assert not any(mark in page for mark in ("<script", "<link", "<img", "src=", "url(http"))
    assert len(list((out / "runs").glob("*.json"))) == 4
    again, said = _json([*arguments, "--seeds", "2", "--out", str(out)], monkeypatch, capsys)
    assert "4 of 4 runs were done before" in said
    assert again == found


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (["--product", "CdS"], "NoSuchPool", "CdSe"),
        (["--target-size", "60"], "NoHitInPool", "the pool reaches from"),
        (["--target-size", "-2"], "DryRunError", "above 0"),
        (["--strategies", "closedlop"], "UnknownStrategy", "'closedloop'"),
        (["--seeds", "0"], "DryRunError", "--seeds"),
        (["--literature-model", "all"], "UnknownModel", ", none"),
        (["--literature-model", "lstm,median"], "UnknownModel", "'lstm,median'"),
        (["--executor", "cloud"], "ExecutorError", "local:N"),
        (["--tolerance", "7"], "DryRunError", "tolerance"),
        (["--product", "PbS", "--target-size", "4"], "PoolTooSmall", "one recipe"),
        (["--aim", "about"], "DryRunError", "at-most"),
        (["--aim", "at-most", "--tolerance", "0.1"], "DryRunError", "--tolerance does nothing with the aim at-most"),
        (["--aim", "at-least", "--tolerance", "0.1"], "DryRunError", "leave it out, or write --aim match"),
        (["--observable", "x_loss", "--tolerance", "0.1"], "DryRunError", "the aim at-most"),
        (["--observable", "colour"], "NoSuchPool", "size_nm"),
        (["--data", "cdse2202"], "DataError", "cdse2022"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line(
    change: list[str],
    error: str,
    words: str,
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--data", str(table), "--product", "CdSe", "--target-size", "3", "--strategies", "random"]
    assert _run([*arguments, *change, "--json"], monkeypatch) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[-1].startswith(error)
    assert words in shown.err


def test_in_a_simulator_the_json_has_the_same_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results"
    arguments = ["--simulator", "virtual", "--product", "PbS", "--target-size", "6", "--strategies", "random"]
    found, said = _json(
        [*arguments, "--seeds", "2", "--budget", "3", "--survey", "6", "--out", str(out)], monkeypatch, capsys
    )
    pooled, _ = _json(["--data", "cdse2022", "--product", "CdSe", "--target-size", "2", "--strategies", "random",
                       "--seeds", "2"], monkeypatch, capsys)  # fmt: skip
    assert set(found["strategies"]["random"]) == set(pooled["strategies"]["random"])
    assert len(found["strategies"]["random"]["experiments_to_hit"]) == 2
    assert found["blind"]["recipes"] == 6
    assert found["plan"]["budget"] == 3
    assert "7 dimensions" in said
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "answered by the simulator virtual" in page
    assert not any(mark in page for mark in ("<script", "<link", "<img", "src=", "url(http"))
    again, said = _json(
        [*arguments, "--seeds", "2", "--budget", "3", "--survey", "6", "--out", str(out)], monkeypatch, capsys
    )
    assert "2 of 2 runs were done before" in said
    assert again == found


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ([], "DryRunError", "--data"),
        (["--data", "cdse2022", "--simulator", "virtual"], "DryRunError", "one of the two"),
        (["--data", "cdse2022", "--survey", "3"], "DryRunError", "--survey"),
        (["--simulator", "virtual", "--aim", "match"], "DryRunError", "--aim"),
        (["--simulator", "flask", "--product", "PbS", "--target-size", "6"], "NoSuchSimulator", "virtual"),
        (["--simulator", "virtual", "--product", "PbS"], "DryRunError", "--target-size"),
        (["--simulator", "virtual", "--strategies", "nearest"], "UnknownStrategy", "nearest"),
        (["--simulator", "virtual", "--literature-model", "transformer"], "DryRunError", "shipped or none"),
        (["--simulator", "virtual", "--survey", "-1"], "DryRunError", "--survey"),
        (["--data", "cdse2022", "--product", "CdSe"], "DryRunError", "--target-size"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    arguments: list[str],
    error: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _run([*arguments, "--json"], monkeypatch) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith(error)
    assert words in shown.err
