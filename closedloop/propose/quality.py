"""Everything that makes a hit but the mean size: success, a spread that is small enough, enough particles of the shape.

Each is the model's word corrected by what this campaign saw. Where the model knows nothing of shapes or spreads, what
is usual stands in, loosely. Knows arrays only; leaves the size to `residual`, the correction of odds to `success`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, expit, logit, ndtr

from closedloop.propose.success import corrected_logit, kernel
from closedloop.recipes import Outcome, Target

Array = NDArray[np.float64]

# Spreads of published colloids lie mostly between 5 and 25%: median and standard deviation of their logarithm where the
# model says nothing; and how well a model that does say something knows it.
_USUAL_SPREAD, _USUAL_SD, _TOLD_SD = 0.12, 0.5, 0.35
# Standard deviations of the logarithm of the spread: between repeats, and of the model's error that a whole lab shares.
_REPEAT_SD = 0.15
# The fraction of particles that have a shape, given the chance p that it is the sample's shape: Beta(2 p, 2 - 2 p).
_BREADTH = 2.0
# A sample has a shape when at least this fraction of its particles do.
_MAJORITY = 0.5
# How far one measured sample moves the odds of a shape everywhere in this lab, in logits.
_SHAPE_SHARED_SD = 1.5
_SURE = 1e-4


class Arrays(Protocol):
    """A model's predictions for n recipes, each (n,): natural logarithm of the size in nm, its standard deviation, and
    the logit of the chance of success.

    A model may also have ``shape_probabilities`` (n, 11), in the order of `Shape`, and ``relative_spread`` (n,), NaN
    where it does not know."""

    @property
    def log_size_mean(self) -> NDArray[np.floating]: ...
    @property
    def log_size_sd(self) -> NDArray[np.floating]: ...
    @property
    def success_logit(self) -> NDArray[np.floating]: ...


@dataclass(frozen=True)
class Quality:
    """Chances (n,) of success, of a small enough spread and of the shape (ones where the target does not ask), and the
    logarithm of the spread that a measurement would give: its mean and standard deviation, (n,)."""

    success: Array
    spread: Array
    shape: Array
    log_spread: Array
    log_spread_sd: Array

    @property
    def chance(self) -> Array:
        """All three at once, (n,)."""
        return np.clip(self.success * self.spread * self.shape, _SURE**2, 1 - _SURE)

    def at(self, rows: Sequence[int]) -> "Quality":
        """Of these rows alone."""
        kept = list(rows)
        return Quality(
            *(each[kept] for each in (self.success, self.spread, self.shape, self.log_spread, self.log_spread_sd))
        )


class Judge:
    """What this campaign has seen of success, spread and shape; t tried recipes at ``unit`` (t, d)."""

    def __init__(self, target: Target, unit: Array, arrays: Arrays | None, outcomes: Sequence[Outcome]) -> None:
        self.target, self.unit = target, unit
        self.judged = np.array([o.success is not None for o in outcomes], dtype=bool)
        self.succeeded = np.array([bool(o.success) for o in outcomes], dtype=bool)
        # What does not tell whether enough particles have the shape teaches nothing of shapes.
        enough = [None if o.learnable_shape is None else target.has_shape(o) for o in outcomes]
        self.shaped = np.array([each is not None for each in enough], dtype=bool)
        self.right = np.array([bool(each) for each in enough], dtype=bool)
        spreads = np.array(
            [np.nan if o.learnable_size_nm is None else o.relative_spread or np.nan for o in outcomes],
            dtype=np.float64,
        )
        self.spread_known = np.isfinite(spreads)
        self.log_spreads = np.log(spreads[self.spread_known])
        self.logit = np.zeros(0) if arrays is None else np.asarray(arrays.success_logit, dtype=np.float64)
        self.shape_logit = np.zeros(0) if arrays is None else self._shape_logit(arrays, len(outcomes))
        self.spread_prior = _spread_prior(arrays, len(outcomes)) if arrays is not None else (np.zeros(0), np.zeros(0))

    def of(self, unit: Array, arrays: Arrays) -> Quality:
        """The qualities of n recipes at ``unit`` (n, d)."""
        n = len(unit)
        raw = np.asarray(arrays.success_logit, dtype=np.float64)
        told = self.judged
        success = expit(corrected_logit(unit, raw, self.unit[told], self.logit[told], self.succeeded[told]))
        shape = np.ones(n)
        if self.target.shape is not None:
            seen = self.shaped
            prior = self._shape_logit(arrays, n)
            odds = corrected_logit(
                unit, prior, self.unit[seen], self.shape_logit[seen], self.right[seen], shared_sd=_SHAPE_SHARED_SD
            )
            shape = expit(odds)
        mean, sd = self._spread(unit, arrays)
        spread = np.ones(n)
        if self.target.max_relative_spread is not None:
            spread = ndtr((np.log(self.target.max_relative_spread) - mean) / sd)
        return Quality(success, spread, shape, mean, sd)

    def _shape_logit(self, arrays: Arrays, n: int) -> Array:
        """Log-odds (n,) that a sample has enough particles of the wanted shape, by the model alone.

        A model that finds every shape equally likely has seen none; then the odds are even.
        """
        from closedloop.recipes import Shape

        shapes = getattr(arrays, "shape_probabilities", None)
        if self.target.shape is None or shapes is None:
            return np.zeros(n)
        shapes = np.asarray(shapes, dtype=np.float64)
        known = np.ptp(shapes, axis=1) > 1e-6
        p = np.clip(shapes[:, list(Shape).index(self.target.shape)], 0.01, 0.99)
        least = max(self.target.min_shape_fraction, _MAJORITY)
        enough = 1 - betainc(_BREADTH * p, _BREADTH * (1 - p), least)
        return np.where(known, logit(np.clip(enough, _SURE, 1 - _SURE)), 0.0)

    def _spread(self, unit: Array, arrays: Arrays) -> tuple[Array, Array]:
        """Mean and standard deviation (n,) of the logarithm of the spread that a measurement would give: a Gaussian
        process on the model's error, half of whose variance the whole lab shares."""
        mean, sd = _spread_prior(arrays, len(unit))
        if self.spread_known.any():
            known = self.unit[self.spread_known]
            prior_mean, prior_sd = (each[self.spread_known] for each in self.spread_prior)
            half = np.sqrt(0.5)
            within = prior_sd[:, None] * prior_sd[None, :] * kernel(known, known, half, half)
            across = sd[:, None] * prior_sd[None, :] * kernel(unit, known, half, half)
            solved = np.linalg.solve(within + _REPEAT_SD**2 * np.eye(len(known)), across.T)
            mean = mean + solved.T @ (self.log_spreads - prior_mean)
            sd = np.sqrt(np.maximum(sd**2 - np.sum(across * solved.T, axis=1), 1e-6))
        return mean, np.sqrt(sd**2 + _REPEAT_SD**2)


def _spread_prior(arrays: Arrays, n: int) -> tuple[Array, Array]:
    told = getattr(arrays, "relative_spread", None)
    spread = np.full(n, np.nan) if told is None else np.asarray(told, dtype=np.float64)
    known = np.isfinite(spread) & (spread > 0)
    mean = np.log(np.where(known, spread, _USUAL_SPREAD))
    return mean, np.where(known, _TOLD_SD, _USUAL_SD)
