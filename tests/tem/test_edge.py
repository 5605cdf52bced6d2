"""The level at the edge, from profiles that are computed by brute force."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from closedloop.tem._edge import edge_level


def _profile(flatness: float, blur: float, fringe: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance in radii and contrast of one particle of 50 px, blurred; and the sharp disc."""
    axis = np.arange(-120, 121)
    distance = np.hypot(axis[:, None], axis[None, :]) / 50
    sphere = np.sqrt(np.clip(1 - distance**2, 0, None))
    image = flatness * (distance <= 1) + (1 - flatness) * sphere
    sharp = gaussian_filter(image, 50 * blur)
    image = sharp + fringe * (sharp - gaussian_filter(image, 50 * (blur + 0.1)))
    return distance, image / image[distance < 0.4].mean(), distance


@pytest.mark.parametrize("flatness", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("blur", [0.05, 0.15])
@pytest.mark.parametrize("fringe", [0.0, 0.6])
def test_cutting_at_the_level_gives_the_true_radius(flatness: float, blur: float, fringe: float) -> None:
    distance, contrast, _ = _profile(flatness, blur, fringe)
    # The first outline was too small, as one at half height is for a sphere: the fit must not depend on it.
    level = edge_level((distance / 0.93).ravel(), contrast.ravel(), radius_px=46.5, smoothing_px=0.0)
    assert level.fitted
    radius = np.sqrt((contrast > level.fraction).sum() / np.pi) / 50
    assert radius == pytest.approx(1.0, abs=0.015)


def test_half_height_of_a_sphere_would_be_an_eighth_too_small() -> None:
    _, contrast, _ = _profile(0.0, 0.02)
    assert np.sqrt((contrast > 0.5).sum() / np.pi) / 50 == pytest.approx(np.sqrt(0.75), abs=0.03)


def test_a_profile_of_another_kind_leaves_half_height() -> None:
    rng = np.random.default_rng(0)
    distance = rng.uniform(0, 1.6, 20_000)
    rim = np.exp(-(((distance - 0.95) / 0.05) ** 2))
    level = edge_level(distance, rim, radius_px=20, smoothing_px=1)
    assert not level.fitted
    assert level.fraction == 0.5


def test_too_few_pixels_leave_half_height() -> None:
    assert not edge_level(np.linspace(0, 1.5, 50), np.linspace(1, 0, 50), 5, 1).fitted
