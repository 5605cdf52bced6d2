"""A user's own table -> experiments, and an account of every fault in it, all in one pass.

Columns and units are those of `columns`; ``reagents`` is ``CdO=0.1; oleic acid=1.9; ODE=40`` in mmol. Behind an amount
may stand the vessel and the role: ``Se powder=0.8 syringe anion precursor``; ``ODE=`` is an unknown amount. Reading
cells is left to `grid`, numbers to `numbers`.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from closedloop.chemistry import InvalidFormula, UnknownChemical, chemical_key, composition, resolve
from closedloop.chemistry.formula import parse_formula, without_phase
from closedloop.literature.columns import (
    COLUMNS,
    CONDITIONS,
    LEAST,
    MOST,
    NUMBERS,
    OBSERVABLES,
    POSITIVE,
    REQUIRED,
    column_name,
    unit_of,
)
from closedloop.literature.contradictions import contradictions
from closedloop.literature.errors import DataError, TableError
from closedloop.literature.fault import Fault
from closedloop.literature.grid import Formula, Grid, Merged, is_empty, read_grid
from closedloop.literature.loaded import Loaded
from closedloop.literature.numbers import NotANumber, has_decimal_comma, has_decimal_point, parse_number
from closedloop.recipes import Evidence, Experiment, FailureCause, Method, Outcome, Reagent, Recipe, Role, Shape, Vessel
from closedloop.recipes.bounds import MOST_MMOL, SMALLEST_SEEN_NM
from closedloop.recipes.fields import plain_digits

_LONGEST_NAME = 200
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_ENTRY = re.compile(r"(?P<amount>[+-]?[\d.,]+(?:[eE][+-]?\d+)?)?\s*(?P<rest>.*)")

Choice = TypeVar("Choice", bound=StrEnum)


def check_table(path: str | Path) -> list[Fault]:
    """Every fault of the table, in the order of its rows; empty if it can be loaded without a word.

    Warnings do not stop a table from loading. A file that is no table at all is one fault (row 0).
    """
    try:
        grid = read_grid(Path(path))
    except DataError as error:
        text = str(error).removeprefix(f"{path}: ")
        problem, _, remedy = text.partition("; ")
        return [Fault(str(path), 0, "", "", problem, remedy)]
    return _Reader(Path(path), grid).read()[1]


def load_table(path: str | Path) -> Loaded:
    """The experiments of the table; raises `TableError` with the count of faults and the first one."""
    experiments, faults = _Reader(Path(path), read_grid(Path(path))).read()
    errors = [fault for fault in faults if fault.severity == "error"]
    if errors:
        count = f"{len(errors)} fault{'s' if len(errors) > 1 else ''}"
        raise TableError(f"{count}; list all of them with: closedloop data check {path}. The first: {errors[0]}")
    return Loaded(experiments, notes=tuple(str(fault) for fault in faults))


def recipe_faults(recipe: Recipe) -> list[str]:
    """What a table would refuse in a recipe that came otherwise: impossible numbers, one chemical under two names."""
    faults = [
        f"{column} {value:g} is more than {MOST[column]:g} {unit_of(column)}"
        for column in CONDITIONS
        if (value := getattr(recipe, column)) is not None and value > MOST[column]
    ]
    seen: dict[tuple[str, Vessel | None], str] = {}
    for reagent in recipe.reagents:
        first = seen.setdefault((chemical_key(reagent.name), reagent.vessel), reagent.name)
        if first != reagent.name:
            faults.append(f"{first!r} is the same chemical as {reagent.name!r}: add the amounts up into one entry")
        if reagent.amount_mmol is not None and reagent.amount_mmol > MOST_MMOL:
            faults.append(f"{reagent.name}: {reagent.amount_mmol:g} mmol is more than {MOST_MMOL:g} mmol")
    return faults


class _Reader:
    """Reads one grid; collects faults instead of stopping at the first."""

    def __init__(self, path: Path, grid: Grid) -> None:
        self._file = str(path)
        self._grid = grid
        self._faults: list[Fault] = []
        self._row = 1
        self._comma_decimals = False
        self._ids: dict[str, int] = {}
        self._warned: set[str] = set()
        # Composition -> the first product of it, and its row.
        self._made: dict[frozenset[tuple[str, float]], tuple[str, int]] = {}

    def read(self) -> tuple[list[Experiment], list[Fault]]:
        positions = self._columns()
        if any(name not in positions for name in REQUIRED):
            return [], self._faults
        if not self._grid.rows:
            self._fault("", "", "the table has a header and no experiment", "add a row")
        texts = [text for text in self._number_cells(positions) if isinstance(text, str)]
        self._comma_decimals = any(map(has_decimal_comma, texts)) or (
            self._grid.delimiter == ";" and not any(map(has_decimal_point, texts))
        )
        experiments = []
        for number, cells in self._grid.rows:
            self._row = number
            if self._grid.delimiter and len(cells) != len(self._grid.header):
                self._fault(
                    "",
                    f"{len(cells)} cells",
                    f"are not the {len(self._grid.header)} of the header",
                    "put a cell that contains the separator in quotation marks, and write out empty cells at the end",
                )
                continue
            row = {name: cells[at] if at < len(cells) else None for name, at in positions.items()}
            experiment = self._experiment(row)
            if experiment is not None:
                experiments.append(experiment)
        return experiments, self._faults

    def _columns(self) -> dict[str, int]:
        positions: dict[str, int] = {}
        for at, written in enumerate(self._grid.header):
            name = column_name(written)
            if not written:
                if not all(map(is_empty, self._cells(at))):
                    remedy = "give it the name of a column that docs/tables.md lists, or remove it"
                    self._fault(f"column {at + 1}", "", "has cells and no header", remedy)
            elif name in positions:
                self._fault(written, written, "is the second column of this name", "remove or rename one of them")
            elif name in COLUMNS:
                positions[name] = at
            else:
                self._fault(written, written, "is not a column that is known", _other_column(name))
        for name in REQUIRED:
            if name not in positions:
                self._fault(name, "", "this column is missing", "add it; it may hold empty cells where it is unknown")
        return positions

    def _cells(self, at: int) -> Iterator[Any]:
        return (cells[at] for _, cells in self._grid.rows if at < len(cells))

    def _number_cells(self, positions: dict[str, int]) -> Iterator[Any]:
        for name, at in positions.items():
            if name in NUMBERS:
                yield from self._cells(at)
            elif name == "reagents":
                for cell in self._cells(at):
                    yield from (
                        next(iter(entry.rpartition("=")[2].split()), "") for entry in str(cell or "").split(";")
                    )

    def _fault(
        self, column: str, value: object, problem: str, remedy: str, severity: Literal["error", "warning"] = "error"
    ) -> None:
        shown = "" if value is None else str(value)
        self._faults.append(Fault(self._file, self._row, column, shown, problem, remedy, severity))

    def _experiment(self, row: dict[str, Any]) -> Experiment | None:
        before = sum(fault.severity == "error" for fault in self._faults)
        for column, cell in row.items():
            if isinstance(cell, Formula):
                self._fault(column, cell.text, "is a formula that was never calculated", "save the table with values")
                row[column] = None
            elif isinstance(cell, Merged):
                self._merged(column, cell)
                row[column] = cell.value
        numbers = {name: self._number(name, row.get(name)) for name in NUMBERS}
        product = self._product(row.get("product"), alone=not _text(row.get("reagents")))
        reagents = self._reagents(row.get("reagents"))
        shape = self._choice("shape", row.get("shape"), Shape)
        cause = self._choice("failure_cause", row.get("failure_cause"), FailureCause)
        method = self._choice("method", row.get("method"), Method)
        success = self._success(row.get("success"))
        identity = self._identity(row.get("id"))
        source = _text(row.get("source")) or None
        if success is True and cause is not None:
            self._fault("failure_cause", cause, "is a cause of failure beside success TRUE", "leave one of them empty")
            cause = None
        if sum(fault.severity == "error" for fault in self._faults) > before:
            return None
        count = numbers["particle_count"]
        try:
            outcome = Outcome(
                success=success,
                failure_cause=cause,
                size_nm=numbers["size_nm"],
                size_std_nm=numbers["size_std_nm"],
                size_error_nm=numbers["size_error_nm"],
                particle_count=None if count is None else int(count),
                shape=shape,
                observables={name: value for name in OBSERVABLES if (value := numbers[name]) is not None},
                evidence=None if method is None else Evidence(method=method),
            )
            recipe = Recipe(product=product, reagents=reagents, **{name: numbers[name] for name in CONDITIONS})
            if not reagents:
                self._fault("reagents", "", "names no chemical", "write NAME= where an amount is unknown", "warning")
            for found in contradictions(outcome):
                self._fault(*found, "warning")
            return Experiment(recipe=recipe, outcome=outcome, source=source, id=identity)
        except ValidationError as error:
            for detail in error.errors():
                column = next((str(part) for part in detail["loc"] if part in COLUMNS), "success")
                self._fault(column, "", detail["msg"].removeprefix("Value error, "), "mend the row")
            return None

    def _number(self, column: str, cell: Any) -> float | None:
        try:
            value = parse_number(cell, comma_decimals=self._comma_decimals)
        except NotANumber as error:
            self._fault(column, cell, error.problem, error.remedy)
            return None
        if value is None:
            return None
        if column in POSITIVE and value == 0:
            self._fault(column, cell, "is zero", "leave the cell empty if the value is unknown")
        elif value < LEAST[column]:
            what = "lies below absolute zero" if LEAST[column] else "is negative"
            self._fault(column, cell, what, "correct it, or leave the cell empty if it is unknown")
        elif value > MOST[column]:
            self._beyond(column, cell, f"is more than {MOST[column]:g} {unit_of(column)}")
        elif column == "size_nm" and value < SMALLEST_SEEN_NM:
            self._beyond(column, cell, f"is less than {SMALLEST_SEEN_NM:g} nm")
        elif column == "particle_count" and not value.is_integer():
            self._fault(column, cell, "is not a whole number", "write the number of particles counted")
        return value

    def _beyond(self, column: str, cell: Any, what: str) -> None:
        self._fault(column, cell, f"{what}, which is not possible", "check the number and its unit, or leave it empty")

    def _merged(self, column: str, cell: Merged) -> None:
        """An error once for each range: every row of it but the first lacks its value."""
        if cell.range not in self._warned:
            self._warned.add(cell.range)
            problem = "are merged cells, of which only the first holds the value"
            self._fault(column, cell.range, problem, "unmerge them and fill down")

    def _product(self, cell: Any, *, alone: bool) -> str:
        """``alone``: the row names no reagent, and must be of a product by its formula to be an experiment at all."""
        name = plain_digits(_text(cell))
        if not name:
            self._fault("product", "", "is empty", "name the product, such as CdSe")
            return ""
        made = _composition(name)
        if made is None and alone:
            problem = "is no formula, and the row names no reagent: a total or a remark is no experiment"
            self._fault("product", name, problem, "remove the row, or name its reagents")
        elif name not in self._warned:
            self._warned.add(name)
            self._remark_on(name, made)
        return name

    def _remark_on(self, name: str, made: frozenset[tuple[str, float]] | None) -> None:
        """Warn of a product in words, and of one that goes by another name elsewhere."""
        if made is None:
            self._fault(
                "product",
                name,
                "is not a formula; it is kept as a product of its own",
                "write its formula, such as CdSe, where it has one",
                "warning",
            )
            return
        first, row = self._made.setdefault(made, (name, self._row))
        if without_phase(first) != without_phase(name):
            self._fault(
                "product",
                name,
                f"has the composition of {first!r} in row {row}; it is kept as a product of its own",
                "write both in one way, unless you mean two products",
                "warning",
            )

    def _reagents(self, cell: Any) -> tuple[Reagent, ...]:
        reagents: list[Reagent] = []
        seen: dict[tuple[str, Vessel | None], str] = {}
        for entry in filter(None, (part.strip() for part in _text(cell).split(";"))):
            reagent = self._reagent(entry)
            if reagent is None:
                continue
            key = (self._identify(reagent.name), reagent.vessel)
            if key in seen:
                self._fault(
                    "reagents", entry, f"is the same chemical as {seen[key]!r}", "add the amounts up into one entry"
                )
                continue
            seen[key] = reagent.name
            reagents.append(reagent)
        return tuple(reagents)

    def _reagent(self, entry: str) -> Reagent | None:
        name, equals, value = (part.strip() for part in entry.rpartition("="))
        if not equals or not name or "=" in name:
            self._fault("reagents", entry, "is not NAME=AMOUNT", "write CdO=0.1; oleic acid=1.9 (mmol)")
            return None
        if len(name) > _LONGEST_NAME:
            self._fault("reagents", entry, "is too long for the name of a chemical", "shorten it")
            return None
        match = _ENTRY.fullmatch(value)
        amount_text, rest = (match.group("amount") or "", match.group("rest")) if match else ("", value)
        words = rest.casefold().removeprefix("mmol").strip()
        vessel = next((vessel for vessel in Vessel if words.split(" ")[0] == vessel), None)
        words = words.removeprefix(vessel or "").strip()
        role = next((role for role in Role if words == role), None)
        if words and role is None:
            self._fault(
                "reagents",
                entry,
                f"{rest!r} behind the amount is neither a vessel nor a role",
                "amounts are in mmol; behind them may stand flask or syringe, and a role such as solvent",
            )
            return None
        try:
            amount = parse_number(amount_text, comma_decimals=self._comma_decimals)
        except NotANumber as error:
            self._fault("reagents", entry, error.problem, error.remedy)
            return None
        if amount is not None and amount < 0:
            self._fault("reagents", entry, "is a negative amount", "correct it, or write NAME= if it is unknown")
            return None
        if amount is not None and amount > MOST_MMOL:
            self._beyond("reagents", entry, f"is more than {MOST_MMOL:g} mmol")
            return None
        return Reagent(name=_plain_formula(name), amount_mmol=amount, role=role, vessel=vessel)

    def _identify(self, name: str) -> str:
        """The canonical name; a name that does not resolve is warned of once and stands for itself."""
        try:
            return resolve(name).name
        except UnknownChemical as error:
            if name not in self._warned:
                self._warned.add(name)
                self._warn("reagents", name, f"{error}; it is kept as an unknown chemical of its own")
            return name

    def _warn(self, column: str, name: str, problem: str) -> None:
        self._fault(column, name, problem, "check the spelling; nothing else needs to be done", "warning")

    def _choice(self, column: str, cell: Any, kind: type[Choice]) -> Choice | None:
        text = _text(cell).casefold()
        if not text:
            return None
        for member in kind:
            if text.replace("_", " ") == member.value.casefold().replace("_", " "):
                return member
        close = get_close_matches(text, [member.value for member in kind], n=1, cutoff=0.6)
        known = f"did you mean {close[0]!r}?" if close else f"use one of: {'; '.join(kind)}"
        self._fault(column, cell, f"is not a {column.replace('_', ' ')} that is known", known)
        return None

    def _success(self, cell: Any) -> bool | None:
        if isinstance(cell, bool):
            return cell
        text = _text(cell).casefold()
        if not text:
            return None
        if text not in _TRUTH:
            self._fault("success", cell, "is neither TRUE nor FALSE", "write TRUE, FALSE, or nothing")
        return _TRUTH.get(text)

    def _identity(self, cell: Any) -> str | None:
        text = _text(cell)
        if not text:
            return None
        first = self._ids.setdefault(text, self._row)
        if first != self._row:
            self._fault("id", text, f"is the id of row {first} as well", "give every experiment an id of its own")
        return text


def _other_column(name: str) -> str:
    """What to do about a column that is not known."""
    if any(sign in name for sign in "σ±"):
        return "name it size_std_nm (standard deviation) or size_error_nm (standard error), or remove it"
    close = get_close_matches(name, COLUMNS, n=1, cutoff=0.7)
    return f"did you mean {close[0]!r} (in that unit)?" if close else "remove it; docs/tables.md lists the columns"


@lru_cache(maxsize=5_000)
def _composition(product: str) -> frozenset[tuple[str, float]] | None:
    try:
        return frozenset(composition(product).items())
    except InvalidFormula:
        return None


def _plain_formula(name: str) -> str:
    """A formula with ordinary digits; another name stays as it is."""
    try:
        parse_formula(name)
    except InvalidFormula:
        return name
    return plain_digits(name)


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
