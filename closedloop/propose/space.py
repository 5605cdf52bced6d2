"""The space that a campaign searches: which chemicals, how much of each, which conditions, fixed or ranged.

The field names are what a chemist writes under ``space:`` in a campaign's file. The proposer sees a cube of side 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Self

import numpy as np
from pydantic import model_validator

from closedloop.propose.constraints import parse_comparison
from closedloop.propose.errors import EmptySpaceError, RecipeOutsideSpace, SearchSpaceError
from closedloop.propose.geometry import Array, Axis, Geometry, Inequality
from closedloop.propose.quantity import Quantity, Range, cut, low_of
from closedloop.recipes import Limits, Reagent, Recipe, Role, Vessel
from closedloop.recipes.fields import ABSOLUTE_ZERO_C, Frozen
from closedloop.recipes.recipe import Name

CONDITIONS = {
    "injection_temperature_c": "injection temperature",
    "reaction_temperature_c": "reaction temperature",
    "heating_rate_c_per_min": "heating rate",
    "reaction_time_min": "reaction time",
}
_UNITS = {
    "injection_temperature_c": "°C",
    "reaction_temperature_c": "°C",
    "heating_rate_c_per_min": "°C/min",
    "reaction_time_min": "min",
}


class SpaceReagent(Frozen):
    """One chemical of every recipe of the space; an amount range that starts at 0 lets a recipe do without it."""

    name: Name
    amount_mmol: Quantity
    role: Role | None = None
    vessel: Vessel | None = None

    @model_validator(mode="after")
    def _is_an_amount(self) -> Self:
        if low_of(self.amount_mmol) < 0:
            raise ValueError(f"{self.name}: an amount cannot be negative ({low_of(self.amount_mmol):g} mmol)")
        return self

    @property
    def label(self) -> str:
        return f"{self.name} ({self.vessel})" if self.vessel else self.name


class SearchSpace(Frozen):
    """Recipes of one product with the same chemicals; temperatures in °C, rate in °C/min, time in min, amounts in mmol.

    ``constraints`` are linear comparisons between chemicals (mmol, both vessels together) and the four conditions by
    their field names: ``oleic acid >= 4 * cadmium oxide``, ``reaction_temperature_c <= injection_temperature_c``.
    """

    product: Name
    reagents: tuple[SpaceReagent, ...]
    injection_temperature_c: Quantity | None = None
    reaction_temperature_c: Quantity | None = None
    heating_rate_c_per_min: Quantity | None = None
    reaction_time_min: Quantity | None = None
    constraints: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        # Not a minimal length of the field: pydantic would then report every faulty reagent a second time, as missing.
        if not self.reagents:
            raise ValueError("the space has no chemicals; list at least one under reagents")
        keys = [(reagent.name, reagent.vessel) for reagent in self.reagents]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"{key[0]!r} is listed twice for the same vessel; make it one entry")
        for field, label in CONDITIONS.items():
            least = ABSOLUTE_ZERO_C if field.endswith("temperature_c") else 0.0
            value = getattr(self, field)
            if value is not None and low_of(value) < least:
                raise ValueError(f"{label} {low_of(value):g} {_UNITS[field]} is below {least:g} {_UNITS[field]}")
        try:
            _ = self.geometry.centre
        except SearchSpaceError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def dimension(self) -> int:
        """How many values vary."""
        return len(self.geometry.axes)

    @property
    def labels(self) -> tuple[str, ...]:
        """What varies, in the order of the cube's coordinates."""
        return tuple(axis.label for axis in self.geometry.axes)

    @cached_property
    def geometry(self) -> Geometry:
        """The space as arrays. Raises `SearchSpaceError` where nothing varies or a constraint cannot be read."""
        axes = tuple(
            Axis(label, value.low, value.high, _is_log(key, value))
            for key, label, value in self._quantities()
            if isinstance(value, Range)
        )
        if not axes:
            raise EmptySpaceError("nothing varies in this search space; give at least one value as a range [low, high]")
        return Geometry(axes, tuple(self._inequalities()))

    def _quantities(self) -> Iterable[tuple[int | str, str, float | Range | None]]:
        """(key, label, value): the reagents by their index, then the conditions by their field."""
        for index, reagent in enumerate(self.reagents):
            yield index, reagent.label, reagent.amount_mmol
        for field, label in CONDITIONS.items():
            yield field, label, getattr(self, field)

    def _inequalities(self) -> Iterable[Inequality]:
        quantities = list(self._quantities())
        ranged = [key for key, _, value in quantities if isinstance(value, Range)]
        for text in self.constraints:
            comparison = parse_comparison(text)
            coefficients, bound = [0.0] * len(ranged), comparison.bound
            for name, factor in comparison.coefficients.items():
                for key in self._keys_named(name, text):
                    value = next(value for other, _, value in quantities if other == key)
                    if value is None:
                        raise SearchSpaceError(f"constraint {text!r}: this space sets no {name}")
                    if isinstance(value, Range):
                        coefficients[ranged.index(key)] += factor
                    else:
                        bound -= factor * value
            if any(coefficients):
                yield Inequality(text, tuple(coefficients), bound)
            elif bound < 0:
                raise EmptySpaceError(f"the constraint {text!r} is broken by the fixed values; change one of them")

    def _keys_named(self, name: str, text: str) -> list[int | str]:
        if name in CONDITIONS:
            return [name]
        keys: list[int | str] = [
            index for index, reagent in enumerate(self.reagents) if reagent.name.casefold() == name.casefold()
        ]
        if not keys:
            known = ", ".join(dict.fromkeys([*(reagent.name for reagent in self.reagents), *CONDITIONS]))
            raise SearchSpaceError(f"constraint {text!r}: {name!r} is not in this space (known: {known})")
        return keys

    def encode(self, recipe: Recipe) -> Array:
        """The recipe's place in the cube, (d,); outside [0, 1] where a value is outside its range.

        Raises `RecipeOutsideSpace` where product or chemicals differ, or a value that varies here is unknown.
        """
        if recipe.product != self.product:
            raise RecipeOutsideSpace(f"the recipe makes {recipe.product}; this space makes {self.product}")
        amounts = self._amounts_of(recipe)
        values = []
        for key, label, value in self._quantities():
            if not isinstance(value, Range):
                continue
            known = amounts[key] if isinstance(key, int) else getattr(recipe, key)
            if known is None:
                raise RecipeOutsideSpace(f"the recipe does not say its {label}, which varies in this space")
            values.append(known)
        return self.geometry.to_unit(np.array(values, dtype=np.float64))

    def _amounts_of(self, recipe: Recipe) -> list[float | None]:
        """The amount of each of the space's reagents; a chemical that the recipe leaves out counts as 0 mmol."""
        left = list(recipe.reagents)
        amounts: list[float | None] = []
        for wanted in self.reagents:
            found = [r for r in left if r.name == wanted.name and r.vessel == wanted.vessel] or [
                r for r in left if r.name == wanted.name and None in (r.vessel, wanted.vessel)
            ]
            if found:
                left.remove(found[0])
                amounts.append(found[0].amount_mmol)
            elif low_of(wanted.amount_mmol) == 0:
                amounts.append(0.0)
            else:
                raise RecipeOutsideSpace(f"the recipe has no {wanted.label}, which every recipe of this space has")
        for extra in left:
            raise RecipeOutsideSpace(f"the recipe has {extra.name}, which this space does not have there")
        return amounts

    def decode(self, x: Array) -> Recipe:
        """The recipe at ``x`` (d,), rounded to what can be weighed and set (three significant digits).

        Always inside the space: coordinates outside the cube are moved to its wall, and a point that breaks a
        constraint is moved towards the middle of what is allowed.
        """
        return self.decode_many(np.asarray(x, dtype=np.float64)[None])[0]

    def decode_many(self, x: Array) -> list[Recipe]:
        """`decode` for each row of ``x`` (n, d)."""
        return self._recipes(self.geometry.rounded(self.geometry.to_values(x)))

    def sample(self, count: int, seed: int) -> list[Recipe]:
        """``count`` space-filling recipes (scrambled Sobol points); the same for the same seed."""
        return self._recipes(self.geometry.rounded(self.geometry.sobol(count, seed)))

    def _recipes(self, rows: Array) -> list[Recipe]:
        quantities = list(self._quantities())
        recipes = []
        for row in rows:
            ranged = iter(row.tolist())
            value = {key: next(ranged) if isinstance(v, Range) else v for key, _, v in quantities}
            reagents = tuple(
                Reagent(name=reagent.name, amount_mmol=value[index], role=reagent.role, vessel=reagent.vessel)
                for index, reagent in enumerate(self.reagents)
                if value[index] != 0
            )
            recipes.append(
                Recipe(product=self.product, reagents=reagents, **{field: value[field] for field in CONDITIONS})
            )
        return recipes

    def moved(self, start: Array, length: Array, rng: np.random.Generator) -> Array:
        """Rows near ``start`` (n, d), each a step of about ``length`` (n,) away in some of its coordinates."""
        n, d = start.shape
        moved = rng.random((n, d)) < max(0.4, 1 / d)
        moved[np.arange(n), rng.integers(d, size=n)] = True
        return np.asarray(start + moved * length[:, None] * rng.standard_normal((n, d)))

    def contains(self, recipe: Recipe) -> bool:
        """Whether the recipe could have been proposed: chemicals, fixed values, ranges and constraints."""
        try:
            unit = self.encode(recipe)
        except RecipeOutsideSpace:
            return False
        amounts = self._amounts_of(recipe)
        for key, _, value in self._quantities():
            if isinstance(value, Range):
                continue
            known = amounts[key] if isinstance(key, int) else getattr(recipe, key)
            if (value is None) != (known is None):
                return False
            if value is not None and known is not None and abs(known - value) > 1e-9 * max(1.0, abs(value)):
                return False
        if np.any(unit < -1e-9) or np.any(unit > 1 + 1e-9):
            return False
        return bool(self.geometry.are_inside(self.geometry.to_values(unit)[None])[0])

    def within(self, limits: Limits) -> SearchSpace:
        """The part of the space that keeps the limits. Raises `EmptySpaceError`, naming the limit that empties it."""
        reagents = []
        constraints = list(self.constraints)
        names = [reagent.name for reagent in self.reagents]
        for reagent in self.reagents:
            amount, largest = reagent.amount_mmol, limits.max_amounts_mmol.get(reagent.name)
            if limits.allowed_chemicals is not None and reagent.name not in limits.allowed_chemicals:
                if low_of(amount) > 0:
                    raise EmptySpaceError(
                        f"{reagent.name} is in every recipe of the search space but not among the allowed chemicals; "
                        "allow it, or take it out of the space"
                    )
                reagents.append(reagent.model_copy(update={"amount_mmol": 0.0}))
                continue
            if largest is not None:
                what = f"the limit of {largest:g} mmol of {reagent.name}"
                amount = cut(reagent.label, amount, None, largest, what)
                if names.count(reagent.name) > 1:
                    constraints.append(f"{reagent.name} <= {largest!r}")
            reagents.append(reagent.model_copy(update={"amount_mmol": amount}))
        conditions: dict[str, float | Range | None] = {}
        for field, label in CONDITIONS.items():
            value = getattr(self, field)
            if value is not None and field.endswith("temperature_c"):
                value = cut(
                    label, value, limits.min_temperature_c, None, f"min_temperature_c {limits.min_temperature_c:g}"
                )
                if limits.max_temperature_c is not None:
                    what = f"max_temperature_c {limits.max_temperature_c:g}"
                    value = cut(label, value, None, limits.max_temperature_c, what)
            if value is not None and field == "reaction_time_min" and limits.max_reaction_time_min is not None:
                what = f"max_reaction_time_min {limits.max_reaction_time_min:g}"
                value = cut(label, value, None, limits.max_reaction_time_min, what)
            conditions[field] = value
        narrowed = self.model_copy(
            update={"reagents": tuple(reagents), "constraints": tuple(dict.fromkeys(constraints)), **conditions}
        )
        # A copy carries the arrays that were computed for the wider space.
        narrowed.__dict__.pop("geometry", None)
        _ = narrowed.geometry.centre
        return narrowed


def _is_log(key: int | str, value: Range) -> bool:
    if value.scale is None:
        return key == "reaction_time_min" and value.low > 0
    return value.scale == "log"
