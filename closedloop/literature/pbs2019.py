"""Voznyy et al., ACS Nano 2019, 13, 11122: 2,552 runs of PbS quantum dots, from a user's copy of ``full.dat``.

The publisher documents none of the eleven columns; their meaning is read from their values, and what rests on that
reading is in the notes. The first exciton peak is kept as an observable: no size is computed from it here.
"""

import csv
from collections import Counter
from pathlib import Path

from closedloop.chemistry import resolve
from closedloop.literature.errors import DataError
from closedloop.literature.loaded import Loaded
from closedloop.literature.numbers import NotANumber, parse_number
from closedloop.recipes import Evidence, Experiment, Method, Outcome, Reagent, Recipe, Role, Vessel

COLUMN_COUNT = 11
ROW_COUNT = 2552
SOURCE = "10.1021/acsnano.9b03864"
NOTES = (
    "columns 1, 2, 3 and 6 are read as mL of oleic acid, octadecene, oleylamine, and octadecene in the syringe",
    "mmol = mL * density / molar mass, of the neat chemicals",
    "column 5 is read as µL of bis(trimethylsilyl) sulfide; if it is mg, its mmol are 15% too low",
    "columns 7 and 8 are additives without name and unit: listed with unknown amounts where not 0, raw in observables",
    "the lead precursor is in no column, so it is in no recipe",
    "no time, size or shape is given; the reaction temperature is not known apart from that of injection",
)


def load_pbs2019(path: Path) -> Loaded:
    """All runs of the file, or of ``full.dat`` in a folder; raises `DataError` if it is missing, truncated or has other
    columns."""
    try:
        path = path / "full.dat" if path.is_dir() else path
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); give the path of full.dat") from error
    rows = [row for row in csv.reader(text.splitlines(), delimiter="\t") if row]
    for number, row in enumerate(rows, start=1):
        if len(row) != COLUMN_COUNT:
            raise DataError(f"{path}, line {number}: {len(row)} columns instead of {COLUMN_COUNT}; copy the file again")
    if len(rows) != ROW_COUNT:
        raise DataError(f"{path}: {len(rows)} runs instead of the published {ROW_COUNT:,}; copy the file again")
    repairs: Counter[str] = Counter()
    return Loaded([_experiment(path, number, row, repairs) for number, row in enumerate(rows, 1)], repairs, NOTES)


def _experiment(path: Path, number: int, row: list[str], repairs: Counter[str]) -> Experiment:
    try:
        values = [value for cell in row if (value := parse_number(cell)) is not None]
    except NotANumber as error:
        raise DataError(f"{path}, line {number}: a value {error.problem}; copy the file again") from None
    if len(values) != COLUMN_COUNT:
        raise DataError(f"{path}, line {number}: an empty value; copy the file again")
    outdoor, acid_ml, ode_ml, amine_ml, injection, sulfide_ul, syringe_ml, additive_7, additive_8, peak, ratio = values
    reagents = [
        _liquid("oleic acid", acid_ml, Role.LIGAND, Vessel.FLASK),
        _liquid("octadecene", ode_ml, Role.SOLVENT, Vessel.FLASK),
        _liquid("bis(trimethylsilyl) sulfide", sulfide_ul / 1000, Role.ANION_PRECURSOR, Vessel.SYRINGE),
        _liquid("octadecene", syringe_ml, Role.SOLVENT, Vessel.SYRINGE),
    ]
    repairs["volume to mmol"] += 4
    if amine_ml > 0:
        reagents.append(_liquid("oleylamine", amine_ml, Role.LIGAND, Vessel.FLASK))
        repairs["volume to mmol"] += 1
    for column, raw in ((7, additive_7), (8, additive_8)):
        if raw > 0:
            reagents.append(Reagent(name=f"unnamed additive (column {column})", role=Role.ADDITIVE))
            repairs["additive without name and unit: amount unknown"] += 1
    return Experiment(
        recipe=Recipe(product="PbS", reagents=tuple(reagents), injection_temperature_c=injection),
        outcome=Outcome(
            success=True,
            observables={
                "first_exciton_nm": peak,
                "peak_to_valley_ratio": ratio,
                "outdoor_temperature_c": outdoor,
                "additive_column_7_unit_unknown": additive_7,
                "additive_column_8_unit_unknown": additive_8,
            },
            evidence=Evidence(method=Method.ABSORBANCE),
        ),
        source=SOURCE,
        id=f"pbs2019-{number:04d}",
    )


def _liquid(name: str, volume_ml: float, role: Role, vessel: Vessel) -> Reagent:
    substance = resolve(name)
    if substance.density_g_per_ml is None:
        raise DataError(f"the density of {name} is not in the registry; add it to substances.csv")
    amount = 1000 * volume_ml * substance.density_g_per_ml / substance.molar_mass_g_per_mol
    return Reagent(name=name, amount_mmol=round(amount, 4), role=role, vessel=vessel)
