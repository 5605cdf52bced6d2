"""Amounts in reverse for the baselines: each slot of a recipe (one chemical, its amount to be found) is one row.

A row holds what is known before weighing: the slot's chemical, role and vessel, the other chemicals, the product, the
conditions, and the size and shape that are wanted.
"""

from collections.abc import Callable, Sequence

import numpy as np

from closedloop.chemistry import canonical_name, usual_role
from closedloop.recipes import Recipe, Role, Shape, Vessel
from closedloop.synthesis.baselines.inputs import Chemicals, Table
from closedloop.synthesis.baselines.methods import Median, Nearest, Regressor

# Trees split better on a logarithm, which an amount of zero must not send to minus infinity.
_LEAST_MMOL = 1e-3
_ROLES: tuple[Role | None, ...] = (*Role, None)
_VESSELS: tuple[Vessel | None, ...] = (*Vessel, None)
Wished = tuple[Recipe, float | None, Shape | None]


class Slots:
    """Learns ln(mmol) of every slot with a known amount; `fill` says it for all slots of a recipe."""

    def __init__(self, make: Callable[[int, list[int]], Regressor], examples: Sequence[Wished], seed: int) -> None:
        recipes = [recipe for recipe, _, _ in examples]
        self._chemicals, self._table = Chemicals(recipes), Table(recipes, amounts=False)
        self._regressor = make(seed, [*self._table.widths(), len(Shape) + 1])
        rows = self._rows(examples)
        amounts = [reagent.amount_mmol for recipe in recipes for reagent in recipe.reagents]
        self._names = np.array([canonical_name(r.name) for recipe in recipes for r in recipe.reagents], dtype=object)
        known = np.array([amount is not None for amount in amounts], dtype=bool)
        self._logs = np.log(np.array([amount or 0.0 for amount in amounts]) + _LEAST_MMOL)
        self._of = np.repeat(np.arange(len(recipes)), [len(recipe.reagents) for recipe in recipes])
        self._known = known
        if isinstance(self._regressor, Nearest):
            self._regressor.fit(self._wishes(examples), np.zeros(len(examples)))
        elif known.any():
            self._regressor.fit(rows[known], self._logs[known])

    def fill(self, wished: Sequence[Wished]) -> list[Recipe]:
        """The recipes with an amount (mmol, four digits) in every slot."""
        counts = [len(recipe.reagents) for recipe, _, _ in wished]
        if not sum(counts):
            return [recipe for recipe, _, _ in wished]
        if isinstance(self._regressor, Nearest):
            distances = self._regressor.distances(self._wishes(wished))
            logs = np.concatenate(
                [self._of_precedents(one[0], row) for one, row in zip(wished, distances, strict=True)]
            )
        elif isinstance(self._regressor, Median) or not self._known.any():
            usual = [self._usual(reagent.name) for recipe, _, _ in wished for reagent in recipe.reagents]
            logs = np.log(np.array(usual) + _LEAST_MMOL)
        else:
            logs = self._regressor.predict(self._rows(wished))
        amounts = np.split(np.maximum(np.exp(logs) - _LEAST_MMOL, 0), np.cumsum(counts)[:-1])
        return [
            recipe.with_amounts(
                {(r.name, r.vessel): float(f"{amount:.4g}") for r, amount in zip(recipe.reagents, found, strict=True)}
            )
            for (recipe, _, _), found in zip(wished, amounts, strict=True)
        ]

    def _usual(self, name: str) -> float:
        return self._chemicals.mmol(canonical_name(name), None)

    def _of_precedents(self, recipe: Recipe, distances: np.ndarray) -> np.ndarray:
        """ln(mmol) as in the nearest recipe that has the chemical; what is usual where none has."""
        logs = []
        for reagent in recipe.reagents:
            name = canonical_name(reagent.name)
            slots = [
                i for i, (one, known) in enumerate(zip(self._names, self._known, strict=True)) if one == name and known
            ]
            if slots:
                logs.append(float(self._logs[slots][distances[self._of[slots]].argmin()]))
            else:
                logs.append(float(np.log(self._usual(reagent.name) + _LEAST_MMOL)))
        return np.array(logs)

    def _wishes(self, examples: Sequence[Wished]) -> np.ndarray:
        """(n, d): the recipes without amounts, then ln(size) and the shape."""
        shapes = np.array([[shape is one for one in Shape] for _, _, shape in examples], float)
        sizes = np.log([size or 1.0 for _, size, _ in examples])
        return np.c_[self._table([recipe for recipe, _, _ in examples]), sizes, shapes]

    def _rows(self, examples: Sequence[Wished]) -> np.ndarray:
        """(slots, d): the wish, then the slot."""
        wishes = self._wishes(examples)
        slots, of = [], []
        for place, (recipe, _, _) in enumerate(examples):
            for position, reagent in enumerate(recipe.reagents):
                name = canonical_name(reagent.name)
                role = reagent.role or usual_role(name)
                slots.append(
                    [
                        np.log(self._chemicals.mmol(name, None) + _LEAST_MMOL),
                        float(name in self._chemicals.usual),
                        position,
                        len(recipe.reagents) - position,
                        *(role is one for one in _ROLES),
                        *(reagent.vessel is one for one in _VESSELS),
                        *self._chemicals.vector(name),
                    ]
                )
                of.append(place)
        if not slots:
            return np.zeros((0, wishes.shape[1]))
        return np.c_[wishes[of], np.array(slots, float)]
