"""A recipe as the questions a chemist asks before trying it: is every element there, in what ratio, will it boil?

Nothing here knows a chemical or a product by name, so that what is learned from it holds for those never seen. Amounts
enter as decadic logarithms of mmol; what is absent has the logarithm `ABSENT`, what is unknown is NaN. Leaves learning
to `success`, and what one chemical can do to `functions`.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache

import numpy as np
from scipy import sparse

from closedloop.chemistry.formula import atomic_masses
from closedloop.recipes import Recipe, Role
from closedloop.synthesis.functions import (
    ANIONS,
    GROUP_NAMES,
    LEAST_POTENTIAL_V,
    NONMETALS,
    POTENTIALS_V,
    SPECTATORS,
    UBIQUITOUS,
    chemical,
    product_elements,
)

ABSENT = -4.0
ELEMENTS = tuple(atomic_masses())
_PLACE = {element: i for i, element in enumerate(ELEMENTS)}
_ROLES: dict[Role | None, int] = {None: 0, **{role: i for i, role in enumerate(Role, 1)}}
_CATION, _ANION, _LIGAND, _SOLVENT = (
    _ROLES[role] for role in (Role.CATION_PRECURSOR, Role.ANION_PRECURSOR, Role.LIGAND, Role.SOLVENT)
)
# Groups whose amounts are told apart, among chemicals that are not precursors of a metal.
_GROUPS = tuple(name for name in GROUP_NAMES if name not in ("carboxylate", "thio compound", "ether"))
_POLAR = frozenset({"alcohol", "diol"})
# Per chemical: the groups, then these.
_TRAITS = ("surface", "agent", "mild", "unknown", "metal", "foreign carboxylate", "water", "polar")
_T = {name: len(_GROUPS) + i for i, name in enumerate(_TRAITS)}
_FAMILIES = ("S Se Te", "N P As", "F Cl Br I", "O", "Cs Rb K")


def _mask(symbols: frozenset[str]) -> np.ndarray:
    return np.array([element in symbols for element in ELEMENTS])


_METALS = ~_mask(NONMETALS)
_ANION_MASK = _mask(ANIONS)
_FEEDS_BY_ITSELF = _METALS & ~_mask(SPECTATORS)
_CHALCOGENS_AND_PHOSPHORUS = _mask(frozenset({"S", "Se", "Te", "P", "As"}))


@lru_cache(maxsize=20_000)
def _chemical_row(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, float, float]:
    """Element counts and hints (E,) each, traits, the role's code, boiling point (°C) and molar volume (mL/mmol)."""
    one = chemical(name)
    counts, hints = np.zeros(len(ELEMENTS)), np.zeros(len(ELEMENTS))
    for element, count in one.elements.items():
        counts[_PLACE[element]] = count
    for element in one.hinted:
        hints[_PLACE[element]] = 1.0
    salt = bool(one.metals - SPECTATORS)
    groups = frozenset() if salt else one.groups
    traits = [float(name in groups) for name in _GROUPS]
    traits += [
        float(one.surface),
        float(one.reducing == 2),
        float(one.reducing == 1),
        float(not one.known),
        float(salt),
        float("carboxylate" in one.groups),
        float(set(one.elements) == {"H", "O"}),
        float(one.role is Role.SOLVENT and bool(one.groups & _POLAR or "N" in one.elements or "S" in one.elements)),
    ]
    boiling = np.nan if one.boiling_point_c is None else one.boiling_point_c
    volume = np.nan if one.molar_volume_ml is None else one.molar_volume_ml
    return counts, hints, np.array(traits), _ROLES[one.role], boiling, volume


@lru_cache(maxsize=20_000)
def _product_row(product: str) -> tuple[np.ndarray, np.ndarray]:
    """Counts (E,) of the elements that must be brought, and what kind of product it is."""
    elements = product_elements(product)
    counts = np.zeros(len(ELEMENTS))
    for element, count in elements.items():
        if element not in UBIQUITOUS:
            counts[_PLACE[element]] = count
    metals = [element for element in elements if element not in NONMETALS]
    total = sum(elements.values()) or 1.0
    potentials = [POTENTIALS_V.get(metal, LEAST_POTENTIAL_V) for metal in metals]
    kind = [sum(elements.get(symbol, 0.0) for symbol in family.split()) / total for family in _FAMILIES]
    kind += [
        float(np.count_nonzero(counts)),
        float(len(metals)),
        float(bool(elements) and len(metals) == len(elements)),
        float(not elements),
        max(potentials, default=LEAST_POTENTIAL_V),
        min(potentials, default=LEAST_POTENTIAL_V),
    ]
    return counts, np.array(kind)


def features(recipes: Sequence[Recipe]) -> np.ndarray:
    """(n, len(names())) float64; NaN is unknown, and no value is infinite."""
    return _features(recipes)[0]


@cache
def names() -> tuple[str, ...]:
    """What the columns mean."""
    return _features([Recipe(product="CdSe")])[1]


def _features(recipes: Sequence[Recipe]) -> tuple[np.ndarray, tuple[str, ...]]:
    n = len(recipes)
    columns: dict[str, np.ndarray] = {}
    local: dict[str, int] = {}
    rows, chemicals, amounts, codes = [], [], [], []
    for i, recipe in enumerate(recipes):
        for reagent in recipe.reagents:
            amount = reagent.amount_mmol
            if amount != 0:
                rows.append(i)
                chemicals.append(local.setdefault(reagent.name, len(local)))
                amounts.append(np.nan if amount is None else amount)
                codes.append(-1 if reagent.role is None else _ROLES[reagent.role])
    described = [_chemical_row(name) for name in local] or [_chemical_row("water")]
    elements, hints, traits = (np.stack([row[part] for row in described]) for part in range(3))
    usual, boiling, volume = (np.array([row[part] for row in described]) for part in range(3, 6))
    row, which = np.array(rows, dtype=np.int64), np.array(chemicals, dtype=np.int64)
    amount = np.array(amounts, dtype=float)
    stated = np.array(codes, dtype=np.int64)
    role = np.where(stated >= 0, stated, usual[which])
    unknown_amount = ~np.isfinite(amount)
    # An unknown amount is there and is of ordinary size: it must not read as an element that is missing.
    amount = np.where(unknown_amount, 1.0, amount)

    def per_recipe(of: np.ndarray | float = 1.0, where: np.ndarray | None = None) -> np.ndarray:
        values = np.broadcast_to(of, row.shape)
        return np.bincount(row if where is None else row[where], values if where is None else values[where], n)

    def extreme(function: np.ufunc, of: np.ndarray, where: np.ndarray, start: float) -> np.ndarray:
        found = np.full(n, start)
        function.at(found, row[where], of[where])
        return np.where(np.isfinite(found), found, np.nan)

    mixed = sparse.csr_matrix((amount, (row, which)), shape=(n, len(described)))
    supply = mixed @ elements
    strong = role[:, None] != np.array([_LIGAND, _SOLVENT])
    feeding = sparse.csr_matrix((amount * strong.all(1), (row, which)), shape=(n, len(described))) @ elements
    hinted = sparse.csr_matrix((np.ones(len(row)), (row, which)), shape=(n, len(described))) @ hints > 0
    products = {name: i for i, name in enumerate(dict.fromkeys(recipe.product for recipe in recipes))}
    place = np.array([products[recipe.product] for recipe in recipes], dtype=np.int64)
    sought = [_product_row(name) for name in products] or [_product_row("CdSe")]
    needed, kind = np.stack([s[0] for s in sought])[place], np.stack([s[1] for s in sought])[place]
    for i, label in enumerate((*_FAMILIES, "key elements", "metals", "is metal", "no formula", "noblest", "basest")):
        columns[f"product: {label}"] = kind[:, i]

    _supply(columns, needed, supply, feeding, hinted)
    unknown = per_recipe(traits[which, _T["unknown"]])
    columns["chemicals: unknown"] = unknown
    columns["supply: missing, and nothing unknown"] = columns["supply: missing"] * (unknown == 0)
    metal = np.where(_METALS & (needed > 0), supply, 0.0).sum(1)
    stoichiometric = np.where(_METALS, needed, 0.0).sum(1)
    reference = np.log10(np.maximum(metal, 10**ABSENT)) - np.log10(np.maximum(stoichiometric, 1.0))
    _amounts(columns, per_recipe, amount, role, traits[which], reference)

    columns["amounts: unknown"] = per_recipe(unknown_amount)
    columns["amounts: carboxylates of salts"] = _log(
        per_recipe(amount, (traits[which, _T["foreign carboxylate"]] > 0) & (traits[which, _T["metal"]] > 0))
    )
    _liquids(columns, recipes, per_recipe, extreme, amount, role, boiling[which], volume[which], traits[which], metal)
    return np.stack(list(columns.values()), axis=1).astype(float).reshape(n, len(columns)), tuple(columns)


def _log(amount: np.ndarray) -> np.ndarray:
    return np.log10(np.maximum(amount, 10**ABSENT))


def _supply(
    columns: dict[str, np.ndarray], needed: np.ndarray, supply: np.ndarray, feeding: np.ndarray, hinted: np.ndarray
) -> None:
    """Is each element of the product brought, by a precursor or by anything, and in the product's ratio?"""
    key = needed > 0
    columns["supply: missing"] = (key & (supply <= 0) & ~hinted).sum(1)
    columns["supply: missing, hints apart"] = (key & (supply <= 0)).sum(1)
    columns["supply: metals missing"] = (key & _METALS & (supply <= 0) & ~hinted).sum(1)
    columns["supply: not from a precursor"] = (key & (feeding <= 0) & ~hinted).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(key, np.maximum(np.log10(supply / needed), ABSENT), np.nan)
        fed = np.where(key, np.maximum(np.log10(feeding / needed), ABSENT), np.nan)
    cations, anions = np.where(_METALS, ratio, np.nan), np.where(_ANION_MASK, ratio, np.nan)
    fed_anions = np.where(_ANION_MASK, fed, np.nan)
    least, most = _least(cations), _most(cations)
    columns["supply: least of all"] = _least(ratio)
    columns["supply: least metal"] = least
    columns["supply: most metal"] = most
    columns["supply: metals' spread"] = most - least
    columns["supply: least anion"] = _least(anions)
    columns["supply: least anion from a precursor"] = _least(fed_anions)
    columns["supply: most anion"] = _most(anions)
    columns["supply: anion over metal"] = _least(anions) - least
    columns["supply: anion from a precursor over metal"] = _least(fed_anions) - least
    own = np.where(key & _METALS, supply, 0.0).sum(1)
    foreign = np.where(~key & _FEEDS_BY_ITSELF, supply, 0.0)
    columns["foreign metals: count"] = (foreign > 0).sum(1)
    columns["foreign metals: over the product's"] = _log(foreign.sum(1)) - _log(own)
    others = np.where(~key & _CHALCOGENS_AND_PHOSPHORUS, feeding, 0.0)
    columns["foreign anions: count"] = (others > 0).sum(1)
    columns["foreign anions: over the metals"] = _log(others.sum(1)) - _log(own)


def _least(values: np.ndarray) -> np.ndarray:
    found = np.where(np.isnan(values), np.inf, values).min(1)
    return np.where(np.isfinite(found), found, np.nan)


def _most(values: np.ndarray) -> np.ndarray:
    found = np.where(np.isnan(values), -np.inf, values).max(1)
    return np.where(np.isfinite(found), found, np.nan)


def _amounts(
    columns: dict[str, np.ndarray],
    per_recipe: Callable[..., np.ndarray],
    amount: np.ndarray,
    role: np.ndarray,
    traits: np.ndarray,
    reference: np.ndarray,
) -> None:
    """How much of each role and group there is, as such and for each mmol of the product's metals."""
    total = per_recipe(amount)
    columns["chemicals: count"] = per_recipe()
    columns["amounts: all"] = _log(total)
    logs = {}
    for label, code in _ROLES.items():
        here = role == code
        one = per_recipe(amount, here)
        logs[code] = _log(one)
        columns[f"{label}: count"] = per_recipe(1.0, here)
        columns[f"{label}: amount"] = logs[code]
        columns[f"{label}: per metal"] = logs[code] - reference
        columns[f"{label}: share"] = one / np.maximum(total, 10**ABSENT)
    columns["ligand over cation precursor"] = logs[_LIGAND] - logs[_CATION]
    columns["ligand over anion precursor"] = logs[_LIGAND] - logs[_ANION]
    columns["solvent over cation precursor"] = logs[_SOLVENT] - logs[_CATION]
    columns["anion over cation precursor"] = logs[_ANION] - logs[_CATION]
    for i, label in enumerate((*_GROUPS, *_TRAITS[:3])):
        here = traits[:, i] > 0
        columns[f"{label}: amount"] = _log(per_recipe(amount, here))
        columns[f"{label}: per metal"] = columns[f"{label}: amount"] - reference
    columns["reductants per metal"] = (
        _log(per_recipe(amount, (traits[:, _T["agent"]] > 0) | (traits[:, _T["mild"]] > 0))) - reference
    )


def _liquids(
    columns: dict[str, np.ndarray],
    recipes: Sequence[Recipe],
    per_recipe: Callable[..., np.ndarray],
    extreme: Callable[..., np.ndarray],
    amount: np.ndarray,
    role: np.ndarray,
    boiling: np.ndarray,
    volume: np.ndarray,
    traits: np.ndarray,
    metal: np.ndarray,
) -> None:
    """Volume, concentration, and how far the reaction is above the boiling points of what it is done in."""
    liquid = np.isfinite(boiling) & ((role == _SOLVENT) | (role == _LIGAND) | (role == 0))
    solvent = np.isfinite(boiling) & (role == _SOLVENT)
    ml = np.where(np.isfinite(volume), volume, 0.3) * amount
    columns["volume, mL"] = _log(per_recipe(ml))
    columns["metals, mmol/mL"] = _log(metal) - columns["volume, mL"]
    total = np.maximum(per_recipe(ml), 10**ABSENT)
    columns["volume: solvents' share"] = per_recipe(ml, role == _SOLVENT) / total
    columns["volume: metal precursors' share"] = per_recipe(ml, traits[:, _T["metal"]] > 0) / total
    columns["volume: water's share"] = per_recipe(ml, traits[:, _T["water"]] > 0) / total
    columns["volume: polar solvents' share"] = per_recipe(ml, traits[:, _T["polar"]] > 0) / total
    conditions = np.array(
        [
            [
                np.nan if value is None else value
                for value in (
                    recipe.injection_temperature_c,
                    recipe.reaction_temperature_c,
                    recipe.heating_rate_c_per_min,
                    recipe.reaction_time_min,
                )
            ]
            for recipe in recipes
        ],
        dtype=float,
    ).reshape(len(recipes), 4)
    injection, reaction, rate, time = conditions.T
    columns |= {
        "injection, °C": injection,
        "reaction, °C": reaction,
        "reaction less injection, °C": reaction - injection,
    }
    columns |= {"heating rate": np.log1p(rate), "time": np.log(time + 0.05)}
    hottest = np.fmax(injection, reaction)
    most = extreme(np.maximum, np.where(liquid, amount, 0.0), liquid, 0.0)
    owner = np.repeat(np.arange(len(recipes)), per_recipe().astype(int))
    main_liquid = liquid & (amount >= most[owner] * 0.999)
    most = extreme(np.maximum, np.where(solvent, amount, 0.0), solvent, 0.0)
    main_solvent = solvent & (amount >= most[owner] * 0.999)
    substantial = solvent & (ml >= 0.2 * total[owner])
    for label, chosen, function in (
        ("main liquid", main_liquid, np.minimum),
        ("main solvent", main_solvent, np.minimum),
        ("lowest solvent", solvent, np.minimum),
        ("lowest substantial solvent", substantial, np.minimum),
        ("highest solvent", solvent, np.maximum),
        ("highest liquid", liquid, np.maximum),
    ):
        found = extreme(function, boiling, chosen, np.inf if function is np.minimum else -np.inf)
        columns[f"reaction above the boiling point of the {label}"] = reaction - found
        columns[f"hottest above the boiling point of the {label}"] = hottest - found
    weight = per_recipe(ml, liquid)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = per_recipe(np.where(liquid, ml * boiling, 0.0)) / weight
    columns["reaction above the mean boiling point"] = np.where(weight > 0, reaction - mean, np.nan)
