"""Extra-trees on plain columns, picking the recipe that most trees put near the target."""

import numpy as np
from numpy.typing import NDArray

from closedloop.campaign.dryrun.features import Array, Features
from closedloop.campaign.dryrun.plain import extra_trees
from closedloop.campaign.dryrun.pool import View
from closedloop.campaign.dryrun.strategies.base import Known, Scored, Session, log_band


class ExtraTrees:
    """Learns from this campaign alone."""

    def begin(self, view: View, known: Known, seed: int) -> Session:
        return _Session(view, seed)


class _Session(Scored):
    def __init__(self, view: View, seed: int) -> None:
        super().__init__(view, seed)
        self._plain = Features.of(view).plain
        self._seed = seed

    def scores(self, rest: NDArray[np.int64]) -> tuple[Array, Array, Array]:
        places, values = self.sizes()
        ask = extra_trees(self._plain[places], values, log_band(self.view), self._seed)
        votes, chance, mean = ask(self._plain[rest])
        return votes, chance, np.exp(mean)
