"""Numbers of a recipe that no flask can hold, or that are far beyond all that a model learned from.

Recipes record what was said, so that they may hold anything; a model speaks of what is possible. Leaves how like its
precedents a recipe is to `precedents`.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Self

import numpy as np

from closedloop.chemistry import canonical_name
from closedloop.recipes import Recipe
from closedloop.recipes.bounds import MOST_MMOL, MOST_OF_CONDITIONS
from closedloop.synthesis.past_amounts import PastAmounts
from closedloop.synthesis.precedents import UNKNOWN_LEVEL
from closedloop.synthesis.tokens import Vocabulary

# An amount this many times the most that a chemical was used in is another process, whatever else is alike.
_FAR = 10.0


@dataclass(frozen=True)
class Experience:
    """``most_mmol``: the most that each chemical of which an amount is known was used in; ``most``: of them all."""

    most_mmol: dict[str, float]
    most: float

    @classmethod
    def of(cls, vocabulary: Vocabulary, past: PastAmounts) -> Self:
        known = np.where(past.levels == np.float32(UNKNOWN_LEVEL), 0.0, past.levels).max(0, initial=0.0)
        mmol = {vocabulary.chemicals[i]: float(np.exp(past.logs[:, i].max())) for i in np.flatnonzero(known)}
        return cls(mmol, max(mmol.values(), default=MOST_MMOL))

    def beyond(self, recipe: Recipe) -> list[str]:
        """What to say of the recipe's numbers that are impossible, or far beyond this."""
        said = [f"{field} {value:g} is not possible, and is taken for {most:g}" for field, value, most in _over(recipe)]
        used: dict[str, float] = defaultdict(float)
        for reagent in recipe.reagents:
            amount = reagent.amount_mmol or 0.0
            used[canonical_name(reagent.name)] += amount
            if amount > MOST_MMOL:
                said.append(f"{amount:g} mmol of {reagent.name} is not possible, and is taken for {MOST_MMOL:g} mmol")
        for name, amount in used.items():
            most = self.most_mmol.get(name, self.most)
            if _FAR * most < amount <= MOST_MMOL:
                said.append(f"{amount:.4g} mmol of {name} is more than ten times the {most:.4g} mmol that it knows")
        return [f"outside the model's experience: {one}" for one in said]


def possible(recipe: Recipe) -> Recipe:
    """The same, with no number beyond what a flask, a furnace or a clock can do."""
    over = {field: most for field, _, most in _over(recipe)}
    if any((reagent.amount_mmol or 0.0) > MOST_MMOL for reagent in recipe.reagents):
        return recipe.model_copy(
            update={
                **over,
                "reagents": tuple(
                    reagent
                    if reagent.amount_mmol is None
                    else reagent.model_copy(update={"amount_mmol": min(reagent.amount_mmol, MOST_MMOL)})
                    for reagent in recipe.reagents
                ),
            }
        )
    return recipe.model_copy(update=over) if over else recipe


def _over(recipe: Recipe) -> list[tuple[str, float, float]]:
    """Conditions beyond what is possible: name, value, and the most that is."""
    return [
        (field, value, most)
        for field, most in MOST_OF_CONDITIONS.items()
        if (value := getattr(recipe, field)) is not None and value > most
    ]
