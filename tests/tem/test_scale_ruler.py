"""Rulers of eleven ticks, as some scanning microscopes print them."""

import numpy as np
import pytest

from closedloop.tem.scale_ruler import find_ruler

BOX = (300.0, 180.0, 360.0, 196.0)  # of a label below the ruler's right end


def _picture(ticks: int, light: bool = True) -> np.ndarray:
    image = np.clip(0.3 + 0.02 * np.random.default_rng(0).standard_normal((220, 400)), 0, 1).astype(np.float32)
    for index in range(ticks):
        x = 358 - 15 * index
        image[166:173, x : x + 2] = 1
    return image if light else 1 - image


@pytest.mark.parametrize("light", [True, False])
def test_eleven_ticks_are_measured_from_the_first_to_the_last(light: bool) -> None:
    ruler = find_ruler(_picture(11, light), BOX, 12, light)
    assert ruler is not None
    assert not ruler.cut_off
    assert ruler.length_px == pytest.approx(150, abs=0.5)


def test_a_ruler_that_lacks_ticks_is_cut_off() -> None:
    ruler = find_ruler(_picture(9), BOX, 12, True)
    assert ruler is not None
    assert ruler.cut_off


def test_noise_is_no_ruler() -> None:
    assert find_ruler(_picture(0), BOX, 12, True) is None
