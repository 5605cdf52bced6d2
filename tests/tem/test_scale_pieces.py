"""Bars that are pieces of another one, or run through their label."""

import numpy as np
import pytest

from closedloop.tem.label_views import Reading
from closedloop.tem.scale_bar import Bar
from closedloop.tem.scale_pieces import halved, runs_through, unlike_stripes
from closedloop.tem.scale_text import Label

READING = Reading(Label(50.0, "50 nm", 1.0, "50 nm"), 0.99, (100.0, 60.0, 160.0, 90.0), 20.0, True, 1.0)


def _bar(left: float, right: float, top: int = 100, bottom: int = 106, level: float = 1.0) -> Bar:
    return Bar(left, right, top, bottom, level, 0.5, 1.0, False)


@pytest.mark.parametrize(
    ("other", "opposite", "piece"),
    [
        (_bar(140, 170), None, True),  # the next but one stripe
        (_bar(300, 345), None, False),  # something else
        (_bar(140, 170, top=120, bottom=126), None, False),  # on other rows
        (None, _bar(110, 140, level=0.0), True),  # the next stripe
        (None, _bar(60, 140, top=96, bottom=100, level=0.0), False),  # a rim
    ],
)
def test_a_stripe_is_no_bar(other: Bar | None, opposite: Bar | None, piece: bool) -> None:
    bars, opposites = [_bar(80, 110), *([other] if other else [])], [opposite] if opposite else []
    assert unlike_stripes(bars, opposites, READING)[0].cut_off is piece


def test_two_equal_bars_on_both_sides_of_a_label_are_the_ends_of_a_striped_one() -> None:
    found = unlike_stripes([_bar(60, 92), _bar(180, 212)], [], READING)
    assert [bar.cut_off for bar in found] == [True, True]
    found = unlike_stripes([_bar(110, 150), _bar(330, 370)], [], READING)  # the label stands over the first
    assert [bar.cut_off for bar in found] == [False, False]


@pytest.mark.parametrize("whole", [False, True])
def test_one_half_of_a_bar_with_its_label_in_a_gap(whole: bool) -> None:
    image = np.full((200, 300), 0.5, np.float32)
    image[74:76, 170:220] = 1.0
    if not whole:
        image[74:76, 40:90] = 1.0
    assert halved(image, _bar(170, 220, 74, 76), READING).cut_off is not whole


def test_paper_below_letters_runs_through_them_and_a_bar_that_carries_them_does_not() -> None:
    assert runs_through(_bar(90, 140, 78, 88), READING)
    assert not runs_through(_bar(90, 140, 92, 98), READING)
    assert not runs_through(_bar(80, 180, 82, 94), READING)  # what is to be seen below them of one that carries them
    assert not runs_through(_bar(80, 180, 55, 95), READING)
