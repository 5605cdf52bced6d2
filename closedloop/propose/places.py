"""Recipes of a search space as places in its cube, and back: encoded, decoded, drawn, moved, published ones projected.

A place (d,) has a coordinate for each amount and condition that varies: its share of the range, and `ABSENT`, below the
cube, for a chemical that is not there. Leaves to others: what the space is (`space`), and what its amounts and
conditions may be with one choice of chemicals (`subspace`).
"""

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from closedloop.propose.couplings import Masks
from closedloop.propose.errors import RecipeOutsideSpace
from closedloop.propose.geometry import Array, unit_of
from closedloop.propose.linear import Key
from closedloop.propose.quantity import Range, low_of
from closedloop.propose.reagent import CONDITIONS
from closedloop.propose.subspace import Subspace, is_log
from closedloop.recipes import Reagent, Recipe, Vessel

if TYPE_CHECKING:
    from closedloop.propose.space import SearchSpace

# Where the coordinate of a chemical lies that is not there, and what tells it from the least amount.
ABSENT = -0.5
_BOUNDARY = ABSENT / 2
# Choices of chemicals that are drawn for one sample.
_CHOICES = 64
# How often a step changes the chemicals, and among how many other choices.
_FLIPS, _OTHERS = 0.3, 6


class Places:
    """See the methods of the same names of `SearchSpace`."""

    def __init__(self, space: "SearchSpace") -> None:
        self._space, self._columns = space, space.columns

    def encode(self, recipe: Recipe) -> Array:
        if recipe.product != self._space.product:
            raise RecipeOutsideSpace(f"the recipe makes {recipe.product}; this space makes {self._space.product}")
        amounts = self.amounts_of(recipe)
        place = []
        for key in self._columns:
            known = amounts[key] if isinstance(key, int) else getattr(recipe, key)
            if known is None:
                label = self._space.label_of(key)
                raise RecipeOutsideSpace(f"the recipe does not say its {label}, which varies in this space")
            place.append(self._to_unit(key, known))
        return np.array(place, dtype=np.float64)

    @cached_property
    def _spans(self) -> dict[Key, tuple[float, float, bool, bool]]:
        """Of each coordinate: low, high, whether it goes by its logarithm, and whether 0 means absent. A fixed amount
        that may be left out lies in the middle."""
        found = {}
        for key in self._columns:
            span = self._space.quantity_of(key)
            ends = (
                (span.low, span.high, is_log(key, span)) if isinstance(span, Range) else (0.0, 2 * (span or 1.0), False)
            )
            found[key] = (*ends, isinstance(key, int) and key in self._space.optional)
        return found

    def _to_unit(self, key: Key, value: float) -> float:
        low, high, log, optional = self._spans[key]
        return ABSENT if optional and value == 0 else unit_of(value, low, high, log)

    @cached_property
    def _chemicals(self) -> list[tuple[str, Vessel | None]]:
        return [(reagent.name, reagent.vessel) for reagent in self._space.reagents]

    def amounts_of(self, recipe: Recipe) -> list[float | None]:
        if [(r.name, r.vessel) for r in recipe.reagents] == self._chemicals:
            return [r.amount_mmol for r in recipe.reagents]
        left = list(recipe.reagents)
        amounts: list[float | None] = []
        for wanted in self._space.reagents:
            found = [r for r in left if r.name == wanted.name and r.vessel == wanted.vessel] or [
                r for r in left if r.name == wanted.name and None in (r.vessel, wanted.vessel)
            ]
            if found:
                left.remove(found[0])
                amounts.append(found[0].amount_mmol)
            elif wanted.optional or low_of(wanted.amount_mmol or 0.0) == 0:
                amounts.append(0.0)
            else:
                raise RecipeOutsideSpace(f"the recipe has no {wanted.label}, which every recipe of this space has")
        for extra in left:
            raise RecipeOutsideSpace(f"the recipe has {extra.name}, which this space does not have there")
        return amounts

    def decode_many(self, x: Array) -> list[Recipe]:
        recipes: list[Recipe | None] = [None] * len(x)
        for wanted, rows in _grouped(self._masks(x)):
            near = map(self._space.subspace, self._space.patterns.nearest(wanted))
            part = next(each for each in near if each.is_open)
            unit = x[rows][:, [self._columns.index(key) for key in part.axes]]
            unit = np.where(unit < _BOUNDARY, self._fresh(part, self._space.subspace(wanted)), unit)
            made = self._recipes(part, part.geometry.rounded(part.geometry.to_values(unit)))
            for row, recipe in zip(rows, made, strict=True):
                recipes[row] = recipe
        return [recipe for recipe in recipes if recipe is not None]

    def _fresh(self, part: Subspace, wanted: Subspace) -> Array:
        """(a,): where a coordinate below the cube belongs along the axes of ``part``. A chemical that is not wanted,
        but comes with the nearest choice, comes in the middle of its range."""
        return np.array(
            [0.5 if isinstance(key, int) and not wanted.has(key) else 0.0 for key in part.axes], dtype=np.float64
        )

    def _masks(self, x: Array) -> Masks:
        """Which optional chemicals the rows (n, d) have, (n, k)."""
        columns = list(self._space.optional_columns)
        return np.asarray(x[:, columns] > _BOUNDARY, dtype=bool).reshape(len(x), len(columns))

    def sample(self, count: int, seed: int) -> list[Recipe]:
        patterns, subspace = self._space.patterns, self._space.subspace
        drawn = patterns.draw(min(count, _CHOICES), np.random.default_rng(seed))
        masks = [mask for mask in drawn if subspace(mask).is_open] or [
            next(mask for mask in patterns.known if subspace(mask).is_open)
        ]
        recipes: list[Recipe | None] = [None] * count
        for number, (mask, rows) in enumerate(_grouped(masks[row % len(masks)] for row in range(count))):
            part = subspace(mask)
            values = part.geometry.rounded(part.geometry.sobol(len(rows), seed + number))
            for row, recipe in zip(rows, self._recipes(part, values), strict=True):
                recipes[row] = recipe
        return [recipe for recipe in recipes if recipe is not None]

    def _recipes(self, part: Subspace, rows: Array) -> list[Recipe]:
        """Recipes from the values (n, a) along the axes of ``part``."""
        product, chemicals = self._space.product, self._space.reagents
        fills = [i for i, reagent in enumerate(chemicals) if reagent.fill_to_ml is not None]
        checks = [each for each in part.comparisons if any(each[1].get(i) for i in fills)]
        values = part.linear.rounded(rows, fills, checks)
        # An amount that is fixed is the same object in every recipe.
        made: dict[tuple[int, float], Reagent] = {}
        given = [field for field in CONDITIONS if field in values]
        recipes = []
        for row in range(len(rows)):
            reagents = []
            for index, reagent in enumerate(chemicals):
                amount = values[index][row]
                if amount == 0:
                    continue
                if (index, amount) not in made:
                    made[index, amount] = Reagent(
                        name=reagent.name, amount_mmol=amount, role=reagent.role, vessel=reagent.vessel
                    )
                reagents.append(made[index, amount])
            conditions = {field: values[field][row] for field in given}
            recipes.append(Recipe.model_validate({"product": product, "reagents": tuple(reagents)} | conditions))
        return recipes

    def moved(self, start: Array, length: Array, rng: np.random.Generator) -> Array:
        n, d = start.shape
        moved = rng.random((n, d)) < max(0.4, 1 / d)
        moved[np.arange(n), rng.integers(d, size=n)] = True
        step = moved * length[:, None] * rng.standard_normal((n, d))
        columns = np.array(self._space.optional_columns, dtype=int)
        if not len(columns):
            return np.asarray(start + step)
        absent = np.zeros((n, d), dtype=bool)
        absent[:, columns] = start[:, columns] < _BOUNDARY
        there = np.zeros((n, d), dtype=bool)
        there[:, columns] = ~absent[:, columns]
        found = np.where(there, np.maximum(start + step, 0.0), np.where(absent, ABSENT, start + step))
        masks = self._masks(start)
        for row in np.flatnonzero(rng.random(n) < _FLIPS):
            # One of a few allowed choices, sooner one that differs little: a chemical more or less, or one for another.
            drawn = self._space.patterns.draw(_OTHERS, rng)
            apart = (drawn != masks[row]).sum(axis=1)
            if not apart.any():
                continue
            weight = np.where(apart > 0, 1.0 / np.maximum(apart, 1) ** 2, 0.0)
            mask = drawn[rng.choice(len(drawn), p=weight / weight.sum())]
            comes, goes = columns[mask & ~masks[row]], columns[~mask & masks[row]]
            found[row, goes] = ABSENT
            found[row, comes] = rng.random(len(comes))
        return np.asarray(found)

    def project(self, recipe: Recipe) -> Array | None:
        chemicals, given = self._space.reagents, {r.name: r.amount_mmol for r in recipe.reagents}
        amounts = {
            i: (amount, reagent.amount_mmol)
            for i, reagent in enumerate(chemicals)
            if (amount := given.get(reagent.name)) and isinstance(reagent.amount_mmol, Range)
        }
        if len([r for r in chemicals if r.name in given]) < 2:
            return None
        room = [(max(span.low, 1e-9) / amount, span.high / amount) for amount, span in amounts.values()]
        least, most = max([low for low, _ in room], default=1.0), min([high for _, high in room], default=1.0)
        scale = min(max(1.0, least), most) if least <= most else float(np.sqrt(least * most))
        place = np.empty(len(self._columns))
        for column, key in enumerate(self._columns):
            if isinstance(key, int):
                if key in amounts:
                    place[column] = self._to_unit(key, amounts[key][0] * scale)
                else:
                    here = chemicals[key].name in given
                    place[column] = 0.5 if here or not chemicals[key].optional else ABSENT
            else:
                known = getattr(recipe, key)
                place[column] = 0.5 if known is None else self._to_unit(key, known)
        return np.where(place < _BOUNDARY, ABSENT, np.clip(place, 0.0, 1.0))


def _grouped(masks: Iterable[Masks]) -> list[tuple[Masks, list[int]]]:
    """Equal masks (k,) once each, as they first come, with the numbers of the rows that have them."""
    groups: dict[bytes, tuple[Masks, list[int]]] = {}
    for row, mask in enumerate(masks):
        groups.setdefault(mask.tobytes(), (mask, []))[1].append(row)
    return list(groups.values())
