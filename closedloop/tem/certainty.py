"""How far the mean diameter of a picture may be off because particles were missed, merged, made up or badly outlined.

Counting more particles does not help against that, so no interval of counting shows it. What betrays it is how sure the
segmenter is of its particles (`closedloop.tem.company`).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from closedloop.tem.edge_bias import whole_particles

# In nine pictures of ten the mean was off by no more than is stated (docs/decisions/0106).
LEVEL = 0.9
# Above this a person should look at the picture.
IN_DOUBT = 0.2
# ln(error) = first + second · logit(mean chance), by quantile regression (benchmarks/tem_certainty.py).
_COEFFICIENTS = (-0.590, -0.432)
_CHANCES = (0.02, 0.99)
# Of a normal law, the same share lies within so many standard deviations.
_DEVIATIONS = 1.645


def sureness(chances: Sequence[float]) -> float:
    """What is told from: logit of the mean chance (n,) that a particle is a true one."""
    chance = float(np.clip(np.mean(chances), *_CHANCES))
    return float(np.log(chance / (1 - chance)))


def size_error(chances: Sequence[float]) -> float:
    """The share of the mean diameter by which it may be off, at `LEVEL`, 1 at most; (n,), of one particle or more."""
    first, second = _COEFFICIENTS
    return min(float(np.exp(first + second * sureness(chances))), 1.0)


def size_error_of_labels(labels: NDArray[np.integer], chances: NDArray[np.floating]) -> float | None:
    """The same for labels (H, W) from 1 to n with their chances (n,); `None` where all particles touch the edge."""
    whole, _ = whole_particles(labels)
    return size_error(chances[whole - 1].tolist()) if len(whole) else None


def standard(error: float) -> float:
    """The standard deviation of a normal law that stays within an error as often as the error is kept."""
    return error / _DEVIATIONS
