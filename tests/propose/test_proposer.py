"""Proposals: within limits, distinct, repeatable, learning from what this lab saw, and faster than chance."""

import statistics
import time
import warnings
from types import ModuleType

import numpy as np
import pytest
import torch

from closedloop.propose import EmptySpaceError, NothingToPropose, Proposal, SearchSpaceError, plan, propose
from closedloop.propose.usual import Informed
from closedloop.recipes import Experiment, FailureCause, Limits, Outcome, Recipe, Shape, Target, TargetMissed

TARGET = Target(product="CdSe", size_nm=4.0)


def made(lab: ModuleType, count: int, seed: int = 0, **outcome: object) -> list[Experiment]:
    """Recipes spread over the space, with the lab's true size or the given outcome."""
    return [
        Experiment(recipe=r, outcome=Outcome(**(outcome or {"success": True, "size_nm": lab.true_size_nm(r)})))
        for r in lab.SPACE.sample(count, seed)
    ]


@pytest.mark.parametrize("known", [0, 1, 30])
def test_proposals_are_distinct_repeatable_and_within_limits(lab: ModuleType, known: int) -> None:
    limits = Limits(max_temperature_c=281.5, max_reaction_time_min=20, max_amounts_mmol={"selenium": 0.8})
    target = TARGET.model_copy(update={"limits": limits})
    tried = made(lab, known)
    torch.manual_seed(1)
    first = propose(lab.SPACE, target, lab.Literature(), tried, [], 4, seed=5)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert propose(lab.SPACE, target, lab.Literature(), tried, [], 4, seed=5) == first
    assert torch.equal(torch.get_rng_state(), state), "the global generator was used"
    assert len({p.recipe for p in first} | {e.recipe for e in tried}) == 4 + known
    for proposal in first:
        assert limits.violations(proposal.recipe) == []
        assert lab.SPACE.contains(proposal.recipe)
        low, high = proposal.predicted_interval_nm
        assert low < proposal.predicted_size_nm < high
        assert proposal.chance_of_hit <= proposal.success_probability


def test_without_results_the_model_speaks(lab: ModuleType) -> None:
    model = lab.Literature()
    (proposal,) = propose(lab.SPACE, TARGET, model, [], [], 1, seed=0)
    # What it leaves open, a hundredth, is filled by what is usual.
    numbers = Informed(model, lab.SPACE).predict_arrays([proposal.recipe])
    assert numbers.log_size_mean == pytest.approx(model.predict_arrays([proposal.recipe]).log_size_mean, abs=0.01)
    assert proposal.predicted_size_nm == pytest.approx(float(np.exp(numbers.log_size_mean[0])))
    assert proposal.predicted_size_nm == pytest.approx(4.0, rel=0.06)
    assert proposal.success_probability == pytest.approx(1 / (1 + np.exp(-1.5)))
    # 90% of a normal distribution whose variance is the model's own and the measurement's.
    low, high = np.log(proposal.predicted_interval_nm)
    assert (high - low) / 2 / 1.6449 == pytest.approx(np.hypot(numbers.log_size_sd[0], 0.03), rel=0.02)
    assert "nothing measured yet: by the model alone" in proposal.reason


def test_a_card_says_where_the_model_had_nothing_to_say(lab: ModuleType) -> None:
    class Silent(lab.Literature):  # type: ignore[misc, name-defined]
        def predict_arrays(self, recipes: list[Recipe]) -> object:
            return lab.Numbers(np.zeros(len(recipes)), np.full(len(recipes), 0.9), np.zeros(len(recipes)))

    (first,) = propose(lab.SPACE, TARGET, Silent(), [], [], 1, seed=0)
    assert "by what is usual, since the model leaves the sizes here open" in first.reason
    (later,) = propose(lab.SPACE, TARGET, Silent(), made(lab, 2), [], 1, seed=0)
    assert "what is usual says" in later.reason


def test_results_of_this_lab_correct_the_model(lab: ModuleType) -> None:
    """The model says 20% too little; after five results the predictions for fresh recipes must be twice as good."""
    tried = made(lab, 5, seed=9)
    before, after = [], []
    for seed in range(2):
        for p in propose(lab.SPACE, TARGET, lab.Literature(), tried, [], 4, seed=seed):
            truth = np.log(lab.true_size_nm(p.recipe))
            before.append(abs(float(lab.Literature().predict_arrays([p.recipe]).log_size_mean[0]) - truth))
            after.append(abs(np.log(p.predicted_size_nm) - truth))
            assert "corrected by" in p.reason
    assert np.mean(after) < 0.5 * np.mean(before)


def test_chemical_failures_keep_proposals_away_and_a_blocked_syringe_does_not(lab: ModuleType) -> None:
    (wanted,) = propose(lab.SPACE, TARGET, lab.Literature(), [], [], 1, seed=0)
    # Recipes like the first choice, none of them equal to it.
    unit = lab.SPACE.encode(wanted.recipe)
    near = lab.SPACE.decode_many(unit + np.random.default_rng(0).normal(0, 0.02, (6, len(unit))))
    failed = [Outcome(success=False, failure_cause=FailureCause.BULK_PRECIPITATE)] * 6
    blocked = [Outcome(failure_cause=FailureCause.BLOCKED)] * 6

    def chance_and_distance(outcomes: list[Outcome]) -> tuple[float, float]:
        tried = [Experiment(recipe=r, outcome=o) for r, o in zip(near, outcomes, strict=True)]
        (p,) = propose(lab.SPACE, TARGET, lab.Literature(), tried, [], 1, seed=0)
        return p.success_probability, float(np.linalg.norm(lab.SPACE.encode(p.recipe) - unit))

    _, away = chance_and_distance(failed)
    chance, stays = chance_and_distance(blocked)
    assert away > 0.4
    assert stays < 0.2
    assert chance == pytest.approx(1 / (1 + np.exp(-1.5)))


def test_a_size_from_a_spoiled_run_is_not_learned_from(lab: ModuleType) -> None:
    spoiled = made(lab, 3, size_nm=40.0, failure_cause=FailureCause.INTERRUPTED)
    (with_them,) = propose(lab.SPACE, TARGET, lab.Literature(), spoiled, [], 1, seed=0)
    (without,) = propose(lab.SPACE, TARGET, lab.Literature(), [], [], 1, seed=0)
    assert with_them.predicted_size_nm == pytest.approx(without.predicted_size_nm)


def test_the_size_of_another_product_is_not_learned_from(lab: ModuleType) -> None:
    outcome: dict[str, object] = {"success": False, "failure_cause": FailureCause.WRONG_PRODUCT}
    sized, unsized = made(lab, 3, **outcome, size_nm=40.0), made(lab, 3, **outcome)
    known = made(lab, 5, seed=1)
    first, second = (
        propose(lab.SPACE, TARGET, lab.Literature(), [*known, *failed], [], 2, seed=0) for failed in (sized, unsized)
    )
    assert first == second


def test_before_anything_succeeded_likely_success_weighs_double(lab: ModuleType) -> None:
    tried = made(lab, 6, success=False, failure_cause=FailureCause.NOTHING_FORMED)
    (proposal,) = propose(lab.SPACE, TARGET, lab.Literature(), tried, [], 1, seed=0)
    assert "nothing has succeeded yet" in proposal.reason
    distance = min(np.linalg.norm(lab.SPACE.encode(e.recipe) - lab.SPACE.encode(proposal.recipe)) for e in tried)
    assert distance > 0.4


@pytest.mark.parametrize("known", [0, 12])
def test_pending_recipes_are_neither_repeated_nor_crowded(lab: ModuleType, known: int) -> None:
    """What was proposed is under way: the next proposals must be other recipes, and not its closest neighbours."""
    tried = made(lab, known)
    arguments = (lab.SPACE, TARGET, lab.Literature(), tried)
    alone = propose(*arguments, [], 2, seed=1)
    waiting = [p.recipe for p in alone]
    beside = propose(*arguments, waiting, 2, seed=1)
    assert not {p.recipe for p in beside} & set(waiting)
    assert "chosen beside 2 under way" in beside[0].reason

    if known:
        assert beside[0].acquisition_value < alone[0].acquisition_value, "what is under way leaves less to improve"


def test_a_batch_counts_what_was_pending_before_it(lab: ModuleType) -> None:
    """The second of a batch must be chosen beside the campaign's pending recipes too, not beside the first alone."""
    tried = made(lab, 10)
    arguments = (lab.SPACE, TARGET, lab.Literature(), tried)
    pending = [p.recipe for p in propose(*arguments, [], 3, seed=2)]
    first, second = propose(*arguments, pending, 2, seed=3)
    (again,) = propose(*arguments, [*pending, first.recipe], 1, seed=3)
    forgotten, forgetful = propose(*arguments, [], 2, seed=3)
    assert second.acquisition_value < forgetful.acquisition_value
    assert second.acquisition_value == pytest.approx(again.acquisition_value, abs=1.0)
    assert first.recipe != forgotten.recipe


def test_the_filter_drops_what_the_lab_cannot_make(lab: ModuleType) -> None:
    def objections(recipe: Recipe) -> list[str]:
        return ["hotter than the plate"] if (recipe.injection_temperature_c or 0) > 250 else []

    for p in propose(lab.SPACE, TARGET, lab.Literature(), made(lab, 4), [], 4, seed=0, filter=objections):
        assert (p.recipe.injection_temperature_c or 0) <= 250
    with pytest.raises(NothingToPropose, match=r"no such pump .* times"):
        propose(lab.SPACE, TARGET, lab.Literature(), [], [], 1, seed=0, filter=lambda r: ["no such pump"])
    with pytest.raises(NothingToPropose, match="the lab cannot make it"):
        propose(lab.SPACE, TARGET, lab.Literature(), [], [], 1, seed=0, filter=lambda r: False)


def test_recipes_outside_the_space_are_passed_over_and_said(lab: ModuleType) -> None:
    other = Experiment(recipe=Recipe(product="CdSe"), outcome=Outcome(success=True, size_nm=4.0))
    (proposal,) = propose(lab.SPACE, TARGET, lab.Literature(), [other], [Recipe(product="CdSe")], 1, seed=0)
    assert "1 tried outside this space not learned from" in proposal.reason


def test_a_recipe_that_missed_may_be_repeated_and_one_that_hit_is_not(lab: ModuleType) -> None:
    """Nothing else can be made here, so that a repeat is all there is to choose."""
    recipe = lab.SPACE.sample(1, 0)[0]

    def chosen(size_nm: float) -> list[Proposal]:
        tried = [Experiment(recipe=recipe, outcome=Outcome(success=True, size_nm=size_nm, particle_count=9))]
        return propose(lab.SPACE, TARGET, lab.Literature(), tried, [], 2, seed=0, filter=lambda r: r == recipe)

    (again,) = chosen(4.25)
    assert again.recipe == recipe
    assert again.motive == "repeat"
    assert "noise matters more" in again.reason
    with pytest.raises(NothingToPropose):
        chosen(4.05)


def test_a_hit_asks_for_spread_and_shape_where_the_target_does(lab: ModuleType) -> None:
    """This lab's samples are all broad, so a target that asks for narrow ones is hardly ever hit."""
    broad = made(lab, 6, success=True, size_nm=4.0, size_std_nm=1.2, shape="cube")
    narrow = TARGET.model_copy(update={"max_relative_spread": 0.1, "shape": Shape.SPHERE})
    (any_,) = propose(lab.SPACE, TARGET, lab.Literature(), broad, [], 1, seed=0)
    (asking,) = propose(lab.SPACE, narrow, lab.Literature(), broad, [], 1, seed=0)
    assert any_.spread_chance == any_.shape_chance == 1
    assert asking.spread_chance < 0.2
    assert asking.shape_chance < 0.3
    product = asking.success_probability * asking.size_chance * asking.spread_chance * asking.shape_chance
    assert asking.chance_of_hit == pytest.approx(product)


def test_the_outlook_says_what_the_space_reaches(lab: ModuleType) -> None:
    seen = plan(lab.SPACE, TARGET, lab.Literature(), [], [], 0, seed=0)
    assert seen.proposals == ()
    assert len(seen.outlook.chances) == 8
    assert seen.outlook.reach_nm[0] < 2.5
    assert seen.outlook.reach_nm[1] > 4
    far = plan(lab.SPACE, Target(product="CdSe", size_nm=40), lab.Literature(), [], [], 1, seed=0).outlook
    assert far.reach_nm[1] < 20
    assert far.chances[-1] < 1e-3
    assert "reaction time at the upper end of its range" in far.at_limits


def test_published_recipes_are_a_place_to_start(lab: ModuleType) -> None:
    published = lab.SPACE.sample(1, 99)[0]
    doubled = published.with_amounts({(r.name, r.vessel): 2 * (r.amount_mmol or 0) for r in published.reagents})
    place = lab.SPACE.project(doubled)
    assert lab.SPACE.contains(lab.SPACE.decode(place))
    # Only what lies near it can be made.
    near = lambda r: bool(np.abs(lab.SPACE.encode(r) - place).max() < 0.02)  # noqa: E731
    arguments = (lab.SPACE, TARGET, lab.Literature(), [], [], 1)
    (found,) = propose(*arguments, seed=0, filter=near, precedents=[doubled])
    assert near(found.recipe)
    with pytest.raises(NothingToPropose):
        propose(*arguments, seed=0, filter=near)


def test_a_design_that_misses_is_a_place_to_start_and_no_news(lab: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: object, recipe: Recipe, target: Target) -> Recipe:
        warnings.warn("out of reach", TargetMissed, stacklevel=2)
        return recipe

    with monkeypatch.context() as patch:
        patch.setattr(lab.Literature, "design_amounts", lambda self, recipe, target: recipe)
        quiet = propose(lab.SPACE, TARGET, lab.Literature(), [], [], 2, seed=0)
    monkeypatch.setattr(lab.Literature, "design_amounts", missing)
    assert propose(lab.SPACE, TARGET, lab.Literature(), [], [], 2, seed=0) == quiet


def test_faults_have_names(lab: ModuleType) -> None:
    arguments = (lab.Literature(), [], [])
    with pytest.raises(SearchSpaceError, match="target is PbS"):
        propose(lab.SPACE, Target(product="PbS", size_nm=4), *arguments, 1, seed=0)
    cold = TARGET.model_copy(update={"limits": Limits(max_temperature_c=100)})
    with pytest.raises(EmptySpaceError, match="max_temperature_c 100"):
        propose(lab.SPACE, cold, *arguments, 1, seed=0)
    with pytest.raises(NothingToPropose, match="at least one"):
        propose(lab.SPACE, TARGET, *arguments, 0, seed=0)


def test_contradicting_repeats_do_no_harm(lab: ModuleType) -> None:
    recipe = lab.SPACE.sample(1, 0)[0]
    tried = [Experiment(recipe=recipe, outcome=Outcome(success=True, size_nm=s)) for s in (3.0, 5.0, 3.9, 4.4)]
    (proposal,) = propose(lab.SPACE, TARGET, lab.Literature(), tried, [], 1, seed=0)
    assert np.isfinite(proposal.acquisition_value)


def test_hundreds_of_results(lab: ModuleType) -> None:
    (proposal,) = propose(lab.SPACE, TARGET, lab.Literature(), made(lab, 200), [], 1, seed=0)
    assert lab.true_size_nm(proposal.recipe) == pytest.approx(4.0, rel=0.02)


def test_a_batch_of_four_is_quick(lab: ModuleType) -> None:
    """2,000 candidates, 20 results, one thread: 2 s on a quiet core, six allowed."""
    started = time.process_time()
    lab.seconds_per_batch()
    assert time.process_time() - started < 2 * 6


@pytest.mark.slow
def test_hits_in_clearly_fewer_experiments_than_random(lab: ModuleType) -> None:
    """The hardest of the benchmark's targets for chance; median over ten seeds."""
    target = lab.TARGETS[0]
    random, closed = (
        statistics.median(lab.experiments_to_hit(lab.STRATEGIES[name], target, seed, 40, 1) for seed in range(10))
        for name in ("random", "closedloop")
    )
    assert closed <= random / 3
