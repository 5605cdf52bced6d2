"""Ask and tell: what a campaign remembers, and what it makes of what it is told."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from closedloop.campaign import (
    Campaign,
    CampaignBusy,
    CampaignFileError,
    NotACount,
    NotOfThisCampaign,
    NotRecordable,
    OneChemicalTwice,
    only_runner,
)
from closedloop.campaign.edit import limits_broken
from closedloop.campaign.reading import find_campaign
from closedloop.chemistry import resolve
from closedloop.recipes import (
    Evidence,
    FailureCause,
    Limits,
    Method,
    NotListed,
    Outcome,
    Reagent,
    Recipe,
    Shape,
    Vessel,
)
from closedloop.store import ExperimentRecord, IllegalMove, Move, OtherLab, State, UnknownExperiment
from tests.campaign.fakes import TrendModel, killed_before, size_of


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    monkeypatch.setattr("closedloop.campaign.campaign._load", lambda champion: TrendModel())
    return Campaign.open("cdse", store=f"sqlite:///{tmp_path}/lab.db", seed=3)


def _propose(campaign: Campaign, count: int) -> list[Recipe]:
    """Recipes as if proposed, for tests that are not about the choice of them."""
    recipes = campaign.definition.space.sample(count, seed=1)
    for recipe in recipes:
        campaign.store.add_experiment(campaign.name, recipe)
    return recipes


def _outcome(size_nm: float, **changes: object) -> Outcome:
    values = {"size_nm": size_nm, "size_std_nm": 0.1 * size_nm, "particle_count": 200, "shape": "sphere"}
    return Outcome.model_validate(values | changes)


def test_proposals_keep_the_limits_and_wait_in_the_store(campaign: Campaign) -> None:
    recipes = campaign.propose(3)
    assert len(set(recipes)) == 3
    target = campaign.definition.target
    for recipe in recipes:
        assert campaign.definition.space.contains(recipe)
        assert target.limits.violations(recipe) == []
    records = campaign.experiments()
    assert [record.recipe for record in records] == recipes
    assert {record.state for record in records} == {State.PROPOSED}
    assert all(record.model_id == "shipped" and record.prediction for record in records)


def test_what_is_pending_is_not_proposed_again(campaign: Campaign) -> None:
    assert not set(campaign.propose(2)) & set(campaign.propose(2))


def test_a_recorded_outcome_closes_the_experiment_that_waited_for_it(campaign: Campaign) -> None:
    first, second = _propose(campaign, 2)
    record = campaign.record(second, _outcome(3.1))
    assert record.state is State.CLOSED
    assert record.outcome is not None
    assert record.outcome.success is True
    assert [r.recipe for r in campaign.open_experiments()] == [first]


def _written_otherwise(recipe: Recipe) -> Recipe:
    """As a lab's own program may write it: in another order, without roles and vessels, under other names."""
    names = {"cadmium oxide": "CdO", "selenium": "Se"}
    written = tuple(Reagent(name=names.get(r.name, r.name), amount_mmol=r.amount_mmol) for r in recipe.reagents[::-1])
    return recipe.model_copy(update={"reagents": written})


def test_a_proposal_is_known_again_however_its_recipe_is_written(campaign: Campaign) -> None:
    _propose(campaign, 2)
    first, second = campaign.experiments()
    record = campaign.record(_written_otherwise(second.recipe), _outcome(3.1))
    assert (record.id, record.state, record.recipe) == (second.id, State.CLOSED, second.recipe)
    assert [r.id for r in campaign.open_experiments()] == [first.id]
    assert len(campaign.made()) == 2


def test_telling_moves_the_next_proposals_towards_the_target(campaign: Campaign) -> None:
    """This lab makes everything 30% smaller than the model believes; three rounds are enough to learn that."""
    errors = []
    for _ in range(3):
        for recipe in campaign.propose(4):
            made = 0.7 * size_of(recipe)
            errors.append(abs(made - 4.0))
            campaign.record(recipe, _outcome(made))
    assert sum(errors[-4:]) < 0.5 * sum(errors[:4])
    assert campaign.hits()


def test_one_chemical_under_two_names_is_refused_with_both(campaign: Campaign) -> None:
    def made(vessel: Vessel | None) -> Recipe:
        cadmium = Reagent(name="CdO", amount_mmol=0.2), Reagent(name="cadmium oxide", amount_mmol=0.1, vessel=vessel)
        return Recipe(product="CdSe", reagents=(*cadmium, Reagent(name="Se", amount_mmol=0.5)))

    message = r"'CdO' and 'cadmium oxide' are one chemical \(cadmium oxide\); add the amounts up"
    with pytest.raises(OneChemicalTwice, match=message):
        campaign.record(made(None), Outcome(size_nm=3.0))
    with pytest.raises(OneChemicalTwice, match=message):
        campaign.assess([made(None)])
    assert campaign.experiments() == []
    assert campaign.record(made(Vessel.SYRINGE), Outcome(size_nm=3.0)).recipe.amount_mmol("cadmium oxide") == (
        pytest.approx(0.3)
    )


def test_a_recipe_of_the_labs_own_is_recorded_too(campaign: Campaign) -> None:
    own = Recipe(product="CdSe", reagents=(Reagent(name="CdO", amount_mmol=0.3),), reaction_time_min=5)
    record = campaign.record(own, _outcome(5.0))
    assert record.state is State.CLOSED
    assert record.recipe.reagents[0].name == "cadmium oxide"


def test_another_product_is_refused_by_name(campaign: Campaign) -> None:
    with pytest.raises(NotOfThisCampaign, match="makes PbS"):
        campaign.record(Recipe(product="PbS"), _outcome(5.0))
    assert campaign.experiments() == []


def test_a_product_in_small_digits_is_that_of_the_campaign(tmp_path: Path) -> None:
    space = {"reagents": [{"name": "PbBr2", "amount_mmol": [0.1, 0.4]}, {"name": "Cs2CO3", "amount_mmol": 0.1}]}
    content = {"name": "c", "target": {"product": "CsPbBr₃", "size_nm": 9}, "space": space}
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    campaign = Campaign.open(str(path), store=f"sqlite:///{tmp_path / 'c.db'}")
    assert campaign.definition.target.product == campaign.definition.space.product == "CsPbBr3"
    for product in ("CsPbBr3", "CsPbBr₃"):
        made = Recipe(product=product, reagents=(Reagent(name="PbBr2", amount_mmol=0.2),))
        assert campaign.record(made, _outcome(9.0)).recipe.product == "CsPbBr3"


@pytest.mark.parametrize(
    ("outcome", "cause", "success", "state"),
    [
        (Outcome(particle_count=0), FailureCause.NOTHING_FORMED, False, State.FAILED),
        (_outcome(3.0, particle_count=5), FailureCause.TOO_FEW_PARTICLES, None, State.FAILED),
        (_outcome(3.0, size_std_nm=1.5), FailureCause.TOO_POLYDISPERSE, False, State.FAILED),
        (_outcome(900.0), FailureCause.BULK_PRECIPITATE, False, State.FAILED),
        (Outcome(particle_count=5), FailureCause.TOO_FEW_PARTICLES, None, State.FAILED),
        (Outcome(failure_cause=FailureCause.BLOCKED), FailureCause.BLOCKED, None, State.FAILED),
        (Outcome(size_nm=900.0), FailureCause.BULK_PRECIPITATE, False, State.FAILED),
        (Outcome(size_nm=3.0, size_std_nm=1.5), FailureCause.TOO_POLYDISPERSE, False, State.FAILED),
        (Outcome(size_nm=4.0), None, True, State.CLOSED),
        (_outcome(3.0), None, True, State.CLOSED),
    ],
)
def test_outcomes_are_judged_by_the_campaigns_thresholds(
    campaign: Campaign, outcome: Outcome, cause: FailureCause | None, success: bool | None, state: State
) -> None:
    record = campaign.record(_propose(campaign, 1)[0], outcome)
    assert record.outcome is not None
    assert record.outcome.failure_cause is cause
    assert record.outcome.success is success
    assert record.state is state
    # Only chemistry teaches.
    assert record.teaches is (success is not None)


@pytest.mark.parametrize(
    ("target", "size_nm", "cause"),
    [
        ({"size_nm": 400.0}, 410.0, None),
        ({"size_nm": 400.0}, 700.0, None),
        ({"size_nm": 400.0}, 900.0, FailureCause.BULK_PRECIPITATE),
        ({"size_nm": 1000.0, "tolerance_nm": 900.0}, 1900.0, None),
        ({"size_nm": 150.0, "tolerance_nm": 100.0}, 250.0, None),
        ({"size_nm": 4.0}, 190.0, None),
        ({"size_nm": 4.0}, 210.0, FailureCause.BULK_PRECIPITATE),
    ],
)
def test_what_counts_as_bulk_follows_the_target(
    tmp_path: Path, target: dict[str, float], size_nm: float, cause: FailureCause | None
) -> None:
    space = {"reagents": [{"name": "silver nitrate", "amount_mmol": [0.1, 0.4]}]}
    path = tmp_path / "silver.yaml"
    path.write_text(yaml.safe_dump({"name": "silver", "target": {"product": "Ag"} | target, "space": space}))
    campaign = Campaign.open(path, store=f"sqlite:///{tmp_path}/lab.db")
    record = campaign.record(_propose(campaign, 1)[0], _outcome(size_nm))
    assert record.outcome is not None
    assert record.outcome.failure_cause is cause
    assert record.outcome.success is (cause is None)
    assert bool(campaign.hits()) is campaign.definition.target.holds_size(size_nm)


@pytest.mark.parametrize(
    "unknown", [Outcome(), Outcome(particle_count=200), Outcome(shape=Shape.SPHERE), Outcome(success=True)]
)
def test_an_outcome_without_a_size_leaves_the_experiment_awaiting_one(campaign: Campaign, unknown: Outcome) -> None:
    recipe = _propose(campaign, 1)[0]
    record = campaign.record(recipe, unknown)
    assert record.state is State.AWAITING_CHARACTERISATION
    assert record.outcome == unknown
    assert not record.teaches
    later = campaign.record(recipe, _outcome(4.0))
    assert (later.id, later.state) == (record.id, State.CLOSED)
    assert later.outcome
    assert later.outcome.size_nm == 4.0


def test_no_evidence_is_made_up(campaign: Campaign) -> None:
    record = campaign.record(_propose(campaign, 1)[0], Outcome(size_nm=4.0))
    assert record.outcome
    assert record.outcome.evidence is None


def test_the_tem_result_that_comes_days_later_replaces_the_peak(campaign: Campaign) -> None:
    recipe = _propose(campaign, 1)[0]
    peak = _outcome(4.9, evidence=Evidence(method=Method.ABSORBANCE))
    record = campaign.record(recipe, peak)
    assert not campaign.hits()
    later = campaign.settle(record.id, _outcome(4.05, evidence=Evidence(method=Method.TEM)))
    assert later.outcome is not None
    assert later.outcome.size_nm == 4.05
    assert [hit.id for hit in campaign.hits()] == [record.id]
    weaker = campaign.settle(record.id, _outcome(4.9, evidence=Evidence(method=Method.ABSORBANCE)))
    assert weaker.outcome == later.outcome
    assert len(campaign.store.outcomes(record.id)) == 3


@pytest.mark.parametrize("moment", [None, datetime.now(UTC) - timedelta(days=365)])
def test_the_last_of_equal_evidence_holds_after_the_clock_was_put_back(
    campaign: Campaign, moment: datetime | None
) -> None:
    now = Evidence(method=Method.TEM, recorded_at=datetime.now(UTC))
    record = campaign.record(_propose(campaign, 1)[0], _outcome(5.0, evidence=now))
    later = campaign.settle(record.id, _outcome(4.0, evidence=Evidence(method=Method.TEM, recorded_at=moment)))
    assert later.outcome
    assert later.outcome.size_nm == 4.0


IMPOSSIBLE = [
    {"size_nm": 1e-12},
    {"size_nm": 1e300},
    {"size_nm": 4.0, "size_std_nm": 1e300},
    {"size_nm": 4.0, "size_error_nm": 1e7},
]


@pytest.mark.parametrize("numbers", IMPOSSIBLE)
def test_sizes_that_no_microscope_sees_are_refused(campaign: Campaign, numbers: dict[str, float]) -> None:
    recipe = _propose(campaign, 1)[0]
    with pytest.raises(NotRecordable, match="sizes are in nm"):
        campaign.record(recipe, Outcome(**numbers))
    with pytest.raises(NotRecordable, match="sizes are in nm"):
        campaign.settle(campaign.experiments()[0].id, Outcome(**numbers))
    assert campaign.open_experiments()
    assert not campaign.store.outcomes(campaign.experiments()[0].id)


@pytest.mark.parametrize("numbers", IMPOSSIBLE)
def test_a_store_that_holds_an_impossible_size_goes_on(campaign: Campaign, numbers: dict[str, float]) -> None:
    recipes = _propose(campaign, 3)
    impossible, *others = campaign.experiments()
    path = (State.APPROVED, State.CHECKED, State.RUNNING, State.MEASURED, State.CLOSED)
    outcome = Outcome(success=True, particle_count=300, **numbers)
    campaign.store.add_outcome(impossible.id, outcome, [Move(state=state) for state in path])
    for recipe, size_nm in zip(recipes[1:], (4.5, 4.6), strict=True):
        campaign.record(recipe, _outcome(size_nm))
    assert [record.state for record in others] == [State.PROPOSED] * 2
    assert campaign.propose(1)


def test_nothing_can_be_seen_where_no_particle_was_counted(campaign: Campaign) -> None:
    contradictory = _outcome(4.0).model_copy(update={"success": True, "particle_count": 0})
    with pytest.raises(NotRecordable, match="particle count of 0"):
        campaign.record(_propose(campaign, 1)[0], contradictory)
    assert not campaign.hits()


@pytest.mark.parametrize("count", [2.5, "3", -1, math.nan])
def test_only_a_whole_number_of_recipes_can_be_proposed(campaign: Campaign, count: Any) -> None:
    with pytest.raises(NotACount, match="whole number"):
        campaign.propose(count)
    assert not campaign.experiments()


def test_none_at_all_can_be_proposed(campaign: Campaign) -> None:
    assert campaign.propose(0) == []


@pytest.mark.parametrize(
    "outcome", [None, {"size_nm": 4.0}, 4.0, _outcome(4.0).model_copy(update={"size_nm": math.nan})]
)
def test_what_is_no_outcome_is_refused_by_name(campaign: Campaign, outcome: Any) -> None:
    recipe = _propose(campaign, 1)[0]
    with pytest.raises(NotRecordable, match="outcome"):
        campaign.record(recipe, outcome)
    with pytest.raises(NotRecordable, match="outcome"):
        campaign.settle(campaign.experiments()[0].id, outcome)
    assert campaign.open_experiments()


def test_what_is_no_recipe_is_refused_by_name(campaign: Campaign) -> None:
    recipe = _propose(campaign, 1)[0]
    for wrong in (None, {"product": "CdSe"}, recipe.model_copy(update={"reaction_time_min": math.nan})):
        with pytest.raises(NotRecordable, match="recipe"):
            campaign.record(wrong, _outcome(4.0))  # type: ignore[arg-type]
    for unknown in (None, "cdse-9999"):
        with pytest.raises(UnknownExperiment):
            campaign.settle(unknown, _outcome(4.0))  # type: ignore[arg-type]
    assert campaign.open_experiments()


def test_one_recipe_is_not_assessed_as_a_list_of_them(campaign: Campaign) -> None:
    recipe: Any = _propose(campaign, 1)[0]
    assert [each.recipe for each in campaign.assess([recipe])] == [recipe]
    with pytest.raises(NotListed, match=r"write \[recipe\]"):
        campaign.assess(recipe)


def test_tem_of_a_sample_whose_size_was_provisional_is_of_that_sample(campaign: Campaign) -> None:
    recipe = _propose(campaign, 1)[0]
    peak = campaign.record(recipe, _outcome(3.1, evidence=Evidence(method=Method.ABSORBANCE)))
    tem = campaign.record(_written_otherwise(recipe), _outcome(4.0, evidence=Evidence(method=Method.TEM)))
    assert (tem.id, tem.state) == (peak.id, State.CLOSED)
    assert [each.outcome.size_nm for each in campaign.experiments() if each.outcome] == [4.0]
    # As much evidence again is of another sample, and so is less of it.
    again = campaign.record(recipe, _outcome(4.1, evidence=Evidence(method=Method.TEM)))
    peak_again = campaign.record(recipe, _outcome(3.0, evidence=Evidence(method=Method.ABSORBANCE)))
    assert len({tem.id, again.id, peak_again.id}) == 3
    # An experiment that waits for its outcome comes first.
    campaign.store.add_experiment(campaign.name, recipe)
    waiting = campaign.experiments()[-1]
    assert campaign.record(recipe, _outcome(4.2, evidence=Evidence(method=Method.TEM))).id == waiting.id
    assert campaign.record(recipe, _outcome(4.0, evidence=Evidence(method=Method.TEM))).id == peak_again.id


@pytest.mark.parametrize(
    ("first", "one_sample"),
    [
        (Outcome(size_nm=3.1), True),  # without evidence it gives way to any that names its method
        (Outcome(failure_cause=FailureCause.NO_IMAGE), True),
        (Outcome(failure_cause=FailureCause.BLOCKED), False),
        (Outcome(failure_cause=FailureCause.ABANDONED), False),
    ],
)
def test_what_left_no_sample_is_not_what_an_image_shows(campaign: Campaign, first: Outcome, one_sample: bool) -> None:
    recipe = _propose(campaign, 1)[0]
    before = campaign.record(recipe, first)
    tem = campaign.record(recipe, _outcome(4.0, evidence=Evidence(method=Method.TEM)))
    assert (tem.id == before.id) is one_sample
    assert campaign.store.outcomes(before.id)[0].failure_cause is first.failure_cause
    # What names no method is no better evidence of anything.
    assert campaign.record(recipe, _outcome(4.0)).id not in (before.id, tem.id)


def test_the_best_is_the_nearest_that_meets_every_wish(campaign: Campaign) -> None:
    near_but_broad, near_enough, far = _propose(campaign, 3)
    campaign.record(far, _outcome(5.0))
    campaign.record(near_but_broad, _outcome(4.0, size_std_nm=1.2))
    assert (best := campaign.best())
    assert best.recipe == near_but_broad
    campaign.record(near_enough, _outcome(4.15))
    assert (best := campaign.best())
    assert best.recipe == near_enough


def test_what_was_given_up_does_not_count_against_the_budget(campaign: Campaign) -> None:
    _propose(campaign, 2)
    campaign.abandon(campaign.experiments()[0].id, "no cadmium left")
    assert len(campaign.made()) == 1
    assert campaign.experiments()[0].state is State.FAILED
    assert "no cadmium left" in campaign.experiments()[0].note


def test_what_was_made_before_it_was_given_up_counts_against_the_budget(campaign: Campaign) -> None:
    """Its chemicals are gone."""
    record = campaign.record(_propose(campaign, 1)[0], Outcome())
    assert record.state is State.AWAITING_CHARACTERISATION
    campaign.veto(record.id, "the grid is lost")
    assert [made.id for made in campaign.made()] == [record.id]


@pytest.mark.parametrize("ending", ["abandon", "record"])
def test_an_ending_that_is_cut_short_leaves_no_outcome_behind(campaign: Campaign, ending: str) -> None:
    """The process may die between the outcome and the state: a vetoed recipe could then still be made."""
    recipe = _propose(campaign, 1)[0]
    record = campaign.experiments()[0]

    with killed_before(campaign.store, "INSERT INTO transition"), pytest.raises(KeyboardInterrupt):
        campaign.abandon(record.id, "vetoed") if ending == "abandon" else campaign.record(recipe, _outcome(4.0))
    assert campaign.store.outcomes(record.id) == []
    assert campaign.experiments() == [record]


def test_a_lab_that_drives_itself_may_say_its_name(campaign: Campaign, tmp_path: Path) -> None:
    recipe = _propose(campaign, 1)[0]
    campaign.record(recipe, _outcome(4.0))
    assert campaign.store.lab() is None
    named = Campaign.open("cdse", store=campaign.store, lab="bench 3")
    named.record(recipe, _outcome(4.0))
    assert campaign.store.lab() == "bench 3"
    other = tmp_path / "other.yaml"
    other.write_text(find_campaign("cdse")[1].replace("name: cdse", "name: other"))
    with pytest.raises(OtherLab, match=r"'virtual \(installed\)'"):
        Campaign.open(other, store=campaign.store, lab="virtual (installed)")
    assert campaign.store.campaign_names() == ["cdse"]


def test_what_one_lab_has_settled_no_other_settles_or_records(campaign: Campaign) -> None:
    mine, theirs = (Campaign.open("cdse", store=campaign.store, lab=name) for name in ("bench 3", "bench 4"))
    recipe = _propose(campaign, 1)[0]
    id = campaign.experiments()[0].id
    with pytest.raises(UnknownExperiment):
        mine.settle("cdse-0099", _outcome(4.0))
    assert campaign.store.lab() is None
    settled = mine.settle(id, _outcome(4.0, evidence=Evidence(method=Method.ABSORBANCE)))
    assert campaign.store.lab() == "bench 3"
    better = _outcome(5.0, evidence=Evidence(method=Method.TEM))
    for tell in (lambda: theirs.settle(id, better), lambda: theirs.record(recipe, better)):
        with pytest.raises(OtherLab, match="'bench 4'"):
            tell()
    assert campaign.experiments() == [settled]


def test_what_is_over_cannot_be_given_up(campaign: Campaign) -> None:
    record = campaign.record(_propose(campaign, 1)[0], _outcome(4.0))
    with pytest.raises(IllegalMove, match="it is over"):
        campaign.abandon(record.id, "too late")
    assert campaign.store.outcomes(record.id) == [record.outcome]


def _begun_unseen(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> ExperimentRecord:
    """A proposal that the lab has begun to make, while whoever asks the store is shown it as it was a moment ago."""
    _propose(campaign, 1)
    waiting = campaign.experiments()[0]
    for state in (State.APPROVED, State.CHECKED, State.RUNNING):
        campaign.store.move(waiting.id, state)
    monkeypatch.setattr(campaign.store, "experiment", lambda _: waiting)
    return waiting


def test_a_veto_that_comes_as_the_lab_begins_is_no_veto(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = _begun_unseen(campaign, monkeypatch)
    with pytest.raises(IllegalMove, match="is running"):
        campaign.veto(waiting.id, "too late")
    assert campaign.store.outcomes(waiting.id) == []
    assert campaign.experiments()[0].state is State.RUNNING


def test_an_edit_that_comes_as_the_lab_begins_leaves_one_experiment(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = _begun_unseen(campaign, monkeypatch)
    with pytest.raises(IllegalMove, match="is running by now, no longer proposed; nothing was changed"):
        campaign.edit(waiting.id, ["reaction_time_min=12"])
    assert [record.state for record in campaign.experiments()] == [State.RUNNING]
    assert campaign.store.outcomes(waiting.id) == []


def test_an_edit_that_is_cut_short_changes_nothing(campaign: Campaign) -> None:
    _propose(campaign, 1)
    waiting = campaign.experiments()
    with killed_before(campaign.store, "INSERT INTO outcome"), pytest.raises(KeyboardInterrupt):
        campaign.edit(waiting[0].id, ["reaction_time_min=12"])
    assert campaign.experiments() == waiting
    new = campaign.edit(waiting[0].id, ["reaction_time_min=12"])
    old, *others = campaign.experiments()
    assert others == [new]
    assert (old.state, old.note) == (State.FAILED, f"abandoned: edited by a person, goes on as {new.id}")
    assert (new.state, new.batch, new.recipe.reaction_time_min) == (State.PROPOSED, old.batch, 12)


def test_a_sample_is_given_up_unless_a_run_may_be_looking_at_it(campaign: Campaign) -> None:
    record = campaign.record(_propose(campaign, 1)[0], Outcome())
    with only_runner(campaign.store), pytest.raises(CampaignBusy):
        campaign.veto(record.id, "the grid broke")
    campaign.veto(record.id, "the grid broke")
    assert "the grid broke" in campaign.experiments()[0].note


def test_a_campaign_is_found_again_by_its_name(campaign: Campaign) -> None:
    _propose(campaign, 1)
    again = Campaign.reopen("cdse", campaign.store)
    assert again.definition == campaign.definition
    assert again.experiments() == campaign.experiments()


def test_a_faulty_file_leaves_no_store_behind(tmp_path: Path) -> None:
    faulty = tmp_path / "faulty.yaml"
    faulty.write_text("name: x\n")
    with pytest.raises(CampaignFileError):
        Campaign.open(faulty, store=f"sqlite:///{tmp_path}/new.db")
    assert not (tmp_path / "new.db").exists()


def test_an_edit_is_held_to_a_limit_that_was_set_under_another_name(campaign: Campaign) -> None:
    """A definition that was made in Python names chemicals as its author does."""
    recipe = campaign.definition.space.sample(1, seed=1)[0]
    reagent = recipe.reagents[0]
    assert reagent.amount_mmol
    other = resolve(reagent.name).synonyms[0]
    limits = Limits(max_amounts_mmol={other: reagent.amount_mmol / 2})
    target = campaign.definition.target.model_copy(update={"limits": limits})
    definition = campaign.definition.model_copy(update={"target": target})
    assert any("above the limit" in said for said in limits_broken(recipe, definition))
