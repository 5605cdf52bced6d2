"""The executor against a world that goes on without it: killed at every single call, nothing is ever given twice."""

import json

import pytest

from closedloop.lab import (
    Blocked,
    Executor,
    InstrumentError,
    MemoryLedger,
    NoAnswer,
    OverTemperature,
    Progress,
    WrongVessel,
    compile_recipe,
)
from closedloop.recipes import FailureCause
from tests.lab.world import CONFIG, RECIPE, Arm, Computer, Killed, Plate, SyringePump, World

PROCEDURE = compile_recipe(RECIPE, CONFIG, "run-1")
VOLUMES = {"cd": 5.0, "se": 0.5}
# The selenium takes five minutes, far longer than the hotplate's watchdog waits to be fed.
SLOW = CONFIG.model_copy(
    update={"stocks": (CONFIG.stocks[0], CONFIG.stocks[1].model_copy(update={"rate_ml_per_min": 0.1}))}
)
SLOW_PROCEDURE = compile_recipe(RECIPE, SLOW, "run-1")


def _undisturbed() -> tuple[World, MemoryLedger, int]:
    world, ledger = World(), MemoryLedger()
    computer = Computer(world, ledger)
    Executor(computer.bench(), computer).run(PROCEDURE)
    return world, ledger, computer.calls


def test_a_run_pours_what_the_recipe_says_and_ends_cold() -> None:
    world, ledger, _ = _undisturbed()
    assert world.poured_ml == pytest.approx(VOLUMES, rel=1e-3)
    assert world.samples == ["run-1"]
    assert world.vessels == ["run-1"]
    assert not world.heating
    assert world.temperature_c <= CONFIG.cool_below_c
    hottest = max(temperature for _, temperature in world.heat_log)
    assert 255 < hottest < 265
    assert all(entry.after is not None for entry in ledger.entries("run-1"))


def test_the_reaction_time_counts_from_the_injection() -> None:
    _, ledger, _ = _undisturbed()
    done = {json.loads(entry.step)["kind"]: json.loads(entry.after or "{}") for entry in ledger.entries("run-1")}
    assert done["react"]["seconds"] == pytest.approx(180, abs=1)


def _run_with_a_kill(dies_at: int, pause_s: float) -> tuple[World, MemoryLedger, InstrumentError | None]:
    world, ledger = World(), MemoryLedger()
    first = Computer(world, ledger, dies_at)
    with pytest.raises(Killed):
        Executor(first.bench(), first).run(PROCEDURE)
    world.clock.sleep(pause_s)
    world.settle()
    second = Computer(world, ledger)
    try:
        Executor(second.bench(), second).run(PROCEDURE)
    except InstrumentError as error:
        return world, ledger, error
    return world, ledger, None


@pytest.mark.parametrize("pause_s", [2.0, 3000.0])
def test_killed_at_every_call_nothing_is_poured_twice_and_nothing_stays_hot(pause_s: float) -> None:
    _, _, calls = _undisturbed()
    finished = 0
    for dies_at in range(1, calls + 1):
        world, _, error = _run_with_a_kill(dies_at, pause_s)
        for pump, volume in VOLUMES.items():
            assert world.poured_ml.get(pump, 0.0) <= volume * 1.011, f"killed at call {dies_at}"
        assert not world.heating, f"killed at call {dies_at}"
        assert len(world.vessels) == 1
        assert len(world.samples) <= 1
        if error is None:
            finished += 1
            assert world.poured_ml == pytest.approx(VOLUMES, rel=0.011)
            assert world.samples == ["run-1"]
        else:
            assert error.cause is FailureCause.INTERRUPTED
    # A short absence is made good nearly always; after a long one only what was not reacting yet can go on.
    if pause_s < 5:
        assert finished > 0.95 * calls
    else:
        assert 0 < finished < calls


OTHER = compile_recipe(RECIPE, CONFIG, "run-2")


@pytest.mark.parametrize("pause_s", [2.0, 3000.0])
def test_killed_at_every_call_a_run_never_goes_on_in_the_vessel_of_another(pause_s: float) -> None:
    """Kill A, run B to its end, take up A: A is given up, unless its own sample had been taken already."""
    _, _, calls = _undisturbed()
    finished = 0
    for dies_at in range(1, calls + 1):
        world, ledger = World(), MemoryLedger()
        first = Computer(world, ledger, dies_at)
        with pytest.raises(Killed):
            Executor(first.bench(), first).run(PROCEDURE)
        world.clock.sleep(pause_s)
        other = Computer(world, MemoryLedger())
        Executor(other.bench(), other).run(OTHER)
        for pump, volume in VOLUMES.items():
            assert world.contents_ml["run-2", pump] == pytest.approx(volume, rel=0.011), f"killed at call {dies_at}"
        # Nothing is poured into a flask that the run before it left hot.
        assert world.hottest_c["run-2", "cd"] <= CONFIG.cool_below_c, f"killed at call {dies_at}"
        again = Computer(world, ledger)
        begun = ledger.entries("run-1")
        stopped = None
        try:
            Executor(again.bench(), again).run(PROCEDURE)
        except WrongVessel as error:
            stopped = error
        if stopped:
            assert stopped.cause is FailureCause.INTERRUPTED
            assert "run-2" in str(stopped)
            assert world.taken_from == {"run-2": "run-2"}
        else:
            finished += 1
            assert world.taken_from["run-1"] == "run-1", f"killed at call {dies_at}"
            assert not begun or begun[0].after is None or len(begun) == len(PROCEDURE.steps)
        assert not world.heating
        assert world.contents_ml["run-2", "cd"] == pytest.approx(VOLUMES["cd"], rel=0.011)
    assert finished < calls / 2


def test_where_nobody_knows_which_vessel_is_there_a_run_does_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    world, ledger = _killed_while_injecting(1.0)
    monkeypatch.setattr(Arm, "vessel_id", lambda self: None)
    second = Computer(world, ledger)
    with pytest.raises(WrongVessel, match=r"nobody knows which vessel is in place.*run-1"):
        Executor(second.bench(SLOW), second).run(SLOW_PROCEDURE)
    assert not world.heating
    assert not world.running_until


def test_a_handler_that_brings_another_vessel_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Arm, "new_vessel", lambda self, vessel_id: self.touch().vessels.append("a dirty one"))
    world = World()
    computer = Computer(world, MemoryLedger())
    with pytest.raises(WrongVessel, match="a dirty one"):
        Executor(computer.bench(), computer).run(PROCEDURE)
    assert world.poured_ml == {}


def test_a_vessel_or_a_sample_of_the_same_name_is_not_taken_for_this_runs() -> None:
    """Two stores with a campaign of one name both have a first experiment, and the lab may be the same."""
    for held in (World(vessels=["run-1"]), World(samples=["run-1"])):
        computer = Computer(held, MemoryLedger())
        with pytest.raises(WrongVessel, match=r"called run-1.* of an earlier run"):
            Executor(computer.bench(), computer).run(PROCEDURE)
        assert held.poured_ml == {}


def test_a_new_run_makes_the_lab_safe_and_waits_until_it_is_cool() -> None:
    world = World(temperature_c=259.0, set_point_c=260.0, heating=True, watchdog_s=120.0)
    world.rate["se"], world.running_until["se"] = 1.0, 30.0
    told: list[Progress] = []
    computer = Computer(world, MemoryLedger())
    Executor(computer.bench(), computer, told.append).run(PROCEDURE)
    assert "se" not in {pump for vessel, pump in world.contents_ml if vessel == "the plate"}
    assert world.hottest_c["run-1", "cd"] <= CONFIG.cool_below_c
    assert told[0].doing == "cooling below 60 °C before the run begins"
    # The watchdog that the run before had armed does not stop the stirrer of this one.
    assert world.watchdog_log == []


def test_a_reaction_that_ran_on_unattended_is_not_passed_off_as_done() -> None:
    _, ledger, _ = _undisturbed()
    kinds = [json.loads(entry.step)["kind"] for entry in ledger.entries("run-1")]
    world, ledger = World(), MemoryLedger()

    class DiesReacting(Computer):
        def touch(self) -> World:
            lines = self._ledger.entries("run-1")
            if len(lines) == kinds.index("react") + 1 and self.dies_at is None:
                self.dies_at = self.calls + 20
            return super().touch()

    first = DiesReacting(world, ledger)
    with pytest.raises(Killed):
        Executor(first.bench(), first).run(PROCEDURE)
    world.clock.sleep(600)
    second = Computer(world, ledger)
    with pytest.raises(InstrumentError, match="left alone"):
        Executor(second.bench(), second).run(PROCEDURE)
    assert not world.heating
    assert world.samples == []


def test_a_finished_run_is_not_made_again() -> None:
    world, ledger, _ = _undisturbed()
    again = Computer(world, ledger)
    Executor(again.bench(), again).run(PROCEDURE)
    assert world.poured_ml == pytest.approx(VOLUMES, rel=1e-3)
    assert world.vessels == ["run-1"]


def test_a_pump_that_stalls_is_blocked_and_the_lab_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    def stalls(self: SyringePump, volume_ml: float, rate_ml_per_min: float) -> None:
        world = self.touch()
        world.rate[self.name] = rate_ml_per_min
        world.running_until[self.name] = world.clock.now() + 30 * volume_ml / rate_ml_per_min

    monkeypatch.setattr(SyringePump, "dispense", stalls)
    world = World()
    computer = Computer(world, MemoryLedger())
    with pytest.raises(Blocked, match=r"2\.500 mL of cadmium stock instead of 5\.000 mL"):
        Executor(computer.bench(), computer).run(PROCEDURE)
    assert not world.heating


def test_a_pump_that_lost_its_counter_is_not_trusted() -> None:
    world, ledger = World(), MemoryLedger()
    world.counter_ml["cd"] = 2.0
    computer = Computer(world, ledger)
    bench = computer.bench()

    class Dies(Exception):
        pass

    def die(progress: Progress) -> None:
        if progress.doing.startswith("adding") and progress.fraction > 0.2:
            raise Dies

    with pytest.raises(Dies):
        Executor(bench, computer, die).run(PROCEDURE)
    world.counter_ml["cd"] = 0.0  # a power cut
    with pytest.raises(InstrumentError, match="lost its counter"):
        Executor(computer.bench(), computer).run(PROCEDURE)


def test_the_interlock_stops_a_runaway(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    computer = Computer(world, MemoryLedger())

    def runs_away(self: Plate, temperature_c: float) -> None:
        self.touch().set_point_c = 900.0 if temperature_c > 100 else temperature_c

    monkeypatch.setattr(Plate, "set_temperature", runs_away)
    with pytest.raises(OverTemperature, match="limit is 340"):
        Executor(computer.bench(), computer).run(PROCEDURE)
    assert not world.heating


def test_the_hotplate_is_watched_during_a_slow_injection() -> None:
    world = World()
    computer = Computer(world, MemoryLedger())
    injected_at_c = []

    def note(progress: Progress) -> None:
        if progress.doing.startswith("injecting"):
            injected_at_c.append(world.temperature_c)

    Executor(computer.bench(SLOW), computer, note).run(SLOW_PROCEDURE)
    assert world.watchdog_log == []
    assert min(injected_at_c) > 255
    assert world.stirring_rpm == SLOW.stirring_rpm


def test_the_interlock_stops_a_runaway_during_an_injection() -> None:
    world = World()
    computer = Computer(world, MemoryLedger())

    def run_away(progress: Progress) -> None:
        if progress.doing.startswith("injecting"):
            world.set_point_c = 900.0

    with pytest.raises(OverTemperature, match="limit is 340"):
        Executor(computer.bench(SLOW), computer, run_away).run(SLOW_PROCEDURE)
    assert not world.heating
    assert not world.running_until


def _killed_while_injecting(pause_s: float) -> tuple[World, MemoryLedger]:
    """A world in which the computer died a fifth into the injection, and stayed away for a while."""
    world, ledger = World(), MemoryLedger()
    first = Computer(world, ledger)

    def die(progress: Progress) -> None:
        if progress.doing.startswith("injecting") and progress.fraction > 0.2:
            first.dies_at = first.calls + 1

    with pytest.raises(Killed):
        Executor(first.bench(SLOW), first, die).run(SLOW_PROCEDURE)
    world.clock.sleep(pause_s)
    world.settle()
    return world, ledger


def test_an_injection_during_which_the_flask_went_cold_unattended_is_given_up() -> None:
    world, ledger = _killed_while_injecting(200.0)
    assert world.watchdog_log
    assert world.running_until
    second = Computer(world, ledger)
    with pytest.raises(InstrumentError, match="went cold"):
        Executor(second.bench(SLOW), second).run(SLOW_PROCEDURE)
    assert not world.running_until
    assert not world.heating


def test_a_flask_that_went_cold_is_noticed_though_the_injection_ended_a_moment_ago() -> None:
    world, ledger = _killed_while_injecting(235.0)
    assert world.watchdog_log
    assert not world.running_until
    assert world.poured_ml["se"] == pytest.approx(0.5)
    second = Computer(world, ledger)
    with pytest.raises(InstrumentError, match="went cold"):
        Executor(second.bench(SLOW), second).run(SLOW_PROCEDURE)
    assert world.samples == []


def test_nothing_is_injected_into_a_flask_that_went_cold() -> None:
    world, ledger = World(), MemoryLedger()

    class DiesBeforeTheInjection(Computer):
        def intend(self, *args: object) -> None:
            if '"injected":true' in str(args):
                self.dies_at = self.calls + 1
            super().intend(*args)

    first = DiesBeforeTheInjection(world, ledger)
    with pytest.raises(Killed):
        Executor(first.bench(SLOW), first).run(SLOW_PROCEDURE)
    assert world.heating
    world.clock.sleep(300.0)
    second = Computer(world, ledger)
    with pytest.raises(InstrumentError, match="went cold"):
        Executor(second.bench(SLOW), second).run(SLOW_PROCEDURE)
    assert "se" not in world.poured_ml


def test_a_short_absence_during_an_injection_is_made_good_and_the_watchdog_fed_again() -> None:
    world, ledger = _killed_while_injecting(5.0)
    second = Computer(world, ledger)
    Executor(second.bench(SLOW), second).run(SLOW_PROCEDURE)
    assert world.watchdog_log == []
    assert world.poured_ml == pytest.approx(VOLUMES, rel=1e-3)
    assert world.stirring_rpm == SLOW.stirring_rpm


def test_a_computer_that_slept_through_the_watchdog_says_so() -> None:
    """A laptop whose lid was closed: the process is the same, but the heater has switched itself off meanwhile."""
    world = World()
    computer = Computer(world, MemoryLedger())
    asleep = []

    def fall_asleep(progress: Progress) -> None:
        if progress.doing.startswith("reacting") and not asleep:
            asleep.append(world.clock.sleep(130.0))

    with pytest.raises(InstrumentError, match=r"nobody read the hotplate for 1[34]0 s"):
        Executor(computer.bench(), computer, fall_asleep).run(PROCEDURE)
    assert world.samples == []


def test_an_interlock_that_cannot_trip_keeps_the_heater_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("closedloop.lab.interlocks.Interlock.trips_at", lambda self, value: False)
    world = World()
    computer = Computer(world, MemoryLedger())
    with pytest.raises(InstrumentError, match="did not trip"):
        Executor(computer.bench(), computer).run(PROCEDURE)
    assert max(temperature for _, temperature in world.heat_log) < 30


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A hotplate that no longer hears when it is told to be safe, for as long as the list says ``True``."""
    listens_not = [False]
    make_safe = Plate.make_safe

    def maybe(self: Plate) -> None:
        if listens_not[0]:
            raise NoAnswer("plate: nothing came back")
        make_safe(self)

    monkeypatch.setattr(Plate, "make_safe", maybe)
    return listens_not


def test_a_lab_that_cannot_be_made_safe_does_not_hide_what_went_wrong(
    deaf: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stalls(self: SyringePump, volume_ml: float, rate_ml_per_min: float) -> None:
        deaf[0] = True
        raise Blocked("cd: has stalled")

    monkeypatch.setattr(SyringePump, "dispense", stalls)
    computer = Computer(World(), MemoryLedger())
    with pytest.raises(Blocked, match=r"cd: has stalled.*not be made safe: plate: nothing came back.*by hand"):
        Executor(computer.bench(), computer).run(PROCEDURE)


def test_an_interrupt_stays_one_where_the_lab_cannot_be_made_safe(
    deaf: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    computer = Computer(world, MemoryLedger())

    def interrupt(progress: Progress) -> None:
        if progress.doing.startswith("injecting") and progress.fraction > 0.2:
            deaf[0] = True
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), computer.bench(SLOW) as bench:
        Executor(bench, computer, interrupt).run(SLOW_PROCEDURE)
    assert not world.running_until
    assert [record.message for record in caplog.records] == [
        "the lab could not be made safe: plate: nothing came back; switch the heater off by hand"
    ]


def test_a_lab_that_does_not_obey_at_once_gets_no_vessel(deaf: list[bool]) -> None:
    deaf[0] = True
    world = World()
    computer = Computer(world, MemoryLedger())
    with pytest.raises(NoAnswer, match="could not be made safe"):
        Executor(computer.bench(), computer).run(PROCEDURE)
    assert world.vessels == []


def test_a_runaway_that_cannot_be_stopped_is_still_called_one(deaf: list[bool]) -> None:
    world = World()
    computer = Computer(world, MemoryLedger())

    def run_away(progress: Progress) -> None:
        if progress.doing.startswith("injecting"):
            world.set_point_c, deaf[0] = 900.0, True

    with pytest.raises(OverTemperature, match=r"limit is 340.*not be made safe: plate: nothing came back"):
        Executor(computer.bench(SLOW), computer, run_away).run(SLOW_PROCEDURE)


def test_an_interlock_whose_trip_does_not_reach_the_heater_is_not_proved(deaf: list[bool]) -> None:
    world = World()
    computer = Computer(world, MemoryLedger())

    def grow_deaf(progress: Progress) -> None:
        deaf[0] |= progress.doing.startswith("adding")

    with pytest.raises(InstrumentError, match=r"tried and not every instrument obeyed; .*nothing came back"):
        Executor(computer.bench(), computer, grow_deaf).run(PROCEDURE)
    assert not world.heating


def test_a_lab_file_that_changed_in_mid_run_is_noticed() -> None:
    world, ledger, _ = _undisturbed()
    changed = compile_recipe(RECIPE, CONFIG.model_copy(update={"stirring_rpm": 700.0}), "run-1")
    computer = Computer(world, ledger)
    with pytest.raises(InstrumentError, match="not the one of this procedure"):
        Executor(computer.bench(), computer).run(changed)
