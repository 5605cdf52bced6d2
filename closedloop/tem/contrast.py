"""One grey scale for every picture, whatever its bit depth and exposure, and whatever was burnt into it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_TAILS = (0.5, 99.5)  # per cent
_SAMPLE = 1024  # pixels along a side; percentiles need no more
_STRAY = (0.01, 99.99)  # per cent
_BEYOND = 0.5  # of what lies between these two
_NARROW = 0.25  # of the whole scale


def usual_range(values: NDArray[np.floating], least: float, most: float) -> tuple[float, float]:
    """What values span that lie between these ends, but for a few stray ones: hot pixels, cosmic rays.

    No further beyond the 0.01 and 99.99 per cent points than half of what lies between them.
    """
    low, high = (float(end) for end in np.percentile(values, _STRAY))
    beyond = _BEYOND * (high - low)
    return (max(least, low - beyond), min(most, high + beyond)) if beyond > 0 else (least, most)


def specimen(grey: NDArray[np.float32], ignore: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Grey (H, W) from 0 to 1, stretched over that scale where the specimen spans less than a quarter of it: beside a
    white bar a camera's twelve bits are all but black. What is to be ignored, (H, W) bool, is no specimen."""
    values = _sampled(grey, ignore)
    low, high = usual_range(values, float(values.min()), float(values.max()))
    if not 0 < high - low < _NARROW:
        return grey
    stretched: NDArray[np.float32] = np.clip((grey - np.float32(low)) / np.float32(high - low), 0, 1)
    return stretched


def normalised(grey: NDArray[np.float32], ignore: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Grey (H, W) with its 0.5 and 99.5 per cent points at 0 and 1, clipped to −0.2 … 1.2; 0.5 where all is even.

    ignore: (H, W) bool, pixels that do not count for these points.
    """
    low, high = np.percentile(_sampled(grey, ignore), _TAILS)
    if high - low < 1e-6:
        return np.full(grey.shape, 0.5, np.float32)
    even = (grey - np.float32(low)) * np.float32(1 / (high - low))
    return np.clip(even, np.float32(-0.2), np.float32(1.2), out=even)


def sampled(pixels: NDArray[Any]) -> NDArray[Any]:
    """Every so many rows and columns of an image (H, W, …), as many as percentiles need."""
    return pixels[:: max(1, pixels.shape[0] // _SAMPLE), :: max(1, pixels.shape[1] // _SAMPLE)]


def _sampled(grey: NDArray[np.float32], ignore: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Of what is not ignored; of all, where that would be nothing."""
    values = sampled(grey)
    if ignore is None:
        return values
    seen = values[~sampled(ignore)]
    return seen if seen.size else values
