"""Extra-trees on plain columns, picking the recipe that most trees put near the target."""

import numpy as np
from numpy.typing import NDArray

from closedloop.campaign.dryrun.features import Array, Features
from closedloop.campaign.dryrun.pool import View
from closedloop.campaign.dryrun.strategies.base import Known, Scored, Session, log_band

_TREES = 100
# Added to either side of the band: a tree answers with one of the few values seen, and hardly ever inside it.
_SLACK = 0.03


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
        from sklearn.ensemble import ExtraTreesRegressor

        places, values = self.sizes()
        forest = ExtraTreesRegressor(_TREES, random_state=self._seed).fit(self._plain[places], values)
        said = np.stack([tree.predict(self._plain[rest]) for tree in forest.estimators_])
        low, high = log_band(self.view)
        votes = ((said > low - _SLACK) & (said < high + _SLACK)).mean(0)
        return votes, votes, np.exp(said.mean(0))
