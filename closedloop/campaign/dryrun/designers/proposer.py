"""closedloop's own proposer, as `Campaign.propose` asks it; only the lab is another.

The model is the one that ships, or none: then every recipe is expected to give what nanocrystals usually are, and the
campaign's own results decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from closedloop.campaign.dryrun.designers.base import SEED_STEP, Brief, Design, Designing
from closedloop.campaign.precedents import near_target
from closedloop.propose import SizeModel, propose
from closedloop.recipes import Experiment, Outcome, Recipe, Target

SHIPPED, NONE = "shipped", "none"
MODELS = (SHIPPED, NONE)
# Nanocrystals have about 5 nm, within a factor of two; of recipes within a chemist's ranges most work.
_USUAL_NM, _USUAL_SD, _USUAL_LOGIT = 5.0, 0.7, 1.5


class Proposer:
    """Learns from the literature by its model, and from failures, spreads and shapes as well as sizes."""

    def begin(self, brief: Brief, seed: int) -> Designing:
        return _Designing(brief, seed)


class _Designing:
    def __init__(self, brief: Brief, seed: int) -> None:
        self._brief, self._seed = brief, seed
        self._tried: list[Experiment] = []
        self._chosen = 0
        self._precedents = near_target(brief.target) if brief.model == SHIPPED else []

    def pick(self, count: int) -> list[Design]:
        found = propose(
            self._brief.space,
            self._brief.target,
            model_called(self._brief.model),
            self._tried,
            [],
            count,
            self._seed * SEED_STEP + self._chosen,
            precedents=self._precedents,
        )
        self._chosen += count
        return [Design(one.recipe, one.chance_of_hit, one.predicted_size_nm) for one in found]

    def learn(self, recipe: Recipe, outcome: Outcome) -> None:
        self._tried.append(Experiment(recipe=recipe, outcome=outcome))


@cache
def model_called(name: str) -> SizeModel:
    """Loaded once in each process."""
    if name == NONE:
        return NoLiterature()
    from closedloop.synthesis import SynthesisModel

    return SynthesisModel.default()


@dataclass(frozen=True)
class _Numbers:
    log_size_mean: NDArray[np.float64]
    log_size_sd: NDArray[np.float64]
    success_logit: NDArray[np.float64]


class NoLiterature:
    """A model that has read nothing, and designs no amounts."""

    def predict_arrays(self, recipes: Sequence[Recipe]) -> _Numbers:
        n = len(recipes)
        return _Numbers(np.full(n, np.log(_USUAL_NM)), np.full(n, _USUAL_SD), np.full(n, _USUAL_LOGIT))

    def design_amounts(self, recipe: Recipe, target: Target) -> Recipe:
        return recipe
