"""The registry: every spelling finds its substance, nothing is guessed, and RDKit agrees with the frozen masses."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from closedloop.chemistry import (
    InvalidFormula,
    UnknownChemical,
    composition,
    known_names,
    molar_mass_g_per_mol,
    resolve,
)
from closedloop.chemistry.build import atoms_of, build
from closedloop.chemistry.formula import parse_formula
from closedloop.chemistry.registry import substances
from closedloop.recipes import Role

DATA = Path(sys.modules["closedloop.chemistry.registry"].__file__ or "").parent / "data"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("ODE", "1-octadecene"),
        ("octadecene", "1-octadecene"),
        ("1 - Octadecene", "1-octadecene"),
        ("1‑octadecene", "1-octadecene"),  # a non-breaking hyphen, as PDFs have it
        ("Se powder", "selenium"),
        ("selenium", "selenium"),
        ("Se", "selenium"),
        ("cdo", "cadmium oxide"),
        ("cadmium oxide", "cadmium oxide"),
        ("TOP", "trioctylphosphine"),
        ("tri-n-octyl phosphine oxide", "trioctylphosphine oxide"),
        ("OA", "oleic acid"),
        ("OLA", "oleylamine"),
        ("phenyl ether", "diphenyl ether"),
        ("Cd(OAc)₂·2H₂O", "cadmium acetate dihydrate"),
        ("Cd(OAc)2.2H2O", "cadmium acetate dihydrate"),
        ("N,N′-diphenylthiourea", "N,N'-diphenylthiourea"),
        ("SULPHUR", "sulfur"),
        ("caesium carbonate", "cesium carbonate"),
        ("NA_", "nonanoic acid"),
    ],
)
def test_spellings_of_one_chemical_resolve_to_it(written: str, canonical: str) -> None:
    assert resolve(written).name == canonical


@pytest.mark.parametrize("written", ["DEA", "SA", "TPP", "cs2", "Na", "oleic", "", "Cd", "octadecen"])
def test_what_is_ambiguous_or_unknown_is_refused(written: str) -> None:
    with pytest.raises(UnknownChemical):
        resolve(written)


def test_a_refusal_names_what_looks_like_it() -> None:
    with pytest.raises(UnknownChemical, match="'oleic acod'; did you mean 'oleic acid'") as caught:
        resolve("oleic acod")
    assert caught.value.nearest[0] == "oleic acid"


def test_every_name_and_synonym_resolves_to_its_own_substance() -> None:
    for substance in substances():
        for name in (substance.name, *substance.synonyms):
            assert resolve(name) is substance


def test_rdkit_agrees_with_every_frozen_formula_and_mass() -> None:
    from rdkit import Chem
    from rdkit.Chem.Descriptors import MolWt

    compared = 0
    for substance in substances():
        if substance.smiles:
            compared += 1
            assert atoms_of(substance.smiles) == dict(parse_formula(substance.formula)), substance.name
            assert MolWt(Chem.MolFromSmiles(substance.smiles)) == pytest.approx(
                substance.molar_mass_g_per_mol, abs=2e-3
            )
        assert molar_mass_g_per_mol(substance.formula) == pytest.approx(substance.molar_mass_g_per_mol, abs=2e-3)
    assert compared > 0.9 * len(known_names())


def test_physical_properties_are_plausible_and_sourced() -> None:
    for substance in substances():
        if substance.density_g_per_ml or substance.melting_point_c or substance.boiling_point_c:
            assert substance.source, substance.name
        if substance.role in (Role.SOLVENT, Role.LIGAND) and substance.density_g_per_ml:
            assert 0.6 < substance.density_g_per_ml < 1.7, substance.name
        if substance.melting_point_c is not None and substance.boiling_point_c is not None:
            assert substance.melting_point_c < substance.boiling_point_c, substance.name


def test_building_again_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "substances.csv").write_bytes((DATA / "substances.csv").read_bytes())
    build(tmp_path)
    for name in ("substances.csv", "elements.csv"):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()


def test_building_refuses_a_smiles_of_another_compound(tmp_path: Path) -> None:
    with (DATA / "substances.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    next(row for row in rows if row["name"] == "oleic acid")["smiles"] = "CCO"
    with (tmp_path / "substances.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    before = (tmp_path / "substances.csv").read_bytes()
    with pytest.raises(InvalidFormula, match="oleic acid"):
        build(tmp_path)
    assert (tmp_path / "substances.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CdSe-1", {"Cd": 1, "Se": 1}),
        ("Cs2InCl5-H2O", {"Cs": 2, "In": 1, "Cl": 5, "H": 2, "O": 1}),
        ("Cu1.4Te", {"Cu": 1.4, "Te": 1}),
        ("CH6NPbBr3", {"C": 1, "H": 6, "N": 1, "Pb": 1, "Br": 3}),
        ("Ca3(PO4)2", {"Ca": 3, "P": 2, "O": 8}),
        ("InAc3", {"In": 1, "C": 6, "H": 9, "O": 6}),
        ("oleic acid", {"C": 18, "H": 34, "O": 2}),
        ("CoP ", {"Co": 1, "P": 1}),
    ],
)
def test_composition(name: str, expected: dict[str, float]) -> None:
    assert composition(name) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["Ac", "CdXx", "Cd(Se", "CdSe)", "", "2", "Cd0", "OPA", "DOPA", "Cd Se?"])
def test_what_is_no_formula_is_refused(name: str) -> None:
    with pytest.raises(InvalidFormula):
        composition(name)


def test_the_registry_loads_without_rdkit() -> None:
    script = "import sys, closedloop.chemistry as c; c.resolve('ODE'); sys.exit('rdkit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, cwd=Path(__file__).parents[2]).returncode == 0
