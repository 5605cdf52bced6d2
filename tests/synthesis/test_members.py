import numpy as np
import pytest

from closedloop.recipes import Experiment, FailureCause, Outcome, Recipe
from closedloop.synthesis import TooFewExperiments
from closedloop.synthesis.members import Scale, assign_folds, labels, usable


def experiment(source: str | None, **outcome: object) -> Experiment:
    return Experiment(recipe=Recipe(product="CdSe"), outcome=Outcome(**outcome), source=source)


def test_a_source_stays_in_one_fold_and_folds_are_balanced() -> None:
    done = [experiment(f"paper {i % 15}", success=True, size_nm=3) for i in range(150)]
    folds, known = assign_folds(done, 5, 0, {})
    for i, e in enumerate(done):
        assert folds[i] == known[str(e.source)]
    assert np.bincount(folds).tolist() == [30] * 5


def test_what_is_new_to_a_trained_model_is_spread_and_the_rest_stays() -> None:
    old = [experiment(f"paper {i % 15}", success=True, size_nm=3) for i in range(30)]
    folds, known = assign_folds(old, 5, 0, {})
    new = [experiment("lab", success=True, size_nm=3) for _ in range(10)]
    again, still = assign_folds([*old, *new], 5, 1, known)
    assert (again[:30] == folds).all()
    assert still == known
    assert np.bincount(again[30:]).tolist() == [2] * 5


def test_few_or_unknown_sources_are_spread() -> None:
    folds, known = assign_folds([experiment(None, success=True, size_nm=3) for _ in range(10)], 5, 0, {})
    assert np.bincount(folds).tolist() == [2] * 5
    assert known == {}


def test_labels_keep_unknown_apart_from_zero() -> None:
    done = [
        experiment("a", success=True, size_nm=float(np.exp(2))),
        experiment("a", success=False),
        experiment("a", size_nm=float(np.exp(1))),
        experiment("a", success=False, failure_cause=FailureCause.WRONG_PRODUCT, size_nm=3),
    ]
    known = labels(done, np.array([1.0, 1.0, 2.0, 4.0]), Scale(1.0, 0.5))
    np.testing.assert_allclose(known.size, [2, np.nan, 0, np.nan], atol=1e-6)
    assert known.success.tolist() == [1, 0, -1, 0]
    np.testing.assert_allclose(known.weight, [0.5, 0.5, 1, 2])


def test_what_says_nothing_is_left_out_with_its_weight() -> None:
    done = [experiment("a", success=True, size_nm=3)] * 3 + [experiment("a", failure_cause=FailureCause.BLOCKED)]
    chosen, weight = usable([done[3], *done[:3]], [9.0, 1.0, 2.0, 3.0])
    assert len(chosen) == 3
    assert weight.tolist() == [1, 2, 3]
    with pytest.raises(TooFewExperiments):
        usable(done[2:], None)
