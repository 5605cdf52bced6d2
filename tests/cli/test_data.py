"""``closedloop data``: what a user sees, and the exit status that a script sees."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from closedloop.cli.data import app
from closedloop.literature import DataError

BAD = "product,reagents,size_nm\nCdSe,CdO=0.1,x\nCdSe,magic dust=1,3.4\n"
GOOD = "product,reagents,size_nm\nCdSe,CdO=0.1,3.4\n"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown_at: Callable[[int], None]) -> None:
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(tmp_path / "home"))
    shown_at(200)


def test_check_names_row_column_value_and_remedy(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(BAD)
    shown = CliRunner().invoke(app, ["check", str(tmp_path / "bad.csv")])
    assert shown.exit_code == 2
    for part in ("size_nm", "is not a number", "leave the cell empty", "warning: unknown chemical 'magic dust'"):
        assert part in shown.stdout
    assert "1 errors, 1 warnings; it cannot be loaded" in " ".join(shown.stdout.split())


@pytest.mark.parametrize("width", [20, 80])
def test_no_column_or_value_is_cut_off(tmp_path: Path, shown_at: Callable[[int], None], width: int) -> None:
    shown_at(width)
    header = "product,reagents,reaction_temperature_c,injection_temperature_c"
    (tmp_path / "bad.csv").write_text(f"{header}\nCdSe,CdO=0.1,433_degrees_absolute,x\n")
    shown = CliRunner().invoke(app, ["check", str(tmp_path / "bad.csv")]).stdout
    assert "…" not in shown
    for word in ("reaction_temperature_c", "injection_temperature_c", "433_degrees_absolute"):
        assert word in shown


def test_check_as_json_is_json_alone(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(BAD)
    shown = CliRunner().invoke(app, ["check", str(tmp_path / "bad.csv"), "--json"])
    report = json.loads(shown.stdout)
    assert shown.exit_code == 2
    assert (report["errors"], report["warnings"]) == (1, 1)
    assert report["faults"][0] == {
        "file": str(tmp_path / "bad.csv"),
        "row": 2,
        "column": "size_nm",
        "value": "x",
        "problem": "is not a number",
        "remedy": "write a number, or leave the cell empty if it is unknown",
        "severity": "error",
    }


def test_check_of_a_sound_table_succeeds(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(GOOD)
    assert CliRunner().invoke(app, ["check", str(tmp_path / "good.csv")]).exit_code == 0


def test_import_then_list(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(GOOD)
    imported = CliRunner().invoke(app, ["import", "mine", str(tmp_path / "good.csv")])
    assert imported.exit_code == 0
    assert "mine: 1 experiments" in imported.stdout
    rows = {row["name"]: row for row in json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout)["data"]}
    assert rows["mine"]["path"] == str(tmp_path / "good.csv")
    assert rows["cdse2022"]["ships"]
    assert not rows["gu2025"]["ships"]
    assert rows["gu2025"]["path"] is None
    assert "closedloop data import gu2025" in CliRunner().invoke(app, ["list"]).stdout


def test_a_faulty_import_is_an_error_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(BAD)
    refused = CliRunner().invoke(app, ["import", "mine", str(tmp_path / "bad.csv")])
    assert isinstance(refused.exception, DataError)
    assert not (tmp_path / "home").exists()
