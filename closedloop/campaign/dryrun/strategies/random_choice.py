"""Draw evenly from what is left; what every other strategy is measured against."""

import numpy as np

from closedloop.campaign.dryrun.pool import Result, View
from closedloop.campaign.dryrun.strategies.base import Known, Pick, Session


class RandomChoice:
    """States no chance of a hit: how many of the recipes hit is nothing that it could know."""

    def begin(self, view: View, known: Known, seed: int) -> Session:
        return _Session(len(view), seed)


class _Session:
    def __init__(self, size: int, seed: int) -> None:
        self._order = np.random.default_rng(seed).permutation(size).tolist()

    def pick(self, count: int) -> list[Pick]:
        found, self._order = self._order[:count], self._order[count:]
        return [Pick(index) for index in found]

    def learn(self, index: int, result: Result) -> None:
        """There is nothing to learn for a blind choice."""
