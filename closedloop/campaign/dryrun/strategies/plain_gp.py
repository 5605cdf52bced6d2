"""A plain BoTorch ``SingleTaskGP`` on the encoded recipes, picking the largest chance to be within tolerance."""

import numpy as np
from numpy.typing import NDArray

from closedloop.campaign.dryrun.features import Array, Features
from closedloop.campaign.dryrun.plain import plain_gp
from closedloop.campaign.dryrun.pool import View
from closedloop.campaign.dryrun.strategies.base import Known, Scored, Session, log_band


class PlainGP:
    """Learns from this campaign alone; everything in the process is BoTorch's default."""

    def begin(self, view: View, known: Known, seed: int) -> Session:
        return _Session(view, seed)


class _Session(Scored):
    def __init__(self, view: View, seed: int) -> None:
        super().__init__(view, seed)
        plain = Features.of(view).plain
        width = np.ptp(plain, axis=0)
        # Where nothing plain varies there is one column of zeros, which stays as it is.
        self._unit = (plain - plain.min(0)) / np.where(width > 0, width, 1.0)
        self._seed = seed

    def scores(self, rest: NDArray[np.int64]) -> tuple[Array, Array, Array]:
        places, values = self.sizes()
        ask = plain_gp(self._unit[places], values, log_band(self.view), self._seed)
        score, chance, mean = ask(self._unit[rest])
        return score, chance, np.exp(mean)
