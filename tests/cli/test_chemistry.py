"""``closedloop chemistry``: facts and drawings, JSON alone on standard output, named errors."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from closedloop.cli import main
from closedloop.cli.app import app


def test_show_prints_the_facts_the_drawing_and_how_to_keep_it() -> None:
    result = CliRunner().invoke(app, ["chemistry", "show", "OAm"], env={"COLUMNS": "100"})
    assert result.exit_code == 0
    facts = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if " " in line[:15] and line[0] != " ")
    assert facts["name"] == "oleylamine"
    assert facts["formula"] == "C18H37N"
    assert facts["SMILES"] == r"CCCCCCCC/C=C\CCCCCCCCN"
    for text in ("267.501 g/mol", "0.813 g/mL", "21 °C", "364 °C", "ligand", "OLA", "Sigma-Aldrich", "OPSIN", "--svg"):
        assert text in result.stdout
    assert any(0x2800 < ord(letter) < 0x2900 for letter in result.stdout)


def test_what_is_unknown_is_said_and_nothing_is_drawn_of_a_polymer() -> None:
    result = CliRunner().invoke(app, ["chemistry", "show", "PVP"])
    assert result.exit_code == 0
    assert "unknown" in result.stdout
    assert "nominal" in result.stdout
    assert "none: no single structure" in result.stdout
    assert "--svg" not in result.stdout


def test_square_brackets_are_no_markup() -> None:
    assert "[Cd+2].[O-2]" in CliRunner().invoke(app, ["chemistry", "show", "CdO"]).stdout


def test_show_writes_the_drawing_and_json(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    result = CliRunner().invoke(app, ["chemistry", "show", "oleic acid", "--svg", str(path), "--json"])
    assert result.exit_code == 0
    shown = json.loads(result.stdout)
    assert (shown["name"], shown["molar_mass_g_per_mol"], shown["drawing"]) == ("oleic acid", 282.468, str(path))
    assert shown["role"] == "ligand"
    assert "<svg" in path.read_text()
    assert json.loads(CliRunner().invoke(app, ["chemistry", "show", "CdO", "--json"]).stdout)["boiling_point_c"] is None


def test_list_by_role() -> None:
    result = CliRunner().invoke(app, ["chemistry", "list", "--role", "solvent", "--json"])
    listed = json.loads(result.stdout)["substances"]
    assert {"1-octadecene", "toluene"} <= {one["name"] for one in listed}
    assert {one["role"] for one in listed} == {"solvent"}
    plain = CliRunner().invoke(app, ["chemistry", "list", "--role", "solvent"]).stdout.splitlines()
    assert len(plain) == len(listed)
    assert CliRunner().invoke(app, ["chemistry", "list", "--role", "colour"]).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "name", "words"),
    [
        (["show", "oleic acod"], "UnknownChemical", "'oleic acid'"),
        (["show", "SA"], "AmbiguousChemical", "'stearic acid'"),
        (["show", ""], "UnknownChemical", "''"),
        (["show", "OA", "--svg", "no/such/folder/a.svg"], "DrawingError", "no/such/folder"),
        (["show", "PVP", "--svg", "a.svg"], "DrawingError", "no single structure"),
    ],
)
def test_errors_are_one_named_line(
    arguments: list[str],
    name: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["closedloop", "chemistry", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert shown.out == ""
    assert shown.err.startswith(f"{name}: ")
    assert words in shown.err
    assert shown.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
