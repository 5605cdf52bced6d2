"""A formula as text -> elements and their counts. Knows no abbreviations: "Ac" is not acetate here, and not actinium.

Elements that no synthesis of this kind contains (those after bismuth, save thorium and uranium) are left out on
purpose: they would turn abbreviations such as "Ac", "Pa" or "No" into formulas.
"""

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from closedloop.chemistry.errors import InvalidFormula
from closedloop.recipes.fields import ReadOnly, plain_digits

_TOKEN = re.compile(r"([A-Z][a-z]?)|([(\[])|([)\]])|(\d+(?:\.\d+)?)")
_PHASE = re.compile(r"-\d+$")
_HYDRATE = re.compile(r"[·•∙⋅*]|(?<![·•∙⋅*]\d)[.\-](?=\d*(?:\.5)?H2O$)")


@cache
def atomic_masses() -> Mapping[str, float]:
    """Element symbol -> standard atomic mass in g/mol (the values of RDKit's periodic table)."""
    text = files("closedloop.chemistry").joinpath("data/elements.csv").read_text(encoding="utf-8")
    return ReadOnly({row["symbol"]: float(row["atomic_mass_g_per_mol"]) for row in csv.DictReader(text.splitlines())})


def without_phase(product: str) -> str:
    """A product's formula in plain digits, without the number that tells polymorphs apart: ``CdSe-1`` -> ``CdSe``."""
    return _PHASE.sub("", plain_digits(product.strip()))


def phase_of(product: str) -> int | None:
    """The number that tells a product's polymorphs apart: ``CdSe-1`` -> 1; None without one, or after no formula."""
    found = _PHASE.search(plain_digits(product.strip()))
    if found is None:
        return None
    try:
        parse_formula(without_phase(product))
    except InvalidFormula:
        return None
    return int(found.group()[1:])


def parse_formula(formula: str) -> Mapping[str, float]:
    """Element symbol -> count, of a formula with brackets, decimals and hydrate parts (``CdC4H6O4·2H2O``).

    Raises `InvalidFormula` at the first character that belongs to no element.
    """
    total: dict[str, float] = {}
    for part in _HYDRATE.split(plain_digits(formula.strip())):
        leading = re.match(r"\d+(?:\.\d+)?", part)
        factor = float(leading.group()) if leading else 1.0
        for symbol, count in _parse_part(part[leading.end() :] if leading else part, formula).items():
            total[symbol] = total.get(symbol, 0.0) + factor * count
    if any(count <= 0 for count in total.values()):
        raise InvalidFormula(f"{formula!r} is not a formula: an element has the count 0; write it without that element")
    return ReadOnly(total)


def molar_mass_g_per_mol(formula: str) -> float:
    """Molar mass in g/mol from the standard atomic masses."""
    masses = atomic_masses()
    return sum(masses[symbol] * count for symbol, count in parse_formula(formula).items())


def _parse_part(text: str, formula: str) -> dict[str, float]:
    """The counts of one part; the stack holds one group for each open bracket, ``last`` what a number multiplies."""
    stack: list[dict[str, float]] = [{}]
    position, last = 0, dict[str, float]()
    while position < len(text):
        match = _TOKEN.match(text, position)
        symbol, opening, closing, number = match.groups() if match else (None,) * 4
        if match is None or (symbol and symbol not in atomic_masses()) or (number and not last):
            raise InvalidFormula(
                f"{formula!r} is not a formula: cannot read {text[position:]!r}; write elements and counts, as in CdSe"
            )
        position = match.end()
        if symbol:
            last = {symbol: 1.0}
            _add(stack[-1], last, 1.0)
        elif opening:
            stack.append({})
            last = {}
        elif closing:
            if len(stack) == 1:
                raise InvalidFormula(f"{formula!r} is not a formula: a bracket closes that was never opened")
            last = stack.pop()
            _add(stack[-1], last, 1.0)
        elif number:
            _add(stack[-1], last, float(number) - 1)
            last = {}
    if len(stack) != 1 or not stack[0]:
        raise InvalidFormula(f"{formula!r} is not a formula: empty, or its brackets do not match")
    return stack[0]


def _add(group: dict[str, float], more: dict[str, float], factor: float) -> None:
    for symbol, count in more.items():
        group[symbol] = group.get(symbol, 0.0) + factor * count
