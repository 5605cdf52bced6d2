"""A plain Gaussian process, or extra-trees, over the space's own coordinates; scored on a set of candidates."""

from collections.abc import Callable

import numpy as np

from closedloop.campaign.dryrun.designers.base import Array, Brief, Designing, Scored
from closedloop.campaign.dryrun.plain import Fitted, extra_trees, plain_gp

_Method = Callable[[Array, Array, tuple[float, float], int], Fitted]


class Plain:
    """Learns sizes of this campaign alone."""

    def __init__(self, method: _Method) -> None:
        self._method = method

    def begin(self, brief: Brief, seed: int) -> Designing:
        return _Designing(brief, seed, self._method)


class _Designing(Scored):
    def __init__(self, brief: Brief, seed: int, method: _Method) -> None:
        super().__init__(brief, seed)
        self._method = method

    def fitted(self) -> Fitted:
        return self._method(np.array(self.places), np.array(self.log_sizes), self.brief.log_band, self.seed)


def gp() -> Plain:
    return Plain(plain_gp)


def trees() -> Plain:
    return Plain(extra_trees)
