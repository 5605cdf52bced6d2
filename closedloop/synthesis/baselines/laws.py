"""A baseline's predicted size with its intervals: a weighting of known sizes, or errors on experiments held out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from closedloop.literature import one_spelling
from closedloop.recipes import Experiment

# Fewer held-out errors than this say too little; then the spread of all training sizes stands in.
LEAST_ERRORS = 8
_HELD_OUT = 0.2
_MOST_HELD_OUT = 0.3
_LEAST_HELD_OUT = 0.1


class SizeLaw(Protocol):
    """A size in nm and its intervals."""

    @property
    def size_nm(self) -> float: ...
    def size_interval(self, coverage: float = 0.9) -> tuple[float, float]: ...


@dataclass(frozen=True)
class WeightedSizes:
    """A prediction that is a weighting of known sizes: ``sizes`` (n,) in rising order, ``weights`` (n,) of sum 1."""

    size_nm: float
    sizes: np.ndarray
    weights: np.ndarray

    @cached_property
    def _reached(self) -> np.ndarray:
        return np.cumsum(self.weights)

    def size_interval(self, coverage: float = 0.9) -> tuple[float, float]:
        ends = [
            int(np.searchsorted(self._reached, level - 1e-12)) for level in ((1 - coverage) / 2, (1 + coverage) / 2)
        ]
        low, high = (float(self.sizes[min(end, len(self.sizes) - 1)]) for end in ends)
        return low, high


@dataclass(frozen=True)
class Conformal:
    """A point with held-out errors around it: ``errors`` (k,) are sorted absolute differences of ln(size).

    Split conformal prediction (Lei et al., J. Am. Stat. Assoc. 2018, 113, 1094, section 2.2): the interval reaches to
    the ⌈(k + 1) coverage⌉th error, or to the largest where there are too few for that.
    """

    size_nm: float
    errors: np.ndarray

    def size_interval(self, coverage: float = 0.9) -> tuple[float, float]:
        rank = min(math.ceil((len(self.errors) + 1) * coverage), len(self.errors))
        factor = math.exp(float(self.errors[rank - 1]))
        return self.size_nm / factor, self.size_nm * factor


def held_out(experiments: Sequence[Experiment], seed: int) -> np.ndarray:
    """(n,) of bool: about a fifth of the experiments, by whole sources, for what an interval must hold is the error on
    a source that the method has not seen. At random where the sources are too few or too large for that."""
    rng = np.random.default_rng(seed)
    n = len(experiments)
    sources = np.array([source or "" for source in one_spelling([experiment.source for experiment in experiments])])
    out = np.zeros(n, dtype=bool)
    for source in rng.permutation(np.unique(sources)):
        with_it = out | (sources == source)
        if with_it.sum() <= _MOST_HELD_OUT * n:
            out = with_it
        if out.sum() >= _HELD_OUT * n:
            return out
    if out.sum() >= _LEAST_HELD_OUT * n:
        return out
    return np.isin(np.arange(n), rng.permutation(n)[: round(_HELD_OUT * n)])
