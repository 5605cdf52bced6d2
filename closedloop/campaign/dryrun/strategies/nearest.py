"""What a chemist does without a model: copy the precedent nearest to the target, then stay near the best result.

Where the literature has the product, its precedents alone are looked at; a cold start begins with any recipe.
"""

import math

import numpy as np
from numpy.typing import NDArray

from closedloop.campaign.dryrun.features import Array, Features
from closedloop.campaign.dryrun.pool import SIZE, View
from closedloop.campaign.dryrun.strategies.base import Known, Pick, Scored, Session
from closedloop.recipes import Recipe


class Nearest:
    """No chance is stated."""

    def begin(self, view: View, known: Known, seed: int) -> Session:
        return _Session(view, _precedent(view, known), seed)


def _precedent(view: View, known: Known) -> Recipe | None:
    if view.goal.quantity != SIZE:
        return None
    sized = [(one.recipe, size) for one in known.experiments if (size := one.outcome.learnable_size_nm) is not None]
    product = view.recipes[0].product
    own = [(recipe, size) for recipe, size in sized if recipe.product == product] or sized
    return min(own, key=lambda pair: abs(math.log(pair[1] / view.goal.value)))[0] if own else None


class _Session(Scored):
    random_first = 1

    def __init__(self, view: View, precedent: Recipe | None, seed: int) -> None:
        super().__init__(view, seed)
        self._plain = Features.of(view).plain
        self._copied: NDArray[np.int64] | None = None
        if precedent is not None:
            settings = {name: float(np.median([own[name] for own in view.settings])) for name in view.settings[0]}
            together = View((*view.recipes, precedent), view.goal, (*view.settings, settings))
            places = Features.of(together).plain
            self._copied = np.argsort(_away(places[:-1], places[-1]), kind="stable")

    def pick(self, count: int) -> list[Pick]:
        if self._copied is not None and not self.picked:
            self.picked = self._copied[:count].tolist()
            return [Pick(index) for index in self.picked]
        return super().pick(count)

    def scores(self, rest: NDArray[np.int64]) -> tuple[Array, Array, Array]:
        regrets = [self.view.goal.regret(result) for result in self.results]
        best = min(range(len(regrets)), key=lambda k: math.inf if (away := regrets[k]) is None else away)
        distance = _away(self._plain[rest], self._plain[self.learned[best]])
        nothing = np.full(len(rest), np.nan)
        return -distance, nothing, nothing


def _away(rows: Array, one: Array) -> Array:
    return np.asarray(np.sqrt(((rows - one) ** 2).sum(1)))
