"""How much a measured mean size is noise, as far as the measurement itself says so.

What repeats scatter beyond that is learned by `closedloop.propose.residual`.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import Outcome

Array = NDArray[np.float64]
# Particles that a sample is expected to show where nobody says.
_USUAL_COUNT = 150
_USUAL_SPREAD = 0.12


def noise_of(outcomes: Sequence[Outcome]) -> Array:
    """(n,) variance of the logarithm of each mean size, from counting so many particles and from what doubt there is
    beyond that; all have a size."""
    return np.array([_of_counting(outcome) for outcome in outcomes], np.float64) + _of_doubt(outcomes)


def expected_noise(known: Array) -> float:
    """Of the next measurement, after these (n,)."""
    return float(np.median(known)) if len(known) else _of_counting(Outcome())


def _of_counting(outcome: Outcome) -> float:
    """(spread / √count)²."""
    spread = outcome.relative_spread or _USUAL_SPREAD
    return spread**2 / max(1, outcome.particle_count or _USUAL_COUNT)


def _of_doubt(outcomes: Sequence[Outcome]) -> Array:
    """(error / size)² beyond that of the surest outcome: how outlines are drawn is common to all images of a lab, and
    shifts all its sizes alike. An outcome that states no error has none."""
    stated = np.array([_relative_error(outcome) for outcome in outcomes], np.float64)
    if not len(stated) or np.isnan(stated).all():
        return np.zeros(len(stated))
    beyond: Array = np.nan_to_num(stated**2 - np.nanmin(stated) ** 2)
    return beyond


def _relative_error(outcome: Outcome) -> float:
    if outcome.size_nm is None or outcome.size_error_nm is None:
        return math.nan
    return outcome.size_error_nm / outcome.size_nm
