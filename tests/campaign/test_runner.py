"""What the loop does with experiments that go wrong, on a bench that is not there."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from closedloop.campaign import Campaign, News, Runner
from closedloop.campaign.reading import find_campaign
from closedloop.lab import Blocked, OverTemperature
from closedloop.recipes import FailureCause, Outcome, Shape
from closedloop.store import ExperimentRecord, OtherLab, State
from tests.campaign.fakes import TrendModel, killed_before

BENCH = SimpleNamespace(config=None, microscope=None)


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return Campaign.open("cdse", store=f"sqlite:///{tmp_path}/lab.db")


def _at(campaign: Campaign, *states: State) -> ExperimentRecord:
    record = campaign.store.add_experiment(campaign.name, campaign.definition.space.sample(1, seed=0)[0])
    for state in states:
        campaign.store.move(record.id, state)
    return campaign.store.experiment(record.id)


@pytest.fixture
def tripping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run is stopped by an interlock."""

    class Executor:
        def __init__(self, *_: object) -> None: ...

        def run(self, procedure: object) -> None:
            raise OverTemperature("320 °C at the hotplate, the limit is 300 °C")

    monkeypatch.setattr("closedloop.campaign.runner.Executor", Executor)
    monkeypatch.setattr("closedloop.campaign.runner.compile_recipe", lambda *_: None)


@pytest.mark.usefixtures("tripping")
def test_a_run_that_an_interlock_stopped_is_over_with_its_cause(campaign: Campaign) -> None:
    running = _at(campaign, State.APPROVED, State.CHECKED, State.RUNNING)
    Runner(campaign, BENCH)._carry_on(running)  # type: ignore[arg-type]
    record = campaign.store.experiment(running.id)
    assert record.state is State.FAILED
    assert "320 °C" in record.note
    assert record.outcome == Outcome(failure_cause=FailureCause.OVER_TEMPERATURE)


@pytest.mark.usefixtures("tripping")
def test_killed_as_it_writes_that_down_it_writes_nothing(campaign: Campaign) -> None:
    running = _at(campaign, State.APPROVED, State.CHECKED, State.RUNNING)

    with killed_before(campaign.store, "INSERT INTO transition"), pytest.raises(KeyboardInterrupt):
        Runner(campaign, BENCH)._carry_on(running)  # type: ignore[arg-type]
    assert campaign.store.experiment(running.id) == running
    assert campaign.store.outcomes(running.id) == []


@pytest.mark.usefixtures("tripping")
def test_a_store_belongs_to_the_lab_that_begins_an_experiment_in_it(campaign: Campaign) -> None:
    simulated = Campaign.open("cdse", store=campaign.store, lab="virtual (installed)")
    waiting, another = _at(campaign, State.APPROVED), _at(campaign, State.APPROVED)
    real = Campaign.open("cdse", store=campaign.store, lab="bench 3")  # for nothing was made yet
    Runner(simulated, BENCH)._carry_on(waiting)  # type: ignore[arg-type]
    with pytest.raises(OtherLab):
        Runner(real, BENCH)._carry_on(another)  # type: ignore[arg-type]
    assert campaign.store.experiment(another.id) == another
    with pytest.raises(OtherLab):
        Campaign.open("cdse", store=campaign.store, lab="bench 3")
    Campaign.open("cdse", store=campaign.store, lab="virtual (installed)")


def _narrower(campaign: Campaign, folder: Path, highest_c: float) -> Campaign:
    """The same campaign, from a file that now forbids higher temperatures."""
    file = folder / "narrower.yaml"
    text = find_campaign("cdse")[1]
    assert "max_temperature_c: 320" in text
    file.write_text(text.replace("max_temperature_c: 320", f"max_temperature_c: {highest_c:g}"))
    return Campaign.open(file, store=campaign.store)


@pytest.mark.usefixtures("tripping")
def test_what_was_decided_before_is_not_made_outside_limits_that_were_narrowed_since(
    campaign: Campaign, tmp_path: Path
) -> None:
    waiting = [_at(campaign), _at(campaign, State.APPROVED), _at(campaign, State.APPROVED, State.CHECKED)]
    hottest = waiting[0].recipe.injection_temperature_c
    assert hottest
    told: list[News] = []
    narrower = _narrower(campaign, tmp_path, int(hottest - 1))
    runner = Runner(narrower, BENCH, notify=told.append)  # type: ignore[arg-type]
    for each in waiting:
        runner._carry_on(each)
        record = campaign.store.experiment(each.id)
        assert record.state is State.FAILED
        assert record.outcome == Outcome(failure_cause=FailureCause.ABANDONED)
        assert f"above the limit of {int(hottest - 1)} °C" in record.note
        assert f"it was {'proposed' if each.state is State.PROPOSED else 'approved'} before" in record.note
        assert told[-1] == News("done", record)
    assert runner._spoiled == []  # the lab is well
    # Where a person decides, a proposal waits for that decision.
    file = tmp_path / "asking.yaml"
    file.write_text((tmp_path / "narrower.yaml").read_text() + "approval: ask\n")
    proposed = _at(campaign)
    Runner(Campaign.open(file, store=campaign.store), BENCH)._carry_on(proposed)  # type: ignore[arg-type]
    assert campaign.store.experiment(proposed.id) == proposed
    # One that was begun is ended by the lab alone.
    running = _at(campaign, State.APPROVED, State.CHECKED, State.RUNNING)
    runner._carry_on(running)
    assert campaign.store.experiment(running.id).outcome == Outcome(failure_cause=FailureCause.OVER_TEMPERATURE)


@pytest.mark.usefixtures("tripping")
def test_what_was_vetoed_while_the_lab_made_another_is_no_news(campaign: Campaign) -> None:
    for states in ((), (State.APPROVED,)):
        waiting = _at(campaign, *states)
        campaign.veto(waiting.id, "no cadmium left")
        vetoed = campaign.store.experiment(waiting.id)
        runner = Runner(campaign, BENCH)  # type: ignore[arg-type]
        runner._carry_on(waiting)
        assert campaign.store.experiment(waiting.id) == vetoed
        assert runner._spoiled == []


def test_a_hit_outside_limits_that_were_narrowed_since_is_not_repeated(
    campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("closedloop.campaign.campaign._load", lambda champion: TrendModel())
    hit = _at(campaign)
    campaign.record(hit.recipe, Outcome(size_nm=4.0, size_std_nm=0.2, particle_count=100, shape=Shape.SPHERE))
    assert campaign.hits()
    asking = find_campaign("cdse")[1] + "stop: {confirmed_by: 1}\n"
    for highest_c, due in ((320, [hit.id]), (int((hit.recipe.injection_temperature_c or 0) - 1), [])):
        file = tmp_path / f"{highest_c}.yaml"
        file.write_text(asking.replace("max_temperature_c: 320", f"max_temperature_c: {highest_c}"))
        batch = Campaign.open(file, store=campaign.store).look_ahead(1)
        assert [tally.first.id for tally in batch.repeats] == due


def test_a_lab_that_could_not_be_made_safe_gets_no_further_experiment(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Executor:
        def __init__(self, *_: object) -> None: ...

        def run(self, procedure: object) -> None:
            failure = Blocked("pump A stalled")
            failure.add_note("the lab could not be made safe: plate: no answer; switch the heater off by hand")
            raise failure

    monkeypatch.setattr("closedloop.campaign.runner.Executor", Executor)
    monkeypatch.setattr("closedloop.campaign.runner.compile_recipe", lambda *_: None)
    first, second = _at(campaign, State.APPROVED), _at(campaign, State.APPROVED)
    with pytest.raises(Blocked, match=r"pump A stalled; .* by hand; .* a person must look at the lab"):
        Runner(campaign, BENCH).run()  # type: ignore[arg-type]
    failed = campaign.store.experiment(first.id)
    assert failed.outcome == Outcome(failure_cause=FailureCause.BLOCKED)
    assert "switch the heater off by hand" in failed.note
    assert campaign.store.experiment(second.id) == second


def test_what_was_measured_is_closed_without_a_second_outcome(campaign: Campaign) -> None:
    measured = _at(
        campaign, State.APPROVED, State.CHECKED, State.RUNNING, State.AWAITING_CHARACTERISATION, State.MEASURED
    )
    campaign.store.add_outcome(measured.id, Outcome(success=True, size_nm=4.0))
    Runner(campaign, BENCH)._carry_on(campaign.store.experiment(measured.id))  # type: ignore[arg-type]
    assert campaign.store.experiment(measured.id).state is State.CLOSED
    assert len(campaign.store.outcomes(measured.id)) == 1
