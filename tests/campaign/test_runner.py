"""What the loop does with experiments that go wrong, on a bench that is not there."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from closedloop.campaign import Campaign, Runner
from closedloop.lab import OverTemperature
from closedloop.recipes import FailureCause, Outcome
from closedloop.store import ExperimentRecord, State
from tests.campaign.fakes import killed_before

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


def test_what_was_measured_is_closed_without_a_second_outcome(campaign: Campaign) -> None:
    measured = _at(
        campaign, State.APPROVED, State.CHECKED, State.RUNNING, State.AWAITING_CHARACTERISATION, State.MEASURED
    )
    campaign.store.add_outcome(measured.id, Outcome(success=True, size_nm=4.0))
    Runner(campaign, BENCH)._carry_on(campaign.store.experiment(measured.id))  # type: ignore[arg-type]
    assert campaign.store.experiment(measured.id).state is State.CLOSED
    assert len(campaign.store.outcomes(measured.id)) == 1
