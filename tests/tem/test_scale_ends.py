"""Where a bar ends, and when that cannot be told."""

import numpy as np
import pytest

from closedloop.tem.scale_ends import beyond_the_even_part, crossing, halves_agree, is_clear


def test_an_end_lies_where_half_of_the_step_is_crossed() -> None:
    along = np.array([0.0] * 10 + [0.2] + [1.0] * 10, np.float32)  # the bar covers four fifths of the eleventh pixel
    assert crossing(along, 9, +1, 0.0) == pytest.approx(10.5 + 0.375)
    assert crossing(along[::-1], 11, -1, 0.0) == pytest.approx(21 - 10.5 - 0.375)


@pytest.mark.parametrize(("grey", "reach"), [(1.0, 6), (0.7, 0)])
def test_a_tick_is_as_strong_as_its_bar_and_a_particle_is_not(grey: float, reach: int) -> None:
    like = np.zeros((11, 12), bool)
    like[:, :6] = True
    assert beyond_the_even_part(np.array([grey] * 6 + [0.0] * 6), like) == reach


@pytest.mark.parametrize(("noise", "clear"), [(0.0, True), (0.06, False)])
def test_a_particle_of_nearly_the_bars_grey_hides_its_end_if_its_pixels_reach_it(noise: float, clear: bool) -> None:
    rng = np.random.default_rng(0)
    image = np.full((40, 120), 0.4, np.float32)
    image[10:30, 60:100] = np.clip(0.88 + noise * rng.standard_normal((20, 40)), 0, 1)
    image[16:24, 20:80] = 1.0
    assert is_clear(image, 79, +1, 16, 24, 1.0) is clear
    assert is_clear(image, 20, -1, 16, 24, 1.0)


def test_halves_that_end_elsewhere_do_not_agree() -> None:
    core = np.full((6, 200), 0.6)
    core[:, 50:110] = 0.0
    assert halves_agree(core, 50, 110, 60.0)
    core[:3, 110:112] = 0.0
    assert not halves_agree(core, 50, 110, 61.0)
    core[:3, 110:120] = 0.0
    assert not halves_agree(core, 50, 110, 60.0)
