"""A name on a bottle -> a `Substance`. Never guesses: what is not known is an error that names what looks like it.

The table is ``data/substances.csv``, edited by hand and completed by ``python -m closedloop.chemistry.build``. An
abbreviation that means different things to different chemists (DEA, TPP, SA) is not in it: a data set that uses one
writes it out when it is loaded (docs/decisions/0010).
"""

import csv
import re
import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from closedloop.chemistry.errors import InvalidFormula, UnknownChemical
from closedloop.chemistry.formula import atomic_masses, parse_formula, without_phase
from closedloop.chemistry.substance import Substance

_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ω": "omega", "Δ": "delta"}
_SPELLING = {"sulph": "sulf", "caesium": "cesium", "aluminium": "aluminum"}
_DASHES = re.compile(r"[\s\-\u00ad\u2010-\u2015\u2212]+")
_DOTS = re.compile(r"[•∙⋅*]|\.(?=\d*H2O\b)")
_PRIMES = re.compile(r"[′’‘`´]")


def resolve(name: str) -> Substance:
    """The substance that ``name`` means, whatever its case, spaces, hyphens, Greek letters or subscripts.

    A formula in the wrong case counts only if its letters can be read in one way: "cdo" is CdO, but "cs2" could be
    carbon disulfide or caesium, and is refused. Raises `UnknownChemical`.
    """
    exact, folded = _index()
    key = _key(name)
    found = exact.get(key) or folded.get(key.casefold())
    if found is None:
        close = get_close_matches(key.casefold(), list(_nearest_index()), n=3, cutoff=0.6)
        raise UnknownChemical(name, tuple(dict.fromkeys(_nearest_index()[match] for match in close)))
    return found


def known_names() -> tuple[str, ...]:
    """The canonical names, in alphabetical order."""
    return tuple(substance.name for substance in substances())


def composition(name: str) -> Mapping[str, float]:
    """Element -> count per formula unit, of a product (``CdSe-1``), a formula, or a name that the registry knows.

    Raises `InvalidFormula` if it is none of them.
    """
    plain = without_phase(name)
    known = _index()[0].get(_key(plain))
    if known is not None:
        return parse_formula(known.formula)
    try:
        return parse_formula(plain)
    except InvalidFormula:
        try:
            return parse_formula(resolve(plain).formula)
        except UnknownChemical as error:
            raise InvalidFormula(f"{name!r} is neither a formula nor a known chemical ({error})") from None


@cache
def substances() -> tuple[Substance, ...]:
    """The whole registry, by canonical name."""
    text = files("closedloop.chemistry").joinpath("data/substances.csv").read_text(encoding="utf-8")
    rows = (_substance(row) for row in csv.DictReader(text.splitlines()))
    return tuple(sorted(rows, key=lambda substance: substance.name.casefold()))


def _substance(row: dict[str, str]) -> Substance:
    known: dict[str, object] = {column: value for column, value in row.items() if value}
    known["synonyms"] = tuple(row["synonyms"].split(";")) if row["synonyms"] else ()
    known["nominal"] = row["nominal"] == "nominal"
    return Substance.model_validate(known)


def _key(name: str) -> str:
    """The name without what people write differently; case is kept."""
    text = unicodedata.normalize("NFKC", name).strip()
    text = _PRIMES.sub("'", _DOTS.sub("·", text))
    text = "".join(_GREEK.get(letter, letter) for letter in text)
    text = _DASHES.sub("", text)
    for british, american in _SPELLING.items():
        text = re.sub(british, american, text, flags=re.IGNORECASE)
    return text


@cache
def _index() -> tuple[dict[str, Substance], dict[str, Substance]]:
    """Keys with case -> substance, and keys without case -> substance where the case does not matter."""
    exact: dict[str, Substance] = {}
    folded: dict[str, Substance] = {}
    for substance in substances():
        for name in (substance.name, *substance.synonyms):
            key = _key(name)
            if exact.setdefault(key, substance) is not substance:
                raise ValueError(f"{name!r} names both {exact[key].name!r} and {substance.name!r} in substances.csv")
            if _is_formula(name) and _readings(key.casefold()) != 1:
                continue
            if folded.setdefault(key.casefold(), substance) is not substance:
                other = folded[key.casefold()].name
                raise ValueError(f"{name!r} and a name of {other!r} differ in case only in substances.csv")
    return exact, folded


@cache
def _nearest_index() -> dict[str, str]:
    """Keys without case -> the spelling to suggest."""
    return {_key(name).casefold(): name for substance in substances() for name in (*substance.synonyms, substance.name)}


def _is_formula(name: str) -> bool:
    try:
        parse_formula(name)
    except InvalidFormula:
        return False
    return True


def _readings(formula: str) -> int:
    """In how many ways the letters of a formula without case can be read as element symbols."""
    symbols = {symbol.casefold() for symbol in atomic_masses()}
    ways = 1
    for word in re.findall(r"[a-z]+", formula):
        counts = [1] + [0] * len(word)
        for end in range(1, len(word) + 1):
            counts[end] = sum(
                counts[end - length] for length in (1, 2) if length <= end and word[end - length : end] in symbols
            )
        ways *= counts[-1]
    return ways
