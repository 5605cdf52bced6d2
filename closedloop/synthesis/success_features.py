"""A recipe as the questions a chemist asks before trying it: is every element there, in what ratio, will it boil?

Nothing here knows a chemical or a product by name, so that what is learned from it holds for those never seen. Amounts
enter as decadic logarithms of mmol; what is absent has the logarithm `ABSENT`, what is unknown is NaN. Leaves learning
to `success`, and what one chemical can do to `functions`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Self

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
from closedloop.synthesis.typical_amounts import TypicalAmounts

ABSENT = -4.0
# That of an ordinary organic solid; it matters for the volume of a recipe only where no solvent is listed.
MOLAR_VOLUME_ML = 0.3
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
_TRAITS = ("surface", "agent", "mild", "unknown", "metal", "carboxylate", "water", "polar")
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


@dataclass(frozen=True)
class Flat:
    """n recipes as a list of m reagents: ``row`` and ``which`` (m,) say whose and which chemical of ``names`` (u,).

    ``amount`` (m,) in mmol; ``unknown_amount`` (m,) marks those that stand in as 1 mmol, for an unknown amount is there
    and must not read as missing. ``role`` (m,) is the stated or usual one's code. Per chemical: ``elements`` and
    ``hints`` (u, E), ``traits`` (u, k), ``boiling`` and ``volume`` (u,) in degrees C and mL/mmol, NaN if unknown.
    """

    n: int
    row: np.ndarray
    which: np.ndarray
    names: tuple[str, ...]
    amount: np.ndarray
    unknown_amount: np.ndarray
    role: np.ndarray
    elements: np.ndarray
    hints: np.ndarray
    traits: np.ndarray
    boiling: np.ndarray
    volume: np.ndarray

    @classmethod
    def of(cls, recipes: Sequence[Recipe]) -> Self:
        places: dict[str, int] = {}
        row, which, amounts, codes = [], [], [], []
        for i, recipe in enumerate(recipes):
            for reagent in recipe.reagents:
                amount = reagent.amount_mmol
                if amount != 0:
                    row.append(i)
                    which.append(places.setdefault(reagent.name, len(places)))
                    amounts.append(np.nan if amount is None else amount)
                    codes.append(-1 if reagent.role is None else _ROLES[reagent.role])
        described = [_chemical_row(name) for name in places] or [_chemical_row("water")]
        elements, hints, traits = (np.stack([one[part] for one in described]) for part in range(3))
        usual, boiling, volume = (np.array([one[part] for one in described]) for part in range(3, 6))
        chosen, stated = np.array(which, dtype=np.int64), np.array(codes, dtype=np.int64)
        amount_mmol = np.array(amounts, dtype=float)
        unknown = np.isnan(amount_mmol)
        return cls(
            len(recipes),
            np.array(row, dtype=np.int64),
            chosen,
            tuple(places),
            np.where(unknown, 1.0, amount_mmol),
            unknown,
            np.where(stated >= 0, stated, usual[chosen]),
            elements,
            hints,
            traits,
            boiling,
            volume,
        )

    def total(self, of: np.ndarray | float = 1.0, where: np.ndarray | None = None) -> np.ndarray:
        """(n,): sum over the reagents of each recipe, or over some of them."""
        values = np.broadcast_to(of, self.row.shape)
        if where is None:
            return np.bincount(self.row, values, self.n)
        return np.bincount(self.row[where], values[where], self.n)

    def extreme(self, function: np.ufunc, of: np.ndarray, where: np.ndarray) -> np.ndarray:
        """(n,): the largest (``np.maximum``) or smallest over some reagents of each recipe, NaN if there are none."""
        start = -np.inf if function is np.maximum else np.inf
        found = np.full(self.n, start)
        function.at(found, self.row[where], of[where])
        return np.where(found == start, np.nan, found)

    @property
    def ml(self) -> np.ndarray:
        """(m,): volume in mL; a solid or a liquid of unknown density is taken as `MOLAR_VOLUME_ML`."""
        volume = self.volume[self.which]
        return np.asarray(np.where(np.isnan(volume), MOLAR_VOLUME_ML, volume) * self.amount)

    def logs(self) -> np.ndarray:
        """(m, 2): log10 of mmol, and of mmol per mL of the whole recipe."""
        amount = _log(self.amount)
        return np.stack([amount, amount - _log(self.total(self.ml))[self.row]], axis=1)


def typical_amounts(recipes: Sequence[Recipe], groups: Sequence[Hashable]) -> TypicalAmounts:
    """What is usual in these recipes (n); ``groups`` (n,) say which can be left out together."""
    flat = Flat.of(recipes)
    known = np.flatnonzero(~flat.unknown_amount)
    names = [flat.names[i] for i in flat.which[known]]
    return TypicalAmounts.fit(names, flat.logs()[known], [groups[i] for i in flat.row[known]])


def features(
    recipes: Sequence[Recipe], typical: TypicalAmounts, without: Sequence[Hashable] | None = None
) -> np.ndarray:
    """(n, len(names())) float64; NaN is unknown, and no value is infinite.

    ``without`` (n,) are the groups that each recipe belongs to, where ``typical`` was learned from them.
    """
    return np.stack(list(_columns(recipes, typical, without).values()), axis=1)


@cache
def names() -> tuple[str, ...]:
    """What the columns mean."""
    return tuple(_columns([Recipe(product="CdSe")], TypicalAmounts({}), None))


def _columns(
    recipes: Sequence[Recipe], typical: TypicalAmounts, without: Sequence[Hashable] | None
) -> dict[str, np.ndarray]:
    flat = Flat.of(recipes)
    columns: dict[str, np.ndarray] = {}
    products = {name: i for i, name in enumerate(dict.fromkeys(recipe.product for recipe in recipes))}
    place = np.array([products[recipe.product] for recipe in recipes], dtype=np.int64)
    sought = [_product_row(name) for name in products] or [_product_row("CdSe")]
    needed, kind = np.stack([s[0] for s in sought])[place], np.stack([s[1] for s in sought])[place]
    for i, label in enumerate((*_FAMILIES, "key elements", "metals", "is metal", "no formula", "noblest", "basest")):
        columns[f"product: {label}"] = kind[:, i]
    supply = _sum_over_reagents(flat, flat.elements)
    _supply(columns, flat, needed, supply)
    metal = np.where(_METALS & (needed > 0), supply, 0.0).sum(1)
    _amounts(columns, flat, _log(metal) - np.log10(np.maximum(np.where(_METALS, needed, 0.0).sum(1), 1.0)))
    _liquids(columns, flat, recipes, metal)
    _surprises(columns, flat, typical, without)
    return {name: values.astype(float) for name, values in columns.items()}


def _sum_over_reagents(flat: Flat, of: np.ndarray, weight: np.ndarray | float = 1.0) -> np.ndarray:
    """(n, E): amounts times a property of the chemicals (u, E), added up over each recipe's reagents."""
    mixed = sparse.csr_matrix((flat.amount * weight, (flat.row, flat.which)), shape=(flat.n, len(of)))
    return np.asarray(mixed @ of)


def _log(amount: np.ndarray) -> np.ndarray:
    return np.log10(np.maximum(amount, 10**ABSENT))


def _supply(columns: dict[str, np.ndarray], flat: Flat, needed: np.ndarray, supply: np.ndarray) -> None:
    """Is each element of the product brought, by a precursor or by anything, and in the product's ratio?"""
    feeding = _sum_over_reagents(flat, flat.elements, (flat.role != _LIGAND) & (flat.role != _SOLVENT))
    hinted = _sum_over_reagents(flat, flat.hints) > 0
    key = needed > 0
    unknown = flat.total(flat.traits[flat.which, _T["unknown"]])
    columns["chemicals: unknown"] = unknown
    columns["supply: missing"] = (key & (supply <= 0) & ~hinted).sum(1)
    columns["supply: missing, and nothing unknown"] = columns["supply: missing"] * (unknown == 0)
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


def _amounts(columns: dict[str, np.ndarray], flat: Flat, reference: np.ndarray) -> None:
    """How much of each role and group there is, as such and for each mmol of the product (``reference``: its log10)."""
    amount, role, traits = flat.amount, flat.role, flat.traits[flat.which]
    per_recipe = flat.total
    total = per_recipe(amount)
    columns["chemicals: count"] = per_recipe()
    columns["amounts: all"] = _log(total)
    columns["amounts: unknown"] = per_recipe(flat.unknown_amount)
    salts_of_acids = (traits[:, _T["carboxylate"]] > 0) & (traits[:, _T["metal"]] > 0)
    columns["amounts: carboxylates of metals"] = _log(per_recipe(amount, salts_of_acids))
    logs = {}
    for label, code in ((str(role), code) for role, code in _ROLES.items()):
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


def _liquids(columns: dict[str, np.ndarray], flat: Flat, recipes: Sequence[Recipe], metal: np.ndarray) -> None:
    """Volume, concentration, and how far the reaction is above the boiling points of what it is done in."""
    amount, role, boiling, ml, traits = (
        flat.amount,
        flat.role,
        flat.boiling[flat.which],
        flat.ml,
        flat.traits[flat.which],
    )
    per_recipe, extreme = flat.total, flat.extreme
    liquid = np.isfinite(boiling) & ((role == _SOLVENT) | (role == _LIGAND) | (role == 0))
    solvent = np.isfinite(boiling) & (role == _SOLVENT)
    columns["volume, mL"] = _log(per_recipe(ml))
    columns["metals, mmol/mL"] = _log(metal) - columns["volume, mL"]
    total = np.maximum(per_recipe(ml), 10**ABSENT)
    columns["volume: solvents' share"] = per_recipe(ml, role == _SOLVENT) / total
    columns["volume: metal precursors' share"] = per_recipe(ml, traits[:, _T["metal"]] > 0) / total
    columns["volume: water's share"] = per_recipe(ml, traits[:, _T["water"]] > 0) / total
    columns["volume: polar solvents' share"] = per_recipe(ml, traits[:, _T["polar"]] > 0) / total
    # An unknown condition, None, becomes NaN.
    conditions = np.array(
        [
            (
                recipe.injection_temperature_c,
                recipe.reaction_temperature_c,
                recipe.heating_rate_c_per_min,
                recipe.reaction_time_min,
            )
            for recipe in recipes
        ],
        dtype=float,
    ).reshape(-1, 4)
    injection, reaction, rate, time = conditions.T
    columns |= {
        "injection, °C": injection,
        "reaction, °C": reaction,
        "reaction less injection, °C": reaction - injection,
    }
    columns |= {"heating rate": np.log1p(rate), "time": np.log(time + 0.05)}
    hottest = np.fmax(injection, reaction)
    main_liquid = liquid & (amount >= extreme(np.maximum, amount, liquid)[flat.row])
    main_solvent = solvent & (amount >= extreme(np.maximum, amount, solvent)[flat.row])
    substantial = solvent & (ml >= 0.2 * total[flat.row])
    for label, chosen, function in (
        ("main liquid", main_liquid, np.minimum),
        ("main solvent", main_solvent, np.minimum),
        ("lowest solvent", solvent, np.minimum),
        ("lowest substantial solvent", substantial, np.minimum),
        ("highest solvent", solvent, np.maximum),
        ("highest liquid", liquid, np.maximum),
    ):
        found = extreme(function, boiling, chosen)
        columns[f"reaction above the boiling point of the {label}"] = reaction - found
        columns[f"hottest above the boiling point of the {label}"] = hottest - found
    weight = per_recipe(ml, liquid)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = per_recipe(np.where(liquid, ml * boiling, 0.0)) / weight
    columns["reaction above the mean boiling point"] = np.where(weight > 0, reaction - mean, np.nan)


def _surprises(
    columns: dict[str, np.ndarray], flat: Flat, typical: TypicalAmounts, without: Sequence[Hashable] | None
) -> None:
    """How far amounts and concentrations are from those usual of the chemical: by role, and over all reagents."""
    if without is None:
        usual = np.array([typical.expected(name) for name in flat.names]).reshape(-1, 2)[flat.which]
    else:
        pairs: dict[tuple[int, Hashable], int] = {}
        place = [
            pairs.setdefault((i, without[row]), len(pairs))
            for i, row in zip(flat.which.tolist(), flat.row.tolist(), strict=True)
        ]
        usual = np.array([typical.expected(flat.names[i], group) for i, group in pairs]).reshape(-1, 2)
        usual = usual[np.array(place, dtype=np.int64)]
    # No finer than a balance is: whether a recipe itself was among those compared with must not show.
    surprise = np.round(flat.logs() - usual, 2)
    amount, concentration = surprise.T
    known = ~flat.unknown_amount
    for label, code in ((str(role), code) for role, code in _ROLES.items()):
        here = known & (flat.role == code)
        main = here & (flat.amount >= flat.extreme(np.maximum, flat.amount, here)[flat.row])
        columns[f"{label}: surprise of the main amount"] = flat.extreme(np.maximum, amount, main)
        columns[f"{label}: surprise of the main concentration"] = flat.extreme(np.maximum, concentration, main)
        columns[f"{label}: largest surprise"] = flat.extreme(np.maximum, amount, here)
        columns[f"{label}: least surprise"] = flat.extreme(np.minimum, amount, here)
    for label, values in (("amounts", amount), ("concentrations", concentration)):
        largest, least = flat.extreme(np.maximum, values, known), flat.extreme(np.minimum, values, known)
        count = np.maximum(flat.total(1.0, known), 1.0)
        mean = flat.total(values, known) / count
        columns[f"{label}: largest surprise"], columns[f"{label}: least surprise"] = largest, least
        columns[f"{label}: range of surprises"] = largest - least
        spread = np.sqrt(np.maximum(flat.total(values**2, known) / count - mean**2, 0.0))
        columns[f"{label}: spread of surprises"] = spread
