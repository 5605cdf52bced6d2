"""Cells that are right each by itself and cannot all be true are warned of; those that can stand together are not."""

from pathlib import Path

import pytest

from closedloop.literature import check_table, load_experiments


def _table(folder: Path, cells: str) -> Path:
    path = folder / "t.csv"
    header = "product,reagents,size_nm,size_std_nm,particle_count,shape,success,failure_cause"
    path.write_text(f"{header}\nCdSe,CdO=1,{cells}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ("4.5,0.4,,sphere,FALSE,nothing formed", "failure_cause"),
        (",,,sphere,FALSE,nothing formed", "failure_cause"),
        (",,12,,FALSE,nothing formed", "failure_cause"),
        ("4.5,25,300,sphere,TRUE,", "size_std_nm"),
        ("10,8.5,300,sphere,TRUE,", "size_std_nm"),
    ],
)
def test_cells_that_contradict_each_other_are_warned_of(tmp_path: Path, cells: str, column: str) -> None:
    path = _table(tmp_path, cells)
    assert [(fault.row, fault.column, fault.severity) for fault in check_table(path)] == [(2, column, "warning")]
    (one,) = load_experiments(path)
    assert (one.outcome.learnable_size_nm is None) is (column == "failure_cause")


def test_a_size_of_no_particle_is_an_error(tmp_path: Path) -> None:
    (fault,) = check_table(_table(tmp_path, "4.5,0.4,0,sphere,,"))
    assert fault.severity == "error"
    assert "a size cannot have a particle count of 0" in fault.problem


@pytest.mark.parametrize(
    "cells",
    [
        ",,0,,FALSE,nothing formed",
        ",,,,FALSE,nothing formed",
        "4.5,0.4,300,sphere,FALSE,wrong shape",
        "400,90,20,sphere,FALSE,bulk precipitate",
        "10,7.8,300,sphere,FALSE,too polydisperse",
        ",8,,,,",
    ],
)
def test_cells_that_can_stand_together_pass_without_a_word(tmp_path: Path, cells: str) -> None:
    assert check_table(_table(tmp_path, cells)) == []
