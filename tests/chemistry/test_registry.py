"""The registry: every spelling finds its substance, nothing is guessed, and RDKit agrees with the frozen masses."""

import csv
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.chemistry import (
    AmbiguousChemical,
    InvalidFormula,
    Substance,
    UnknownChemical,
    canonical_name,
    chemical_key,
    composition,
    known_names,
    molar_mass_g_per_mol,
    resolve,
    usual_role,
)
from closedloop.chemistry.build import atoms_of, build
from closedloop.chemistry.formula import parse_formula, without_phase
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
        ("OAm", "oleylamine"),
        ("oleic acid, technical grade, 90%", "oleic acid"),
        ("Oleylamine (70%, technical grade)", "oleylamine"),
        ("1-octadecene (ODE, 90%)", "1-octadecene"),
        ("stearic acid (SA)", "stearic acid"),
        ("SA (stearic acid)", "stearic acid"),
        ("HMDS (hexamethyldisilazane)", "hexamethyldisilazane"),
        ("TEG (tetraethylene glycol, 99%)", "tetraethylene glycol"),
        ("TBAB (borane tert-butylamine complex)", "borane tert-butylamine complex"),
        ("selenium powder (99.99%, trace metals basis)", "selenium"),
        ("Zinc acetate, anhydrous", "zinc acetate"),
        ("di-n-octyl ether", "dioctyl ether"),
        ("tri(n-octyl)phosphine", "trioctylphosphine"),
        ("n-octylamine", "octylamine"),
        ("1-hexadecylamine", "hexadecylamine"),
        ("dodecane-1-thiol", "1-dodecanethiol"),
        ("TOP-Se", "trioctylphosphine selenide"),
        ("TOP:Se", "trioctylphosphine selenide"),
        ("lead (II) oxide", "lead(II) oxide"),
        ("Pb(OAc)2·3H2O", "lead(II) acetate trihydrate"),
        ("Pb(CH3COO)2.3H2O", "lead(II) acetate trihydrate"),
        ("lead(II) acetate trihydrate (Pb(OAc)2·3H2O)", "lead(II) acetate trihydrate"),
        ("HAuCl4·3 H2O", "chloroauric acid trihydrate"),
        ("HAuCl4 x 3H2O", "chloroauric acid trihydrate"),
        ("hydrogen tetrachloroaurate(III) trihydrate", "chloroauric acid trihydrate"),
        ("CdCl2 2.5H2O", "cadmium chloride hemipentahydrate"),
        ("Zn(O2CCH3)2·2H2O", "zinc acetate dihydrate"),
        ("indium(Ⅲ) acetate", "indium(III) acetate"),
        ("aluminium isopropoxide", "aluminum isopropoxide"),
        ("SnOct2", "tin(II) 2-ethylhexanoate"),
        ("HgAc2", "mercury(II) acetate"),
        ("HAc", "acetic acid"),
        ("HAuCl4", "chloroauric acid"),
        ("CuTB", "copper(I) thiobenzoate"),
        ("se", "selenium"),
        ("Zn", "zinc"),
        ("Zn powder", "zinc"),
        ("zinc dust (99%)", "zinc"),
        ("In shot", "indium"),
        ("indium (In)", "indium"),
        ("Sn granules", "tin"),
        ("Na", "sodium"),
        ("Hg", "mercury"),
        ("gold", "gold"),
        ("silver wire", "silver"),
        ("aluminium foil", "aluminum"),
        ("absolute ethanol", "ethanol"),
        ("ethanol (absolute)", "ethanol"),
        ("CdSt2", "cadmium stearate"),
        ("Zn(St)2", "zinc stearate"),
        ("11-MUA", "11-mercaptoundecanoic acid"),
        ("BME", "2-mercaptoethanol"),
        ("EDTA", "ethylenediaminetetraacetic acid"),
        ("hydroiodic acid", "hydriodic acid"),
        ("NH2NH2", "hydrazine"),
        ("DDABr", "didodecyldimethylammonium bromide"),
        ("t-butylamine borane", "borane tert-butylamine complex"),
        ("octadec-9-en-1-amine", "oleylamine"),
        ("Na3C6H5O7", "sodium citrate"),
        ("Sn(acac)2Cl2", "tin(IV) bis(acetylacetonate) dichloride"),
        ("DPPS", "diphenylphosphine sulfide"),
        ("KHMDS", "potassium bis(trimethylsilyl)amide"),
        ("NOBF4", "nitrosonium tetrafluoroborate"),
        ("Triton X100", "Triton X-100"),
    ],
)
def test_spellings_of_one_chemical_resolve_to_it(written: str, canonical: str) -> None:
    assert resolve(written).name == canonical


@pytest.mark.parametrize(
    "written",
    [
        *("DEA", "SA", "TPP", "cs2", "oleic", "", "octadecen"),
        # A metal by its symbol, but not what is an abbreviation or a word in another case.
        *("NA", "na", "CD", "GA", "in", "AL", "Na 5", "In ODE"),
        # OLA is oleylamine; a chain of 16 is no 1-hexadecene because it begins with a 1; TOP in ODE is a stock.
        *("TEG (oleic acid)", "SA (OA)", "SA (stearic)"),
        *("oleic acid (OLA)", "1-hexadecane", "5% TOP in ODE", "n-", "(90%)", "()", "technical grade"),
    ],
)
def test_what_is_ambiguous_or_unknown_is_refused(written: str) -> None:
    with pytest.raises(UnknownChemical):
        resolve(written)


def test_a_refusal_names_what_looks_like_it() -> None:
    with pytest.raises(UnknownChemical, match="'oleic acod'; did you mean 'oleic acid'") as caught:
        resolve("oleic acod")
    assert caught.value.nearest[0] == "oleic acid"


@pytest.mark.parametrize(
    ("written", "meanings"),
    [
        ("DEA", ("decylamine", "diethanolamine", "diethylamine")),
        ("TPP", ("triphenylphosphine", "triphenyl phosphate", "triphenyl phosphite")),
        ("iron chloride", ("iron(II) chloride", "iron(III) chloride")),
        ("HMDS", ("hexamethyldisilazane", "bis(trimethylsilyl) sulfide")),
        ("Meerwein's salt", ("triethyloxonium tetrafluoroborate", "trimethyloxonium tetrafluoroborate")),
        ("TEG", ("triethylene glycol", "tetraethylene glycol")),
        ("SA (95%)", ("stearic acid", "succinic acid", "salicylic acid")),
    ],
)
def test_an_ambiguous_name_is_refused_with_everything_that_it_can_mean(written: str, meanings: tuple[str, ...]) -> None:
    with pytest.raises(AmbiguousChemical) as caught:
        resolve(written)
    assert caught.value.nearest == meanings
    assert all(repr(meaning) in str(caught.value) for meaning in meanings)


def test_what_ambiguous_names_can_mean_is_known_and_no_ambiguous_name_is_a_synonym() -> None:
    with (DATA / "ambiguous.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for meaning in row["means"].split(";"):
            assert resolve(meaning).name == meaning
        with pytest.raises(AmbiguousChemical):
            resolve(row["name"])


def test_suggestions_are_different_substances() -> None:
    with pytest.raises(UnknownChemical) as caught:
        resolve("oleic acod")
    assert len({resolve(name).name for name in caught.value.nearest}) == 3


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40) | st.text("CHOPSdelZn()[]{}0123456789·.,-–% \u2082\tx", max_size=60))
def test_any_text_is_a_substance_or_an_unknown_chemical(text: str) -> None:
    try:
        found = resolve(text)
    except UnknownChemical as refused:
        said = str(refused)
        assert "unknown chemical" in said or "ambiguous chemical" in said
    else:
        assert isinstance(found, Substance)


@pytest.mark.parametrize("text", ["x" * 100_000, "ODE (" * 5000 + ")" * 5000, "n-" * 50_000, "(" * 5000, "9%" * 5000])
def test_long_texts_are_refused_at_once(text: str) -> None:
    started = time.process_time()
    with pytest.raises(UnknownChemical) as caught:
        resolve(text)
    assert str(caught.value)
    assert time.process_time() - started < 1


def test_names_of_gu2025_that_readers_of_abbreviations_get_wrong() -> None:
    # Carbon, hydrogen and metal counted by hand: Sn(C8H15O2)2, Hg(C2H3O2)2, C2H4O2, HAuCl4.
    assert composition("SnOct2") == pytest.approx({"Sn": 1, "C": 16, "H": 30, "O": 4})
    assert composition("HgAc2") == pytest.approx({"Hg": 1, "C": 4, "H": 6, "O": 4})
    assert composition("HAc") == pytest.approx({"C": 2, "H": 4, "O": 2})
    assert composition("HAuCl4") == pytest.approx({"H": 1, "Au": 1, "Cl": 4})


def test_every_name_of_cdse2022_is_known_and_nearly_every_slot_of_gu2025(shared_data: Path) -> None:
    from closedloop.literature import load_experiments
    from closedloop.literature.gu2025 import EMPTY_SLOT, RECIPES, SLOTS, abbreviations

    assert all(resolve(r.name) for one in load_experiments("cdse2022") for r in one.recipe.reagents)
    with (shared_data / "gu2025" / RECIPES).open(newline="", encoding="utf-8-sig") as file:
        written = [row[f"{slot}2"].strip() for row in csv.DictReader(file) for slot in SLOTS]
    names = [abbreviations().get(name, name) for name in written if name != EMPTY_SLOT]
    assert sum(_is_known(name) for name in names) / len(names) >= 0.99


def _is_known(name: str) -> bool:
    try:
        resolve(name)
    except UnknownChemical:
        return False
    return True


def test_every_name_and_synonym_resolves_to_its_own_substance() -> None:
    for substance in substances():
        for name in (substance.name, *substance.synonyms):
            assert resolve(name) is substance


def test_rdkit_agrees_with_every_structure_formula_and_mass() -> None:
    from rdkit import Chem
    from rdkit.Chem.Descriptors import MolWt  # type: ignore[attr-defined]

    compared = 0
    for substance in substances():
        if substance.smiles:
            compared += 1
            molecule = Chem.MolFromSmiles(substance.smiles)
            assert atoms_of(substance.smiles) == dict(parse_formula(substance.formula)), substance.name
            assert MolWt(molecule) == pytest.approx(substance.molar_mass_g_per_mol, abs=2e-3), substance.name
            assert Chem.GetFormalCharge(molecule) == 0, substance.name
            assert not any(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms() if atom.GetSymbol() in "CNO")
        assert molar_mass_g_per_mol(substance.formula) == pytest.approx(substance.molar_mass_g_per_mol, abs=2e-3)
    assert compared > 0.98 * len(known_names())


@pytest.mark.parametrize(
    "water", ["·{}H2O", ".{}H2O", " {}H2O", " x {} H2O", " · {} H₂O", "*{}H2O", "-{}H2O", "·{}H2O (98%)"]
)
@pytest.mark.parametrize(
    ("salt", "count", "hydrate"),
    [
        ("cadmium acetate", 2, "cadmium acetate dihydrate"),
        ("zinc acetate", 2, "zinc acetate dihydrate"),
        ("Zinc(II) acetate", 2, "zinc acetate dihydrate"),
        ("Cadmium nitrate", 4, "cadmium nitrate tetrahydrate"),
        ("cadmium chloride", 2.5, "cadmium chloride hemipentahydrate"),
        ("copper(II) sulfate", 5, "copper(II) sulfate pentahydrate"),
        ("copper(II) sulphate", 5, "copper(II) sulfate pentahydrate"),
    ],
)
def test_water_of_crystallisation_after_a_salt_in_words(salt: str, count: float, hydrate: str, water: str) -> None:
    assert resolve(f"{salt}{water.format(count)}").name == hydrate


@pytest.mark.parametrize(
    "written",
    [
        "cadmium acetate·3H2O",
        "cadmium acetate·12.5H2O",
        "cadmium acetate·H2O",
        "zinc acetate·xH2O",
        "zinc acetate x H2O",
        "copper(II) acetate x H2O",
        "zinc acetate·nH2O",
        "iron chloride·6H2O",
        "cadmium acetate dihydrate·2H2O",
        "oleic acid 2H2O",
        "unobtainium acetate·2H2O",
        "·2H2O",
    ],
)
def test_a_hydrate_that_is_not_held_is_never_guessed(written: str) -> None:
    with pytest.raises(UnknownChemical):
        resolve(written)


def test_a_hydrate_is_its_salt_and_the_water_that_its_name_states() -> None:
    counts = ["mono", "di", "tri", "tetra", "penta", "hexa", "hepta", "octa", "nona", "deca"]
    hydrates = [
        (resolve(name.removesuffix(f" {word}hydrate")), resolve(name), number)
        for name in known_names()
        for number, word in enumerate(counts, 1)
        if name.endswith(f" {word}hydrate")
    ]
    assert len(hydrates) > 50
    for salt, hydrate, number in hydrates:
        water = number * resolve("water").molar_mass_g_per_mol
        assert hydrate.molar_mass_g_per_mol == pytest.approx(salt.molar_mass_g_per_mol + water, abs=0.01), hydrate.name


def test_no_structure_is_listed_twice_but_for_stated_mixtures() -> None:
    from rdkit import Chem

    seen: dict[str, str] = {}
    for substance in substances():
        if substance.smiles and not substance.nominal:
            canonical = Chem.CanonSmiles(substance.smiles)
            assert canonical not in seen, (substance.name, seen.get(canonical))
            seen[canonical] = substance.name


def test_every_row_says_what_it_rests_on() -> None:
    for substance in substances():
        assert substance.structure_source, substance.name
        assert substance.structure_source.startswith(("OPSIN ", "formula", "by hand: ")), substance.name
        assert substance.role is not None, substance.name
        if substance.smiles is None:
            assert substance.nominal or substance.structure_source == "formula", substance.name


def test_bulk_properties_are_plausible_and_sourced() -> None:
    for substance in substances():
        bulk = (substance.density_g_per_ml, substance.melting_point_c, substance.boiling_point_c)
        if any(value is not None for value in bulk):
            assert substance.source, substance.name
        if substance.density_g_per_ml is not None:
            heaviest = 1.7 if substance.role in (Role.SOLVENT, Role.LIGAND) else 12
            assert 0.6 < substance.density_g_per_ml < heaviest, substance.name
        if substance.melting_point_c is not None and substance.boiling_point_c is not None:
            assert substance.melting_point_c < substance.boiling_point_c, substance.name
        if substance.boiling_point_c is not None:
            assert -100 < substance.boiling_point_c < 2700, substance.name


# By hand from the CRC Handbook and suppliers' data, as the table, but typed a second time.
@pytest.mark.parametrize(
    ("name", "molar_mass", "boiling_point_c"),
    [
        ("1-octadecene", 252.48, 315),
        ("diphenyl ether", 170.21, 258),
        ("dibenzyl ether", 198.26, 298),
        ("dioctyl ether", 242.44, 287),
        ("hexadecane", 226.44, 287),
        ("1-hexadecene", 224.43, 285),
        ("1-tetradecene", 196.37, 251),
        ("1-eicosene", 280.53, 341),
        ("mesitylene", 120.19, 165),
        ("tetralin", 132.20, 207),
        ("1,2-dichlorobenzene", 147.00, 180),
        ("1,2,4-trichlorobenzene", 181.45, 213),
        ("toluene", 92.14, 110.6),
        ("ethylene glycol", 62.07, 197),
        ("DMF", 73.09, 153),
        ("oleylamine", 267.49, 364),
        ("trioctylphosphine", 370.64, None),
        ("HAuCl4·3H2O", 393.83, None),
        ("cadmium acetate dihydrate", 266.53, None),
        ("phosphorus tribromide", 270.69, 173),
        ("boron tribromide", 250.52, 91),
        ("benzyl bromide", 171.03, 201),
        ("mercury", 200.59, 356.7),
        ("lipoic acid", 206.32, None),
        ("3-(N,N-dimethyloctadecylammonio)propanesulfonate", 419.7, None),
        ("Triton X-100", 625, None),
        ("Igepal CO-520", 441, None),
    ],
)
def test_masses_and_boiling_points_of_common_chemicals(
    name: str, molar_mass: float, boiling_point_c: float | None
) -> None:
    substance = resolve(name)
    assert substance.molar_mass_g_per_mol == pytest.approx(molar_mass, rel=2e-3 if substance.nominal else 2e-4)
    assert substance.boiling_point_c == (None if boiling_point_c is None else pytest.approx(boiling_point_c, abs=2))


def test_every_solvent_has_a_boiling_point_but_those_that_the_documents_name() -> None:
    text = " ".join((Path(__file__).parents[2] / "docs" / "chemistry.md").read_text(encoding="utf-8").split())
    for substance in substances():
        if substance.role is Role.SOLVENT and substance.boiling_point_c is None:
            assert substance.name in text, substance.name


def test_building_again_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "substances.csv").write_bytes((DATA / "substances.csv").read_bytes())
    build(tmp_path)
    for name in ("substances.csv", "elements.csv"):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("smiles", "CCO", "the SMILES holds"),
        ("smiles", "CCCCCCCC/C=C\\CCCCCCCC(=O)[OH2+]", "oleic acid"),
        ("formula", "C18H35O2", "the SMILES holds"),
        ("structure_source", "", "what its structure rests on"),
    ],
)
def test_building_refuses_a_faulty_row_and_leaves_the_table(
    tmp_path: Path, column: str, value: str, words: str
) -> None:
    with (DATA / "substances.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    next(row for row in rows if row["name"] == "oleic acid")[column] = value
    with (tmp_path / "substances.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    before = (tmp_path / "substances.csv").read_bytes()
    with pytest.raises(InvalidFormula, match=f"oleic acid.*{words}" if words != "oleic acid" else words):
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


@pytest.mark.parametrize(("product", "formula"), [("Cu2ZnSnS4-2", "Cu2ZnSnS4"), ("CdSe", "CdSe"), (" CdSe-1 ", "CdSe")])
def test_a_phase_is_no_part_of_the_composition(product: str, formula: str) -> None:
    assert without_phase(product) == formula


@pytest.mark.parametrize("name", ["Ac", "CdXx", "Cd(Se", "CdSe)", "", "2", "Cd0", "OPA", "DOPA", "Cd Se?"])
def test_what_is_no_formula_is_refused(name: str) -> None:
    with pytest.raises(InvalidFormula):
        composition(name)


def test_the_registry_loads_without_rdkit() -> None:
    script = "import sys, closedloop.chemistry as c; c.resolve('ODE'); sys.exit('rdkit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, cwd=Path(__file__).parents[2]).returncode == 0


def test_a_name_that_is_not_known_stands_for_itself_and_has_no_role() -> None:
    assert (canonical_name("ODE"), usual_role("ODE")) == ("1-octadecene", Role.SOLVENT)
    assert chemical_key("ODE") == "1-octadecene"
    assert chemical_key("Grandmother’s  salt") == chemical_key("grandmother's-salt") != chemical_key("other salt")
    assert (canonical_name("grandmother's salt"), usual_role("grandmother's salt")) == ("grandmother's salt", None)


@pytest.mark.parametrize("name", ["Pb(SCN)2", "CuSCN", "PbBr2", "CuI"])
def test_a_salt_that_brings_a_metal_is_its_source(name: str) -> None:
    assert usual_role(name) is Role.CATION_PRECURSOR


@pytest.mark.parametrize("acid", ["oleate", "myristate", "stearate"])
def test_soaps_are_ligands(acid: str) -> None:
    assert usual_role(f"sodium {acid}") is Role.LIGAND


def test_ammonia_in_water_is_one_chemical_counted_as_ammonia() -> None:
    for name in ("NH3·H2O", "NH4OH", "ammonium hydroxide", "aqueous ammonia", "ammonia solution (28%)"):
        assert resolve(name) is resolve("ammonia solution")
    assert resolve("NH4OH").molar_mass_g_per_mol == pytest.approx(17.03, abs=0.01)
    assert resolve("NH4OH").nominal
