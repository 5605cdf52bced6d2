"""Takes out of a powder pattern what no crystal makes: cosmic rays and faulty readings, one or two steps wide.

A diffraction peak rises over several steps; one that did not would mean no size anyway.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LONGEST = 2
# A spike stands so many times as high as the noise around it, and this share of the pattern's span, above its
# neighbours; those rise by no more than this share of its height.
_NOISE_TIMES, _LEAST_SHARE, _FLANK_SHARE = 12.0, 0.05, 0.15
_AROUND = 41


def without_spikes(angle: Array, counts: Array) -> tuple[Array, Array, list[str]]:
    """The readings that are no spikes, (m,) of (n,) each, and a sentence for each spike that was left out."""
    from scipy.ndimage import median_filter

    noise = 1.4826 * median_filter(np.abs(np.diff(counts, 2)), _AROUND, mode="nearest") / np.sqrt(6)
    noise = np.pad(noise, 1, mode="edge")
    least = np.maximum(_NOISE_TIMES * noise, _LEAST_SHARE * float(np.ptp(median_filter(counts, 2 * _LONGEST + 3))))
    kept = np.ones(len(counts), dtype=bool)
    said: list[str] = []
    for length in range(1, _LONGEST + 1):
        for first in np.flatnonzero(counts[2:-2] > np.minimum(counts[:-4], counts[4:]) + least[2:-2]) + 2:
            inside, flanks = slice(first, first + length), [first - 2, first - 1, first + length, first + length + 1]
            if flanks[-1] >= len(counts) or not kept[flanks[0] : flanks[-1] + 1].all():
                continue
            base = float(np.mean(counts[[flanks[0], flanks[-1]]]))
            height = float(counts[inside].min()) - base
            if height > least[first] and np.abs(counts[flanks] - base).max() < _FLANK_SHARE * height:
                kept[inside] = False
                said.append(f"a spike of {height:.2g} at {angle[first]:g}° was left out")
    return angle[kept], counts[kept], said
