"""Where a bar ends, and when that cannot be told."""

import numpy as np
import pytest

from closedloop.tem.scale_ends import (
    alike_ends,
    beyond_the_even_part,
    crossing,
    goes_on,
    halves_agree,
    is_clear,
    is_told_apart,
)


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


def test_the_half_way_is_the_one_next_to_the_bar() -> None:
    # Ground that darkens to the left of a thin dark rim, as a particle's edge does.
    along = np.array([0.3, 0.45, 0.54, 0.0, *[1.0] * 20, 0.0, 0.5, 0.5, 0.5], np.float32)
    assert crossing(along, 4, -1, 1.0) == pytest.approx(4, abs=0.1)
    assert crossing(along[::-1], len(along) - 5, +1, 1.0) == pytest.approx(len(along) - 4, abs=0.1)


def test_ends_of_one_bar_are_equally_sharp() -> None:
    assert alike_ends(0.4, 0.9, 50.0)
    assert not alike_ends(0.1, 1.4, 50.0)
    assert alike_ends(0.1, 1.4, 200.0)  # too little to matter


@pytest.mark.parametrize(
    ("grey", "noise", "tolerance", "told"),
    [(0.5, 0.06, 0.04, True), (0.1, 0.01, 0.04, True), (0.1, 0.05, 0.04, False), (0.2, 0.01, 0.15, False)],
)
def test_an_end_is_told_where_the_ground_beyond_cannot_pass_for_the_bar(
    grey: float, noise: float, tolerance: float, told: bool
) -> None:
    rng = np.random.default_rng(1)
    image = np.clip(grey + noise * rng.standard_normal((20, 120)), 0, 1).astype(np.float32)
    image[8:12, 30:90] = 0.0
    assert is_told_apart(image, 89, +1, slice(8, 12), 0.0, tolerance) is told
    assert is_told_apart(image, 30, -1, slice(8, 12), 0.0, tolerance) is told


def test_a_sliver_of_ground_goes_on_beyond_the_particle_that_seems_to_end_it() -> None:
    image = np.full((20, 120), 0.6, np.float32)
    image[:, 90:] = 0.25  # a particle
    image[:9] = image[11:] = 0.0  # the box of the label above, a bar of its grey below
    assert goes_on(image, 89, +1, 9, 11, 0.6)
    image = np.full((20, 120), 0.25, np.float32)
    image[9:11, 30:90] = 0.6
    assert not goes_on(image, 89, +1, 9, 11, 0.35)
    assert not goes_on(image, 30, -1, 9, 11, 0.35)
