"""One grey scale for every picture, whatever its bit depth and exposure."""

import numpy as np
from numpy.typing import NDArray

_TAILS = (0.5, 99.5)  # per cent
_SAMPLE = 1024  # pixels along a side; percentiles need no more


def normalised(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grey (H, W) with its 0.5 and 99.5 per cent points at 0 and 1, clipped to −0.2 … 1.2; 0.5 where all is even."""
    sample = grey[:: max(1, grey.shape[0] // _SAMPLE), :: max(1, grey.shape[1] // _SAMPLE)]
    low, high = np.percentile(sample, _TAILS)
    if high - low < 1e-6:
        return np.full(grey.shape, 0.5, np.float32)
    even = (grey - np.float32(low)) * np.float32(1 / (high - low))
    return np.clip(even, np.float32(-0.2), np.float32(1.2), out=even)
