"""The executor against a world that goes on without it: killed at every single call, nothing is ever given twice."""

import json

import pytest

from closedloop.lab import (
    Blocked,
    Executor,
    InstrumentError,
    MemoryLedger,
    OverTemperature,
    Progress,
    compile_recipe,
)
from closedloop.recipes import FailureCause
from tests.lab.world import CONFIG, RECIPE, Computer, Killed, Plate, SyringePump, World

PROCEDURE = compile_recipe(RECIPE, CONFIG, "run-1")
VOLUMES = {"cd": 5.0, "se": 0.5}


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


def test_an_interlock_that_cannot_trip_keeps_the_heater_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("closedloop.lab.interlocks.Interlock.trips_at", lambda self, value: False)
    world = World()
    computer = Computer(world, MemoryLedger())
    with pytest.raises(InstrumentError, match="did not trip"):
        Executor(computer.bench(), computer).run(PROCEDURE)
    assert max(temperature for _, temperature in world.heat_log) < 30


def test_a_lab_file_that_changed_in_mid_run_is_noticed() -> None:
    world, ledger, _ = _undisturbed()
    changed = compile_recipe(RECIPE, CONFIG.model_copy(update={"stirring_rpm": 700.0}), "run-1")
    computer = Computer(world, ledger)
    with pytest.raises(InstrumentError, match="not the one of this procedure"):
        Executor(computer.bench(), computer).run(changed)
