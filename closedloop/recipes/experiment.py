"""A recipe, what came of it, and where both are known from."""

from closedloop.recipes.fields import Frozen
from closedloop.recipes.outcome import Outcome
from closedloop.recipes.recipe import Recipe


class Experiment(Frozen):
    """``source`` is a DOI or citation, a campaign, or a lab's own run; ``id`` is unique within its data set."""

    recipe: Recipe
    outcome: Outcome
    source: str | None = None
    id: str | None = None
