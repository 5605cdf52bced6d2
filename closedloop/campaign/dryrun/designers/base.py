"""What every designer offers: begin with a campaign's brief, name the next recipes, learn what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from closedloop.campaign.dryrun.plain import Fitted
from closedloop.propose import SearchSpace
from closedloop.recipes import Outcome, Recipe, Target

Array = NDArray[np.float64]

# Candidates of a method that scores recipes: all over the space, then around the best of those.
_SPREAD, _AROUND, _BEST = 512, 256, 16
_STEPS = (0.02, 0.06, 0.18)
# Experiments of one campaign and of one seed never share a draw of candidates.
SEED_STEP = 10_007


@dataclass(frozen=True)
class Brief:
    """All that a designer sees: what may be varied, what is wanted, and the model of the literature by its name."""

    space: SearchSpace
    target: Target
    model: str

    @property
    def log_band(self) -> tuple[float, float]:
        """Natural logarithms of the sizes in nm that hit."""
        low, high = self.target.band_nm
        return float(np.log(max(low, 1e-6))), float(np.log(high))


@dataclass(frozen=True)
class Design:
    """A recipe to try. ``chance``: stated chance that it hits, ``expected_nm``: the size that is expected of it;
    ``None`` where the designer states none."""

    recipe: Recipe
    chance: float | None = None
    expected_nm: float | None = None


class Designing(Protocol):
    """One campaign. Whatever is random in it comes from the seed it was begun with."""

    def pick(self, count: int) -> list[Design]:
        """The next ``count`` recipes, chosen before any of them is made."""

    def learn(self, recipe: Recipe, outcome: Outcome) -> None:
        """What came of a recipe that was picked."""


class Designer(Protocol):
    """``begin`` starts a campaign in which nothing has been tried."""

    def begin(self, brief: Brief, seed: int) -> Designing: ...


class Scored:
    """A campaign of a method that scores candidates, whose columns are the space's coordinates, and takes the largest.

    The first ``random_first`` recipes are drawn all over the space; `fitted` is asked after them. It learns sizes
    alone, as such methods do: a failure tells it nothing.
    """

    random_first = 2

    def __init__(self, brief: Brief, seed: int) -> None:
        self.brief, self.seed = brief, seed
        self.chosen = 0
        self.places: list[Array] = []
        self.log_sizes: list[float] = []

    def pick(self, count: int) -> list[Design]:
        space = self.brief.space
        seed = self.seed * SEED_STEP + self.chosen
        first = self.chosen < self.random_first or not self.log_sizes
        self.chosen += count
        if first:
            return [Design(recipe) for recipe in space.sample(count, seed)]
        recipes = space.sample(_SPREAD, seed)
        unit = encoded(space, recipes)
        ask = self.fitted()
        score, chance, expected = ask(unit)
        rng = np.random.default_rng(seed)
        best = np.argsort(-score, kind="stable")[np.arange(_AROUND) % _BEST]
        near = space.decode_many(
            space.moved(unit[best], np.array(_STEPS)[rng.integers(len(_STEPS), size=_AROUND)], rng)
        )
        recipes += near
        said = zip((score, chance, expected), ask(encoded(space, near)), strict=True)
        score, chance, expected = (np.concatenate(pair) for pair in said)
        # Equal scores are common among trees, and the order of drawing must not decide.
        order = np.lexsort((rng.random(len(score)), -score))
        taken = list({recipes[k]: int(k) for k in order[::-1].tolist()}.values())[::-1][:count]
        return [Design(recipes[k], float(chance[k]), float(np.exp(expected[k]))) for k in taken]

    def learn(self, recipe: Recipe, outcome: Outcome) -> None:
        if outcome.success and outcome.size_nm is not None:
            self.places.append(self.brief.space.encode(recipe))
            self.log_sizes.append(float(np.log(outcome.size_nm)))

    def fitted(self) -> Fitted:
        """The method after all results so far."""
        raise NotImplementedError


def encoded(space: SearchSpace, recipes: Sequence[Recipe]) -> Array:
    """Places (n, d) of recipes of the space."""
    return np.array([space.encode(recipe) for recipe in recipes]).reshape(-1, space.dimension)
