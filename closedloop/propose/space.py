"""The space that a campaign searches: which chemicals, how much of each, which conditions, fixed or ranged.

The field names are what a chemist writes under ``space:`` in a campaign's file. The proposer sees a cube: a coordinate
for each amount and condition that varies, and for a chemical that may be left out a place below the cube where it is.
Leaves single checks to `checks`, choices of chemicals to `couplings`, arrays to `geometry`.
"""

from __future__ import annotations

from functools import cached_property
from typing import Self

import numpy as np
from pydantic import model_validator

from closedloop.propose.couplings import Coupling, Masks, Patterns, count_of
from closedloop.propose.errors import EmptySpaceError, Faults, RecipeOutsideSpace, SearchSpaceError
from closedloop.propose.geometry import Array, Axis, Geometry, Inequality, unit_of
from closedloop.propose.linear import Linear
from closedloop.propose.quantity import Quantity, Range, high_of, low_of
from closedloop.propose.reagent import CONDITIONS, SpaceReagent
from closedloop.propose.volumes import ml_per_mmol, usual_role
from closedloop.recipes import Limits, Reagent, Recipe, Vessel
from closedloop.recipes.fields import Frozen, Positive
from closedloop.recipes.recipe import Name

# Where the coordinate of a chemical lies that is not there, and what tells it from the least amount.
ABSENT = -0.5
_BOUNDARY = ABSENT / 2
# Choices of chemicals that are drawn for one sample, and those that are tried before a space is called empty.
_CHOICES, _TRIED = 64, 256
# How often a step changes the chemicals, and among how many other choices.
_FLIPS, _OTHERS = 0.3, 6


class SearchSpace(Frozen):
    """Recipes of one product; temperatures in °C, rate in °C/min, time in min, amounts in mmol.

    ``constraints`` are linear comparisons between chemicals or roles (mmol, both vessels together) and the four
    conditions by their field names: ``oleic acid >= 4 * cadmium oxide``, ``ligand <= 20``; what is absent counts as 0.
    ``couplings`` say how many of a group are there, and ratios. ``max_volume_ml`` bounds all chemicals together.
    """

    product: Name
    reagents: tuple[SpaceReagent, ...]
    injection_temperature_c: Quantity | None = None
    reaction_temperature_c: Quantity | None = None
    heating_rate_c_per_min: Quantity | None = None
    reaction_time_min: Quantity | None = None
    constraints: tuple[str, ...] = ()
    couplings: tuple[Coupling, ...] = ()
    max_volume_ml: Positive | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        from closedloop.propose.checks import space_faults

        if faults := space_faults(self):
            raise Faults(faults)
        return self

    @property
    def dimension(self) -> int:
        """How many coordinates the cube has."""
        return len(self._columns)

    @property
    def labels(self) -> tuple[str, ...]:
        """What varies, in the order of the cube's coordinates."""
        return tuple(self._label(key) for key in self._columns)

    @cached_property
    def _columns(self) -> tuple[int | str, ...]:
        """What each coordinate stands for: a reagent's number or a condition's field."""
        amounts: list[int | str] = [i for i, reagent in enumerate(self.reagents) if reagent.varies]
        return (*amounts, *(field for field in CONDITIONS if isinstance(getattr(self, field), Range)))

    @cached_property
    def optional(self) -> dict[int, int]:
        """Numbers of the chemicals that may be left out -> their positions in a mask."""
        return {i: j for j, i in enumerate(i for i, reagent in enumerate(self.reagents) if reagent.optional)}

    @cached_property
    def optional_columns(self) -> tuple[int, ...]:
        """Coordinates of the chemicals that may be left out; at `ABSENT` such a chemical is not there."""
        return tuple(self._columns.index(i) for i in self.optional)

    @cached_property
    def patterns(self) -> Patterns:
        """The allowed choices of chemicals. Raises `EmptySpaceError` where there is none."""
        counts = [
            count_of(coupling, self.members(coupling), self.optional)
            for coupling in self.couplings
            if coupling.ratio is None
        ]
        return Patterns(len(self.optional), counts)

    @cached_property
    def _geometries(self) -> dict[bytes, Geometry | SearchSpaceError]:
        return {}

    @property
    def geometry(self) -> Geometry:
        """The space as arrays where every optional chemical is there. Raises `SearchSpaceError`."""
        return self.geometry_of(np.ones(len(self.optional), dtype=bool))

    def geometry_of(self, mask: Masks) -> Geometry:
        """The amounts and conditions that vary with one choice of chemicals (k,), as arrays.

        Raises `EmptySpaceError` where its constraints leave nothing.
        """
        key = mask.tobytes()
        if key not in self._geometries:
            try:
                axes = tuple(
                    Axis(self._label(column), value.low, value.high, _is_log(column, value))
                    for column, value in self._ranged(mask)
                )
                geometry = Geometry(axes, tuple(self._inequalities(mask)))
                _ = geometry.centre
                self._geometries[key] = geometry
            except EmptySpaceError as error:
                self._geometries[key] = error
        found = self._geometries[key]
        if isinstance(found, SearchSpaceError):
            raise found
        return found

    def is_open(self, mask: Masks) -> bool:
        """Whether some recipe has this choice of chemicals."""
        try:
            self.geometry_of(mask)
        except EmptySpaceError:
            return False
        return True

    def check_open(self) -> None:
        """Raises `EmptySpaceError` where no choice of chemicals leaves a recipe, or where nothing varies."""
        if not self._columns:
            raise EmptySpaceError("nothing varies in this search space; give at least one value as a range [low, high]")
        for mask in self.patterns.known[:_TRIED]:
            if self.is_open(mask):
                return
        self.geometry_of(self.patterns.known[-1])

    def members(self, coupling: Coupling | str) -> list[int]:
        """Numbers of the chemicals that a count speaks of, or that a name or role means."""
        if isinstance(coupling, Coupling):
            if coupling.of is None:
                return list(range(len(self.reagents)))
            return list(dict.fromkeys(i for name in coupling.names for i in self.members(name)))
        wanted = coupling.casefold()
        named = [i for i, reagent in enumerate(self.reagents) if reagent.name.casefold() == wanted]
        return named or [
            i for i, reagent in enumerate(self.reagents) if (reagent.role or usual_role(reagent.name) or "") == wanted
        ]

    def _label(self, key: int | str) -> str:
        return self.reagents[key].label if isinstance(key, int) else CONDITIONS[key]

    def _is_there(self, index: int, mask: Masks) -> bool:
        return index not in self.optional or bool(mask[self.optional[index]])

    def _ranged(self, mask: Masks) -> list[tuple[int | str, Range]]:
        found: list[tuple[int | str, Range]] = []
        for key in self._columns:
            value = self.reagents[key].amount_mmol if isinstance(key, int) else getattr(self, key)
            if isinstance(value, Range) and (not isinstance(key, int) or self._is_there(key, mask)):
                found.append((key, value))
        return found

    def _linear(self, mask: Masks) -> Linear:
        """Every amount and condition as a linear form of the axes of this choice of chemicals."""
        axes = [key for key, _ in self._ranged(mask)]
        linear = Linear(len(axes))
        for i, reagent in enumerate(self.reagents):
            if reagent.fill_to_ml is not None:
                continue
            if not self._is_there(i, mask):
                linear.set_constant(i, 0.0)
            elif i in axes:
                linear.set_axis(i, axes.index(i))
            else:
                linear.set_constant(i, low_of(reagent.amount_mmol or 0.0))
        for field in CONDITIONS:
            value = getattr(self, field)
            if field in axes:
                linear.set_axis(field, axes.index(field))
            elif value is not None:
                linear.set_constant(field, value)
        for i, reagent in enumerate(self.reagents):
            if reagent.fill_to_ml is not None:
                beside = [j for j in self._beside(i) if j in linear]
                volumes = {j: -ml_per_mmol(self.reagents[j].name) for j in beside}
                linear.set_sum(i, volumes, reagent.fill_to_ml, scale=1 / ml_per_mmol(reagent.name))
        return linear

    def _beside(self, index: int) -> list[int]:
        """What shares the vessel of a chemical that fills it."""
        vessel = self.reagents[index].vessel
        return [j for j, r in enumerate(self.reagents) if j != index and (vessel is None or r.vessel in (vessel, None))]

    def _inequalities(self, mask: Masks) -> list[Inequality]:
        linear = self._linear(mask)
        found: list[Inequality] = []
        for text, weights, bound in self.comparisons(mask):
            coefficients, rest = linear.combine(weights)
            if np.any(coefficients != 0):
                found.append(Inequality(text, tuple(coefficients.tolist()), bound - rest))
            elif bound - rest < -1e-9 * max(1.0, abs(bound), abs(rest)):
                raise EmptySpaceError(f"the constraint {text!r} is broken by the fixed values; change one of them")
        return found

    def comparisons(self, mask: Masks) -> list[tuple[str, dict[int | str, float], float]]:
        """(text, weights, bound): each says that the weighted sum of amounts and conditions is at most the bound."""
        from closedloop.propose.checks import comparison_of

        found = [(text, *comparison_of(self, text)) for text in self.constraints]
        for coupling in self.couplings:
            if coupling.ratio is None or coupling.between is None:
                continue
            above, below = ([i for i in self.members(name) if self._is_there(i, mask)] for name in coupling.ratio)
            if not above or not below:
                continue
            low, high = coupling.between
            found.append((coupling.text, {**dict.fromkeys(below, low), **dict.fromkeys(above, -1.0)}, 0.0))
            found.append((coupling.text, {**dict.fromkeys(above, 1.0), **dict.fromkeys(below, -high)}, 0.0))
        for i, reagent in enumerate(self.reagents):
            if reagent.fill_to_ml is None:
                continue
            text = f"{reagent.name} fills the vessel to {reagent.fill_to_ml:g} mL"
            bounds = reagent.amount_mmol
            found.append((text, {i: -1.0}, 0.0 if bounds is None else -low_of(bounds)))
            if bounds is not None:
                found.append((text, {i: 1.0}, high_of(bounds)))
        if self.max_volume_ml is not None:
            every: dict[int | str, float] = {i: ml_per_mmol(r.name) for i, r in enumerate(self.reagents)}
            found.append((f"max_volume_ml {self.max_volume_ml:g}", every, self.max_volume_ml))
        return found

    def encode(self, recipe: Recipe) -> Array:
        """The recipe's place, (d,): in the cube, or outside [0, 1] where a value is outside its range, or `ABSENT` for
        a chemical that it does without.

        Raises `RecipeOutsideSpace` where product or chemicals differ, or a value that varies here is unknown.
        """
        if recipe.product != self.product:
            raise RecipeOutsideSpace(f"the recipe makes {recipe.product}; this space makes {self.product}")
        amounts = self.amounts_of(recipe)
        place = []
        for key in self._columns:
            known = amounts[key] if isinstance(key, int) else getattr(recipe, key)
            if known is None:
                raise RecipeOutsideSpace(f"the recipe does not say its {self._label(key)}, which varies in this space")
            place.append(self._to_unit(key, known))
        return np.array(place, dtype=np.float64)

    @cached_property
    def _spans(self) -> dict[int | str, tuple[float, float, bool, bool]]:
        """Of each coordinate: low, high, whether it goes by its logarithm, and whether 0 means absent. A fixed amount
        that may be left out lies in the middle."""
        found = {}
        for key in self._columns:
            span = self.reagents[key].amount_mmol if isinstance(key, int) else getattr(self, key)
            ends = (
                (span.low, span.high, _is_log(key, span))
                if isinstance(span, Range)
                else (0.0, 2 * (span or 1.0), False)
            )
            found[key] = (*ends, isinstance(key, int) and key in self.optional)
        return found

    def _to_unit(self, key: int | str, value: float) -> float:
        low, high, log, optional = self._spans[key]
        return ABSENT if optional and value == 0 else unit_of(value, low, high, log)

    @cached_property
    def _chemicals(self) -> list[tuple[str, Vessel | None]]:
        return [(reagent.name, reagent.vessel) for reagent in self.reagents]

    def amounts_of(self, recipe: Recipe) -> list[float | None]:
        """The amount of each of the space's chemicals; one that the recipe leaves out counts as 0 mmol.

        Raises `RecipeOutsideSpace` where it leaves out what is always there, or has what the space has not.
        """
        if [(r.name, r.vessel) for r in recipe.reagents] == self._chemicals:
            return [r.amount_mmol for r in recipe.reagents]
        left = list(recipe.reagents)
        amounts: list[float | None] = []
        for wanted in self.reagents:
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

    def decode(self, x: Array) -> Recipe:
        """The recipe at ``x`` (d,), rounded to what can be weighed and set (three significant digits).

        Always inside the space: coordinates outside the cube are moved to its wall, a choice of chemicals that is not
        allowed becomes the nearest that is, and a point that breaks a constraint is moved towards the middle of what is
        allowed.
        """
        return self.decode_many(np.asarray(x, dtype=np.float64)[None])[0]

    def decode_many(self, x: Array) -> list[Recipe]:
        """`decode` for each row of ``x`` (n, d)."""
        groups: dict[bytes, tuple[Masks, list[int]]] = {}
        for row, mask in enumerate(self._masks(x)):
            groups.setdefault(mask.tobytes(), (mask, []))[1].append(row)
        recipes: list[Recipe | None] = [None] * len(x)
        for wanted, row_numbers in groups.values():
            mask = next(each for each in self.patterns.nearest(wanted) if self.is_open(each))
            geometry = self.geometry_of(mask)
            ranged = [key for key, _ in self._ranged(mask)]
            # A chemical that the nearest choice adds comes in the middle of its range.
            unit = x[row_numbers][:, [self._columns.index(key) for key in ranged]]
            unit = np.where(unit < _BOUNDARY, self._fresh(ranged, wanted), unit)
            made = self._recipes(mask, geometry.rounded(geometry.to_values(unit)))
            for row, recipe in zip(row_numbers, made, strict=True):
                recipes[row] = recipe
        return [recipe for recipe in recipes if recipe is not None]

    def _fresh(self, ranged: list[int | str], mask: Masks) -> Array:
        """(a,): where a coordinate below the cube belongs, along the axes of a choice of chemicals."""
        return np.array(
            [0.5 if isinstance(key, int) and not self._is_there(key, mask) else 0.0 for key in ranged], dtype=np.float64
        )

    def _masks(self, x: Array) -> Masks:
        """Which optional chemicals the rows (n, d) have, (n, k)."""
        columns = list(self.optional_columns)
        return np.asarray(x[:, columns] > _BOUNDARY, dtype=bool).reshape(len(x), len(columns))

    def sample(self, count: int, seed: int) -> list[Recipe]:
        """``count`` space-filling recipes: choices of chemicals in turn, and scrambled Sobol points in each; the same
        for the same seed."""
        rng = np.random.default_rng(seed)
        drawn = self.patterns.draw(min(count, _CHOICES), rng)
        masks = [mask for mask in drawn if self.is_open(mask)] or [
            next(mask for mask in self.patterns.known if self.is_open(mask))
        ]
        groups: dict[bytes, tuple[Masks, list[int]]] = {}
        for row in range(count):
            mask = masks[row % len(masks)]
            groups.setdefault(mask.tobytes(), (mask, []))[1].append(row)
        recipes: list[Recipe | None] = [None] * count
        for number, (mask, rows) in enumerate(groups.values()):
            geometry = self.geometry_of(mask)
            values = geometry.rounded(geometry.sobol(len(rows), seed + number))
            for row, recipe in zip(rows, self._recipes(mask, values), strict=True):
                recipes[row] = recipe
        return [recipe for recipe in recipes if recipe is not None]

    def _recipes(self, mask: Masks, rows: Array) -> list[Recipe]:
        """Recipes with one choice of chemicals from the values (n, a) along its axes."""
        linear = self._linear(mask)
        fills = [i for i, reagent in enumerate(self.reagents) if reagent.fill_to_ml is not None]
        checks = [each for each in self.comparisons(mask) if any(each[1].get(i) for i in fills)]
        values = linear.rounded(rows, fills, checks)
        # An amount that is fixed is the same object in every recipe.
        made: dict[tuple[int, float], Reagent] = {}
        given = [field for field in CONDITIONS if field in values]
        recipes = []
        for row in range(len(rows)):
            reagents = []
            for index, reagent in enumerate(self.reagents):
                amount = values[index][row]
                if amount == 0:
                    continue
                if (index, amount) not in made:
                    made[index, amount] = Reagent(
                        name=reagent.name, amount_mmol=amount, role=reagent.role, vessel=reagent.vessel
                    )
                reagents.append(made[index, amount])
            conditions = {field: values[field][row] for field in given}
            recipes.append(Recipe.model_validate({"product": self.product, "reagents": tuple(reagents)} | conditions))
        return recipes

    def moved(self, start: Array, length: Array, rng: np.random.Generator) -> Array:
        """Rows near ``start`` (n, d), each a step of about ``length`` (n,) away in some of its coordinates; in some a
        chemical comes in, goes out, or takes the place of another."""
        n, d = start.shape
        moved = rng.random((n, d)) < max(0.4, 1 / d)
        moved[np.arange(n), rng.integers(d, size=n)] = True
        step = moved * length[:, None] * rng.standard_normal((n, d))
        columns = np.array(self.optional_columns, dtype=int)
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
            drawn = self.patterns.draw(_OTHERS, rng)
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
        """The place (d,) that a published recipe would have here: its chemicals as far as the space has them, brought
        to the space's scale, and its conditions; ``None`` where fewer than two chemicals are in common.

        Names must be the space's own.
        """
        given = {r.name: r.amount_mmol for r in recipe.reagents}
        amounts = {
            i: (amount, reagent.amount_mmol)
            for i, reagent in enumerate(self.reagents)
            if (amount := given.get(reagent.name)) and isinstance(reagent.amount_mmol, Range)
        }
        if len([r for r in self.reagents if r.name in given]) < 2:
            return None
        room = [(max(span.low, 1e-9) / amount, span.high / amount) for amount, span in amounts.values()]
        least, most = max([low for low, _ in room], default=1.0), min([high for _, high in room], default=1.0)
        scale = min(max(1.0, least), most) if least <= most else float(np.sqrt(least * most))
        place = np.empty(self.dimension)
        for column, key in enumerate(self._columns):
            if isinstance(key, int):
                if key in amounts:
                    place[column] = self._to_unit(key, amounts[key][0] * scale)
                else:
                    here = self.reagents[key].name in given
                    place[column] = 0.5 if here or not self.reagents[key].optional else ABSENT
            else:
                known = getattr(recipe, key)
                place[column] = 0.5 if known is None else self._to_unit(key, known)
        return np.where(place < _BOUNDARY, ABSENT, np.clip(place, 0.0, 1.0))

    def contains(self, recipe: Recipe) -> bool:
        """Whether the recipe could have been proposed: chemicals, fixed values, ranges, couplings and constraints."""
        return not self.violations(recipe)

    def violations(self, recipe: Recipe) -> list[str]:
        """One sentence for each thing of the space that the recipe breaks."""
        from closedloop.propose.checks import violations

        return violations(self, recipe)

    def within(self, limits: Limits) -> SearchSpace:
        """The part of the space that keeps the limits. Raises `EmptySpaceError`, naming the limit that empties it."""
        from closedloop.propose.checks import narrowed

        space, faults = narrowed(self, limits)
        if faults:
            place, message = faults[0]
            raise EmptySpaceError(message, place)
        return space


def _is_log(key: int | str, value: Range) -> bool:
    if value.scale is None:
        return key == "reaction_time_min" and value.low > 0
    return value.scale == "log"
