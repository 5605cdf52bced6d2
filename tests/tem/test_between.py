"""Outlines between two answers about the same particles."""

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.tem._between import between
from closedloop.tem.classical import _moved


def disc(radius: float, at: tuple[int, int] = (30, 30), label: int = 1) -> NDArray[np.int32]:
    y, x = np.mgrid[:60, :90]
    return np.where(np.hypot(y - at[0], x - at[1]) <= radius, label, 0).astype(np.int32)


def radius(labels: NDArray[np.int32], label: int = 1) -> float:
    return float(np.sqrt((labels == label).sum() / np.pi))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.8])
def test_radius_goes_from_one_to_the_other_in_parts_of_a_pixel(share: float) -> None:
    found = between(disc(12.0), disc(13.0), share)
    assert radius(found) == pytest.approx((1 - share) * radius(disc(12.0)) + share * radius(disc(13.0)), abs=0.08)
    assert set(np.unique(found)) == {0, 1}


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_ends_are_the_answers_themselves(share: float) -> None:
    first, second = disc(12.0), disc(10.0, (31, 31))
    found, wanted = between(first, second, share), (first, second)[int(share)]
    assert (found != wanted).sum() <= 0.02 * wanted.sum()


def test_a_ragged_answer_is_evened_out() -> None:
    generator = np.random.default_rng(0)
    ragged = disc(12.0)
    y, x = np.mgrid[:60, :90]
    rim = np.abs(np.hypot(y - 30, x - 30) - 12) < 2
    ragged[rim] = generator.integers(0, 2, rim.sum())
    found = between(disc(12.0), ragged, 0.5)
    differs = (found != disc(12.0)).sum()
    assert differs < 0.5 * (ragged != disc(12.0)).sum()


def test_neighbours_keep_their_numbers_and_the_heavier_answer_decides_what_both_claim() -> None:
    first, second = disc(10.0) + disc(10.0, (30, 51), 2), disc(10.0) + disc(10.0, (30, 51), 2)
    column = slice(40, 42)
    first[25:35, column], second[25:35, column] = 1, 2
    assert (between(first, second, 0.2)[27:33, column] == 1).all()
    assert (between(first, second, 0.8)[27:33, column] == 2).all()


def test_nothing_between_nothing() -> None:
    nothing = np.zeros((20, 20), np.int32)
    assert not between(nothing, nothing, 0.5).any()


def field(radii: NDArray[np.float64]) -> NDArray[np.int32]:
    """One disc for each radius, side by side."""
    y, x = np.mgrid[:31, :31]
    discs = [np.where(np.hypot(y - 15, x - 15) <= r, number, 0) for number, r in enumerate(radii, 1)]
    return np.hstack(discs).astype(np.int32)


@pytest.mark.parametrize(("scatter", "share"), [(0.0, 1.0), (0.07, 0.5), (0.14, 0.2)])
def test_outlines_move_the_less_the_more_the_cut_scatters(scatter: float, share: float) -> None:
    """Every second particle is changed by more, every other by less, than the 10% that all change by."""
    before = np.full(40, 12.0)
    after = before * np.exp(-0.1 + scatter * np.where(np.arange(40) % 2, 1, -1))
    moved = _moved(field(before), field(after))
    assert moved is not None
    areas = (np.count_nonzero(each) for each in (field(before), moved, field(after)))
    first, between_them, last = (np.sqrt(area) for area in areas)
    assert (first - between_them) / (first - last) == pytest.approx(share, abs=0.06)
