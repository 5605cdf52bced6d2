"""What the loop does with experiments that go wrong, on the small physical world of `tests.lab.world`."""

from pathlib import Path

import pytest

from closedloop.campaign import Approval, Campaign, LabInUse, News, Runner, canonical_lab
from closedloop.campaign.reading import find_campaign
from closedloop.lab import Blocked, InstrumentError, LabConfig, NoAnswer
from closedloop.recipes import FailureCause, Outcome, Shape
from closedloop.store import ExperimentRecord, OtherLab, State, Store
from tests.campaign.fakes import TrendModel, killed_before
from tests.lab.world import CONFIG, Computer, Killed, Plate, SyringePump, World

LAB = canonical_lab(CONFIG)
RUNNING = (State.APPROVED, State.CHECKED, State.RUNNING)
AWAITING = (*RUNNING, State.AWAITING_CHARACTERISATION)
CAMPAIGN = """
name: NAME
target: {product: CdSe, size_nm: 4.0, limits: {max_temperature_c: 320}}
space:
  reagents:
    - {name: cadmium oxide, amount_mmol: 1.0, role: cation precursor, vessel: flask}
    - {name: oleic acid, amount_mmol: 4.0, role: ligand, vessel: flask}
    - {name: selenium, amount_mmol: 0.5, role: anion precursor, vessel: syringe}
    - {name: trioctylphosphine, amount_mmol: 1.0, role: ligand, vessel: syringe}
  injection_temperature_c: [250, 270]
  reaction_temperature_c: [230, 240]
  heating_rate_c_per_min: 60
  reaction_time_min: 3
"""


def _open(
    folder: Path,
    name: str = "dots",
    store: str | Store = "",
    *,
    lab: str | None = None,
    approval: Approval = Approval.AUTOMATIC,
    **changes: str,
) -> Campaign:
    """The campaign from a file of its own, in a store of the folder unless another is given."""
    text = CAMPAIGN.replace("NAME", name) + f"approval: {approval}\n"
    for old, new in changes.items():
        text = text.replace(f"{old}: 320", f"{old}: {new}")
    file = folder / f"{name}-{len(changes)}.yaml"
    file.write_text(text)
    return Campaign.open(file, store=store or f"sqlite:///{folder}/lab.db", lab=lab)


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return _open(tmp_path)


def _at(campaign: Campaign, *states: State, seed: int = 0) -> ExperimentRecord:
    record = campaign.store.add_experiment(campaign.name, campaign.definition.space.sample(1, seed=seed)[0])
    for state in states:
        campaign.store.move(record.id, state)
    return campaign.store.experiment(record.id)


def _run(
    campaign: Campaign,
    world: World,
    *,
    budget: int = 1,
    lab: LabConfig = LAB,
    dies_at: int | None = None,
    told: list[News] | None = None,
) -> tuple[str, Computer]:
    """Runs to the end on a bench in the world, with a computer that dies at a call; no microscope, so that what was
    made waits for its images."""
    computer = Computer(world, None, dies_at)  # type: ignore[arg-type]  # the ledger is the store's
    news: list[News] = [] if told is None else told
    return Runner(campaign, computer.bench(lab), budget=budget, notify=news.append).run(), computer


def _killed(campaign: Campaign, world: World, dies_at: int, lab: LabConfig = LAB) -> None:
    with pytest.raises(Killed):
        _run(campaign, world, dies_at=dies_at, lab=lab)


@pytest.fixture
def runs_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the plate is set to once it is hot, it goes on to heat; the interlock stops every run."""

    def set_temperature(self: Plate, temperature_c: float) -> None:
        self.touch().set_point_c = 900.0 if temperature_c > 100 else temperature_c

    monkeypatch.setattr(Plate, "set_temperature", set_temperature)


@pytest.mark.usefixtures("runs_away")
def test_a_run_that_an_interlock_stopped_is_over_with_its_cause(campaign: Campaign) -> None:
    approved, world = _at(campaign, State.APPROVED), World()
    _run(campaign, world)
    record = campaign.store.experiment(approved.id)
    assert record.state is State.FAILED
    assert "the interlock's limit is 340" in record.note
    assert record.outcome == Outcome(failure_cause=FailureCause.OVER_TEMPERATURE)
    assert not world.heating


@pytest.mark.usefixtures("runs_away")
def test_killed_as_it_writes_that_down_it_writes_nothing(campaign: Campaign) -> None:
    running = _at(campaign, *RUNNING)
    with killed_before(campaign.store, "INSERT INTO transition"), pytest.raises(KeyboardInterrupt):
        _run(campaign, World())
    assert campaign.store.experiment(running.id) == running
    assert campaign.store.outcomes(running.id) == []


def test_a_store_belongs_to_the_lab_that_begins_an_experiment_in_it(campaign: Campaign, tmp_path: Path) -> None:
    simulated, real = (_open(tmp_path, store=campaign.store, lab=name) for name in ("virtual (installed)", LAB.name))
    assert campaign.store.lab() is None  # for nothing was made yet, neither was refused
    first, world, elsewhere = _at(campaign, State.APPROVED), World(), World()
    _run(simulated, world)
    assert world.samples == [first.id]
    another = _at(campaign, State.APPROVED, seed=1)
    with pytest.raises(OtherLab, match=r"'virtual \(installed\)'"):
        _run(real, elsewhere, budget=9)
    assert campaign.store.experiment(another.id) == another
    assert elsewhere.vessels == []
    with pytest.raises(OtherLab):
        _open(tmp_path, store=campaign.store, lab=LAB.name)
    _run(_open(tmp_path, store=campaign.store, lab="virtual (installed)"), world, budget=9)
    assert world.samples == [first.id, another.id]


def test_what_was_decided_before_is_not_made_outside_limits_that_were_narrowed_since(
    campaign: Campaign, tmp_path: Path
) -> None:
    # One that was begun is ended by the lab alone; one that awaits its images keeps the run from proposing more.
    _at(campaign, *AWAITING)
    running = _at(campaign, *RUNNING)
    waiting = [_at(campaign), _at(campaign, State.APPROVED), _at(campaign, State.APPROVED, State.CHECKED)]
    limit_c = f"{(waiting[0].recipe.injection_temperature_c or 0) - 0.1:.1f}"
    told: list[News] = []
    world = World()
    narrower = _open(tmp_path, store=campaign.store, max_temperature_c=limit_c)
    stopped, _ = _run(narrower, world, budget=9, told=told)
    assert "await their TEM images" in stopped  # three that were given up are no sign that the lab is unwell
    for each in waiting:
        record = campaign.store.experiment(each.id)
        assert record.state is State.FAILED
        assert record.outcome == Outcome(failure_cause=FailureCause.ABANDONED)
        assert f"above the limit of {limit_c} °C" in record.note
        assert f"it was {'proposed' if each.state is State.PROPOSED else 'approved'} before" in record.note
        assert News("done", record) in told
    assert world.vessels == [running.id]
    assert campaign.store.experiment(running.id).state is State.AWAITING_CHARACTERISATION


def test_where_a_person_decides_a_proposal_outside_narrower_limits_waits_for_that_decision(
    campaign: Campaign, tmp_path: Path
) -> None:
    proposed, approved = _at(campaign), _at(campaign, State.APPROVED)
    limit_c = f"{(proposed.recipe.injection_temperature_c or 0) - 0.1:.1f}"
    world, told = World(), list[News]()
    asking = _open(tmp_path, store=campaign.store, approval=Approval.ASK, max_temperature_c=limit_c)
    stopped, _ = _run(asking, world, budget=9, told=told)
    assert stopped.startswith(f"{proposed.id} await approval")
    assert campaign.store.experiment(proposed.id) == proposed
    # What was approved had its decision, and the campaign's file has changed since.
    assert "it was approved before" in campaign.store.experiment(approved.id).note
    assert [news.experiment.id for news in told if news.experiment] == [approved.id]
    assert world.vessels == []


def test_what_was_vetoed_while_the_lab_made_another_is_not_made_and_no_news(campaign: Campaign) -> None:
    first, second = _at(campaign, State.APPROVED), _at(campaign, State.APPROVED, seed=1)
    told: list[str] = []

    def veto(news: News) -> None:
        told.append(f"{news.text} {news.experiment.id if news.experiment else ''}")
        if news.lab and campaign.store.experiment(second.id).state.is_open:
            campaign.veto(second.id, "no cadmium left")

    world = World()
    computer = Computer(world, None)  # type: ignore[arg-type]
    stopped = Runner(campaign, computer.bench(LAB), budget=9, notify=veto).run()
    assert "await their TEM images" in stopped
    assert world.vessels == [first.id]
    assert "done" in " ".join(told)
    assert second.id not in " ".join(told)
    assert "no cadmium left" in campaign.store.experiment(second.id).note


def test_a_hit_outside_limits_that_were_narrowed_since_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = Campaign.open("cdse", store=f"sqlite:///{tmp_path}/lab.db")
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


@pytest.mark.parametrize(
    ("wish", "budget", "said"),
    [
        ("hits_wanted: 3", 1, "3 hits need 3 experiments; the budget is 1, so run again with a larger one"),
        ("stop: {confirmed_by: 1}", 1, "1 hit with 1 repeat needs 2 experiments; the budget is 1"),
        ("hits_wanted: 1", 1, None),
    ],
)
def test_a_budget_that_cannot_hold_the_hits_is_called_too_small(
    tmp_path: Path, wish: str, budget: int, said: str | None
) -> None:
    file = tmp_path / "wishes.yaml"
    file.write_text(CAMPAIGN.replace("NAME", "wishes") + f"{wish}\n")
    campaign = Campaign.open(file, store=f"sqlite:///{tmp_path}/lab.db")
    campaign.record(_at(campaign).recipe, Outcome(particle_count=0))
    stopped, _ = _run(campaign, World(), budget=budget)
    assert stopped.startswith(f"budget of {budget} experiments used up")
    assert (said or "") in stopped
    assert ("larger" in stopped) is (said is not None)


def test_a_lab_that_could_not_be_made_safe_gets_no_further_experiment(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stalls(self: SyringePump, volume_ml: float, rate_ml_per_min: float) -> None:
        def deaf(plate: Plate) -> None:
            raise NoAnswer("plate: nothing came back")

        monkeypatch.setattr(Plate, "make_safe", deaf)
        raise Blocked("cd: has stalled")

    monkeypatch.setattr(SyringePump, "dispense", stalls)
    first, second = _at(campaign, State.APPROVED), _at(campaign, State.APPROVED, seed=1)
    with pytest.raises(Blocked, match=r"cd: has stalled; .* by hand; .* a person must look at the lab"):
        _run(campaign, World(), budget=9)
    failed = campaign.store.experiment(first.id)
    assert failed.outcome == Outcome(failure_cause=FailureCause.BLOCKED)
    assert "switch the heater off by hand" in failed.note
    assert campaign.store.experiment(second.id) == second


def test_what_was_measured_is_closed_without_a_second_outcome(campaign: Campaign) -> None:
    measured = _at(campaign, *AWAITING, State.MEASURED)
    campaign.store.add_outcome(measured.id, Outcome(success=True, size_nm=4.0))
    _run(campaign, World())
    assert campaign.store.experiment(measured.id).state is State.CLOSED
    assert len(campaign.store.outcomes(measured.id)) == 1


def test_what_was_begun_is_ended_before_anything_else_is(campaign: Campaign) -> None:
    """A proposal that a person approved while the lab was down is older than what stands on the plate."""
    late = _at(campaign)
    begun = _at(campaign, State.APPROVED, seed=1)
    world = World()
    _at(campaign, *AWAITING)
    campaign.definition = campaign.definition.model_copy(update={"approval": Approval.ASK})
    _killed(campaign, world, dies_at=100)
    assert world.vessels == [begun.id]
    campaign.approve(late.id, "by a person")
    _run(campaign, world, budget=9)
    assert world.taken_from == {begun.id: begun.id, late.id: late.id}
    assert world.contents_ml[begun.id, "cd"] == pytest.approx(5.0, rel=0.011)


def test_a_lab_in_which_another_campaign_is_making_something_is_refused(campaign: Campaign, tmp_path: Path) -> None:
    begun, world = _at(campaign, State.APPROVED), World()
    _killed(campaign, world, dies_at=100)
    other = _open(tmp_path, "rods", campaign.store)
    waits = _at(other, State.APPROVED)
    with pytest.raises(LabInUse, match=rf"{begun.id} of the campaign dots is still being made in test bench; run dots"):
        _run(other, world)
    assert campaign.store.experiment(waits.id) == waits
    assert world.vessels == [begun.id]
    # Another lab of the same store is free.
    elsewhere = World()
    _run(other, elsewhere, lab=LAB.model_copy(update={"name": "next door"}))
    assert elsewhere.samples == [waits.id]
    _run(campaign, world)
    _at(other, State.APPROVED, seed=1)
    _run(other, world, budget=2)
    assert world.samples == [begun.id, "rods-0002"]


@pytest.mark.parametrize("pause_s", [2.0, 3000.0])
def test_killed_at_any_call_and_the_lab_used_from_another_store_no_sample_is_passed_off_as_another(
    tmp_path: Path, pause_s: float
) -> None:
    """Kill A, run B to its end, take up A, on one bench; `tests.lab.test_executor` does so at every single call."""
    undisturbed = _open(tmp_path, "whole")
    _at(undisturbed, State.APPROVED)
    calls = _run(undisturbed, World())[1].calls
    (tmp_path / "elsewhere").mkdir()
    other = _open(tmp_path / "elsewhere", "rods")
    for turn, dies_at in enumerate(range(1, calls, 23)):
        campaign, world = _open(tmp_path, f"dots-{turn}"), World()
        first = _at(campaign, State.APPROVED)
        _killed(campaign, world, dies_at)
        world.clock.sleep(pause_s)
        second = _at(other, State.APPROVED)
        _run(other, world, budget=99 + turn)
        assert other.store.experiment(second.id).state is State.AWAITING_CHARACTERISATION
        _run(campaign, world)
        record = campaign.store.experiment(first.id)
        if record.state is State.AWAITING_CHARACTERISATION:
            assert world.taken_from[first.id] == first.id
        else:
            assert record.outcome == Outcome(failure_cause=FailureCause.INTERRUPTED)
            assert second.id in record.note
            assert first.id not in world.samples
        assert world.taken_from[second.id] == second.id
        assert world.contents_ml[second.id, "cd"] == pytest.approx(5.0, rel=0.011)
        assert not world.heating


def test_what_is_being_made_and_can_be_no_longer_is_made_safe(campaign: Campaign) -> None:
    """The lab file was edited after a kill: the recipe is hotter than the lab allows by now."""
    begun, world = _at(campaign, State.APPROVED), World()
    _killed(campaign, world, dies_at=400)
    assert world.heating
    _run(campaign, world, lab=LAB.model_copy(update={"max_temperature_c": 200.0}))
    assert not world.heating
    record = campaign.store.experiment(begun.id)
    assert record.outcome == Outcome(failure_cause=FailureCause.INTERRUPTED)
    assert "above what test bench allows" in record.note
    assert "lab file" in record.note


def test_what_was_not_begun_and_cannot_be_made_is_abandoned(campaign: Campaign) -> None:
    _at(campaign, *AWAITING)
    approved = _at(campaign, State.APPROVED)
    _run(campaign, World(), budget=9, lab=LAB.model_copy(update={"max_temperature_c": 200.0}))
    assert campaign.store.experiment(approved.id).outcome == Outcome(failure_cause=FailureCause.ABANDONED)


def test_what_can_be_made_no_longer_and_not_be_made_safe_stops_everything(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, world = _at(campaign, State.APPROVED), World()
    _killed(campaign, world, dies_at=400)

    def deaf(plate: Plate) -> None:
        raise NoAnswer("plate: nothing came back")

    monkeypatch.setattr(Plate, "make_safe", deaf)
    with pytest.raises(InstrumentError, match="a person must look at the lab"):
        _run(campaign, world, lab=LAB.model_copy(update={"max_temperature_c": 200.0}))
    assert campaign.store.experiment(begun.id).outcome == Outcome(failure_cause=FailureCause.INTERRUPTED)
