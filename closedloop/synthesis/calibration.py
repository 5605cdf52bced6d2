"""Intervals that hold what they promise: predicted standard deviations are rescaled by errors on held-out experiments.

Split conformal prediction with normalised errors (Lei et al., "Distribution-Free Predictive Inference for Regression",
J. Am. Stat. Assoc. 2018, 113, 1094, section 5.2).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import norm, t

LEVELS = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.6827, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975])
# Of fewer groups than this the quantile may be a lucky one: no interval is then narrower than Student's law makes it.
FEW_GROUPS = 20
# Errors of nothing at all are no promise: widths in predicted standard deviations are at least this share of a normal
# law's.
_LEAST_SHARE = 1e-3


@dataclass(frozen=True)
class Calibration:
    """``widths`` (levels,): how many predicted standard deviations each side hold the fraction `LEVELS` of errors."""

    widths: np.ndarray

    @classmethod
    def of(cls, errors: np.ndarray, groups: int | None = None) -> "Calibration":
        """From held-out errors over predicted standard deviations, (n,).

        ``groups``: how many sources (or products) were held out as a whole; unless given, each error is one. What is
        new next time is a group, so that few groups ask for wider intervals however many errors they hold.
        """
        normal = norm.ppf((1 + LEVELS) / 2)
        n = len(errors)
        if not n:
            return cls(normal)
        # The (n + 1)(1 - alpha)th smallest error; where there are too few errors for a level, the normal law goes on.
        groups = n if groups is None else min(groups, n)
        wanted = LEVELS * (groups + 1) / groups
        reached = wanted <= 1
        widths = np.quantile(np.abs(errors), np.minimum(wanted, 1), method="higher")
        last = int(np.flatnonzero(reached)[-1])
        widths = np.where(reached, widths, widths[last] * normal / normal[last])
        if groups < FEW_GROUPS:
            widths = np.maximum(widths, _student(errors, groups))
        return cls(np.maximum(np.maximum.accumulate(widths), _LEAST_SHARE * normal))

    def width(self, coverage: float) -> float:
        """Half width of the interval in predicted standard deviations; ``coverage`` between 0 and 1, both excluded."""
        if not 0 < coverage < 1:
            raise ValueError(f"coverage is {coverage}; give a fraction between 0 and 1")
        if coverage >= LEVELS[-1]:
            return float(self.widths[-1] * norm.ppf((1 + coverage) / 2) / norm.ppf((1 + LEVELS[-1]) / 2))
        return float(np.interp(coverage, np.r_[0, LEVELS], np.r_[0, self.widths]))

    @cached_property
    def scale(self) -> float:
        """What a predicted standard deviation is multiplied by for a normal law to hold 90% of the errors."""
        return self.width(0.9) / float(norm.ppf(0.95))


def scales(widths: np.ndarray) -> np.ndarray:
    """`Calibration.scale` for many widths (n, levels) at once, (n,)."""
    found: np.ndarray = widths[:, int(np.flatnonzero(np.isclose(LEVELS, 0.9))[0])] / norm.ppf(0.95)
    return found


def _student(errors: np.ndarray, groups: int) -> np.ndarray:
    """(levels,): within what the next error falls if errors are normal and so many of them told their scale."""
    scale = np.sqrt(np.square(errors).mean() * (1 + 1 / groups))
    found: np.ndarray = scale * t.ppf((1 + LEVELS) / 2, groups)
    return found
