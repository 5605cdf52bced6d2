"""Pictures whose truth is known, rendered from a few lines of their own so that the tests do not rest on `sim`."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter


class Field(NamedTuple):
    """A rendered picture (H, W) float32 between 0 and 1, its true labels, and the true radii in pixels."""

    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    radii: NDArray[np.float64]


def render(
    count: int = 100,
    radius: float = 15.0,
    spread: float = 0.1,
    size: int = 512,
    flatness: float = 0.0,
    contrast: float = 0.4,
    blur: float = 1.0,
    noise: float = 0.05,
    tilt: float = 0.0,
    gap: float = 1.05,
    bright: bool = False,
    seed: int = 0,
) -> Field:
    """Particles strewn at random; centres keep `gap` times the sum of the radii apart.

    flatness 0 is a sphere (contrast as its thickness), 1 a disc. tilt: difference of illumination across the picture.
    """
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:size, :size]
    thickness = np.zeros((size, size))
    labels = np.zeros((size, size), np.int32)
    placed: list[tuple[float, float, float]] = []
    for _ in range(count * 60):
        if len(placed) == count:
            break
        r = max(2.0, rng.normal(radius, spread * radius))
        y, x = rng.uniform(0, size, 2)
        if any(np.hypot(y - v, x - u) < gap * (r + s) for v, u, s in placed):
            continue
        placed.append((y, x, r))
        top, left = max(0, int(y - r - 2)), max(0, int(x - r - 2))
        window = (slice(top, int(y + r + 3)), slice(left, int(x + r + 3)))
        distance = np.hypot(yy[window] - y, xx[window] - x)
        sphere = np.sqrt(np.clip(1 - (distance / r) ** 2, 0, None))
        step = np.clip(r - distance + 0.5, 0, 1)
        strength = rng.uniform(0.7, 1.0)
        thickness[window] += strength * (flatness * step + (1 - flatness) * sphere)
        labels[window][distance <= r] = len(placed)
    image = 0.75 - contrast * gaussian_filter(thickness, blur) + tilt * (xx / size - 0.5)
    image = image + rng.normal(0, noise, image.shape)
    if bright:
        image = 1 - image
    return Field(np.clip(image, 0, 1).astype(np.float32), labels, np.array([r for _, _, r in placed]))


@pytest.fixture(scope="session")
def rendered() -> Callable[..., Field]:
    return render
