"""Coloured bars and labels on a grey picture: how far a pixel is from grey is a picture of its own to look at."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# A bar and two letters of colour, at the least; grey pictures stored as colour JPEG have a little colour everywhere.
_LEAST_COLOUR, _LEAST_PIXELS = 0.25, 60


def chroma(pixels: NDArray[Any]) -> NDArray[np.uint8] | None:
    """(H, W, 3) or (H, W, 4) -> (H, W): 0 for grey, 255 for pure colours; ``None`` where there is nothing coloured."""
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.dtype not in (np.uint8, np.uint16):
        return None
    red, green, blue = (pixels[..., channel] for channel in range(3))
    most = np.maximum(np.maximum(red, green), blue)
    found = most - np.minimum(np.minimum(red, green), blue)
    if found.dtype == np.uint16:
        found = found >> 8
    if int(np.count_nonzero(found > 255 * _LEAST_COLOUR)) < _LEAST_PIXELS:
        return None
    return found.astype(np.uint8)
