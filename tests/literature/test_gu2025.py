"""gu2025: every known fault is handled, counted, and visible in the experiments that it touched."""

import math
import shutil
from pathlib import Path

import pandas as pd
import pytest

from closedloop.literature import DataError, Loaded, load
from closedloop.literature.gu2025 import COUNTS, EDGE_RATIOS, NEGATIVES, RECIPES, SHAPES, SOURCES, SPREADSHEET
from closedloop.recipes import Experiment, FailureCause, Shape, Vessel


@pytest.fixture(scope="module")
def by_id(gu2025: Loaded) -> dict[str | None, Experiment]:
    return {one.id: one for one in gu2025.experiments}


def test_every_row_is_there_and_the_negatives_are_apart(gu2025: Loaded, by_id: dict[str, Experiment]) -> None:
    assert len(by_id) == len(gu2025.experiments) == 3489 + 5245
    negatives = [one for one in gu2025.experiments if one.source == "gu2025 synthetic negative"]
    assert len(negatives) == 5245
    assert all(one.id is not None and one.id.startswith("gu2025-negative-") for one in negatives)
    assert all(one.outcome.failure_cause is FailureCause.CHEMISTRY_UNSPECIFIED for one in negatives)
    assert all(one.outcome.size_nm is None and one.outcome.particle_count is None for one in negatives)
    assert all(one.outcome.success for one in gu2025.experiments[:3489])


def test_repairs_have_the_counts_that_the_files_have(gu2025: Loaded, gu2025_folder: Path) -> None:
    raw = pd.read_csv(gu2025_folder / RECIPES, keep_default_na=False)
    repairs = gu2025.repairs
    assert repairs["imputed heating rate 13.901: unknown"] == (raw["Speed"].round(4) == 13.9011).sum() == 340
    assert repairs["imputed size distribution 15.150%: unknown"] == 74
    heats = (raw["Speed"] == 0) & (raw["Temperature2"] > raw["Temperature1"])
    assert repairs["heating rate 0 although the recipe heats: unknown"] == heats.sum() == 232
    assert repairs["particle count -1: unknown"] == (raw["Num"] == -1).sum() == 1307
    assert repairs["implausible amount: unknown"] == 30
    assert 470 <= repairs["size converted from an edge length by the publisher: kept"] <= 480
    assert "6 groups of equal recipes" in gu2025.notes[0]


def test_unknown_is_unknown_and_the_rest_is_untouched(gu2025_folder: Path, by_id: dict[str, Experiment]) -> None:
    raw = pd.read_csv(gu2025_folder / RECIPES, keep_default_na=False)
    for row in raw.itertuples():
        one = by_id[f"gu2025-{row.ID}"]
        assert one.recipe.product == row.T2
        assert one.recipe.injection_temperature_c == row.Temperature1
        assert one.recipe.reaction_temperature_c == row.Temperature2
        assert one.recipe.reaction_time_min == row.Time
        assert one.outcome.size_nm == row.Y1
        assert one.outcome.particle_count == (None if row.Num == -1 else row.Num)
        assert list(Shape)[row.Y3] is one.outcome.shape
        if abs(row.Speed - 13.90111345) < 1e-6 or (row.Speed == 0 and row.Temperature2 > row.Temperature1):
            assert one.recipe.heating_rate_c_per_min is None
        else:
            assert one.recipe.heating_rate_c_per_min == row.Speed
        if abs(row.Y2 - 15.15044074) < 1e-6:
            assert one.outcome.size_std_nm is None
        else:
            assert one.outcome.size_std_nm == pytest.approx(row.Y2 * row.Y1 / 100)
        slots = [(getattr(row, f"{slot}2"), getattr(row, f"{slot}1")) for slot in "ABCDEFGHIJKLM"]
        amounts = [amount for name, amount in slots if name != "PlaceHolder"]
        assert len(one.recipe.reagents) == len(amounts)
        for reagent, amount in zip(one.recipe.reagents, amounts, strict=True):
            assert reagent.amount_mmol in (amount, None)


def test_abbreviations_are_what_the_publisher_means(by_id: dict[str, Experiment], gu2025_folder: Path) -> None:
    raw = pd.read_csv(gu2025_folder / RECIPES, keep_default_na=False)
    for written, name in [("NA_", "NA_"), ("DEA", "decylamine"), ("SH", "lithium triethylborohydride"), ("OA", "OA")]:
        number = raw.loc[(raw[[f"{slot}2" for slot in "ABCDEFGHIJKLM"]] == written).any(axis=1), "ID"].iloc[0]
        assert name in {reagent.name for reagent in by_id[f"gu2025-{number}"].recipe.reagents}


def test_sources_and_vessels_come_from_the_publishers_groups(by_id: dict[str, Experiment]) -> None:
    first = by_id["gu2025-1"]
    assert first.source == "self-synthesis"
    vessels = {reagent.name: reagent.vessel for reagent in first.recipe.reagents}
    assert vessels == {
        "PbO": Vessel.FLASK,
        "OLA": Vessel.FLASK,
        "OA": Vessel.FLASK,
        "Se": Vessel.SYRINGE,
        "TOP": Vessel.SYRINGE,
        "ODE": None,
    }


def test_an_implausible_amount_is_unknown(by_id: dict[str, Experiment]) -> None:
    odd = by_id["gu2025-2518"].recipe  # 0.15 µmol of oleic acid: 50 nL
    assert {reagent.name: reagent.amount_mmol for reagent in odd.reagents}["OA"] is None
    iodide = by_id["gu2025-2906"].recipe  # a trace of iodide is what that paper is about
    assert {reagent.name: reagent.amount_mmol for reagent in iodide.reagents}["KI"] == 3e-6


def test_the_edge_factors_are_those_of_the_shapes() -> None:
    assert math.pi * (EDGE_RATIOS[Shape.CUBE] / 2) ** 2 == pytest.approx(1)
    assert math.pi * (EDGE_RATIOS[Shape.TRIANGLE] / 2) ** 2 == pytest.approx(math.sqrt(3) / 4)
    assert math.pi * (EDGE_RATIOS[Shape.RHOMBUS] / 2) ** 2 == pytest.approx(math.sin(math.radians(60)))


def test_the_negatives_can_be_left_out(gu2025_folder: Path) -> None:
    without = load("gu2025", gu2025_folder, negatives=False)
    assert len(without.experiments) == 3489
    assert not any(kind.startswith("negatives:") for kind in without.repairs)


def copy(folder: Path, to: Path) -> Path:
    for name in (RECIPES, NEGATIVES, SHAPES, SOURCES, SPREADSHEET):
        shutil.copy(folder / name, to / name)
        (to / name).chmod(0o644)
    return to


@pytest.mark.parametrize("name", [RECIPES, NEGATIVES, SHAPES, SOURCES, SPREADSHEET])
def test_a_missing_or_damaged_file_is_named(gu2025_folder: Path, tmp_path: Path, name: str) -> None:
    damaged = copy(gu2025_folder, tmp_path)
    whole = (damaged / name).read_bytes()
    (damaged / name).write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        load("gu2025", damaged)
    (damaged / name).rename(damaged / "renamed")
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        load("gu2025", damaged)


@pytest.mark.parametrize("name", [RECIPES, NEGATIVES])
def test_a_file_cut_in_its_last_row_is_refused(gu2025_folder: Path, tmp_path: Path, name: str) -> None:
    damaged = copy(gu2025_folder, tmp_path)
    text = (damaged / name).read_text().rstrip("\n")
    (damaged / name).write_text(text[: text.rindex(",")])
    with pytest.raises(DataError, match="truncated"):
        load("gu2025", damaged)


def test_a_renamed_column_is_named(gu2025_folder: Path, tmp_path: Path) -> None:
    damaged = copy(gu2025_folder, tmp_path)
    (damaged / RECIPES).write_text((damaged / RECIPES).read_text().replace("Speed", "Rate", 1))
    with pytest.raises(DataError, match="Speed"):
        load("gu2025", damaged)


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a folder"):
        load("gu2025", tmp_path / "absent")
    assert COUNTS[RECIPES] == 3489
