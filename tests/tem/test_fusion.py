"""Particles of several looks in one label image: who stays, who yields, and what is left."""

import numpy as np
import pytest

from closedloop.tem.fusion import Fusion


def _square(side: int) -> np.ndarray:
    return np.ones((side, side), bool)


def test_one_large_particle_yields_to_its_more_credible_parts() -> None:
    found = Fusion((40, 40))
    found.add(_square(20), 0.7, (10, 10))
    for corner in ((10, 10), (10, 20), (20, 10), (20, 20)):
        found.add(_square(10), 0.9, corner)
    labels, _ = found.numbered()
    assert sorted(np.bincount(labels.ravel())[1:]) == [100] * 4


def test_pieces_do_not_displace_a_more_credible_whole() -> None:
    found = Fusion((40, 40))
    found.add(_square(20), 0.9, (10, 10))
    found.add(_square(10), 0.8, (10, 10))
    found.add(_square(20), 0.9, (11, 11))  # as credible, and later
    assert np.bincount(found.numbered()[0].ravel()).tolist() == [1200, 400]


def test_neighbours_that_share_an_outline_both_stay() -> None:
    found = Fusion((40, 40))
    found.add(_square(10), 0.7, (10, 10))
    found.add(_square(10), 0.9, (10, 18))
    labels, _ = found.numbered()
    assert np.bincount(labels.ravel())[1:].tolist() == [100, 80]
    assert labels[12, 19] == 1


def test_a_small_particle_within_a_credible_large_one_is_not_there_twice() -> None:
    found = Fusion((40, 40))
    found.add(_square(5), 0.9, (12, 12))
    found.add(_square(30), 0.8, (5, 5))
    assert found.labels.max() == 1


def test_diameter_and_area_are_of_those_that_stayed() -> None:
    found = Fusion((60, 60))
    assert found.diameter_px(0) is None
    assert found.area_px(0) == 0
    found.add(_square(30), 0.5, (0, 0))
    found.add(_square(10), 0.9, (0, 0))
    assert found.area_px(0) == 100
    assert found.diameter_px(0) == pytest.approx(11.28, abs=0.01)
    found.add(_square(2), 0.9, (50, 50))  # a speck
    assert found.area_px(0) == 100
    found.add(_square(20), 0.4, (30, 30))
    assert (found.area_px(0), found.area_px(0.6)) == (500, 100)
    assert found.diameter_px(0.6) == pytest.approx(11.28, abs=0.01)


def test_numbers_have_no_gaps() -> None:
    found = Fusion((30, 30))
    found.add(_square(10), 0.5, (0, 0))
    found.add(_square(10), 0.6, (15, 15))
    found.add(_square(10), 0.7, (0, 0))
    labels, credit = found.numbered()
    assert [part.tolist() for part in (np.unique(labels), credit)] == [[0, 1, 2], [0.6, 0.7]]


def test_breadth_is_that_of_what_fits_into_a_particle() -> None:
    found = Fusion((100, 100))
    assert found.breadth_px(0.5) is None
    y, x = np.mgrid[:41, :41]
    found.add(np.hypot(y - 20, x - 20) < 15, 0.9, (50, 50))
    assert found.breadth_px(0.5) == pytest.approx(29, abs=1)
    assert found.diameter_px(0.5) == pytest.approx(29, abs=1)
    for row in (2, 12, 22):
        found.add(np.ones((6, 60), bool), 0.9, (row, 2))
    found.add(np.ones((2, 60), bool), 0.4, (44, 2))
    assert found.breadth_px(0.5) == pytest.approx(6, abs=1)
    assert (found.diameter_px(0.5) or 0) > 20
