"""What is expected of candidates: of each alone (`Assessment`), and of all of them together (`Outlook`).

Takes the size and the chances as arrays; leaves where those come from to `residual` and `quality`.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from closedloop.propose.proposal import Assessment, Outlook
from closedloop.propose.quality import Quality
from closedloop.recipes import Recipe, Target

Array = NDArray[np.float64]
# Mean and standard deviation, (n,) each, of the logarithm of the size that a measurement would give.
Moments = tuple[Array, Array]

_Z90 = 1.6448536269514722
# Of the candidates that come nearest to the target, how many are looked at for values at the end of their ranges.
_NEAREST, _AT_WALL, _MOST = 16, 0.05, 0.5


def assessments(recipes: Sequence[Recipe], size: Moments, quality: Quality, target: Target) -> list[Assessment]:
    """One for each of n recipes."""
    low, high = target.band_nm
    said = []
    for i, (recipe, m, s) in enumerate(zip(recipes, *(each.tolist() for each in size), strict=True)):
        inside = _below(math.log(high), m, s) - (_below(math.log(low), m, s) if low > 0 else 0.0)
        spread, spread_sd = float(quality.log_spread[i]), float(quality.log_spread_sd[i])
        success, narrow, shape = (
            min(1.0, max(0.0, float(each[i]))) for each in (quality.success, quality.spread, quality.shape)
        )
        said.append(
            Assessment(
                recipe=recipe,
                predicted_size_nm=math.exp(m),
                predicted_interval_nm=(math.exp(m - _Z90 * s), math.exp(m + _Z90 * s)),
                relative_spread=math.exp(spread),
                relative_spread_interval=(math.exp(spread - _Z90 * spread_sd), math.exp(spread + _Z90 * spread_sd)),
                success_probability=success,
                size_chance=min(1.0, max(0.0, inside)),
                spread_chance=narrow,
                shape_chance=shape,
                chance_of_hit=min(1.0, max(0.0, success * narrow * shape * inside)),
            )
        )
    return said


def outlook(
    unit: Array, labels: Sequence[str], size: Moments, quality: Quality, target: Target, chances: Sequence[float]
) -> Outlook:
    """Of all candidates at ``unit`` (n, d), whose coordinates are called ``labels`` (d,)."""
    mean, sd = size
    low, high = target.band_nm
    first = np.log(low) if low > 0 else -np.inf
    inside = ndtr((np.log(high) - mean) / sd) - ndtr((first - mean) / sd)
    off = np.abs(mean - math.log(target.size_nm))
    return Outlook(
        chances=tuple(chances),
        best_size_chance=_largest(inside),
        best_success=_largest(quality.success),
        best_spread_chance=_largest(quality.spread),
        best_shape_chance=_largest(quality.shape),
        reach_nm=(float(np.exp(mean.min())), float(np.exp(mean.max()))),
        at_limits=tuple(_at_walls(unit[np.argsort(off, kind="stable")[:_NEAREST]], labels)),
    )


def _at_walls(unit: Array, labels: Sequence[str]) -> list[str]:
    """What stands at the end of its range in most of the rows."""
    walls = []
    for values, label in zip(unit.T, labels, strict=True):
        if np.mean(values > 1 - _AT_WALL) >= _MOST:
            walls.append(f"{label} at the upper end of its range")
        elif np.mean((values < _AT_WALL) & (values > -_AT_WALL)) >= _MOST:
            walls.append(f"{label} at the lower end of its range")
    return walls


def _largest(chances: Array) -> float:
    return float(min(1.0, max(0.0, np.max(chances))))


def _below(value: float, mean: float, sd: float) -> float:
    return 0.5 * (1 + math.erf((value - mean) / (sd * math.sqrt(2))))
