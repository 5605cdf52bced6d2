"""The space that a campaign searches: which chemicals, how much of each, which conditions, fixed or ranged.

The field names are what a chemist writes under ``space:`` in a campaign's file. The proposer sees a cube: a coordinate
for each amount and condition that varies, and for a chemical that may be left out a place below the cube where it is.
Leaves single checks to `checks`, choices of chemicals to `couplings`, arrays of one choice to `subspace`, and recipes
as places in the cube to `places`.
"""

from __future__ import annotations

from functools import cached_property
from typing import Self

import numpy as np
from pydantic import model_validator

from closedloop.chemistry import usual_role
from closedloop.propose.checks import narrowed, space_faults, violations
from closedloop.propose.couplings import Coupling, Masks, Patterns, count_of
from closedloop.propose.errors import EmptySpaceError, Faults
from closedloop.propose.geometry import Array, Geometry
from closedloop.propose.linear import Key
from closedloop.propose.places import Places
from closedloop.propose.quantity import Quantity, Range
from closedloop.propose.reagent import CONDITIONS, SpaceReagent
from closedloop.propose.subspace import Subspace
from closedloop.recipes import Limits, Recipe
from closedloop.recipes.fields import Frozen, Positive
from closedloop.recipes.recipe import Product

# Choices of chemicals that are tried before a space is called empty.
_TRIED = 256


class SearchSpace(Frozen):
    """Recipes of one product; temperatures in °C, rate in °C/min, time in min, amounts in mmol.

    ``constraints`` are linear comparisons between chemicals or roles (mmol, both vessels together) and the four
    conditions by their field names: ``oleic acid >= 4 * cadmium oxide``, ``ligand <= 20``; what is absent counts as 0.
    ``couplings`` say how many of a group are there, and ratios. ``max_volume_ml`` bounds all chemicals together.
    """

    product: Product
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
        if faults := space_faults(self):
            raise Faults(faults)
        return self

    @property
    def dimension(self) -> int:
        """How many coordinates the cube has."""
        return len(self.columns)

    @property
    def labels(self) -> tuple[str, ...]:
        """What varies, in the order of the cube's coordinates."""
        return tuple(self.label_of(key) for key in self.columns)

    @cached_property
    def columns(self) -> tuple[Key, ...]:
        """What each coordinate stands for: a reagent's number or a condition's field."""
        amounts: list[Key] = [i for i, reagent in enumerate(self.reagents) if reagent.varies]
        return (*amounts, *(field for field in CONDITIONS if isinstance(getattr(self, field), Range)))

    @cached_property
    def optional(self) -> dict[int, int]:
        """Numbers of the chemicals that may be left out -> their positions in a mask."""
        return {i: j for j, i in enumerate(i for i, reagent in enumerate(self.reagents) if reagent.optional)}

    @cached_property
    def optional_columns(self) -> tuple[int, ...]:
        """Coordinates of the chemicals that may be left out; at `ABSENT` such a chemical is not there."""
        return tuple(self.columns.index(i) for i in self.optional)

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
    def _subspaces(self) -> dict[bytes, Subspace]:
        return {}

    def subspace(self, mask: Masks) -> Subspace:
        """What varies with one choice of chemicals (k,), and what bounds it."""
        key = mask.tobytes()
        if key not in self._subspaces:
            self._subspaces[key] = Subspace(self, mask)
        return self._subspaces[key]

    @property
    def geometry(self) -> Geometry:
        """The space as arrays where every optional chemical is there. Raises `EmptySpaceError`."""
        return self.subspace(np.ones(len(self.optional), dtype=bool)).geometry

    def check_open(self) -> None:
        """Raises `EmptySpaceError` where no choice of chemicals leaves a recipe, or where nothing varies."""
        if not self.columns:
            raise EmptySpaceError("nothing varies in this search space; give at least one value as a range [low, high]")
        for mask in self.patterns.known[:_TRIED]:
            if self.subspace(mask).is_open:
                return
        _ = self.subspace(self.patterns.known[-1]).geometry

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

    def label_of(self, key: Key) -> str:
        """What a chemist calls the chemical of this number, or the condition of this field."""
        return self.reagents[key].label if isinstance(key, int) else CONDITIONS[key]

    def quantity_of(self, key: Key) -> float | Range | None:
        """What the space says of its amount, or of the condition."""
        found: float | Range | None = self.reagents[key].amount_mmol if isinstance(key, int) else getattr(self, key)
        return found

    @cached_property
    def _places(self) -> Places:
        return Places(self)

    def encode(self, recipe: Recipe) -> Array:
        """The recipe's place, (d,): in the cube, or outside [0, 1] where a value is outside its range, or `ABSENT` for
        a chemical that it does without.

        Raises `RecipeOutsideSpace` where product or chemicals differ, or a value that varies here is unknown.
        """
        return self._places.encode(recipe)

    def amounts_of(self, recipe: Recipe) -> list[float | None]:
        """The amount of each of the space's chemicals; one that the recipe leaves out counts as 0 mmol.

        Raises `RecipeOutsideSpace` where it leaves out what is always there, or has what the space has not.
        """
        return self._places.amounts_of(recipe)

    def decode(self, x: Array) -> Recipe:
        """The recipe at ``x`` (d,), rounded to what can be weighed and set (three significant digits).

        Always inside the space: coordinates outside the cube are moved to its wall, a choice of chemicals that is not
        allowed becomes the nearest that is, and a point that breaks a constraint is moved towards the middle of what is
        allowed.
        """
        return self.decode_many(np.asarray(x, dtype=np.float64)[None])[0]

    def decode_many(self, x: Array) -> list[Recipe]:
        """`decode` for each row of ``x`` (n, d)."""
        return self._places.decode_many(x)

    def sample(self, count: int, seed: int) -> list[Recipe]:
        """``count`` space-filling recipes: choices of chemicals in turn, and scrambled Sobol points in each; the same
        for the same seed."""
        return self._places.sample(count, seed)

    def moved(self, start: Array, length: Array, rng: np.random.Generator) -> Array:
        """Rows near ``start`` (n, d), each a step of about ``length`` (n,) away in some of its coordinates; in some a
        chemical comes in, goes out, or takes the place of another."""
        return self._places.moved(start, length, rng)

    def project(self, recipe: Recipe) -> Array | None:
        """The place (d,) that a published recipe would have here: its chemicals as far as the space has them, brought
        to the space's scale, and its conditions; ``None`` where fewer than two chemicals are in common.

        Names must be the space's own.
        """
        return self._places.project(recipe)

    def contains(self, recipe: Recipe) -> bool:
        """Whether the recipe could have been proposed: chemicals, fixed values, ranges, couplings and constraints."""
        return not self.violations(recipe)

    def violations(self, recipe: Recipe) -> list[str]:
        """One sentence for each thing of the space that the recipe breaks."""
        return violations(self, recipe)

    def within(self, limits: Limits) -> SearchSpace:
        """The part of the space that keeps the limits. Raises `EmptySpaceError`, naming the limit that empties it."""
        space, faults = narrowed(self, limits)
        if faults:
            place, message = faults[0]
            raise EmptySpaceError(message, place)
        return space
