"""The success model tells what works from what cannot, says what its chance rests on, and survives bad input."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from closedloop.literature import load_experiments
from closedloop.recipes import Experiment, Reagent, Recipe
from closedloop.synthesis.functions import chemical
from closedloop.synthesis.hard_negatives import KINDS, Kind, make
from closedloop.synthesis.success import PRIOR_FAILURES, SuccessModel


@pytest.fixture(scope="module")
def split_literature() -> tuple[list[Experiment], list[Experiment]]:
    """cdse2022 by source: what is learned from, and papers that nobody saw."""
    experiments = load_experiments("cdse2022")
    sources = sorted({str(one.source) for one in experiments})
    held_out = set(sources[::4])
    return (
        [one for one in experiments if str(one.source) not in held_out],
        [one for one in experiments if str(one.source) in held_out],
    )


@pytest.fixture(scope="module")
def success(split_literature: tuple[list[Experiment], list[Experiment]]) -> SuccessModel:
    seen = split_literature[0]
    return SuccessModel.fit([e.recipe for e in seen], [True] * len(seen), groups=[e.source for e in seen], seed=0)


@pytest.fixture(scope="module")
def unseen(split_literature: tuple[list[Experiment], list[Experiment]]) -> list[Recipe]:
    return [one.recipe for one in split_literature[1]]


@pytest.fixture(scope="module")
def lab_model(run_lab: Callable[..., list[Experiment]]) -> SuccessModel:
    """Learned from a synthetic lab with failures of its own."""
    lab = run_lab(200, 0, failures=True)
    worked = [bool(one.outcome.success) for one in lab]
    return SuccessModel.fit([one.recipe for one in lab], worked, groups=[one.source for one in lab])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Kind.NO_REDUCTANT])
def test_each_kind_is_told_from_recipes_of_unseen_papers(
    success: SuccessModel, unseen: list[Recipe], kind: Kind
) -> None:
    made = [one.recipe for one in make(unseen, kinds=[kind], seed=5)]
    scores = success.logits([*unseen, *made])
    # Cation and anion are as often swapped as not in published recipes: nothing could tell some of these swaps.
    least = 0.8 if kind is Kind.SWAPPED_AMOUNTS else 0.93
    assert roc_auc_score(np.arange(len(scores)) < len(unseen), scores) > least


def test_chances_are_calibrated_to_the_stated_share_of_failures(
    success: SuccessModel, split_literature: tuple[list[Experiment], list[Experiment]]
) -> None:
    """Real recipes and negatives, weighed as stated: the mean chance is the share of those that work."""
    seen = [one.recipe for one in split_literature[0]]
    made = make(seen, seed=0, each=2)
    chance = expit(success.logits([*seen, *(one.recipe for one in made)]))
    kinds = [one.kind for one in made]
    failing = np.mean(
        [np.mean([c for c, k in zip(chance[len(seen) :], kinds, strict=True) if k is kind]) for kind in set(kinds)]
    )
    mean = (1 - PRIOR_FAILURES) * chance[: len(seen)].mean() + PRIOR_FAILURES * failing
    assert mean == pytest.approx(1 - PRIOR_FAILURES, abs=0.06)


def test_the_order_of_reagents_does_not_matter(success: SuccessModel, unseen: list[Recipe]) -> None:
    turned = [one.model_copy(update={"reagents": one.reagents[::-1]}) for one in unseen]
    np.testing.assert_allclose(success.logits(unseen), success.logits(turned), atol=1e-9)


def test_one_at_a_time_is_the_same_as_all_at_once(success: SuccessModel, unseen: list[Recipe]) -> None:
    some = unseen[:8]
    np.testing.assert_allclose(success.logits(some), np.concatenate([success.logits([one]) for one in some]), atol=1e-9)


def test_an_unknown_chemical_might_bring_what_is_missing(success: SuccessModel, unseen: list[Recipe]) -> None:
    """Without a selenium source a recipe cannot work; with one whose name nobody knows, it might."""
    chances = []
    for one in unseen[:30]:
        gone = [r for r in one.reagents if chemical(r.name).brings("Se")]
        rest = tuple(r for r in one.reagents if r not in gone)
        mystery = gone[0].model_copy(update={"name": "catalogue item 4711"})
        recipes = [one.model_copy(update={"reagents": reagents}) for reagents in (rest, (*rest, mystery), one.reagents)]
        chances.append(expit(success.logits(recipes)))
    missing, unknown, known = np.median(chances, axis=0)
    assert missing < 0.2
    assert unknown > 0.5
    assert known > 0.8


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(product="CdSe"),
        Recipe(product="gibberish, no formula"),
        Recipe(product="gibberish", reagents=(Reagent(name="unheard of"),)),
        Recipe(product="CdSe", reagents=(Reagent(name="cadmium oxide", amount_mmol=0.0),)),
        Recipe(product="CdSe", reagents=(Reagent(name="cadmium oxide", amount_mmol=1e12), Reagent(name="selenium"))),
    ],
)
def test_odd_recipes_get_a_finite_chance(success: SuccessModel, recipe: Recipe) -> None:
    (logit,) = success.logits([recipe])
    assert np.isfinite(logit)


def test_an_empty_recipe_cannot_work(success: SuccessModel, unseen: list[Recipe]) -> None:
    assert success.logits([Recipe(product="CdSe")])[0] < np.percentile(success.logits(unseen), 5)
    assert success.logits([]).shape == (0,)


def test_a_seed_gives_one_model(run_lab: Callable[..., list[Experiment]]) -> None:
    lab = run_lab(60, 0)
    recipes = [one.recipe for one in lab]
    first, second = (SuccessModel.fit(recipes, [True] * 60, seed=1).logits(recipes) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, SuccessModel.fit(recipes, [True] * 60, seed=2).logits(recipes))


def test_the_state_holds_everything(success: SuccessModel, unseen: list[Recipe]) -> None:
    content = save({name: value.contiguous() for name, value in success.state().items()})
    assert len(content) < 1e6
    again = SuccessModel.from_state(load(content))
    np.testing.assert_array_equal(again.logits(unseen), success.logits(unseen))
    assert again.warnings == success.warnings


def test_a_prior_has_a_state_too() -> None:
    prior = SuccessModel.fit([], [])
    again = SuccessModel.from_state(load(save(prior.state())))
    assert again == prior


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("numbers", lambda value: value + torch.tensor([0, 0, 0, 1.0])),
        ("numbers", lambda value: value * float("nan")),
        ("trees.left", lambda value: value[:-1]),
        ("trees.left", lambda value: torch.zeros_like(value)),
        ("trees.feature", lambda value: value + 10_000),
        ("typical.sums", lambda value: value[:-1]),
    ],
)
def test_a_damaged_state_is_refused(
    success: SuccessModel, name: str, damage: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        SuccessModel.from_state({**success.state(), name: damage(success.state()[name])})


def test_without_failures_the_model_says_what_it_rests_on(success: SuccessModel, lab_model: SuccessModel) -> None:
    assert "no real failure" in success.warnings[0]
    assert lab_model.warnings == ()


@pytest.mark.parametrize("worked", [0, 2])
def test_too_few_successes_leave_the_prior(run_lab: Callable[..., list[Experiment]], worked: int) -> None:
    recipes = [one.recipe for one in run_lab(12, 0)]
    prior = SuccessModel.fit(recipes, [i < worked for i in range(12)])
    np.testing.assert_allclose(expit(prior.logits(recipes)), 1 - PRIOR_FAILURES)
    assert "prior" in prior.warnings[0]


def test_three_successes_are_enough_to_fit(run_lab: Callable[..., list[Experiment]]) -> None:
    recipes = [one.recipe for one in run_lab(3, 0)]
    assert np.isfinite(SuccessModel.fit(recipes, [True] * 3).logits(recipes)).all()


def test_a_labs_failures_are_learned(lab_model: SuccessModel, run_lab: Callable[..., list[Experiment]]) -> None:
    """In the synthetic lab too little ligand fails, which no constructed failure says."""
    asked = run_lab(200, 1, failures=True)
    scores = lab_model.logits([one.recipe for one in asked])
    assert roc_auc_score([bool(one.outcome.success) for one in asked], scores) > 0.93


def test_failures_that_weigh_more_lower_the_chance_more(run_lab: Callable[..., list[Experiment]]) -> None:
    """Where nothing tells failures from successes, their weights make the chance."""
    recipes = [one.recipe for one in run_lab(160, 0)]
    worked = np.random.default_rng(0).random(160) < 0.7
    asked = [one.recipe for one in run_lab(60, 1)]
    chance = [
        expit(SuccessModel.fit(recipes, worked, np.where(worked, 1.0, weight)).logits(asked)).mean()
        for weight in (0.2, 5.0)
    ]
    assert chance[0] > 0.75
    assert chance[1] < 0.5


def test_failures_of_a_source_that_never_succeeds_do_not_dominate(run_lab: Callable[..., list[Experiment]]) -> None:
    """Ten times as many failures as successes, alike but for their source: the recipes that worked still should."""
    good, bad = run_lab(60, 0), run_lab(600, 1)
    recipes = [one.recipe for one in good + bad]
    worked = [True] * 60 + [False] * 600
    apart = SuccessModel.fit(recipes, worked, groups=[one.source for one in good] + ["made up"] * 600)
    asked = [one.recipe for one in run_lab(60, 2)]
    assert expit(apart.logits(asked)).mean() > 0.7
    same = SuccessModel.fit(recipes, worked, groups=["one lab"] * 660)
    assert expit(same.logits(asked)).mean() < 0.4


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="as many as the recipes"):
        SuccessModel.fit([Recipe(product="CdSe")], [True, False])
