"""BayBE (an optional extra): continuous parameters, discrete ones for chemicals that may be left out, a match target.

Its own default recommender on its own search space; the space's constraints are kept by moving what it recommends
inside, and it is told of the recipe that was made. States no chance.
"""

import warnings
from importlib import import_module
from typing import Any

from closedloop.campaign.dryrun.designers.base import SEED_STEP, Brief, Design, Designing
from closedloop.campaign.dryrun.designers.parameters import ABSENT, THERE, Parameters
from closedloop.campaign.dryrun.seeding import seeded
from closedloop.recipes import Outcome, Recipe


class ByBaybe:
    """Learns sizes of this campaign alone."""

    def begin(self, brief: Brief, seed: int) -> Designing:
        return _Designing(brief, seed)


class _Designing:
    def __init__(self, brief: Brief, seed: int) -> None:
        self._brief, self._seed = brief, seed
        self._parameters = Parameters(brief.space)
        self._chosen = self._learned = 0
        self._campaign = _campaign(self._parameters, brief.target.size_nm)

    def pick(self, count: int) -> list[Design]:
        """The first experiment is drawn all over the space, as in every strategy without literature."""
        seed = self._seed * SEED_STEP + self._chosen
        self._chosen += count
        if not self._learned:
            return [Design(recipe) for recipe in self._brief.space.sample(count, seed)]
        return [Design(self._parameters.recipe(row)) for row in self._recommended(count, seed)]

    def _recommended(self, count: int, seed: int) -> list[dict[str, float]]:
        with warnings.catch_warnings(), seeded(seed):
            warnings.simplefilter("ignore")
            rows: list[dict[str, float]] = self._campaign.recommend(count).to_dict("records")
        return rows

    def learn(self, recipe: Recipe, outcome: Outcome) -> None:
        if not outcome.success or outcome.size_nm is None:
            return
        import pandas as pd

        row = self._parameters.row(recipe) | {"size_nm": outcome.size_nm}
        self._campaign.add_measurements(pd.DataFrame([row]))
        self._learned += 1


def _campaign(parameters: Parameters, size_nm: float) -> Any:
    baybe, kinds = import_module("baybe"), import_module("baybe.parameters")
    space, targets = import_module("baybe.searchspace"), import_module("baybe.targets")
    own = [kinds.NumericalContinuousParameter(name, (0.0, 1.0)) for name in parameters.numbers]
    own += [kinds.NumericalDiscreteParameter(parameters.choice(name), (ABSENT, THERE)) for name in parameters.choices]
    target = targets.NumericalTarget.match_absolute("size_nm", size_nm)
    return baybe.Campaign(space.SearchSpace.from_product(own), target.to_objective())
