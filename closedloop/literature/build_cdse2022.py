"""The published CdSe table -> the table that ships: ``python -m closedloop.literature.build_cdse2022 RAW.csv OUT``.

RAW is "CdSe - Raw.csv" of UW-DIRECT-2021-NANO/Hot_injection (MIT), OUT the folder to write into. Writes cdse2022.csv in
the format of a user's own table, and cdse2022_changes.csv: every cell whose value is not carried over as it stands,
with its kind. What was decided, and why, is docs/decisions/0011.
"""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

from closedloop.chemistry import resolve
from closedloop.chemistry.build import write_table
from closedloop.literature.errors import DataError
from closedloop.recipes import Method, Role, Vessel

TYPOS = {
    "cadmium acetate dihtdrate": "cadmium acetate dihydrate",
    "myrstic acid": "myristic acid",
    "liquid parafin": "liquid paraffin",
    "2-6-dimethylpyridine": "2,6-dimethylpyridine",
}
ONE_PAPER = {
    "Chem. Mater. 2009 21 1743 - 1749": "Chem. Mater. 2009 21 8 1743 - 1749",
    "Colloids and Surfaces A: Physicochemical and Engineering Aspects 2016 494 162 - 169": (
        "Colloids and Surfaces A: Physicochem. Eng. Aspects 2016 494 162 - 169"
    ),
}
METHODS = {"TEM": Method.TEM, "absorbance spectra": Method.ABSORBANCE}
# Name, mass and amount columns, and the role. Solvents have no column for the amount.
CHEMICALS = (
    ("Metal_source", "Metal_amount (g)", "Metal_mmol (mmol)", Role.CATION_PRECURSOR),
    ("Chalcogen_source", "Chalcogen_amount (g)", "Chalcogen_mmol (mmol)", Role.ANION_PRECURSOR),
    ("Carboxylic_Acid", "CA_amount (g)", "CA_mmol (mmol)", Role.LIGAND),
    ("Amines", "Amines_amount (g)", "Amines_mmol (mmol)", Role.LIGAND),
    ("Phosphines", "Phosphines_amount (g)", "Phosphines_mmol (mmol)", Role.LIGAND),
    ("Solvent I", "S_I_amount (g)", None, Role.SOLVENT),
    ("Solvent II", "S_II_amount (g)", None, Role.SOLVENT),
)
INJECTED = ("Chalcogen_source", "Phosphines")
NUMBERS = {
    "Injection Temp (Celsius)": "injection_temperature_c",
    "Growth Temp (Celsius)": "reaction_temperature_c",
    "Time_min (min)": "reaction_time_min",
    "Diameter_nm": "size_nm",
    "Absorbance max (nm)": "absorbance_peak_nm",
    "PL max (nm)": "photoluminescence_peak_nm",
}
# Ratios and sums of the other columns: nothing is lost by leaving them out.
DERIVED = (
    "Metal_concentration (mmol/g)",
    "Chalcogen_concentration (mmol/g)",
    "Metal/Se_ratio",
    "Cd/CA_ratio",
    "Chalcogen/Ph_ratio",
    "Total_amount (g)",
)
COLUMNS = (
    "id",
    "source",
    "product",
    "reagents",
    "injection_temperature_c",
    "reaction_temperature_c",
    "reaction_time_min",
    "size_nm",
    "success",
    "method",
    "absorbance_peak_nm",
    "photoluminescence_peak_nm",
)
CHANGE_COLUMNS = ("id", "column", "raw", "shipped", "kind")
ABSENT = "None"
AGREEMENT = 0.1
SAME_MASS = 0.02

Change = tuple[str, str, str, str, str]
Note = Callable[[str, str, str], None]


def build(raw: Path, out: Path) -> tuple[int, int]:
    """Write both tables into ``out``; returns the numbers of experiments and of changes."""
    try:
        with raw.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows, header = list(reader), set(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{raw}: cannot be read ({error}); give the path of 'CdSe - Raw.csv'") from error
    used = {column for group in CHEMICALS for column in group[:3] if column} | set(NUMBERS) | set(DERIVED)
    if missing := (used | {"Diameter from", "Citation"}) ^ header:
        raise DataError(f"{raw}: not the published table, it differs in the columns {sorted(missing)}")
    changes: list[Change] = []
    shipped = [_row(f"cdse2022-{number:03d}", row, changes) for number, row in enumerate(rows, start=1)]
    write_table(out / "cdse2022.csv", COLUMNS, [[row.get(column, "") for column in COLUMNS] for row in shipped])
    write_table(out / "cdse2022_changes.csv", CHANGE_COLUMNS, changes)
    return len(shipped), len(changes)


def _row(identity: str, raw: dict[str, str], changes: list[Change]) -> dict[str, str]:
    def note(column: str, shipped: str, kind: str) -> None:
        changes.append((identity, column, raw[column], shipped, kind))

    row = {"id": identity, "product": "CdSe", "success": "TRUE", "source": raw["Citation"]}
    if raw["Citation"] in ONE_PAPER:
        row["source"] = ONE_PAPER[raw["Citation"]]
        note("Citation", row["source"], "two spellings of one paper")
    row["method"] = METHODS[raw["Diameter from"]]
    note("Diameter from", row["method"], "method of the evidence")
    for column, name in NUMBERS.items():
        row[name] = "" if raw[column] == ABSENT else raw[column]
        if raw[column] == ABSENT:
            note(column, "", "peak not reported: unknown")
    reagents = [
        entry for names, mass, amount, role in CHEMICALS for entry in _entries(raw, names, mass, amount, role, note)
    ]
    row["reagents"] = "; ".join(reagents)
    return row


def _entries(
    raw: dict[str, str], name_column: str, mass_column: str, amount_column: str | None, role: Role, note: Note
) -> list[str]:
    written = raw[name_column]
    if written == ABSENT:
        note(name_column, "", "None: not in the recipe")
        return []
    names = [TYPOS.get(name, name) for name in written.split("/")]
    if names != [written]:
        note(name_column, "; ".join(names), "two chemicals in one cell" if len(names) > 1 else "spelling")
    # Dimethylcadmium cannot wait in a hot flask: it is injected together with the chalcogen.
    injected = name_column in INJECTED or written == "dimethylcadmium"
    vessel = Vessel.SYRINGE if injected else Vessel.FLASK
    if len(names) > 1:
        note(amount_column or mass_column, "", "one amount for two chemicals: unknown")
        amounts = [""] * len(names)
    else:
        amounts = [_amount(raw, names[0], mass_column, amount_column, note)]
    return [f"{name}={amount} {vessel} {role}" for name, amount in zip(names, amounts, strict=True)]


def _amount(raw: dict[str, str], name: str, mass_column: str, amount_column: str | None, note: Note) -> str:
    """The amount in mmol as text; empty where the table contradicts itself."""
    mass_g = float(raw[mass_column])
    from_mass = f"{1000 * mass_g / resolve(name).molar_mass_g_per_mol:.4g}"
    if name == "phosphinic acid":
        note(mass_column, "", "class of compounds, molar mass not known: unknown")
        return ""
    if amount_column is None:
        note(mass_column, from_mass, "grams to mmol")
        return from_mass
    stated = raw[amount_column]
    decimals = len(raw[mass_column].partition(".")[2])
    expected_g = float(stated) * resolve(name).molar_mass_g_per_mol / 1000
    if abs(mass_g - expected_g) <= max(AGREEMENT * mass_g, 0.5 * 10.0**-decimals * 1.001):
        return stated
    implied = 1000 * mass_g / float(stated)
    others = ("oleic acid", "trioctylphosphine")
    if any(abs(implied / resolve(other).molar_mass_g_per_mol - 1) < SAME_MASS for other in others):
        note(amount_column, from_mass, "computed with the molar mass of another chemical: computed anew from the mass")
        return from_mass
    note(amount_column, "", "contradicts the mass beside it: unknown")
    return ""


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit("usage: python -m closedloop.literature.build_cdse2022 RAW.csv OUT")
    experiments, changes = build(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"{experiments} experiments, {changes} cells accounted for", file=sys.stderr)


if __name__ == "__main__":
    main()
