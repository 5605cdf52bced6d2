"""Recipes as arrays: which chemical, how much, in what role, under what conditions. No network and no learning here.

Unknown is a state of its own throughout (never a zero): the network has a learned vector for each kind of unknown. A
reagent listed with exactly 0 mmol is known to be absent, so that it becomes no token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from closedloop.chemistry import canonical_name, usual_role
from closedloop.chemistry.descriptors import COMPOSITION_SIZE, SUBSTANCE_SIZE, describe_product, describe_substance
from closedloop.chemistry.vectors import VectorTable
from closedloop.recipes import Recipe, Role, Vessel
from closedloop.synthesis.functions import GROUP_NAMES, chemical

CONDITIONS = ("injection_temperature_c", "reaction_temperature_c", "heating_rate_c_per_min", "reaction_time_min")
KNOWN, UNKNOWN, MASKED = 0, 1, 2
ROLES: dict[Role | None, int] = {None: 0, **{role: i for i, role in enumerate(Role, 1)}}
VESSELS: dict[Vessel | None, int] = {None: 0, **{vessel: i for i, vessel in enumerate(Vessel, 1)}}
# What is added to a time (min) before its logarithm: syntheses are quenched after seconds as well as days.
TIME_OFFSET_MIN = 0.05
# Below this amount (mmol) two amounts count as alike; balances do not resolve less.
LEAST_AMOUNT_MMOL = 1e-4
# Where amounts are compared, log(1 + 5 a): a tenth of a mmol still counts, forty mmol of solvent do not drown it.
AMOUNT_SLOPE = 5.0


@dataclass(frozen=True)
class Arrays:
    """n recipes of at most r reagents. Tables: row 0 of ``chemical_table`` is padding.

    chemical (n, r): row of chemical_table (u, SUBSTANCE_SIZE); identity (n, r): 1 + place in the vocabulary, 0 if it
    was not seen in training; known_chemical (u,); group_table (u, g): functional groups that it has. log_amount (n, r):
    natural logarithm of mmol where state (n, r) is KNOWN. role, vessel (n, r): codes. conditions, condition_known
    (n, 4). product (n,): row of product_table (v, COMPOSITION_SIZE), known_product (v,).
    """

    chemical: np.ndarray
    identity: np.ndarray
    log_amount: np.ndarray
    state: np.ndarray
    role: np.ndarray
    vessel: np.ndarray
    conditions: np.ndarray
    condition_known: np.ndarray
    product: np.ndarray
    chemical_table: np.ndarray
    known_chemical: np.ndarray
    product_table: np.ndarray
    known_product: np.ndarray
    group_table: np.ndarray

    def __len__(self) -> int:
        return len(self.product)

    def rows(self, index: Any) -> Self:
        """The same tables with some of the recipes."""
        per_recipe = {field.name: getattr(self, field.name)[index] for field in fields(self)[:9]}
        return replace(self, **per_recipe)


@dataclass(frozen=True)
class Vocabulary:
    """What the model met in training, with the scales of its inputs; stored in the model's file.

    ``chemicals`` are canonical names. ``vectors`` (c, SUBSTANCE_SIZE) are their descriptors and ``groups`` (c, g) their
    functional groups (`functions.GROUP_NAMES`) as they were in training, so that a later registry or encoder cannot
    change what a stored model sees. ``own_vectors``: the user's, where they
    stand in place of the encoder's.
    """

    chemicals: tuple[str, ...]
    vectors: np.ndarray
    groups: np.ndarray
    condition_centre: tuple[float, ...]
    condition_scale: tuple[float, ...]
    amount_centre: float
    amount_scale: float
    own_vectors: VectorTable | None = None

    @classmethod
    def of(cls, recipes: Sequence[Recipe], own_vectors: VectorTable | None = None) -> Self:
        names = sorted({canonical_name(reagent.name) for recipe in recipes for reagent in recipe.reagents})
        values = np.array([condition_values(recipe) for recipe in recipes], dtype=float).reshape(-1, len(CONDITIONS))
        centres, scales = [], []
        for column in values.T:
            known = column[np.isfinite(column)]
            centres.append(float(np.median(known)) if known.size else 0.0)
            low, high = np.percentile(known, [10, 90]) if known.size else (0.0, 0.0)
            scales.append(float(high - low) / 2 if high > low else 1.0)
        amounts = [
            np.log(max(reagent.amount_mmol, LEAST_AMOUNT_MMOL))
            for recipe in recipes
            for reagent in recipe.reagents
            if reagent.amount_mmol
        ]
        return cls(
            tuple(names),
            _vectors(names, own_vectors),
            _groups(names),
            tuple(centres),
            tuple(scales),
            float(np.mean(amounts)) if amounts else 0.0,
            float(np.std(amounts)) or 1.0 if amounts else 1.0,
            own_vectors,
        )

    def extended(self, recipes: Sequence[Recipe]) -> Self:
        """The same scales, with the chemicals of these recipes appended (the known ones keep their places)."""
        known = set(self.chemicals)
        new = sorted({canonical_name(reagent.name) for recipe in recipes for reagent in recipe.reagents} - known)
        return replace(
            self,
            chemicals=(*self.chemicals, *new),
            vectors=np.concatenate([self.vectors, _vectors(new, self.own_vectors)]),
            groups=np.concatenate([self.groups, _groups(new)]),
        )

    def encode(self, recipes: Sequence[Recipe], *, masked: bool = False) -> Arrays:
        """Recipes to `Arrays`; ``masked`` marks every amount as one to be predicted, and keeps zero amounts too."""
        places = {name: i for i, name in enumerate(self.chemicals, 1)}
        reagents = [[r for r in recipe.reagents if masked or r.amount_mmol != 0] for recipe in recipes]
        n, most = len(recipes), max((len(listed) for listed in reagents), default=0) or 1
        integers = {name: np.zeros((n, most), dtype=np.int64) for name in ("chemical", "identity", "role", "vessel")}
        state = np.full((n, most), MASKED if masked else UNKNOWN, dtype=np.int64)
        amount = np.ones((n, most))
        rows: dict[str, int] = {}
        vectors, known_rows = [np.zeros(SUBSTANCE_SIZE, dtype=np.float32)], [True]
        groups = [np.zeros(len(GROUP_NAMES), dtype=bool)]
        for i, listed in enumerate(reagents):
            for j, reagent in enumerate(listed):
                name = canonical_name(reagent.name)
                row = rows.get(name)
                if row is None:
                    row = rows[name] = len(rows) + 1
                    found = describe_substance(name, self.own_vectors) if name not in places else None
                    vectors.append(found.vector if found else self.vectors[places[name] - 1])
                    known_rows.append(found.known if found else bool(vectors[-1].any()))
                    groups.append(_groups([name])[0] if found else self.groups[places[name] - 1])
                integers["chemical"][i, j] = row
                integers["identity"][i, j] = places.get(name, 0)
                integers["role"][i, j] = ROLES[reagent.role or usual_role(name)]
                integers["vessel"][i, j] = VESSELS[reagent.vessel]
                if reagent.amount_mmol is not None and not masked:
                    state[i, j] = KNOWN
                    amount[i, j] = max(reagent.amount_mmol, LEAST_AMOUNT_MMOL)
        values = np.array([condition_values(recipe) for recipe in recipes], dtype=float).reshape(n, len(CONDITIONS))
        condition_known = np.isfinite(values)
        scaled = (
            np.where(condition_known, values, self.condition_centre) - self.condition_centre
        ) / self.condition_scale
        products = list(dict.fromkeys(recipe.product for recipe in recipes))
        product_row = {name: i for i, name in enumerate(products)}
        described = [describe_product(name) for name in products]
        return Arrays(
            **integers,
            state=state,
            log_amount=np.log(amount).astype(np.float32),
            # A temperature far outside the training range must not saturate everything else.
            conditions=np.clip(scaled, -5, 5).astype(np.float32),
            condition_known=condition_known,
            product=np.array([product_row[recipe.product] for recipe in recipes], dtype=np.int64),
            chemical_table=np.stack(vectors),
            known_chemical=np.array(known_rows),
            product_table=np.array([d.vector for d in described], dtype=np.float32).reshape(-1, COMPOSITION_SIZE),
            known_product=np.array([d.known for d in described], dtype=bool),
            group_table=np.stack(groups),
        )


def _vectors(names: Sequence[str], own: VectorTable | None) -> np.ndarray:
    """(c, SUBSTANCE_SIZE) float32."""
    found = [describe_substance(name, own).vector for name in names]
    return np.array(found, dtype=np.float32).reshape(-1, SUBSTANCE_SIZE)


def _groups(names: Sequence[str]) -> np.ndarray:
    """(c, g) bool."""
    found = [[group in chemical(name).groups for group in GROUP_NAMES] for name in names]
    return np.array(found, dtype=bool).reshape(-1, len(GROUP_NAMES))


def condition_values(recipe: Recipe) -> tuple[float, ...]:
    """The four conditions, rate and time on a logarithmic scale; NaN is unknown."""
    injection, reaction = recipe.injection_temperature_c, recipe.reaction_temperature_c
    rate, time = recipe.heating_rate_c_per_min, recipe.reaction_time_min
    return (
        float("nan") if injection is None else injection,
        float("nan") if reaction is None else reaction,
        float("nan") if rate is None else np.log1p(rate),
        float("nan") if time is None else np.log(time + TIME_OFFSET_MIN),
    )
