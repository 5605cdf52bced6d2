"""The recipes of a pool -> arrays: conditions, amounts by chemical and by role, what the chemicals are.

Looks at recipes and settings only, all of the pool's at once, so that columns that do not vary are left out and the
rest are scaled by how much they vary. Leaves what to make of the numbers to the strategies.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from closedloop.campaign.dryrun.pool import View
from closedloop.chemistry import chemical_key, usual_role
from closedloop.recipes import Reagent, Recipe, Role

Array = NDArray[np.float64]

CONDITIONS = ("injection_temperature_c", "reaction_temperature_c", "heating_rate_c_per_min", "reaction_time_min")
# Spread over decades, so that they are compared by ratio.
_BY_RATIO = {"heating_rate_c_per_min", "reaction_time_min"}
# mmol: below this, ratios of amounts no longer tell anything.
_LEAST_MMOL = 0.02
_CONSTANT = 1e-9


@dataclass(frozen=True)
class Features:
    """``conditions`` (n, c): temperatures in °C, ln(1 + min), ln(1 + °C/min) and settings as they are, unknown ones at
    the median; ``names`` (c,) says which. ``mmol`` (n, m): amounts of ``chemicals`` (m,), unknown ones at the
    chemical's median; ``present`` (n, m). ``role_mmol`` (n, r): sums over each of ``roles``. Only what varies is here,
    but for ``present``, which has all chemicals."""

    names: tuple[str, ...]
    conditions: Array
    chemicals: tuple[str, ...]
    mmol: Array
    present: NDArray[np.bool_]
    chemical_roles: tuple[Role | None, ...]
    roles: tuple[Role | None, ...]
    role_mmol: Array

    @classmethod
    def of(cls, view: View) -> Self:
        names, conditions = _conditions(view)
        keys, mmol, present, roles_of = _amounts(view.recipes)
        roles = tuple(dict.fromkeys(roles_of))
        by_role = np.zeros((len(mmol), len(roles)))
        for place, role in enumerate(roles):
            by_role[:, place] = mmol[:, [role is one for one in roles_of]].sum(1)
        return cls(names, conditions, keys, mmol, present, roles_of, roles, by_role)

    def __len__(self) -> int:
        return len(self.conditions)

    @cached_property
    def levels(self) -> Array:
        """(n, m): ln(1 + mmol / 0.02), which is 0 where a chemical is absent and compares by ratio elsewhere."""
        return np.asarray(np.log1p(self.mmol / _LEAST_MMOL))

    @cached_property
    def role_levels(self) -> Array:
        """(n, r), likewise."""
        return np.asarray(np.log1p(self.role_mmol / _LEAST_MMOL))

    @cached_property
    def plain(self) -> Array:
        """(n, d): what one hands to a method that knows no chemistry: conditions and sums by role, of mean 0 and
        standard deviation 1, and which of the varying chemicals are there, as 0 and 1. One column of zeros where
        nothing of that varies, so that every method has something to learn from, and learns nothing."""
        numbers = standardised(np.c_[self.conditions, self.role_mmol])
        varies = self.present.any(0) & ~self.present.all(0)
        columns = np.c_[numbers, self.present[:, varies].astype(float)]
        return columns if columns.shape[1] else np.zeros((len(self), 1))


def standardised(columns: Array) -> Array:
    """Mean 0 and standard deviation 1; columns that do not vary are left out."""
    spread = columns.std(0)
    kept = spread > _CONSTANT * np.maximum(np.abs(columns).max(0, initial=0.0), 1e-300)
    return np.asarray((columns[:, kept] - columns[:, kept].mean(0)) / spread[kept])


def _conditions(view: View) -> tuple[tuple[str, ...], Array]:
    """Each known condition with the unknown ones at the median; where both occur, also whether it was known."""
    columns: dict[str, Array] = {}
    settings = dict.fromkeys(name for own in view.settings for name in own)
    for name in (*CONDITIONS, *settings):
        if name in CONDITIONS:
            raw = [getattr(recipe, name) for recipe in view.recipes]
        else:
            raw = [own.get(name) for own in view.settings]
        values = np.array([np.nan if one is None else one for one in raw], dtype=np.float64)
        known = np.isfinite(values)
        if not known.any():
            continue
        if name in _BY_RATIO:
            values = np.log1p(values)
        columns[name] = np.where(known, values, np.median(values[known]))
        if not known.all():
            columns[f"{name} known"] = known.astype(np.float64)
    kept = {name: values for name, values in columns.items() if np.ptp(values) > _CONSTANT * np.abs(values).max()}
    return tuple(kept), np.stack(list(kept.values()), 1) if kept else np.zeros((len(view), 0))


def _in_both_vessels(recipes: Sequence[Recipe]) -> frozenset[str]:
    """The chemicals that some recipe has in both vessels; they have a column for each."""
    counts = (Counter(chemical_key(r.name) for r in recipe.reagents) for recipe in recipes)
    return frozenset(name for count in counts for name, times in count.items() if times > 1)


def _key(reagent: Reagent, twice: frozenset[str]) -> str:
    name = chemical_key(reagent.name)
    return f"{name} ({reagent.vessel})" if name in twice else name


def _amounts(
    recipes: Sequence[Recipe],
) -> tuple[tuple[str, ...], Array, NDArray[np.bool_], tuple[Role | None, ...]]:
    twice = _in_both_vessels(recipes)
    names = dict.fromkeys(_key(reagent, twice) for recipe in recipes for reagent in recipe.reagents)
    keys = {name: place for place, name in enumerate(names)}
    mmol = np.zeros((len(recipes), len(keys)))
    present = np.zeros(mmol.shape, dtype=bool)
    unknown = np.zeros(mmol.shape, dtype=bool)
    roles: list[Role | None] = [None] * len(keys)
    for row, recipe in enumerate(recipes):
        for reagent in recipe.reagents:
            place = keys[_key(reagent, twice)]
            present[row, place] = True
            if reagent.amount_mmol is None:
                unknown[row, place] = True
            else:
                mmol[row, place] += reagent.amount_mmol
            roles[place] = roles[place] or reagent.role or usual_role(reagent.name)
    for place in np.flatnonzero(unknown.any(0)).tolist():
        told = present[:, place] & ~unknown[:, place]
        mmol[unknown[:, place], place] = np.median(mmol[told, place]) if told.any() else 1.0
    return tuple(keys), mmol, present, tuple(roles)
