"""Weights of parts on constructed errors: what a few groups happen to say must not decide, what many say must."""

import numpy as np
import pytest

from closedloop.synthesis.part_weights import LeftOutAnswers, part_weights, together

CENTRE, SCALE = np.log(4.0), 0.5
EQUAL = np.array([0.25, 0.25, 0.25, 0.25, 0.0])


def answers(errors: tuple[float, ...], groups: int, each: int, seed: int) -> LeftOutAnswers:
    """Parts that miss by so much (standard deviations), a whole group in the same way."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=groups * each)
    of = np.repeat(np.arange(groups), each)
    missed = np.stack([error * rng.normal(size=groups)[of] for error in errors], 1)
    return LeftOutAnswers(truth[:, None] + missed, truth, np.ones(len(truth)), of, CENTRE, SCALE)


def alone(left_out: LeftOutAnswers) -> LeftOutAnswers:
    """The same, as if every experiment were a group of its own."""
    return LeftOutAnswers(
        left_out.means, left_out.truth, left_out.weight, np.arange(len(left_out.truth)), CENTRE, SCALE
    )


def test_parts_that_a_few_groups_seem_to_tell_apart_stay_equal() -> None:
    apart, as_rows = [], []
    for seed in range(6):
        left_out = answers((0.6, 0.6, 0.6, 0.6), groups=12, each=30, seed=seed)
        apart.append(np.abs(part_weights(left_out) - EQUAL).max())
        as_rows.append(np.abs(part_weights(alone(left_out)) - EQUAL).max())
    assert np.median(apart) < 0.1
    assert np.median(apart) < 0.5 * np.median(as_rows)


@pytest.mark.parametrize("right", range(3))
def test_a_part_that_is_right_for_many_groups_counts_most(right: int) -> None:
    errors = [1.2] * 4
    errors[right] = 0.1
    weights = part_weights(answers(tuple(errors), groups=80, each=4, seed=right))
    assert weights[right] > 0.8
    assert np.delete(weights[:-1], right).max() < 0.12


def test_order_of_the_experiments_does_not_matter() -> None:
    left_out = answers((0.3, 0.6, 0.9, 0.5), groups=40, each=5, seed=0)
    turned = left_out.rows(np.arange(len(left_out.truth))[::-1])
    np.testing.assert_allclose(part_weights(turned), part_weights(left_out), atol=1e-3)


def test_the_same_parts_in_nanometres_get_the_same_weights_for_crystals_twice_as_large() -> None:
    left_out = answers((0.3, 0.6, 0.9, 0.5), groups=200, each=2, seed=1)
    larger = LeftOutAnswers(left_out.means, left_out.truth, left_out.weight, left_out.groups, CENTRE + np.log(2), SCALE)
    np.testing.assert_allclose(part_weights(larger), part_weights(left_out), atol=0.03)


def test_fewer_groups_than_folds_leave_the_parts_nearly_equal() -> None:
    weights = part_weights(answers((0.5, 0.5, 0.5, 0.5), groups=3, each=4, seed=2))
    assert np.abs(weights - EQUAL).max() < 0.3
    assert np.isfinite(weights).all()


def test_what_a_silent_part_would_have_said_is_left_to_the_others() -> None:
    means = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, np.nan]])
    weights = np.tile([0.25, 0.25, 0.5, 0.1], (2, 1))
    np.testing.assert_allclose(together(means, weights), [2.25 + 0.1, 1.5 + 0.1])


def test_a_part_that_was_not_tried_gets_no_weight_and_changes_no_other() -> None:
    left_out = answers((0.3, 0.6, 0.9, 0.5), groups=40, each=5, seed=0)
    means = np.insert(left_out.means, 3, np.nan, axis=1)
    silent = LeftOutAnswers(means, left_out.truth, left_out.weight, left_out.groups, CENTRE, SCALE)
    np.testing.assert_allclose(part_weights(silent), np.insert(part_weights(left_out), 3, 0.0), atol=1e-6)


def test_a_part_is_weighed_where_it_has_an_answer() -> None:
    """The best of the parts, silent for every third experiment: there the others take its weight."""
    left_out = answers((0.6, 0.6, 0.1, 0.6), groups=80, each=4, seed=1)
    means = left_out.means.copy()
    means[::3, 2] = np.nan
    some = LeftOutAnswers(means, left_out.truth, left_out.weight, left_out.groups, CENTRE, SCALE)
    weights = part_weights(some)
    assert weights[2] > 0.7
    said = together(means, np.tile(weights, (len(means), 1)))
    assert np.isfinite(said).all()
    assert np.abs(said - some.truth)[1::3].mean() < 0.5 * np.abs(said - some.truth)[::3].mean()
