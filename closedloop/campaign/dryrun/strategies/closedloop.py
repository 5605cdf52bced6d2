"""closedloop's own choice: a population of processes on what the literature's model says, or on a chemist's rule of
thumb where there is no literature, and the recipe with the largest chance to hit.

The chance is that the value lies in the band, that the recipe works at all and that the shape is right. Leaves the
processes to `population`.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from closedloop.campaign.dryrun.features import Array, Features, standardised
from closedloop.campaign.dryrun.pool import SIZE, Result, View
from closedloop.campaign.dryrun.population import Population, Priors, Space
from closedloop.campaign.dryrun.strategies.base import Known, Pick, Session, log_band
from closedloop.recipes import Shape

# Rules of thumb where nothing is known of a product: nanocrystals have about 5 nm, and grow with heat and time. In
# ln(size) per standard deviation of the pool.
_USUAL_NM = 5.0
_BY_TEMPERATURE = 0.10
_BY_TIME = 0.12
# A published recipe usually works; and what a shape's chance is where no model says more.
_WORKS = 0.95
_SHAPED = 0.5
# How many votes a chance counts as before anything was tried, and a result of the very same recipe.
_DOUBT = 2.0
_VOTE = 4.0


# Of another value than a size nobody knows beforehand over how many decades it spreads, and how well it repeats.
_ANY_VALUE = Priors(local=(float(np.log(0.2)), 1.0), noise=(float(np.log(0.03)), 1.0), slope=0.1, level=0.5)


class Closedloop:
    """``priors`` are those of the processes."""

    def __init__(self, priors: Priors | None = None) -> None:
        self._priors = priors

    def begin(self, view: View, known: Known, seed: int) -> Session:
        usual = Priors() if view.goal.quantity == SIZE else _ANY_VALUE
        return _Session(view, known, self._priors or usual, seed)


class _Session:
    def __init__(self, view: View, known: Known, priors: Priors, seed: int) -> None:
        self._view = view
        self._rng = np.random.default_rng(seed)
        features = Features.of(view)
        word = np.stack([known.prior.log_value, known.prior.sd]) if known.prior is not None else None
        self._population = Population(space_of(features), rule_of_thumb(view, features), priors, self._rng, word)
        n = len(view)
        self._works = np.full(n, _WORKS) if known.prior is None else np.minimum(known.prior.success, _WORKS)
        self._shape = np.full(n, _SHAPED) if known.prior is None else known.prior.shape
        self._free = np.ones(n, dtype=bool)
        self._tried: list[int] = []
        self._worked: list[bool] = []
        self._shaped: list[tuple[int, Shape]] = []

    def pick(self, count: int) -> list[Pick]:
        """The first experiment is drawn by chance of a hit, all others are those with the largest.

        Within a batch each pick is made as if those before it had missed.
        """
        rest = np.flatnonzero(self._free)
        if not len(rest):
            return []
        chance, expected = self._chances(rest)
        count = min(count, len(rest))
        if self._tried:
            chosen = np.lexsort((self._rng.random(len(rest)), -chance))[:count]
        else:
            weight = np.maximum(chance, 1e-12)
            chosen = self._rng.choice(len(rest), count, replace=False, p=weight / weight.sum())
        self._free[rest[chosen]] = False
        return [Pick(int(rest[k]), float(chance[k]), float(expected[k])) for k in chosen]

    def learn(self, index: int, result: Result) -> None:
        self._tried.append(index)
        self._worked.append(result.success)
        if result.success and result.value:
            self._population.learn(index, float(np.log(result.value)))
        if result.success and result.shape is not None:
            self._shaped.append((index, result.shape))

    def _chances(self, rest: NDArray[np.int64]) -> tuple[Array, Array]:
        """Chance of a hit and expected value of the recipes ``rest``, (r,) each."""
        weights, mean, sd = self._population.predict(rest)
        low, high = log_band(self._view)
        inside = weights @ (ndtr((high - mean) / sd) - ndtr((low - mean) / sd))
        return inside * self._success(rest) * self._shape_chance(rest), np.exp(weights @ mean)

    def _success(self, rest: NDArray[np.int64]) -> Array:
        return self._voted(rest, self._works, self._tried, np.array(self._worked, dtype=np.float64))

    def _shape_chance(self, rest: NDArray[np.int64]) -> Array:
        wanted = self._view.goal.shape
        if wanted is None:
            return np.ones(len(rest))
        right = np.array([shape is wanted for _, shape in self._shaped], dtype=np.float64)
        return self._voted(rest, self._shape, [place for place, _ in self._shaped], right)

    def _voted(self, rest: NDArray[np.int64], before: Array, seen: list[int], happened: Array) -> Array:
        """The chance ``before`` (n,), and what ``happened`` (s,) to the recipes ``seen``, each counted by likeness."""
        if not seen:
            return before[rest]
        like = _VOTE * self._population.likeness(rest, np.array(seen, dtype=np.int64))
        return np.asarray((_DOUBT * before[rest] + like @ happened) / (_DOUBT + like.sum(1)))


def rule_of_thumb(view: View, features: Features) -> Array:
    """ln(value) that is expected of each recipe before anything is known, (n,)."""
    if view.goal.quantity != SIZE:
        # Whoever asks for a value has reason to believe that it can be had.
        return np.full(len(view), np.log(view.goal.value))
    mean = np.full(len(view), np.log(_USUAL_NM))
    for name, values in zip(features.names, features.conditions.T, strict=True):
        slope = {"injection_temperature_c": _BY_TEMPERATURE, "reaction_temperature_c": _BY_TEMPERATURE}.get(name, 0.0)
        slope = _BY_TIME if name == "reaction_time_min" else slope
        mean += slope * (values - values.mean()) / values.std()
    return mean


def space_of(features: Features) -> Space:
    """The distances that the processes compare recipes by."""
    present = features.present.astype(np.float64)
    shared = present @ present.T
    count = present.sum(1)
    # Recipes without any chemical are alike in having none.
    either = np.maximum(count[:, None] + count[None] - shared, 1.0)
    other = np.where(either > 0, 1 - shared / either, 0.0)
    np.fill_diagonal(other, 0.0)
    return Space(
        standardised(features.conditions),
        _squared(features.levels),
        _squared(features.role_levels),
        _typical_one(other),
    )


def _squared(columns: Array) -> Array:
    square = (columns**2).sum(1)
    return _typical_one(np.maximum(square[:, None] + square[None] - 2 * columns @ columns.T, 0.0))


def _typical_one(distances: Array) -> Array:
    """Scaled so that two different recipes are 1 apart on average; all zeros stay so."""
    n = len(distances)
    mean = distances.sum() / max(n * (n - 1), 1)
    return np.asarray(distances / mean if mean > 1e-9 else distances)
