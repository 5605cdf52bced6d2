"""Figures by hand, folds that are never shown what is tested, and runs that go on where they stopped."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from closedloop.recipes import Experiment, FailureCause, Outcome, Reagent, Recipe, Shape, Target
from closedloop.synthesis import DesignError, TooFewExperiments, UnknownModel
from closedloop.synthesis.baselines import MODELS, SHAPES
from closedloop.synthesis.evaluation import OutputNotWritable, Shelf, evaluate
from closedloop.synthesis.evaluation.page import page
from closedloop.synthesis.evaluation.scores import (
    LEVELS,
    Resampling,
    Scored,
    amount_figures,
    amount_terms,
    auc,
    figures,
    total,
)

Lab = Callable[..., list[Experiment]]


def made(size: float | None, source: str | None = "a", *, product: str = "CdSe", amount: float = 1.0) -> Experiment:
    outcome = (
        Outcome(success=False, failure_cause=FailureCause.NOTHING_FORMED)
        if size is None
        else Outcome(success=True, size_nm=size, shape=Shape.ROD if size > 4 else Shape.SPHERE)
    )
    reagents = (Reagent(name="oleic acid", amount_mmol=amount), Reagent(name="selenium", amount_mmol=2 * amount))
    return Experiment(recipe=Recipe(product=product, reagents=reagents), outcome=outcome, source=source)


class Known:
    """Says what a test tells it to, and remembers what it was shown."""

    def __init__(
        self,
        say: Callable[[Recipe], float],
        success: Callable[[Recipe], float] = lambda recipe: 0.5,
        width: float = 1.0,
    ) -> None:
        self.say, self.success, self.width = say, success, width
        self.shown: list[list[Experiment]] = []

    def fit(self, experiments: Sequence[Experiment], seed: int, progress: object) -> "Known":
        self.shown.append(list(experiments))
        return self

    def predict(self, recipes: Sequence[Recipe]) -> list[SimpleNamespace]:
        return [self._one(recipe) for recipe in recipes]

    def _one(self, recipe: Recipe) -> SimpleNamespace:
        centre = self.say(recipe)
        return SimpleNamespace(
            size_nm=centre,
            size_interval=lambda level: (centre - level * self.width, centre + level * self.width),
            shape_probabilities={Shape.ROD: 0.6, Shape.SPHERE: 0.4},
            success_probability=self.success(recipe),
        )


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Known]:
    def install(**given: Any) -> Known:
        model = Known(**given)
        monkeypatch.setitem(MODELS, "known", model.fit)
        return model

    return install


def amount(recipe: Recipe) -> float:
    return recipe.reagents[0].amount_mmol or 0.0


def test_figures_by_hand(known: Callable[..., Known]) -> None:
    known(say=lambda recipe: 3.0)
    experiments = [made(2.0), made(4.0), made(5.0), *[made(3.0)] * 3]
    one = evaluate(experiments, [(np.arange(3, 6), np.arange(3))], "known").overall
    assert one.n == 3
    assert one.mae_nm == pytest.approx(4 / 3)
    assert one.rmse_nm == pytest.approx(np.sqrt(2))
    assert one.mape_percent == pytest.approx(100 * (1 / 2 + 1 / 4 + 2 / 5) / 3)
    assert one.r2 == pytest.approx(1 - 6 / (14 / 3))
    assert (one.coverage_50, one.coverage_90) == (0, 0)
    assert one.width_50_nm == pytest.approx(1.0)
    assert one.width_90_nm == pytest.approx(1.8)
    assert one.shape_accuracy == pytest.approx(1 / 3)
    assert one.shape_accuracy_given_size is None
    assert one.success_auc is None


def test_a_shape_that_is_not_known_is_neither_right_nor_wrong(known: Callable[..., Known]) -> None:
    known(say=lambda recipe: 3.0)
    shapeless = made(5.0).model_copy(update={"outcome": Outcome(size_nm=5.0)})
    done = [made(5.0), shapeless, made(5.0), made(2.0)]
    assert evaluate(done, [(np.arange(4), np.arange(4))], "known").overall.shape_accuracy == pytest.approx(2 / 3)
    assert evaluate([shapeless] * 4, [(np.arange(4), np.arange(4))], "known").overall.shape_accuracy is None


def test_an_interval_that_ends_at_the_true_size_holds_it() -> None:
    ends = np.tile(np.array([1.0, 2.0]), (2, len(LEVELS), 1))
    scored = Scored(np.array([1.0, 2.5]), np.array([1.5, 1.5]), ends, np.full(2, np.nan), np.full(2, np.nan))
    found = figures(total(scored.terms()))
    assert (float(found["coverage_50"]), float(found["coverage_90"])) == (0.5, 0.5)
    assert np.isnan(found["shape_accuracy"])


@pytest.mark.parametrize("off", [7e-15, -7e-15])
def test_an_exact_prediction_without_a_spread_is_covered(known: Callable[..., Known], off: float) -> None:
    known(say=lambda recipe: 10.0 + off, width=0.0)
    found = evaluate([made(10.0)] * 8, [(np.arange(4), np.arange(4, 8))], "known")
    assert (found.overall.coverage_50, found.overall.coverage_90) == (1, 1)
    assert set(found.coverage().values()) == {1.0}


def test_rounding_does_not_widen_an_interval(known: Callable[..., Known]) -> None:
    known(say=lambda recipe: 10.0001, width=0.0)
    assert evaluate([made(10.0)] * 8, [(np.arange(4), np.arange(4, 8))], "known").overall.coverage_90 == 0


def test_equal_true_sizes_have_no_r2(known: Callable[..., Known]) -> None:
    known(say=lambda recipe: 3.0)
    assert evaluate([made(3.3)] * 7, [(np.arange(3), np.arange(3, 7))], "known").overall.r2 is None


def test_every_experiment_is_scored_once_and_the_model_never_sees_what_is_tested(known: Callable[..., Known]) -> None:
    model = known(say=amount)
    done = [made(size, amount=size or 0.5) for size in (1.0, 2.0, None, 4.0, 5.0, 6.0)]
    told: list[float] = []
    folds = [(np.arange(3), np.arange(3, 6)), (np.arange(3, 6), np.arange(3))]
    found = evaluate(done, folds, "known", progress=lambda part, words: told.append(part))
    assert found.tested.tolist() == [3, 4, 5, 0, 1]
    assert found.overall.mae_nm == 0
    assert found.overall.n == 5 == sum(fold.n for fold in found.folds)
    assert model.shown == [done[:3], done[3:]]
    assert told == sorted(told)
    assert told[0] == 0
    assert 0.5 in told


def test_the_size_of_another_product_is_not_scored(known: Callable[..., Known]) -> None:
    known(say=lambda recipe: 3.0)
    wrong = Outcome(success=False, failure_cause=FailureCause.WRONG_PRODUCT, size_nm=9.0)
    done = [made(3.0), made(3.0).model_copy(update={"outcome": wrong})]
    assert evaluate(done, [(np.arange(2), np.arange(2))], "known").tested.tolist() == [0]


def test_success_is_judged_where_failures_are_tested(known: Callable[..., Known]) -> None:
    known(say=lambda recipe: 3.0, success=amount)
    done = [made(3.0, amount=0.9), made(None, amount=0.5), made(3.0, amount=0.5), made(None, amount=0.1)]
    found = evaluate(done, [(np.arange(2), np.arange(4))], "known")
    # Of four pairs three are in order, and the tie counts half.
    assert found.overall.success_auc == pytest.approx(3.5 / 4)
    assert found.failures == 2
    assert evaluate(done, [(np.arange(2), np.array([0, 2]))], "known").overall.success_auc is None


def test_folds_of_one_outcome_count_among_failures_and_in_the_pooled_auc(known: Callable[..., Known]) -> None:
    known(say=lambda recipe: 3.0, success=amount)
    polydisperse = Outcome(success=False, failure_cause=FailureCause.TOO_POLYDISPERSE, size_nm=5.0)
    failed = [made(5.0, amount=each).model_copy(update={"outcome": polydisperse}) for each in (0.1, 0.6)]
    done = [made(3.0, amount=0.9), made(3.0, amount=0.5), *failed, made(3.0, amount=0.7), made(None, amount=0.8)]
    places = np.arange(6)
    folds = [(places, np.array([0, 1])), (places, np.array([2, 3])), (places, np.array([4, 5]))]
    found = evaluate(done, folds, "known")
    assert found.failures == 3
    assert [fold.success_auc for fold in found.folds] == [None, None, 0.0]
    # Of nine pairs of a success and a failure those of 0.5 and 0.6, 0.5 and 0.8, 0.7 and 0.8 are out of order.
    assert found.overall.success_auc == pytest.approx(6 / 9)


def test_auc_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    success, chances = rng.random(1500) < 0.7, rng.random(1500).round(2)
    assert auc(chances, success) == pytest.approx(roc_auc_score(success, chances))
    draws = Resampling([f"s{i % 7}" for i in range(1500)], 0)
    drawn = draws.aucs(chances, success, np.arange(1500) % 7)
    weight = draws._drawn[3][np.arange(1500) % 7]
    assert drawn[3] == pytest.approx(roc_auc_score(success, chances, sample_weight=weight))


def test_sources_are_drawn_as_blocks(known: Callable[..., Known]) -> None:
    known(say=lambda recipe: 3.0)
    # Ten equal errors of one source and ten of another are two numbers, not twenty.
    two = [made(3.5, "a")] * 10 + [made(5.0, "b")] * 10
    low, high = evaluate(two, [(np.arange(3), np.arange(20))], "known").confidence_95["mae_nm"] or (0, 0)
    assert (low, high) == (pytest.approx(0.5), pytest.approx(2.0))
    twenty = [made(one.outcome.size_nm, str(i)) for i, one in enumerate(two)]
    low, high = evaluate(twenty, [(np.arange(3), np.arange(20))], "known").confidence_95["mae_nm"] or (0, 0)
    assert 0.7 < low < 1.2
    assert 1.3 < high < 1.8
    alone = [made(3.5 + i, "A " if i % 2 else "a") for i in range(9)]
    assert evaluate(alone, [(np.arange(3), np.arange(9))], "known").confidence_95["mae_nm"] is None


def test_resampled_sums_are_those_of_the_drawn_sources() -> None:
    sources = ["a", "b", None, "a"]
    draws = Resampling(sources, 1)
    values = np.array([1.0, 10.0, 100.0, 2.0])
    sums = draws.sums({"x": values}, draws.blocks(sources))["x"]
    assert np.allclose(sums, draws._drawn @ [3.0, 10.0, 100.0])
    assert (draws._drawn.sum(1) == 3).all()


class Designer(Known):
    def design_amounts(self, recipe: Recipe, target: Target) -> Recipe:
        assert all(reagent.amount_mmol is None for reagent in recipe.reagents)
        if target.size_nm > 6:
            raise DesignError("too large")
        assert target.shape is not None
        return recipe.with_amounts({(reagent.name, reagent.vessel): target.size_nm for reagent in recipe.reagents})


def test_amounts_in_reverse_are_compared_slot_by_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "known", Designer(say=lambda recipe: 3.0).fit)
    unknown = made(3.0).model_copy(
        update={
            "recipe": Recipe(product="CdSe", reagents=(Reagent(name="selenium"), Reagent(name="ODE", amount_mmol=5)))
        }
    )
    done = [made(2.0, "a", amount=1.0), made(3.0, "b", amount=3.0), made(7.0), unknown]
    folds = [(np.arange(3), np.arange(4))]
    found = evaluate(done, folds, "known", amounts=True).amounts
    assert found is not None
    # true 1, 2, 3, 6, 5; said 2, 2, 3, 3, 3
    assert (found.slots, found.refused) == (5, 1)
    assert found.mae_mmol == pytest.approx((1 + 0 + 0 + 3 + 2) / 5)
    assert found.r2 == pytest.approx(1 - 14 / np.var([1, 2, 3, 6, 5]) / 5)
    assert evaluate(done, folds, "known").amounts is None
    assert float(amount_figures(total(amount_terms(np.ones(2), np.ones(2))))["mae_mmol"]) == 0


def test_the_true_size_is_shown_for_the_second_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shaper(Known):
        def predict_shape(self, recipes: Sequence[Recipe], sizes_nm: Sequence[float]) -> np.ndarray:
            return np.array(
                [[shape is (Shape.ROD if size > 4 else Shape.SPHERE) for shape in SHAPES] for size in sizes_nm]
            )

    monkeypatch.setitem(MODELS, "known", Shaper(say=lambda recipe: 3.0).fit)
    done = [made(2.0), made(3.0), made(5.0)]
    one = evaluate(done, [(np.arange(3), np.arange(3))], "known").overall
    assert (one.shape_accuracy, one.shape_accuracy_given_size) == (pytest.approx(1 / 3), 1.0)


def test_what_is_kept_is_not_made_again(
    known: Callable[..., Known], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shelf, "_program", b"one version")
    model = known(say=amount)
    done = [made(1.0 + i % 5, str(i % 4), amount=float(i)) for i in range(12)]
    folds = [(np.arange(6), np.arange(6, 12)), (np.arange(6, 12), np.arange(6))]
    whole = evaluate(done, folds, "known")
    first = evaluate(done, folds[:1], "known", shelf=Shelf(tmp_path / "folds"))
    assert first.folds == whole.folds[:1]
    assert len(model.shown) == 3
    told: list[str] = []
    both = evaluate(
        done, folds, "known", shelf=Shelf(tmp_path / "folds"), progress=lambda part, words: told.append(words)
    )
    assert len(model.shown) == 4
    assert all("fold 2 of 2" in words for words in told)
    assert {**both.as_json(), "seconds": 0} == {**whole.as_json(), "seconds": 0}
    # Another seed, another model and other data are other folds.
    evaluate(done, folds[:1], "known", shelf=Shelf(tmp_path / "folds"), seed=1)
    evaluate([*done[:5], made(9.0), *done[6:]], folds[:1], "known", shelf=Shelf(tmp_path / "folds"))
    assert len(model.shown) == 6
    # So is what another version of the program predicted.
    monkeypatch.setattr(Shelf, "_program", b"another")
    evaluate(done, folds, "known", shelf=Shelf(tmp_path / "folds"))
    assert len(model.shown) == 8


def test_a_fold_that_was_cut_short_is_made_again(
    known: Callable[..., Known], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = known(say=amount)
    monkeypatch.setattr(Shelf, "_program", b"one version")
    done, folds = [made(1.0 + i, str(i)) for i in range(8)], [(np.arange(4), np.arange(4, 8))]
    found = evaluate(done, folds, "known", shelf=Shelf(tmp_path))
    (kept,) = tmp_path.iterdir()
    for content in (kept.read_bytes()[:200], b"", b"no archive"):
        kept.write_bytes(content)
        again = evaluate(done, folds, "known", shelf=Shelf(tmp_path))
        assert again.overall == found.overall
    assert len(model.shown) == 4


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputNotWritable, match="file"):
        Shelf(tmp_path / "file" / "folds")


def test_what_cannot_be_evaluated_is_named(run_lab: Lab) -> None:
    with pytest.raises(UnknownModel, match="extra-trees"):
        evaluate(run_lab(3, 0), [], "oracle")
    with pytest.raises(TooFewExperiments, match="nothing can be scored"):
        evaluate([made(None)] * 9, [(np.arange(6), np.arange(6, 9))], "median")
    with pytest.raises(TooFewExperiments, match="at least 3"):
        evaluate([made(3.0)] * 3, [(np.arange(2), np.array([2]))], "median")


def test_the_page_holds_every_model_and_needs_no_other_file(run_lab: Lab) -> None:
    done = run_lab(60, 0, shapes=True)
    folds = [(np.arange(15), np.arange(15, 60))]
    found = [evaluate(done, folds, model, amounts=True) for model in ("median", "nearest")]
    about = {"data": "a <b>", "split": "random", "seed": 0, "max_size_nm": 20.0}
    text = page(done, found, about)
    assert "a &lt;b&gt;" in text
    # One comparison and one coverage; predicted, residual and by source of each model (there is one product).
    assert text.count("<svg") == 2 + 2 * 3
    for one in found:
        assert f"{one.overall.mae_nm:.2f}" in text
        assert one.amounts
        assert f"{one.amounts.mae_mmol:.2f}" in text
    assert "http" not in text.replace("http://www.w3.org", "").replace("http://creativecommons", "").replace(
        "http://purl.org", ""
    ).replace("https://matplotlib.org", "")
    assert text == page(done, found, about)
    assert "the whole model that ships" not in text
    assert "the whole model that ships" in page(done, [replace(found[0], model="transformer")], about)


def test_json_is_finite_and_has_the_documented_keys(run_lab: Lab) -> None:
    document = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")

    def keys(value: object) -> set[str]:
        if isinstance(value, Mapping):
            return {str(key) for key in value} | {found for one in value.values() for found in keys(one)}
        return {found for one in value for found in keys(one)} if isinstance(value, list) else set()

    found = evaluate(run_lab(40, 2), [(np.arange(30), np.arange(30, 40))], "extra-trees", amounts=True).as_json()
    content = json.loads(json.dumps(found, allow_nan=False))
    assert not [key for key in keys(content) - {f"{level:g}" for level in LEVELS} if f"`{key}`" not in document]
