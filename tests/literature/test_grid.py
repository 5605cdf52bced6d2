"""What a spreadsheet shows, and what its file holds: cells are handed on as they are shown, or refused."""

from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook

from closedloop.literature import Fault, check_table, load_experiments


def errors(path: Path) -> list[Fault]:
    return [fault for fault in check_table(path) if fault.severity == "error"]


def _excel(
    path: Path, *rows: list[object], merged: tuple[str, ...] = (), formats: dict[str, str] | None = None
) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    for cell, shown in (formats or {}).items():
        book.active[cell].number_format = shown
    for area in merged:
        book.active.merge_cells(area)
    book.save(path)
    return path


def test_merged_cells_are_refused_once_for_each_range(tmp_path: Path) -> None:
    header = ["product", "reagents", "reaction_temperature_c", "injection_temperature_c", "size_nm"]
    rows = [["CdSe", "CdO=0.1", 250, 280, size] for size in (3.0, 4.0, 5.0)]
    path = _excel(tmp_path / "t.xlsx", header, *rows, merged=("A2:A4", "B2:B4", "C3:D3"))
    found = errors(path)
    assert [(fault.row, fault.column, fault.value) for fault in found] == [
        (3, "product", "A2:A4"),
        (3, "reagents", "B2:B4"),
        (3, "injection_temperature_c", "C3:D3"),
    ]
    assert all("merged" in fault.problem and "fill down" in fault.remedy for fault in found)


def test_merged_cells_that_hide_nothing_are_no_fault(tmp_path: Path) -> None:
    header = ["product", "reagents", "size_nm", None, None]
    rows = [["CdSe", "CdO=0.1", None, None, None], ["CdSe", "CdO=0.2", None, None, None]]
    path = _excel(tmp_path / "t.xlsx", header, *rows, merged=("C2:C3", "E2:E3"))
    assert check_table(path) == []
    assert [one.recipe.reagents[0].amount_mmol for one in load_experiments(path)] == [0.1, 0.2]


@pytest.mark.parametrize("cell", ["a note", 0])
@pytest.mark.parametrize("at", [2, 3])
def test_a_column_without_a_header_is_refused_wherever_it_stands(tmp_path: Path, cell: object, at: int) -> None:
    rows = [["product", "reagents", "size_nm"], ["CdSe", "CdO=0.1", 4.0], ["CdSe", "CdO=0.2", 5.0]]
    for row, added in zip(rows, (None, cell, None), strict=True):
        row.insert(at, added)
    (fault,) = errors(_excel(tmp_path / "t.xlsx", *rows))
    assert (fault.row, fault.column) == (1, f"column {at + 1}")
    assert "no header" in fault.problem


@pytest.mark.parametrize("shown", ["0%", "0.0%", '0.0 "%"'])
def test_a_cell_that_shows_a_percentage_is_no_length(tmp_path: Path, shown: str) -> None:
    rows = ["product", "reagents", "size_nm", "size_std_nm"], ["CdSe", "CdO=0.1", 4.0, 0.08]
    assert check_table(_excel(tmp_path / "t.xlsx", *rows)) == []
    (fault,) = errors(_excel(tmp_path / "t.xlsx", *rows, formats={"D2": shown}))
    assert (fault.column, fault.value) == ("size_std_nm", "0.08 %" if '"' in shown else "8%")
    assert "'%' behind the number" in fault.problem


def test_a_unit_that_only_the_format_of_a_cell_shows_is_refused_as_if_it_were_typed(tmp_path: Path) -> None:
    header = ["product", "reagents", "reaction_temperature_c", "reaction_time_min", "size_nm"]
    path = _excel(
        tmp_path / "t.xlsx",
        header,
        ["CdSe", "CdO=0.1", 433, 2, 90],
        ["CdSe", "CdO=0.2", 160, 5, 9],
        ["CdSe", "CdO=0.3", "433 K", "2 h", "9 nm"],
        formats={"C2": '0" K"', "D2": '0" h"', "E2": '0" Å"', "C3": "0.00", "D3": "[Red]0", "E3": '0" nm"'},
    )
    assert [(fault.row, fault.column, fault.value) for fault in errors(path)] == [
        (2, "reaction_temperature_c", "433 K"),
        (2, "reaction_time_min", "2 h"),
        (2, "size_nm", "90 Å"),
        (3, "size_nm", "9 nm"),
        (4, "reaction_temperature_c", "433 K"),
        (4, "reaction_time_min", "2 h"),
        (4, "size_nm", "9 nm"),
    ]
    assert len({fault.remedy for fault in errors(path)}) == 1


def test_a_named_index_of_parquet_is_a_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"reagents": ["CdO=1", "CdO=2"], "size_nm": [4.0, 5.0]})
    for names in ("id", "product"), ("product", "id"):
        values = {"id": ["r1", "r2"], "product": ["CdSe", "PbS"]}
        frame.index = pd.MultiIndex.from_arrays([values[name] for name in names], names=names)
        frame.to_parquet(tmp_path / "t.parquet")
        assert [(one.id, one.recipe.product) for one in load_experiments(tmp_path / "t.parquet")] == [
            ("r1", "CdSe"),
            ("r2", "PbS"),
        ]
    frame.reset_index().rename_axis("ID").to_parquet(tmp_path / "t.parquet")
    assert "second column" in errors(tmp_path / "t.parquet")[0].problem
