"""Rounding of what fills a vessel: down, and by no more than the comparisons allow."""

import numpy as np

from closedloop.propose.linear import Linear

AMOUNT, FILLER = 0, 1
ROWS = np.array([[1.23456789], [2.5], [40.0]])


def filled_to_ten() -> Linear:
    """One amount that varies, and what is left of ten."""
    linear = Linear(1)
    linear.set_axis(AMOUNT, 0)
    linear.set_sum(FILLER, {AMOUNT: -1.0}, 10.0, scale=1.0)
    return linear


def test_a_filler_is_rounded_down_to_four_digits_and_never_below_nought() -> None:
    values = filled_to_ten().rounded(ROWS, [FILLER], [])
    assert values == {AMOUNT: [1.23456789, 2.5, 40.0], FILLER: [8.765, 7.5, 0.0]}


def test_a_comparison_that_rounding_would_break_gets_as_many_digits_as_it_needs() -> None:
    """At least 8.7654 of the filler, which four digits would leave at 8.765; rows that keep it stay at four."""
    values = filled_to_ten().rounded(ROWS[:1], [FILLER], [("enough", {FILLER: -1.0}, -8.7654)])
    assert values[FILLER] == [8.7654]
    both = filled_to_ten().rounded(np.vstack([ROWS[:1], [[1.0]]]), [FILLER], [("enough", {FILLER: -1.0}, -8.7654)])
    assert both[FILLER] == [8.7654, 9.0]


def test_what_no_rounding_keeps_stays_exact() -> None:
    values = filled_to_ten().rounded(ROWS[:1], [FILLER], [("too much", {FILLER: -1.0}, -9.0)])
    assert values[FILLER] == [10.0 - 1.23456789]
