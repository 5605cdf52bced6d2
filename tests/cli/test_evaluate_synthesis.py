"""``closedloop evaluate synthesis``: JSON alone on standard output, results in a folder, errors in one line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from closedloop.cli import main
from closedloop.synthesis.baselines import MODELS
from closedloop.synthesis.evaluation import Shelf

EVALUATE = ["evaluate", "synthesis", "--data", "cdse2022"]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(tmp_path / "home"))
    return folder


def _run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["closedloop", *EVALUATE, *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


def test_one_model_is_one_object(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _run(["--split", "source", "--model", "median", "--json"], monkeypatch)
    found = json.loads(capsys.readouterr().out)
    assert found["data"] == "cdse2022"
    assert (found["split"], found["seed"], found["max_size_nm"], found["model"]) == ("source", 0, None, "median")
    assert {"n", "mae_nm", "rmse_nm", "r2", "coverage_90", "width_90_nm"} <= set(found)
    assert found["n"] == 234
    assert len(found["folds"]) == 5
    low, high = found["confidence_95"]["mae_nm"]
    assert low < found["mae_nm"] < high


def test_amounts_are_printed_beside_the_sizes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Mute:
        """The medians, of a model that designs no amounts."""

        def __init__(self, *given: Any) -> None:
            self.predict = fit(*given).predict

    fit = MODELS["median"]
    monkeypatch.setitem(MODELS, "lstm", Mute)
    asked = ["--split", "rows", "--model", "median,lstm", "--amounts"]
    _run(asked, monkeypatch)
    shown = capsys.readouterr().out
    _run([*asked, "--json"], monkeypatch)
    amounts = json.loads(capsys.readouterr().out)["models"][0]["amounts"]
    below = shown[shown.index("amounts in reverse") :]
    (line,) = (line for line in below.splitlines() if "median" in line)
    for figure in (str(amounts["slots"]), f"{amounts['mae_mmol']:.3f}", f"{amounts['rmse_mmol']:.3f}"):
        assert figure in line
    assert any("lstm" in line and "none" in line for line in below.splitlines())


def test_no_name_or_figure_is_cut_off_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, shown_at: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    shown_at(40)
    _run(["--split", "rows", "--model", "median,decision-tree"], monkeypatch)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert "decision-tree" in shown


def test_few_sources_make_few_folds_and_it_is_said(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{source},CdSe,CdO=0.{n + 1},{200 + n},{2 + n}" for source in "abc" for n in range(4)]
    header = "source,product,reagents,reaction_temperature_c,size_nm"
    (empty_folder / "mine=1.csv").write_text("\n".join([header, *rows]) + "\n")
    arguments = ["evaluate", "synthesis", "--data", "mine=1.csv", "--model", "median"]
    monkeypatch.setattr(sys, "argv", ["closedloop", *arguments, "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert not ended.value.code
    assert len(json.loads(shown.out)["folds"]) == 3
    assert "3 groups with a known size, hence 3 folds and not 5" in shown.err


def test_several_models_are_compared_and_a_second_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Shelf, "_program", b"not being edited while the test runs")
    arguments = ["--split", "year", "--max-size-nm", "6", "--out", "results", "--json"]
    _run([*arguments, "--model", "median"], monkeypatch)
    capsys.readouterr()

    def again(*_: object) -> None:
        raise AssertionError("the median was fitted again")

    monkeypatch.setitem(MODELS, "median", again)
    _run([*arguments, "--model", "median,nearest", "--seed", "0"], monkeypatch)
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert [one["model"] for one in found["models"]] == ["median", "nearest"]
    assert found["max_size_nm"] == 6
    assert "median" not in shown.err
    out = Path("results")
    assert json.loads((out / "evaluation.json").read_text(encoding="utf-8")) == found
    assert "nearest" in (out / "index.html").read_text(encoding="utf-8")
    assert sorted(path.suffix for path in out.rglob("*") if path.is_file()) == [".html", ".json", ".npz", ".npz"]


def test_a_table_is_printed_without_json(
    monkeypatch: pytest.MonkeyPatch, shown_at: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    shown_at(160)
    _run(["--split", "year", "--model", "median"], monkeypatch)
    shown = capsys.readouterr()
    assert "fold 1" in shown.out
    assert "median" in shown.out
    assert "%" in shown.err


@pytest.mark.parametrize(
    ("arguments", "name", "words"),
    [
        (["--split", "luck"], "DataError", "composition=X"),
        (["--model", "oracle"], "UnknownModel", "plain-network"),
        (["--model", "median,oracle"], "UnknownModel", "plain-network"),
        (["--split", "composition=PbSe"], "DataError", "CdSe"),
        (["--split", "composition=CdSe"], "DataError", "nothing is left to learn from"),
        (["--split", "product"], "DataError", "1 group "),
        (["--split", "paper"], "DataError", "300 particles"),
        (["--max-size-nm", "0"], "DataError", "above 0"),
        (["--max-size-nm", "nan"], "DataError", "above 0"),
        (["--max-size-nm", "0.1"], "DataError", "no experiment has a known size"),
        (["--out", "../file/below"], "OutputNotWritable", "file"),
    ],
    ids=str,
)
def test_bad_input_is_one_line_and_writes_nothing(
    arguments: list[str],
    name: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("../file").write_text("not a folder")
    given = arguments if "--out" in arguments else [*arguments, "--out", "results"]
    monkeypatch.setattr(sys, "argv", ["closedloop", *EVALUATE, "--model", "median", *given])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert shown.out == ""
    assert shown.err.count("\n") == 1, shown.err
    assert shown.err.startswith(f"{name}: ")
    assert words in shown.err
    assert not list(Path().rglob("*"))


def test_a_table_of_failures_alone_has_no_size_to_test(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["id,product,reagents,success", *(f"{i},CdSe,CdO={i + 1},false" for i in range(6))]
    Path("failures.csv").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["closedloop", "evaluate", "synthesis", "--data", "failures.csv"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "DataError: no experiment has a known size" in capsys.readouterr().err
