"""Every baseline learns, keeps its promises where data are thin, and looks at nothing but its training experiments."""

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from closedloop.recipes import Experiment, FailureCause, Outcome, Reagent, Recipe, Shape, Target
from closedloop.synthesis import DesignError, TooFewExperiments, UnknownModel
from closedloop.synthesis.baselines import (
    METHODS,
    MODELS,
    SHAPES,
    Baseline,
    Conformal,
    Nearest,
    WeightedSizes,
    check_models,
)
from closedloop.synthesis.baselines.inputs import Sequences, Table
from closedloop.synthesis.baselines.laws import held_out
from closedloop.synthesis.evaluation import evaluate

Lab = Callable[..., list[Experiment]]
LEARNING = [name for name in METHODS if name != "median"]


def test_the_papers_table_is_all_there() -> None:
    assert set(MODELS) == {
        "transformer",
        "median",
        "nearest",
        "decision-tree",
        "random-forest",
        "extra-trees",
        "lightgbm",
        "plain-network",
        "lstm",
    }
    assert check_models("all") == list(MODELS)
    assert check_models("lstm, median,lstm") == ["lstm", "median"]
    for wrong in ("oracle", "median,oracle", "", "median,"):
        with pytest.raises(UnknownModel, match="extra-trees"):
            check_models(wrong)


@pytest.mark.parametrize("name", LEARNING)
def test_every_baseline_learns_sizes_and_shapes(run_lab: Lab, name: str) -> None:
    done = run_lab(150, 0, shapes=True)
    folds = [(np.arange(110), np.arange(110, 150))]
    found, median = evaluate(done, folds, name).overall, evaluate(done, folds, "median").overall
    assert found.mae_nm < 0.85 * median.mae_nm
    assert found.shape_accuracy is not None
    assert median.shape_accuracy is not None
    assert found.shape_accuracy > median.shape_accuracy + 0.05
    assert found.shape_accuracy_given_size is not None
    assert found.width_50_nm < found.width_80_nm < found.width_90_nm
    assert found.coverage_90 > 0.7


@pytest.mark.parametrize("name", ["decision-tree", "extra-trees", "lightgbm", "plain-network"])
def test_the_same_seed_gives_the_same_predictions(run_lab: Lab, name: str) -> None:
    done = run_lab(40, 1, shapes=True)
    recipes = [one.recipe for one in run_lab(4, 9)]
    first, again = (Baseline(METHODS[name], done, 3).predict(recipes) for _ in range(2))
    for one, two in zip(first, again, strict=True):
        assert one.size_nm == two.size_nm
        assert one.size_interval(0.8) == two.size_interval(0.8)
        assert one.shape_probabilities == two.shape_probabilities
        assert sum(one.shape_probabilities.values()) == pytest.approx(1)
    assert Baseline(METHODS[name], done, 3).predict([]) == []


_COLUMNS = """
from closedloop.literature import load_experiments
from closedloop.synthesis.baselines.inputs import Table

recipes = [one.recipe for one in load_experiments("cdse2022")[:20]]
print(Table(recipes)(recipes).tobytes().hex())
"""


def test_columns_and_components_are_the_same_in_every_process() -> None:
    tables = {
        subprocess.run(
            [sys.executable, "-c", _COLUMNS],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert len(tables) == 1


@pytest.mark.parametrize("name", ["nearest", "extra-trees", "lightgbm", "lstm"])
def test_a_prediction_does_not_depend_on_its_neighbours_in_the_batch(run_lab: Lab, name: str) -> None:
    recipes = [one.recipe for one in run_lab(5, 9)]
    long = recipes[1].model_copy(
        update={"reagents": (*recipes[1].reagents, *(Reagent(name=f"chemical {i}", amount_mmol=1) for i in range(6)))}
    )
    fitted = Baseline(METHODS[name], run_lab(40, 1), 0)
    together = [one.size_nm for one in fitted.predict([*recipes, long])]
    assert together[:5] == pytest.approx([fitted.predict([recipe])[0].size_nm for recipe in recipes], rel=1e-5)


@pytest.mark.parametrize("name", list(METHODS))
def test_three_rows_are_enough_and_two_are_not(run_lab: Lab, name: str) -> None:
    done = run_lab(3, 4)
    one = Baseline(METHODS[name], done, 0).predict([done[0].recipe])[0]
    low, high = one.size_interval(0.9)
    assert 0 < low <= one.size_nm * (1 + 1e-9)
    assert one.size_nm <= high * (1 + 1e-9)
    assert set(one.shape_probabilities.values()) == {1 / len(SHAPES)}
    assert one.success_probability == 0.5
    with pytest.raises(TooFewExperiments, match="2 of 2 experiments have a size; at least 3"):
        Baseline(METHODS[name], done[:2], 0)


@pytest.mark.parametrize("name", ["median", "nearest", "random-forest", "lightgbm", "plain-network"])
def test_one_class_of_shape_is_that_shape(run_lab: Lab, name: str) -> None:
    cubes = [
        one.model_copy(update={"outcome": one.outcome.model_copy(update={"shape": Shape.CUBE})})
        for one in run_lab(12, 5)
    ]
    fitted = Baseline(METHODS[name], cubes, 0)
    assert fitted.predict([cubes[0].recipe])[0].shape_probabilities[Shape.CUBE] == 1
    assert fitted.predict_shape([cubes[0].recipe], [4.0])[0].argmax() == SHAPES.index(Shape.CUBE)


@pytest.mark.parametrize("name", ["nearest", "random-forest", "lightgbm"])
def test_failures_teach_success_and_not_size(run_lab: Lab, name: str) -> None:
    done = run_lab(150, 6, failures=True)
    fitted = Baseline(METHODS[name], done[:110], 0)
    sized = [one for one in done[:110] if one.outcome.size_nm is not None]
    recipes = [one.recipe for one in done[110:]]
    assert [one.size_nm for one in fitted.predict(recipes)] == [
        one.size_nm for one in Baseline(METHODS[name], sized, 0).predict(recipes)
    ]
    chances = np.array([one.success_probability for one in fitted.predict(recipes)])
    success = np.array([one.outcome.success for one in done[110:]], dtype=bool)
    assert chances[success].mean() > chances[~success].mean() + 0.05


def test_the_size_that_is_given_helps_to_tell_the_shape(run_lab: Lab) -> None:
    rng = np.random.default_rng(0)
    done = [
        one.model_copy(update={"outcome": Outcome(size_nm=size, shape=Shape.CUBE if size > 4 else Shape.SPHERE)})
        for one, size in zip(run_lab(120, 7), rng.uniform(2, 6, 120), strict=True)
    ]
    for name in ("extra-trees", "lightgbm"):
        one = evaluate(done, [(np.arange(80), np.arange(80, 120))], name).overall
        assert (one.shape_accuracy or 0) < 0.65
        assert (one.shape_accuracy_given_size or 0) > 0.75


def test_the_product_of_another_name_teaches_no_size(run_lab: Lab) -> None:
    wrong = Outcome(success=False, failure_cause=FailureCause.WRONG_PRODUCT, size_nm=400.0)
    done = run_lab(9, 2)
    spoilt = [*done, done[0].model_copy(update={"outcome": wrong})]
    assert Baseline(METHODS["median"], spoilt, 0).predict([done[0].recipe])[0].size_nm == pytest.approx(
        np.median([one.outcome.size_nm for one in done])
    )


@pytest.mark.parametrize(("success", "cause"), [(None, FailureCause.INTERRUPTED), (False, FailureCause.WRONG_PRODUCT)])
def test_what_is_not_of_the_recipe_teaches_no_shape(run_lab: Lab, success: bool | None, cause: FailureCause) -> None:
    done = [
        one.model_copy(update={"outcome": one.outcome.model_copy(update={"shape": Shape.CUBE})})
        for one in run_lab(9, 2)
    ]
    rod = Outcome(success=success, failure_cause=cause, size_nm=4.0, shape=Shape.ROD)
    fitted = Baseline(METHODS["nearest"], [*done, done[0].model_copy(update={"outcome": rod})], 0)
    for sizes in (None, [4.0]):
        assert fitted.predict_shape([done[0].recipe], sizes)[0].argmax() == SHAPES.index(Shape.CUBE)
        assert fitted.predict_shape([done[0].recipe], sizes)[0].max() == 1


def test_the_median_is_the_median(run_lab: Lab) -> None:
    done = run_lab(9, 2)
    said = Baseline(METHODS["median"], done, 0).predict([done[0].recipe])[0]
    sizes = [one.outcome.size_nm for one in done if one.outcome.size_nm]
    assert said.size_nm == pytest.approx(np.median(sizes))
    assert said.size_interval(0.9) == (min(sizes), max(sizes))


def test_the_nearest_precedent_of_a_known_recipe_is_itself(run_lab: Lab) -> None:
    table = Table([one.recipe for one in run_lab(30, 3)])
    x = table([one.recipe for one in run_lab(30, 3)])
    method = Nearest(table.widths())
    method.fit(x, np.arange(30.0))
    assert (method.weigh(x).argmax(1) == np.arange(30)).all()
    assert np.allclose(method.weigh(x).sum(1), 1)


def test_forest_intervals_are_quantiles_of_training_sizes(run_lab: Lab) -> None:
    done = run_lab(40, 4)
    sizes = {one.outcome.size_nm for one in done}
    for one in Baseline(METHODS["extra-trees"], done, 0).predict([e.recipe for e in run_lab(5, 5)]):
        low, high = one.size_interval(0.9)
        assert low < one.size_nm < high
        assert {low, high} <= sizes


def test_a_forest_among_its_precedents_does_not_pretend_to_know_their_scatter(run_lab: Lab) -> None:
    done = run_lab(60, 4)
    rng = np.random.default_rng(1)
    noisy = [
        one.model_copy(update={"outcome": Outcome(size_nm=float(np.exp(rng.normal(1, 0.5))))})
        for one in done
        for _ in "ab"
    ]
    for one in Baseline(METHODS["random-forest"], noisy, 0).predict([e.recipe for e in done[:10]]):
        low, high = one.size_interval(0.9)
        assert high > 1.5 * low


def test_weighted_quantiles() -> None:
    one = WeightedSizes(2.0, np.array([1.0, 2.0, 3.0]), np.array([0.04, 0.9, 0.06]))
    assert one.size_interval(0.9) == (2.0, 3.0)
    assert one.size_interval(0.5) == (2.0, 2.0)


def test_conformal_intervals_reach_to_the_right_error() -> None:
    one = Conformal(3.0, np.linspace(0.1, 0.9, 9))
    assert one.size_interval(0.5) == pytest.approx((3 * np.exp(-0.5), 3 * np.exp(0.5)))
    assert one.size_interval(0.9) == pytest.approx((3 * np.exp(-0.9), 3 * np.exp(0.9)))
    assert one.size_interval(0.99) == one.size_interval(0.9)


def test_conformal_intervals_hold_what_they_promise() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        low, high = Conformal(1.0, np.sort(np.abs(rng.normal(size=19)))).size_interval(0.8)
        inside += low <= np.exp(rng.normal()) <= high
    assert 0.75 < inside / 400 < 0.85


def test_whole_sources_are_held_out_where_there_are_enough(run_lab: Lab) -> None:
    done = run_lab(120, 0)
    out = held_out(done, 0)
    assert 0.1 <= out.mean() <= 0.3
    inside = {one.source for one, left in zip(done, out, strict=True) if not left}
    assert not inside & {one.source for one, left in zip(done, out, strict=True) if left}
    single = [one.model_copy(update={"source": "one paper"}) for one in done]
    assert held_out(single, 0).sum() == 24


@pytest.mark.parametrize("name", ["median", "nearest", "random-forest", "extra-trees", "lightgbm"])
def test_amounts_follow_the_precedents(run_lab: Lab, name: str) -> None:
    done = run_lab(120, 8)
    fitted = Baseline(METHODS[name], done[:90], 0)
    recipe = done[100].recipe
    bare = recipe.model_copy(
        update={"reagents": tuple(r.model_copy(update={"amount_mmol": None}) for r in recipe.reagents)}
    )
    designed = fitted.design_amounts(bare, Target(product="CdSe", size_nm=done[100].outcome.size_nm or 1))
    amounts = {reagent.name: reagent.amount_mmol or 0 for reagent in designed.reagents}
    assert amounts["1-octadecene"] == pytest.approx(30, rel=0.25)
    assert 0.1 < amounts["cadmium oxide"] < 1.2
    assert designed.model_copy(update={"reagents": bare.reagents}) == bare


def test_amounts_know_what_size_is_wished_for(run_lab: Lab) -> None:
    done = run_lab(200, 8)
    fitted = Baseline(METHODS["extra-trees"], done, 0)
    recipes = [one.recipe for one in done[:20]]
    small, large = (
        np.array([made.reagents[1].amount_mmol for made in fitted.design_each(recipes, [wish] * 20)], float)
        for wish in (Target(product="CdSe", size_nm=2.0), Target(product="CdSe", size_nm=5.0))
    )
    # In this lab more ligand makes larger particles.
    assert large.mean() > 1.2 * small.mean()


def test_the_lstm_offers_no_amounts(run_lab: Lab) -> None:
    done = run_lab(12, 8)
    fitted = Baseline(METHODS["lstm"], done, 0)
    assert not fitted.designs_amounts
    with pytest.raises(DesignError, match="extra-trees"):
        fitted.design_amounts(done[0].recipe, Target(product="CdSe", size_nm=3))


def test_inputs_know_unknown_from_zero_and_spellings_from_chemicals(run_lab: Lab) -> None:
    def one(name: str, amount: float | None) -> Recipe:
        return Recipe(product="CdSe-1", reagents=(Reagent(name=name, amount_mmol=amount),), reaction_time_min=1)

    table = Table([one("ODE", 1.0), one("ODE", 3.0), one("oleic acid", 5.0), one("ODE", 9.0), one("selenium", None)])
    same, again = table([one("ODE", 2.0), one("1-octadecene", 2.0)])
    assert (same == again).all()
    unknown, usual, zero = table([one("ODE", None), one("ODE", 3.0), one("ODE", 0.0)])
    assert not np.allclose(unknown, usual)
    assert not np.allclose(unknown, zero)
    assert np.isfinite(table([Recipe(product="nobody knows"), one("nobody knows", None)])).all()
    sequences = Sequences([one("ODE", 1.0), one("oleic acid", 5.0)])
    assert np.isfinite(sequences([Recipe(product="nobody knows"), *[one("nobody knows", None)] * 2])).all()


def test_inputs_without_amounts_do_not_know_them(run_lab: Lab) -> None:
    recipes = [one.recipe for one in run_lab(20, 0)]
    bare = [
        recipe.model_copy(
            update={"reagents": tuple(r.model_copy(update={"amount_mmol": None}) for r in recipe.reagents)}
        )
        for recipe in recipes
    ]
    table = Table(recipes, amounts=False)
    assert (table(recipes) == table(bare)).all()
