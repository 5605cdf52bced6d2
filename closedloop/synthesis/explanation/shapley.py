"""Shapley values of a game, whatever its players are: which coalitions to value, and what their worths make of it.

Shapley, "A value for n-person games" (1953). Exactly for few players; for more, by walks from nobody to everybody in
random orders, each with its reverse (Mitchell et al., "Sampling Permutations for Shapley Value Estimation", JMLR 2022:
the pair cancels whatever two players do together). Either way the values add up to the worth of all minus that of
none. Who plays is `substitution`'s part.
"""

from dataclasses import dataclass
from math import factorial
from typing import Self

import numpy as np

EXACT_UP_TO = 10
PAIRS = 24


@dataclass(frozen=True)
class Plan:
    """``coalitions`` (m, p) are to be valued, the first is nobody and the last everybody.

    ``orders`` (w, p) and ``steps`` (w, p + 1), the rows of ``coalitions`` along each walk, are ``None`` where every
    coalition is valued.
    """

    coalitions: np.ndarray
    orders: np.ndarray | None = None
    steps: np.ndarray | None = None

    @classmethod
    def of(cls, players: int, rng: np.random.Generator, *, exact_up_to: int = EXACT_UP_TO, pairs: int = PAIRS) -> Self:
        """``pairs``: how many walks, and as many in reverse, where there are too many players for all coalitions."""
        if players <= exact_up_to:
            numbers = np.arange(2**players)[:, None]
            return cls((numbers >> np.arange(players)) & 1 == 1)
        forward = np.array([rng.permutation(players) for _ in range(pairs)])
        # Each walk beside its reverse.
        orders = np.stack([forward, forward[:, ::-1]], 1).reshape(-1, players)
        places = np.argsort(orders, 1)
        walked = places[:, None, :] < np.arange(players + 1)[None, :, None]
        coalitions, inverse = np.unique(walked.reshape(-1, players), axis=0, return_inverse=True)
        return cls(coalitions, orders, inverse.reshape(len(orders), players + 1))

    @property
    def exact(self) -> bool:
        return self.orders is None

    def values(self, worth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Worths (m,) of the coalitions -> each player's value and its standard error of sampling, both (p,)."""
        players = self.coalitions.shape[1]
        if self.orders is None or self.steps is None:
            return _exact(worth, players), np.zeros(players)
        gains = np.empty(self.orders.shape)
        np.put_along_axis(gains, self.orders, np.diff(worth[self.steps], axis=1), 1)
        # A walk and its reverse are not independent of each other, pairs are.
        by_pair = gains.reshape(-1, 2, players).mean(1)
        error = by_pair.std(0, ddof=1) / np.sqrt(len(by_pair)) if len(by_pair) > 1 else np.full(players, np.nan)
        return by_pair.mean(0), error


def _exact(worth: np.ndarray, players: int) -> np.ndarray:
    """Worths (2^p,), that of a coalition at the number whose bits are its members."""
    numbers = np.arange(2**players)
    members = np.bitwise_count(numbers)
    share = np.array([factorial(s) * factorial(players - s - 1) / factorial(players) for s in range(players)])
    values = np.empty(players)
    for player in range(players):
        without = numbers[numbers >> player & 1 == 0]
        values[player] = share[members[without]] @ (worth[without | 1 << player] - worth[without])
    return values
