"""A name on a bottle -> a `Substance`. Never guesses: what is not known is an error that names what looks like it.

The table is ``data/substances.csv``, edited by hand and completed by ``python -m closedloop.chemistry.build``;
`spelling` says how a name is compared with it. A name that means different things to different chemists (DEA, TPP, SA,
"iron chloride") is not in it but in ``data/ambiguous.csv``: a data set that uses one writes it out when it is loaded
(docs/decisions/0010).
"""

import csv
import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.resources import files

from closedloop.chemistry.errors import AmbiguousChemical, InvalidFormula, UnknownChemical
from closedloop.chemistry.formula import atomic_masses, parse_formula, without_phase
from closedloop.chemistry.spelling import key_of, salt_and_water, two_names, variants
from closedloop.chemistry.substance import Substance
from closedloop.recipes import Role

# No chemist writes a longer one; what is longer is text that went astray, and is refused without a search.
LONGEST_NAME = 300


def resolve(name: str) -> Substance:
    """The substance that ``name`` means, whatever its case, spaces, hyphens, Greek letters, subscripts or purity.

    A formula in the wrong case counts only if its letters can be read in one way: "cdo" is CdO, but "cs2" could be
    carbon disulfide or caesium, and is refused. A metal's symbol counts in its own case alone, for NA and CD are
    abbreviations (docs/decisions/0121). Raises `UnknownChemical` with the nearest known names, or
    `AmbiguousChemical`, which is one, with everything that the name can mean.
    """
    found = _look_up(name)
    if found is None:
        raise (AmbiguousChemical(name, _meanings) if _meanings(name) else UnknownChemical(name, _nearest))
    return found


@lru_cache(maxsize=50_000)
def canonical_name(name: str) -> str:
    """The registry's name for the chemical, so that ODE and 1-octadecene are one; an unknown name stays as it is."""
    try:
        return resolve(name).name
    except UnknownChemical:
        return name


@lru_cache(maxsize=50_000)
def chemical_key(name: str) -> str:
    """Equal for names of one chemical: the canonical name, and of a name that is unknown its letters, whatever their
    case, spaces and dashes. It tells chemicals apart, and is not to be shown."""
    try:
        return resolve(name).name
    except UnknownChemical:
        return key_of(name).casefold()


@lru_cache(maxsize=50_000)
def usual_role(name: str) -> Role | None:
    """What the chemical is mostly there for, where the registry says."""
    try:
        return resolve(name).role
    except UnknownChemical:
        return None


@lru_cache(maxsize=50_000)
def _look_up(name: str) -> Substance | None:
    if len(name) > LONGEST_NAME:
        return None
    exact, folded = _index()
    for variant in (name, *variants(name)):
        key = key_of(variant)
        found = exact.get(key) or folded.get(key.casefold())
        if found is not None:
            return found
        if key.casefold() in _ambiguous():
            return None
        if (in_parts := salt_and_water(variant)) and (found := _hydrate(*in_parts)):
            return found
        if (said_twice := two_names(variant)) and (found := _same(*said_twice)):
            return found
    return None


def _hydrate(salt: str, water: str) -> Substance | None:
    """The salt with so much water, where the registry holds it: the salt alone has another molar mass."""
    found = _look_up(salt)
    return _index()[0].get(key_of(f"{found.name} {water}")) if found else None


def _same(name: str, other: str) -> Substance | None:
    """The substance of "1-octadecene (ODE)", "stearic acid (SA)" or "SA (stearic acid)": only if each can mean it."""
    first, second = _look_up(name), _look_up(other)
    if first is second:
        return first
    for found, short in ((first, other), (second, name)):
        if found is not None and found.name in _ambiguous().get(key_of(short).casefold(), ()):
            return found
    return None


def _meanings(name: str) -> tuple[str, ...]:
    """What an ambiguous name can mean; empty for any other."""
    if len(name) > LONGEST_NAME:
        return ()
    keys = (key_of(variant).casefold() for variant in (name, *variants(name)))
    return next((_ambiguous()[key] for key in keys if key in _ambiguous()), ())


@lru_cache(maxsize=5_000)
def _nearest(name: str) -> tuple[str, ...]:
    """The known names that look most like ``name``, of different substances."""
    if len(name) > LONGEST_NAME:
        return ()
    known = _nearest_index()
    best: dict[Substance | None, str] = {}
    for match in get_close_matches(key_of(name).casefold(), list(known), n=12, cutoff=0.6):
        best.setdefault(_look_up(known[match]), known[match])
    return tuple(best.values())[:3]


def known_names() -> tuple[str, ...]:
    """The canonical names, in alphabetical order."""
    return tuple(substance.name for substance in substances())


def composition(name: str) -> Mapping[str, float]:
    """Element -> count per formula unit, of a product (``CdSe-1``), a formula, or a name that the registry knows.

    Raises `InvalidFormula` if it is none of them.
    """
    plain = without_phase(name)
    known = _index()[0].get(key_of(plain))
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


@cache
def _index() -> tuple[dict[str, Substance], dict[str, Substance]]:
    """Keys with case -> substance, and keys without case -> substance where the case does not matter."""
    exact: dict[str, Substance] = {}
    folded: dict[str, Substance] = {}
    for substance in substances():
        for name in (substance.name, *substance.synonyms):
            key = key_of(name)
            if exact.setdefault(key, substance) is not substance:
                raise ValueError(f"{name!r} names both {exact[key].name!r} and {substance.name!r} in substances.csv")
            if _is_formula(name) and _readings(key.casefold()) != 1:
                continue
            if name in atomic_masses() and substance.role is not Role.ANION_PRECURSOR:
                continue
            if folded.setdefault(key.casefold(), substance) is not substance:
                other = folded[key.casefold()].name
                raise ValueError(f"{name!r} and a name of {other!r} differ in case only in substances.csv")
    return exact, folded


@cache
def _ambiguous() -> dict[str, tuple[str, ...]]:
    """Keys without case -> the canonical names of what they can mean."""
    text = files("closedloop.chemistry").joinpath("data/ambiguous.csv").read_text(encoding="utf-8")
    return {key_of(row["name"]).casefold(): tuple(row["means"].split(";")) for row in csv.DictReader(text.splitlines())}


@cache
def _nearest_index() -> dict[str, str]:
    """Keys without case -> the spelling to suggest."""
    return {
        key_of(name).casefold(): name for substance in substances() for name in (*substance.synonyms, substance.name)
    }


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
