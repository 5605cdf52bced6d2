"""When a campaign stops, and what it is advised."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from closedloop.campaign import Campaign
from closedloop.campaign.reading import find_campaign
from closedloop.campaign.stopping import Action, NoHope, StoppingRules, advise, hopeless, tallies
from closedloop.propose import Outlook
from closedloop.recipes import Evidence, FailureCause, Method, Outcome, Shape, Target
from tests.campaign.fakes import TrendModel

TARGET = Target(product="CdSe", size_nm=4.0, tolerance_nm=0.2, shape=Shape.SPHERE)


def outlook(*chances: float, **changes: object) -> Outlook:
    values: dict[str, object] = {
        "chances": chances,
        "best_size_chance": 0.6,
        "best_success": 0.9,
        "best_spread_chance": 0.9,
        "best_shape_chance": 0.9,
        "reach_nm": (2.0, 6.0),
    }
    return Outlook.model_validate(values | changes)


@pytest.mark.parametrize(
    ("seen", "results", "action", "words"),
    [
        (outlook(0.1, 0.4), 0, Action.GO_ON, "next 2 experiments hits is 40%"),
        (outlook(0.01, 0.05), 2, Action.GO_ON, "hardly corrected"),
        (outlook(0.0, 0.01, reach_nm=(1.0, 3.1)), 10, Action.WIDEN, "at most 3.1 nm"),
        (outlook(0.0, 0.01, reach_nm=(4.5, 9.0)), 10, Action.WIDEN, "at least 4.5 nm"),
        (outlook(0.0, 0.04, at_limits=("reaction time at the upper end of its range",)), 9, Action.WIDEN, "reaction"),
        (outlook(0.0, 0.04, best_shape_chance=0.03), 9, Action.CHANGE, "3% chance of the shape sphere"),
        (outlook(0.0, 0.04, best_success=0.1), 9, Action.CHANGE, "10% chance of success"),
        (outlook(0.0, 0.04), 9, Action.STOP, "nothing in the space looks better"),
    ],
)
def test_advice_follows_from_what_stands_in_the_way(seen: Outlook, results: int, action: Action, words: str) -> None:
    advice = advise(seen, TARGET, results)
    assert advice.action is action
    assert words in advice.why


def test_no_hope_looks_as_far_as_it_was_told() -> None:
    rules = StoppingRules(no_hope=NoHope(chance_below=0.1, over=3))
    assert hopeless(outlook(0.01, 0.05, 0.11, 0.2), rules) is None
    assert "2.0%, below the campaign's 10%" in (hopeless(outlook(0.005, 0.01, 0.02, 0.2), rules) or "")
    assert hopeless(outlook(0.0), StoppingRules()) is None


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    monkeypatch.setattr("closedloop.campaign.campaign._load", lambda champion: TrendModel())
    path = tmp_path / "campaign.yaml"
    path.write_text(find_campaign("cdse")[1] + "stop: {confirmed_by: 2}\n")
    return Campaign.open(path, store=f"sqlite:///{tmp_path}/lab.db")


def _measured(size_nm: float, method: Method | None = None, **changes: object) -> Outcome:
    values = {"size_nm": size_nm, "size_std_nm": 0.1 * size_nm, "particle_count": 200, "shape": Shape.SPHERE}
    return Outcome.model_validate(values | {"evidence": Evidence(method=method) if method else None} | changes)


def test_a_hit_is_repeated_until_it_is_confirmed(campaign: Campaign) -> None:
    recipe = campaign.definition.space.sample(1, seed=1)[0]
    first = campaign.record(recipe, _measured(4.0))
    assert campaign.confirmed() == []
    repeats = campaign.propose_experiments(3)
    assert [record.recipe == recipe for record in repeats] == [True, True, False]
    assert repeats[0].reason == f"a repeat to confirm {first.id}"
    assert repeats[0].prediction is not None
    campaign.settle(repeats[0].id, _measured(4.1))
    assert campaign.confirmed() == []
    campaign.settle(repeats[1].id, _measured(3.9))
    assert [record.id for record in campaign.confirmed()] == [first.id]


def test_a_repeat_that_equipment_spoiled_is_due_again_and_one_that_missed_ends_it(campaign: Campaign) -> None:
    recipe = campaign.definition.space.sample(1, seed=1)[0]
    campaign.record(recipe, _measured(4.0))
    spoiled, missed = campaign.propose_experiments(2)
    campaign.settle(spoiled.id, Outcome(failure_cause=FailureCause.BLOCKED))
    assert campaign.look_ahead(1).repeats
    campaign.settle(missed.id, _measured(4.6))
    assert not campaign.look_ahead(1).repeats
    assert campaign.confirmed() == []


@pytest.mark.parametrize(
    ("told", "hits", "misses", "undecided"),
    [
        (_measured(4.1), 2, 0, 0),
        (_measured(4.6), 1, 1, 0),
        (Outcome(success=False, failure_cause=FailureCause.NOTHING_FORMED), 1, 1, 0),
        (_measured(4.1, shape="cube"), 1, 1, 0),
        (_measured(4.1, size_std_nm=1.3), 1, 1, 0),
        # Known in part: nothing speaks against it, but the rest may.
        (_measured(4.1, shape=None), 1, 0, 1),
        (_measured(4.1, size_std_nm=None), 1, 0, 1),
        (_measured(4.6, shape=None), 1, 1, 0),
        # A peak decides nothing of what images showed.
        (_measured(4.1, Method.ABSORBANCE), 1, 0, 1),
        (_measured(4.6, Method.ABSORBANCE), 1, 0, 1),
        (_measured(4.6, Method.TEM), 1, 1, 0),
        (_measured(4.6, Method.TEM_CORRECTED), 1, 1, 0),
        (Outcome(failure_cause=FailureCause.BLOCKED), 1, 0, 0),
    ],
)
def test_only_what_is_known_to_fail_a_wish_speaks_against_a_hit(
    campaign: Campaign, told: Outcome, hits: int, misses: int, undecided: int
) -> None:
    target = TARGET.model_copy(update={"max_relative_spread": 0.3})
    recipe = campaign.definition.space.sample(1, seed=1)[0]
    first = campaign.record(recipe, _measured(4.0, Method.TEM))
    repeat = campaign.store.add_experiment(campaign.name, recipe)
    campaign.settle(repeat.id, told)
    (tally,) = tallies(campaign.experiments(), target)
    assert (tally.first.id, tally.hits, tally.misses, tally.open) == (first.id, hits, misses, undecided)


def test_where_all_sizes_are_provisional_they_decide(campaign: Campaign) -> None:
    """A lab may have no microscope at all; the first image takes the decision from the peaks."""
    recipe = campaign.definition.space.sample(1, seed=1)[0]
    for size_nm in (4.0, 4.1, 4.6):
        campaign.record(recipe, _measured(size_nm, Method.ABSORBANCE))
    (tally,) = tallies(campaign.experiments(), TARGET)
    assert (tally.hits, tally.misses, tally.open) == (2, 1, 0)
    campaign.record(recipe, _measured(4.05, Method.TEM))
    (tally,) = tallies(campaign.experiments(), TARGET)
    assert (tally.hits, tally.misses, tally.open) == (1, 0, 2)


def test_repeats_bear_a_hit_out_however_their_recipes_are_written(campaign: Campaign) -> None:
    recipe = campaign.definition.space.sample(1, seed=1)[0]
    reagents = tuple(reagent.model_copy(update={"role": None}) for reagent in recipe.reagents)
    first = campaign.record(recipe.model_copy(update={"reagents": reagents}), _measured(4.0))
    campaign.record(recipe.model_copy(update={"reagents": reagents[::-1]}), _measured(4.1))
    assert [tally.first.id for tally in campaign.look_ahead(1).repeats] == [first.id]
    campaign.record(recipe, _measured(3.9))
    assert [record.id for record in campaign.confirmed()] == [first.id]


def test_what_was_promised_is_kept_with_each_batch(campaign: Campaign) -> None:
    (record,) = campaign.propose_experiments(1)
    assert record.prediction is not None
    kept = record.prediction["outlook"]
    assert len(kept["chances"]) == 8
    assert kept["chances"] == sorted(kept["chances"])
    assert kept["advice"] == "go on"
    assert kept["chances"][0] >= record.prediction["chance_of_hit"] - 1e-6


def test_a_batch_is_described_by_the_model_that_it_names(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may promote a model between the choice of a batch and its being stored."""
    campaign.record(campaign.definition.space.sample(1, seed=1)[0], _measured(4.0))
    batch = campaign.look_ahead(1)
    monkeypatch.setattr(campaign.store, "champion", lambda: SimpleNamespace(id="model-0001"))
    monkeypatch.setattr("closedloop.campaign.campaign._load", lambda champion: TrendModel(success_logit=-9.0))
    (repeat,) = campaign.accept(batch)
    assert repeat.model_id == "shipped"
    assert repeat.prediction
    assert repeat.prediction["success_probability"] > 0.5
