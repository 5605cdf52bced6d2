"""What is usual of a chemical, of its like where it was never seen, and without one group of recipes."""

import numpy as np
import pytest

from closedloop.synthesis.typical_amounts import DRAW, TypicalAmounts


@pytest.fixture
def typical() -> TypicalAmounts:
    names = ["oleic acid"] * 40 + ["cadmium oxide"] * 20
    logs = np.array([[1.0, 0.0]] * 30 + [[2.0, 1.0]] * 10 + [[-1.0, -2.0]] * 20)
    return TypicalAmounts.fit(names, logs, ["one"] * 30 + ["other"] * 10 + ["one"] * 20)


def test_a_known_chemical_is_expected_near_its_own_mean(typical: TypicalAmounts) -> None:
    np.testing.assert_allclose(typical.expected("oleic acid"), [1.25, 0.25], atol=0.02)
    np.testing.assert_allclose(typical.expected("OA"), typical.expected("oleic acid"))


def test_an_unseen_chemical_is_expected_like_its_like(typical: TypicalAmounts) -> None:
    acid, other = typical.expected("lauric acid")[0], typical.expected("mercury(II) acetate")[0]
    assert acid == pytest.approx(1.25, abs=0.1)
    assert other == pytest.approx(-1.0, abs=0.1)
    np.testing.assert_array_equal(typical.expected("never heard of"), [0.0, -1.0])


def test_a_group_can_be_left_out(typical: TypicalAmounts) -> None:
    """Without the group, the mean is that of the rest, drawn to the like's and the role's, each by DRAW recipes."""
    mean = np.array([0.0, -1.0])
    for _ in range(3):
        mean = (DRAW * mean + 30 * np.array([1.0, 0.0])) / (DRAW + 30)
    np.testing.assert_allclose(typical.expected("oleic acid", "other"), mean)
    np.testing.assert_array_equal(typical.expected("cadmium oxide", "one"), [0.0, -1.0])


def test_the_state_keeps_what_is_expected(typical: TypicalAmounts) -> None:
    again = TypicalAmounts.from_state(typical.state())
    np.testing.assert_array_equal(again.expected("oleic acid"), typical.expected("oleic acid"))
