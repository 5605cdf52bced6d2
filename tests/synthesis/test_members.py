import numpy as np
import pytest

from closedloop.recipes import CauseKind, Experiment, FailureCause, Outcome, Recipe, Shape
from closedloop.synthesis import TooFewExperiments
from closedloop.synthesis.members import FEW_PARTICLES_DOUBT, LARGE_ERROR, MANY_PARTICLES, Scale, doubts, labels, usable


def experiment(source: str | None, **outcome: object) -> Experiment:
    return Experiment(recipe=Recipe(product="CdSe"), outcome=Outcome(**outcome), source=source)


def test_labels_keep_unknown_apart_from_zero() -> None:
    done = [
        experiment("a", success=True, size_nm=float(np.exp(2))),
        experiment("a", success=False),
        experiment("a", size_nm=float(np.exp(1))),
        experiment("a", success=False, failure_cause=FailureCause.WRONG_PRODUCT, size_nm=3, shape=Shape.CUBE),
    ]
    known = labels(done, np.array([1.0, 1.0, 2.0, 4.0]), Scale(1.0, 0.5))
    np.testing.assert_allclose(known.size, [2, np.nan, 0, np.nan], atol=1e-6)
    assert known.success.tolist() == [1, 0, -1, 0]
    assert known.shape.tolist() == [-1, -1, -1, -1], "a cube of something else"
    np.testing.assert_allclose(known.weight, [0.5, 0.5, 1, 2])


def test_what_says_nothing_is_left_out_with_its_weight() -> None:
    done = [experiment("a", success=True, size_nm=3)] * 3 + [experiment("a", failure_cause=FailureCause.BLOCKED)]
    chosen, weight = usable([done[3], *done[:3]], [9.0, 1.0, 2.0, 3.0])
    assert len(chosen) == 3
    assert weight.tolist() == [1, 2, 3]
    with pytest.raises(TooFewExperiments):
        usable(done[2:], None)


def test_a_run_that_was_spoiled_teaches_nothing_whatever_was_measured() -> None:
    done = [experiment("a", success=True, size_nm=3)] * 3
    spoiled = [
        experiment("a", failure_cause=cause, size_nm=9.0, size_std_nm=0.5, shape=Shape.CUBE)
        for cause in FailureCause
        if cause.kind is not CauseKind.CHEMISTRY
    ]
    chosen, weight = usable([*spoiled, *done], None)
    assert chosen == done
    assert len(weight) == 3
    with pytest.raises(TooFewExperiments):
        usable([*spoiled, *done[1:]], None)


def test_a_spread_is_learned_relative_to_the_size_and_only_where_it_is_known() -> None:
    done = [
        experiment("a", success=True, size_nm=4.0, size_std_nm=0.4),
        experiment("a", success=True, size_nm=4.0),
        experiment("a", success=True, size_nm=4.0, size_std_nm=0.0),
        experiment("a", success=False, failure_cause=FailureCause.WRONG_PRODUCT, size_nm=4.0, size_std_nm=0.4),
    ]
    spreads = labels(done, np.ones(4), Scale(1.0, 0.5)).log_spread
    np.testing.assert_allclose(spreads, [np.log(0.1), np.nan, np.nan, np.nan], atol=1e-6)


def test_few_particles_are_doubted() -> None:
    counts = (None, MANY_PARTICLES, MANY_PARTICLES - 1, 1)
    done = [experiment("a", success=True, size_nm=3, particle_count=count) for count in counts]
    assert doubts(done).tolist() == [1, 1, FEW_PARTICLES_DOUBT, FEW_PARTICLES_DOUBT]
    assert FEW_PARTICLES_DOUBT > 1


def test_sizes_of_particles_that_were_hard_to_tell_apart_are_doubted() -> None:
    done = [
        experiment("a", success=True, size_nm=4, particle_count=MANY_PARTICLES, size_error_nm=error)
        for error in (None, 0.0, 0.9 * LARGE_ERROR * 4, 1.1 * LARGE_ERROR * 4)
    ]
    assert doubts(done).tolist() == [1, 1, 1, FEW_PARTICLES_DOUBT]
