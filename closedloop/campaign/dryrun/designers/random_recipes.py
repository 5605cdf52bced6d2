"""Recipes drawn all over the space; what every other designer is measured against."""

from closedloop.campaign.dryrun.designers.base import SEED_STEP, Brief, Design, Designing
from closedloop.recipes import Outcome, Recipe

# Drawn at a time: quasi-random points fill the space best in powers of two.
_AT_ONCE = 64


class RandomRecipes:
    """Learns nothing, and states no chance."""

    def begin(self, brief: Brief, seed: int) -> Designing:
        return _Designing(brief, seed)


class _Designing:
    def __init__(self, brief: Brief, seed: int) -> None:
        self._brief, self._seed = brief, seed
        self._recipes: list[Recipe] = []
        self._drawn = 0

    def pick(self, count: int) -> list[Design]:
        while len(self._recipes) < count:
            self._recipes += self._brief.space.sample(_AT_ONCE, self._seed * SEED_STEP + self._drawn)
            self._drawn += _AT_ONCE
        found, self._recipes = self._recipes[:count], self._recipes[count:]
        return [Design(recipe) for recipe in found]

    def learn(self, recipe: Recipe, outcome: Outcome) -> None:
        """There is nothing to learn for a blind choice."""
