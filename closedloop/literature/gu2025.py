"""Gu et al., ACS Nano 2025, 19, 39025: 3,489 recipes and 5,245 synthetic negatives, from a user's copy of the folder.

Every fault that is known of the files is repaired or reported, and counted. What cannot be mended becomes unknown.
The rules, and what they rest on, are docs/decisions/0012.
"""

import csv
import math
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from closedloop.literature.errors import DataError
from closedloop.literature.loaded import Loaded
from closedloop.recipes import Evidence, Experiment, FailureCause, Method, Outcome, Reagent, Recipe, Shape, Vessel

RECIPES = "0309_classification_and_reg-raw-v3.csv"
NEGATIVES = "0404_failure.csv"
SHAPES = "shapes_list.txt"
SOURCES = "row_sources.csv"
SPREADSHEET = "Raw recipe dataset.xlsx"
COUNTS = {RECIPES: 3489, NEGATIVES: 5245, SOURCES: 3489}
SLOTS = "ABCDEFGHIJKLM"
EMPTY_SLOT = "PlaceHolder"
NO_PRODUCT = "unspecified"
NEGATIVE_SOURCE = "gu2025 synthetic negative"
IMPUTED_SPEED = 13.901113
IMPUTED_SPREAD_PERCENT = 15.150441
TOLERANCE = 1e-6  # 15.15 as such is a measured value
# An amount is implausible if it is this many powers of ten from the median of a chemical that has this many amounts.
OUTLIER_DECADES = 2.5
OUTLIER_USES = 100
# Equivalent circle diameter over edge length: square, equilateral triangle, and rhombus of 60°.
EDGE_RATIOS = {
    Shape.CUBE: 2 / math.sqrt(math.pi),
    Shape.TRIANGLE: math.sqrt(math.sqrt(3) / math.pi),
    Shape.RHOMBUS: math.sqrt(2 * math.sqrt(3) / math.pi),
}
EDGE_TOLERANCE = 0.004
Row = dict[Any, Any]
_SHAPE_NAMES = {"irregular shape": Shape.IRREGULAR, "flower shape": Shape.FLOWER}


def load_gu2025(folder: Path, *, negatives: bool = True) -> Loaded:
    """The recipes in file order, then (unless left out) the negatives; raises `DataError` naming the file at fault."""
    try:
        if not folder.is_dir():
            raise DataError(f"{folder}: not a folder; give the folder that holds {RECIPES}")
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}); check the path") from error
    repairs: Counter[str] = Counter()
    rows = _table(folder / RECIPES)
    sources = _table(folder / SOURCES)
    shapes = _shapes(folder / SHAPES)
    synthetic = _table(folder / NEGATIVES) if negatives else None
    sheet = _spreadsheet(folder / SPREADSHEET)
    if list(sources["ID"]) != list(rows["ID"]):
        raise DataError(f"{folder / SOURCES}: its IDs are not those of {RECIPES}; copy both files again")
    implausible = _implausible(rows)
    records = _records(rows.merge(sources, on="ID"))
    experiments = [_recipe_row(row, shapes, implausible, repairs) for row in records]
    keys = [_row_key(row) for row in records]
    keyed = rows.assign(key=pd.Series(keys, dtype=object))
    conflicts = _conflicts(keyed)
    converted, edges = _edge_lengths(sheet, keyed, shapes)
    repairs["size converted from an edge length by the publisher: kept"] += converted
    repairs["cube, triangle or rhombus whose size the publisher did not convert: kept"] += edges
    repairs["equal recipes with conflicting sizes: kept, rows"] += sum(map(len, conflicts))
    notes = [
        f"{len(conflicts)} groups of equal recipes have sizes that differ by more than 10%: "
        + "; ".join(", ".join(group) for group in conflicts),
        "which vessel a chemical was in is read from the publisher's precursor groups, where it is in one of them only",
    ]
    if synthetic is not None:
        of_negatives: Counter[str] = Counter()
        experiments += [_negative_row(row, of_negatives) for row in _records(synthetic)]
        repairs.update({f"negatives: {kind}": count for kind, count in of_negatives.items()})
        notes.append("the negatives are synthetic and separable from the conditions alone: they are no evidence")
    return Loaded(experiments, repairs, tuple(notes))


def _table(path: Path) -> pd.DataFrame:
    columns = (
        ["ID", "doi", "cationic_precursor", "anionic_precursor", "segmented"]
        if path.name == SOURCES
        else ["ID", "Temperature1", "Temperature2", "Speed", "Time", "Num", "Y1", "Y2", "Y3", "T1", "T2"]
        + [slot + number for slot in SLOTS for number in "12"]
    )
    numeric = [name for name in columns if path.name != SOURCES and name != "T2" and not name.endswith("2")]
    numeric += [name for name in ("Temperature2", "Y2") if name in columns]
    try:
        frame = pd.read_csv(path, keep_default_na=False, dtype=dict.fromkeys(numeric, float), encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: missing; the data set's folder holds it under this name") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: damaged ({str(error).splitlines()[0]}); copy it again") from error
    if missing := [name for name in columns if name not in frame]:
        raise DataError(f"{path}: the columns {', '.join(missing)} are missing; copy the file again")
    if len(frame) != COUNTS[path.name]:
        raise DataError(f"{path}: {len(frame):,} rows instead of {COUNTS[path.name]:,}; it is truncated: copy it again")
    # A row that was cut short has empty cells at its end; the sources' 39 unknown rows are empty altogether.
    if path.name == SOURCES:
        cut = (frame["doi"] == "") != (frame["segmented"] == "")
    else:
        cut = (frame[columns] == "").any(axis=1) | frame[numeric].isna().any(axis=1)
    if cut.any():
        raise DataError(f"{path}: empty cells where there should be none; it is truncated: copy it again")
    frame["ID"] = frame["ID"].astype(int)
    return frame


def _records(frame: pd.DataFrame) -> list[Row]:
    """The rows as dictionaries; column by column, which is several times as fast as ``to_dict``."""
    return [
        dict(zip(frame.columns, cells, strict=True))
        for cells in zip(*(frame[name].to_numpy(dtype=object) for name in frame), strict=True)
    ]


def _shapes(path: Path) -> list[Shape]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); copy it again") from error
    names = [line.strip().casefold() for line in lines if line.strip()]
    try:
        shapes = [_SHAPE_NAMES.get(name) or Shape(name) for name in names]
    except ValueError as error:
        raise DataError(f"{path}: {error}; copy it again") from error
    if sorted(shapes) != sorted(Shape):
        raise DataError(f"{path}: {len(shapes)} shapes instead of the published {len(Shape)}; copy it again")
    return shapes


@cache
def abbreviations() -> dict[str, str]:
    """The abbreviations that another chemist would read otherwise, or that look like formulas, written out."""
    text = files("closedloop.literature").joinpath("data/gu2025_names.csv").read_text(encoding="utf-8")
    return {row["abbreviation"]: row["name"] for row in csv.DictReader(text.splitlines())}


def _slots(row: Row) -> Iterator[tuple[str, float]]:
    for slot in SLOTS:
        name = str(row[slot + "2"]).strip()
        if name != EMPTY_SLOT:
            yield name, float(row[slot + "1"])


def _implausible(rows: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Frequent chemical -> the least and the largest amount in mmol that is believed."""
    amounts = pd.concat([rows[[slot + "2", slot + "1"]].set_axis(["name", "mmol"], axis=1) for slot in SLOTS])
    amounts = amounts[(amounts["name"] != EMPTY_SLOT) & (amounts["mmol"] > 0)]
    decades = np.log10(amounts["mmol"]).groupby(amounts["name"])
    middle = decades.median()[decades.count() >= OUTLIER_USES]
    return {
        str(name): (10 ** (value - OUTLIER_DECADES), 10 ** (value + OUTLIER_DECADES)) for name, value in middle.items()
    }


def _reagents(
    row: Row,
    vessels: dict[str, Vessel],
    believed: dict[str, tuple[float, float]],
    repairs: Counter[str],
) -> tuple[Reagent, ...]:
    reagents = []
    for name, written in _slots(row):
        amount: float | None = written
        low, high = believed.get(name, (0.0, math.inf))
        if not low <= written <= high:
            amount = None
            repairs["implausible amount: unknown"] += 1
        if name == "NA_":
            repairs["NA_ kept as nonanoic acid, not read as missing"] += 1
        full = abbreviations().get(name, name)
        if full != name:
            repairs["ambiguous abbreviation written out"] += 1
        reagents.append(Reagent(name=full, amount_mmol=amount, vessel=vessels.get(name)))
    return tuple(reagents)


def _recipe(
    row: Row,
    vessels: dict[str, Vessel],
    believed: dict[str, tuple[float, float]],
    repairs: Counter[str],
) -> Recipe:
    injection, reaction, speed, time = (float(row[name]) for name in ("Temperature1", "Temperature2", "Speed", "Time"))
    rate: float | None = speed
    if abs(speed - IMPUTED_SPEED) < TOLERANCE:
        rate = None
        repairs["imputed heating rate 13.901: unknown"] += 1
    elif speed == 0 and reaction > injection:
        rate = None
        repairs["heating rate 0 although the recipe heats: unknown"] += 1
    product = str(row["T2"]).strip()
    if product == EMPTY_SLOT:
        product = NO_PRODUCT
        repairs["product missing: 'unspecified'"] += 1
    return Recipe(
        product=product,
        reagents=_reagents(row, vessels, believed, repairs),
        injection_temperature_c=injection,
        reaction_temperature_c=reaction,
        heating_rate_c_per_min=rate,
        reaction_time_min=time,
    )


def _recipe_row(
    row: Row,
    shapes: list[Shape],
    believed: dict[str, tuple[float, float]],
    repairs: Counter[str],
) -> Experiment:
    flask, syringe = (
        {part.partition("*")[0].strip() for part in str(row[group]).split(",")} - {""}
        for group in ("cationic_precursor", "anionic_precursor")
    )
    vessels = dict.fromkeys(flask - syringe, Vessel.FLASK) | dict.fromkeys(syringe - flask, Vessel.SYRINGE)
    recipe = _recipe(row, vessels, believed, repairs)
    repairs["vessel inferred from the precursor groups"] += sum(
        reagent.vessel is not None for reagent in recipe.reagents
    )
    size, percent = float(row["Y1"]), float(row["Y2"])
    spread: float | None = size * percent / 100
    if abs(percent - IMPUTED_SPREAD_PERCENT) < TOLERANCE:
        spread = None
        repairs["imputed size distribution 15.150%: unknown"] += 1
    count: int | None = int(float(row["Num"]))
    if count is not None and count < 0:
        count = None
        repairs["particle count -1: unknown"] += 1
    shape = int(float(row["Y3"]))
    if not 0 <= shape < len(shapes):
        raise DataError(f"{RECIPES}, ID {row['ID']}: shape {shape} is not in {SHAPES}; copy both files again")
    repairs["shape index to shape"] += 1
    doi = str(row["doi"]).strip()
    if not doi:
        repairs["row without a source: unknown"] += 1
    segmented = {"Y": "sizes from a segmented image", "N": "sizes as published"}.get(str(row["segmented"]))
    return Experiment(
        recipe=recipe,
        outcome=Outcome(
            success=True,
            size_nm=size,
            size_std_nm=spread,
            particle_count=count,
            shape=shapes[shape],
            evidence=Evidence(method=Method.TEM, note=segmented),
        ),
        source=doi or None,
        id=f"gu2025-{row['ID']}",
    )


def _negative_row(row: Row, repairs: Counter[str]) -> Experiment:
    repairs["-1 in size, distribution and count: unknown"] += 1
    recipe = _recipe(row, {}, {}, repairs)
    outcome = Outcome(success=False, failure_cause=FailureCause.CHEMISTRY_UNSPECIFIED)
    return Experiment(recipe=recipe, outcome=outcome, source=NEGATIVE_SOURCE, id=f"gu2025-negative-{row['ID']}")


def _key(product: str, conditions: tuple[Any, ...], slots: Iterator[tuple[str, float]]) -> tuple[object, ...]:
    chemicals = tuple(sorted((name, f"{amount:.5g}") for name, amount in slots))
    return product.strip(), tuple(f"{float(value):.5g}" for value in conditions), chemicals


def _row_key(row: Row) -> tuple[object, ...]:
    """Product, temperatures, time and amounts; the heating rate is imputed too often to tell rows apart."""
    return _key(str(row["T2"]), (row["Temperature1"], row["Temperature2"], row["Time"]), _slots(row))


def _conflicts(rows: pd.DataFrame) -> list[list[str]]:
    """The IDs of equal recipes whose sizes differ by more than 10%."""
    repeated = rows[rows["key"].duplicated(keep=False)].groupby("key", sort=False)
    return [
        [str(number) for number in group["ID"]] for _, group in repeated if group["Y1"].max() > 1.1 * group["Y1"].min()
    ]


def _spreadsheet(path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # openpyxl on the workbook's default style
            return pd.read_excel(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise DataError(f"{path}: missing; without it, it cannot be told which sizes were edge lengths") from None
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise DataError(f"{path}: damaged ({error}); copy it again") from error


def _edge_lengths(sheet: pd.DataFrame, rows: pd.DataFrame, shapes: list[Shape]) -> tuple[int, int]:
    """How many sizes are an edge length of the spreadsheet times the factor of their shape, and how many are not.

    The second number counts the rows of the same shapes whose size is the spreadsheet's own.
    """
    sizes: dict[tuple[object, ...], set[float]] = {}
    for cells in sheet.itertuples(index=False):
        pairs = ((str(cells[at + 1]).strip(), str(cells[at])) for at in range(6, 26, 2))
        try:
            slots = [(name, float(amount)) for name, amount in pairs if name]
            size = float(cells[26])
            key = _key(str(cells[2]), tuple(cells[3:6]), iter(slots))
        except ValueError:
            continue  # a question mark: the recipe or its size was not published
        sizes.setdefault(key, set()).add(size)
    converted = unconverted = 0
    for key, size, index in zip(rows["key"], rows["Y1"], rows["Y3"], strict=True):
        factor = EDGE_RATIOS.get(shapes[int(index)])
        edges = sizes.get(key)
        if factor is None or not edges:
            continue
        if any(abs(size / (edge * factor) - 1) < EDGE_TOLERANCE for edge in edges):
            converted += 1
        elif any(abs(size / edge - 1) < EDGE_TOLERANCE for edge in edges):
            unconverted += 1
    return converted, unconverted
