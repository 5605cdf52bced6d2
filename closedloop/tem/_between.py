"""Outlines between two answers about the same particles."""

import numpy as np
from numpy.typing import NDArray

from closedloop.tem import _filters as filters
from closedloop.tem._distances import depth_in_own, territories
from closedloop.threads import at_once

_EVENED_PX = 0.7  # standard deviation: steps of whole pixels in the distance from an outline become a slope


def between(first: NDArray[np.int32], second: NDArray[np.int32], share: float) -> NDArray[np.int32]:
    """Labels (H, W) int32 whose outlines lie at `share` (0 to 1) of the way from those of `first` to those of `second`,
    which must number the same particles alike.

    Distances from the outlines are averaged (shape-based interpolation, Raya and Udupa, IEEE Trans. Med. Imaging 1990)
    and cut where all particles together are as wide as they should be: distances in pixels know no exact zero.
    """
    own = (first > 0) | (second > 0)
    from_first, from_second = at_once(_inside, (first, second))
    inside = ((1 - share) * from_first + share * from_second)[own]
    width = (1 - share) * np.sqrt(np.count_nonzero(first)) + share * np.sqrt(np.count_nonzero(second))
    outside = len(inside) - min(round(width**2), len(inside))
    kept = inside >= (np.partition(inside, outside)[outside] if outside < len(inside) else np.inf)
    # What both claim for different particles is whose answer weighs more.
    more, less = (first[own], second[own]) if share < 0.5 else (second[own], first[own])
    found = np.zeros(first.shape, np.int32)
    found[own] = np.where(kept, np.where(more > 0, more, less), 0)
    return found


def _inside(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Distance from the outline in pixels, positive inside, (H, W)."""
    distance = np.where(labels > 0, depth_in_own(labels) - 0.5, 0.5 - territories(labels)[0])
    return filters.blurred(distance.astype(np.float32), _EVENED_PX)
