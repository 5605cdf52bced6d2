"""The data inside the package: what ships is the published table, but for the cells that are accounted for."""

import csv
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from closedloop.chemistry import resolve
from closedloop.literature import DataError, check_table, load, load_experiments
from closedloop.literature.build_agnp2021 import build as build_agnp
from closedloop.literature.build_cdse2022 import CHEMICALS, DERIVED, NUMBERS, build
from closedloop.recipes import Experiment, Method, Vessel

DATA = Path(str(files("closedloop.literature").joinpath("data")))


@pytest.fixture(scope="module")
def cdse() -> list[Experiment]:
    return load_experiments("cdse2022")


def test_all_234_recipes_load_without_a_word(cdse: list[Experiment]) -> None:
    assert len(cdse) == len({one.id for one in cdse}) == 234
    assert check_table(DATA / "cdse2022.csv") == []
    assert len({one.source for one in cdse}) == 29


def test_methods_sizes_and_peaks_are_those_of_the_source(cdse: list[Experiment]) -> None:
    methods = Counter(one.outcome.evidence.method for one in cdse if one.outcome.evidence)
    assert methods == {Method.TEM: 177, Method.ABSORBANCE: 57}
    assert all(one.outcome.success and one.outcome.size_nm for one in cdse)
    assert sum("absorbance_peak_nm" in one.outcome.observables for one in cdse) == 196
    assert sum("photoluminescence_peak_nm" in one.outcome.observables for one in cdse) == 157


def test_every_chemical_resolves(cdse: list[Experiment]) -> None:
    names = {reagent.name for one in cdse for reagent in one.recipe.reagents}
    assert not {"None", "myrstic acid", "liquid parafin"} & names
    for name in names:
        resolve(name)


def test_known_rows_by_hand(cdse: list[Experiment]) -> None:
    first = cdse[0]
    assert first.recipe.amount_mmol("cadmium stearate") == 0.2
    assert first.recipe.amount_mmol("octadecene") == pytest.approx(10 / 252.486 * 1000, rel=1e-3)  # 10 g
    assert first.outcome.observables == {"absorbance_peak_nm": 566.0, "photoluminescence_peak_nm": 575.0}
    vessels = {reagent.name: reagent.vessel for reagent in first.recipe.reagents}
    assert vessels["Se powder"] is vessels["trioctylphosphine"] is Vessel.SYRINGE
    assert vessels["cadmium stearate"] is vessels["octadecene"] is Vessel.FLASK
    two_amines = [one for one in cdse if one.recipe.amount_mmol("dioctylamine") or "dioctylamine" in str(one.recipe)]
    assert len(two_amines) == 6
    assert all(
        reagent.amount_mmol is None
        for one in two_amines
        for reagent in one.recipe.reagents
        if reagent.name in ("dioctylamine", "hexadecylamine")
    )


def test_contradictions_between_mass_and_amount_are_mended_or_unknown(cdse: list[Experiment]) -> None:
    # 4.0 g of tributylphosphine stand beside 10.8 mmol, which is 4.0 g of trioctylphosphine.
    amounts = {one.recipe.amount_mmol("tributylphosphine") for one in cdse if "tributylphosphine" in str(one.recipe)}
    assert any(amount == pytest.approx(4.0 / 202.32 * 1000, rel=1e-3) for amount in amounts)
    assert 10.8 not in amounts
    # 4.4472 g of trioctylphosphine stand beside 0.6 mmol: neither can be believed.
    assert 0.6 not in {one.recipe.amount_mmol("trioctylphosphine") for one in cdse}


def test_the_shipped_table_is_the_published_one_but_for_the_listed_changes(shared_data: Path, tmp_path: Path) -> None:
    raw_file = shared_data / "cdse2022" / "CdSe - Raw.csv"
    assert build(raw_file, tmp_path) == (234, 1141)
    for name in ("cdse2022.csv", "cdse2022_changes.csv"):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()
    assert (DATA / "cdse2022_LICENSE.txt").read_text() == (shared_data / "cdse2022" / "LICENSE.txt").read_text()

    with raw_file.open(newline="", encoding="utf-8-sig") as file:
        raw = list(csv.DictReader(file))
    shipped = list(csv.DictReader((DATA / "cdse2022.csv").read_text(encoding="utf-8").splitlines()))
    changes = {
        (row["id"], row["column"]): row
        for row in csv.DictReader((DATA / "cdse2022_changes.csv").read_text(encoding="utf-8").splitlines())
    }
    amount_of = {name: amount for name, _, amount, _ in CHEMICALS}
    mass_of = {name: mass for name, mass, _, _ in CHEMICALS}
    seen = set()
    for before, after in zip(raw, shipped, strict=True):
        entries = dict(entry.split("=", 1) for entry in after["reagents"].split("; "))
        for column, value in before.items():
            change = changes.get((after["id"], column))
            if change is not None:
                seen.add((after["id"], column))
                assert change["raw"] == value != change["shipped"], change
                value = change["shipped"]
            if column in DERIVED or column in mass_of.values():
                continue
            if column in NUMBERS:
                assert after[NUMBERS[column]] == value
            elif column == "Citation":
                assert after["source"] == value
            elif column == "Diameter from":
                assert after["method"] == value
            elif column in amount_of:
                for name in filter(None, value.split("; ")):
                    amount_column = amount_of[column] or mass_of[column]
                    amount_change = changes.get((after["id"], amount_column))
                    expected = amount_change["shipped"] if amount_change else before[amount_column]
                    assert entries.pop(name).split(" ")[0] == expected
        assert not entries, "a chemical that the published row does not have"
    assert seen == set(changes)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="not the published table"):
        build(tmp_path / "raw.csv", tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        build(tmp_path / "absent.csv", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw.csv"]


def test_agnp_readings_keep_their_settings(shared_data: Path, tmp_path: Path) -> None:
    raw_file = shared_data / "agnp2021" / "AgNP_dataset.csv"
    assert build_agnp(raw_file, tmp_path) == 164
    assert (tmp_path / "agnp2021.csv").read_bytes() == (DATA / "agnp2021.csv").read_bytes()
    with raw_file.open(newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    loaded = load("agnp2021").experiments
    keys = ("agno3_flow_percent", "pva_flow_percent", "trisodium_citrate_flow_percent", "seed_flow_percent")
    keys += ("total_flow_ul_per_min", "spectral_loss")
    read = Counter(tuple(one.outcome.observables[key] for key in keys) for one in loaded)
    assert read == Counter(tuple(float(value) for value in row) for row in rows)
    assert len({one.id for one in loaded}) == len(loaded) == 3295
    assert all(one.outcome.size_nm is None for one in loaded)
