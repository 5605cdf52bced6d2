from collections.abc import Callable

import numpy as np
import pytest

from closedloop.recipes import Experiment
from closedloop.synthesis import UnknownModel
from closedloop.synthesis.baselines import MODELS, ExtraTrees, Median, Nearest, WeightedSizes
from closedloop.synthesis.evaluation import Scores, evaluate

Lab = Callable[..., list[Experiment]]


def test_scores_by_hand() -> None:
    scores = Scores.of(np.array([1.0, 3.0]), np.array([2.0, 3.0]), np.array([1.5, 2.0]), np.array([2.5, 4.0]))
    assert (scores.n, scores.mae_nm, scores.coverage_90, scores.width_90_nm) == (2, 0.5, 0.5, 1.5)
    assert scores.rmse_nm == pytest.approx(np.sqrt(0.5))
    assert scores.r2 == pytest.approx(0.5)
    assert Scores.of(*np.ones((4, 2))).r2 is None


@pytest.mark.parametrize("name", ["nearest", "extra-trees", "random-forest"])
def test_every_baseline_learns(run_lab: Lab, name: str) -> None:
    done = run_lab(80, 0)
    folds = [(np.arange(60), np.arange(60, 80))]
    found, median = evaluate(done, folds, name).overall, evaluate(done, folds, "median").overall
    assert found.mae_nm < 0.8 * median.mae_nm


def test_every_experiment_is_scored_once_and_progress_is_told(run_lab: Lab) -> None:
    done = run_lab(20, 1, failures=True)
    told: list[float] = []
    folds = [(np.arange(10), np.arange(10, 20)), (np.arange(10, 20), np.arange(10))]
    found = evaluate(done, folds, "median", progress=lambda part, words: told.append(part))
    sized = [i for i, e in enumerate(done) if e.outcome.size_nm is not None]
    assert sorted(found.tested.tolist()) == sized
    assert found.overall.n == len(sized) == sum(fold.n for fold in found.folds)
    assert told == [0.0, 0.5]


def test_the_median_is_the_median(run_lab: Lab) -> None:
    done = run_lab(9, 2)
    said = Median(done, 0).predict([done[0].recipe])[0]
    sizes = [e.outcome.size_nm for e in done if e.outcome.size_nm]
    assert said.size_nm == pytest.approx(np.median(sizes))
    assert said.size_interval(0.9) == (min(sizes), max(sizes))


def test_the_nearest_precedent_of_a_known_recipe_is_itself(run_lab: Lab) -> None:
    done = run_lab(30, 3)
    weights = Nearest(done, 0).predict([done[7].recipe])[0]
    assert weights.sizes[weights.weights.argmax()] == done[7].outcome.size_nm


def test_forest_quantiles_are_weights_of_training_sizes(run_lab: Lab) -> None:
    done = run_lab(40, 4)
    said = ExtraTrees(done, 0).predict([e.recipe for e in run_lab(5, 5)])
    for one in said:
        assert one.weights.sum() == pytest.approx(1)
        low, high = one.size_interval(0.9)
        assert low <= one.size_nm <= high


def test_weighted_quantiles() -> None:
    one = WeightedSizes(2.0, np.array([1.0, 2.0, 3.0]), np.array([0.04, 0.9, 0.06]))
    assert one.size_interval(0.9) == (2.0, 3.0)
    assert one.size_interval(0.5) == (2.0, 2.0)


def test_an_unknown_model_is_named(run_lab: Lab) -> None:
    with pytest.raises(UnknownModel, match="extra-trees"):
        evaluate(run_lab(3, 0), [], "oracle")
    assert set(MODELS) == {"transformer", "median", "nearest", "extra-trees", "random-forest"}
