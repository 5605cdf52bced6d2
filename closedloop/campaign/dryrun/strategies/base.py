"""What every strategy offers: begin a session on a pool, name the next recipes, learn what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from closedloop.campaign.dryrun.pool import Result, View
from closedloop.recipes import Experiment

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Prior:
    """What a model of the literature says of each recipe of a pool, before anything was tried; (n,) each.

    ``log_value`` is the natural logarithm of the goal's quantity, ``sd`` its standard deviation, ``success`` and
    ``shape`` (of the shape asked for, 1 where none is) are chances.
    """

    log_value: Array
    sd: Array
    success: Array
    shape: Array


@dataclass(frozen=True)
class Known:
    """What may be known before the first experiment: literature without the pool's, and a model's word on the pool.

    Both are empty in a cold start.
    """

    experiments: Sequence[Experiment] = ()
    prior: Prior | None = None


@dataclass(frozen=True)
class Pick:
    """``index`` of a recipe of the pool. ``chance``: stated chance that it hits, ``expected``: the value that is
    expected of it, in the unit of the goal; ``None`` where the strategy states none."""

    index: int
    chance: float | None = None
    expected: float | None = None


class Session(Protocol):
    """One campaign. Whatever is random in it comes from the seed it was begun with."""

    def pick(self, count: int) -> list[Pick]:
        """The next ``count`` recipes, none of which was picked before; fewer where fewer are left."""

    def learn(self, index: int, result: Result) -> None:
        """What came of a recipe that was picked."""


class Strategy(Protocol):
    """``begin`` starts a campaign on recipes whose outcomes nobody knows."""

    def begin(self, view: View, known: Known, seed: int) -> Session: ...


class Scored:
    """A session of a method that gives every recipe a score and a chance, and picks the largest scores.

    The first ``random_first`` picks are drawn evenly; ``scores`` says what to do after them.
    """

    random_first = 2

    def __init__(self, view: View, seed: int) -> None:
        self.view = view
        self.rng = np.random.default_rng(seed)
        self.picked: list[int] = []
        self.learned: list[int] = []
        self.results: list[Result] = []

    def pick(self, count: int) -> list[Pick]:
        rest = np.setdiff1d(np.arange(len(self.view)), self.picked)
        count = min(count, len(rest))
        if not count:
            return []
        found: list[Pick] = []
        if len(self.picked) < self.random_first or not any(one.success and one.value for one in self.results):
            found = [Pick(int(i)) for i in self.rng.choice(rest, count, replace=False)]
        else:
            scores, chances, expected = self.scores(rest)
            # Equal scores are common among trees, and the order of a file must not decide.
            order = np.lexsort((self.rng.random(len(rest)), -scores))[:count]
            found = [Pick(int(rest[k]), _told(chances[k]), _told(expected[k])) for k in order]
        self.picked += [one.index for one in found]
        return found

    def learn(self, index: int, result: Result) -> None:
        self.learned.append(index)
        self.results.append(result)

    def sizes(self) -> tuple[list[int], Array]:
        """Places (t,) of what gave a value, and its natural logarithm (t,)."""
        told = [(i, one.value) for i, one in zip(self.learned, self.results, strict=True) if one.success and one.value]
        return [i for i, _ in told], np.log([value for _, value in told])

    def scores(self, rest: NDArray[np.int64]) -> tuple[Array, Array, Array]:
        """Scores to sort by, chances of a hit and expected values of the recipes ``rest``, (r,) each."""
        raise NotImplementedError


def _told(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None


def log_band(view: View) -> tuple[float, float]:
    """The goal's band as natural logarithms; no bound is infinite."""
    low, high = view.goal.band
    with np.errstate(divide="ignore"):
        return float(np.log(low)), float(np.log(high))
