"""Carries a procedure out step by step, writes the ledger around each step, and takes up where a crash left off.

After a crash the instruments, not this computer's memory, say what is true: a pump that went on by itself is not
started again, and a reaction that ran on unattended is made safe and given up instead of being passed off as done; so
is a run whose vessel has been taken away meanwhile.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from closedloop.lab.bench import Bench
from closedloop.lab.config import LEAST_DOSE_ML
from closedloop.lab.errors import Blocked, InstrumentError, NoAnswer, Refused, WrongVessel
from closedloop.lab.instruments import Pump
from closedloop.lab.interlocks import Interlock, prove
from closedloop.lab.ledger import Ledger, LedgerEntry
from closedloop.lab.procedure import STEP, Collect, Cool, Dispense, Heat, NewVessel, Procedure, React, Step, Stir

POLL_S = 10.0
RAMP_STEP_S = 15.0
TEMPERATURE_REACHED_C = 2.0
# Time that a reaction may run over before its outcome says nothing about the recipe any more.
OVERRUN_FRACTION = 0.10
OVERRUN_S = 20.0
# A flask this far below its set point while nobody watched has not done what the recipe says.
COLD_C = 15.0
# Pumps show four digits: up to here a counter resolves 0.001 mL, and one that counts in microlitres does not run over.
LONGEST_COUNTER_ML = 9.999
VOLUME_TOLERANCE_ML = LEAST_DOSE_ML / 2
VOLUME_TOLERANCE = 0.01


@dataclass(frozen=True)
class Progress:
    """What the lab is doing now: the step, how far it is (0 to 1) and the temperature of the vessel in °C."""

    run_id: str
    position: int
    steps: int
    doing: str
    fraction: float = 0.0
    temperature_c: float | None = None


class Executor:
    """Runs procedures on one bench. ``notify`` is called with a `Progress` whenever there is news."""

    def __init__(self, bench: Bench, ledger: Ledger, notify: Callable[[Progress], None] = lambda _: None) -> None:
        self.bench = bench
        self.ledger = ledger
        self.clock = bench.clock
        self.notify = notify
        self._interlocks = [Interlock(config) for config in bench.config.interlocks]
        self._proved = False
        # Lab time in s at which the hotplate was last heard while it was to be hot.
        self._heard_at: float | None = None
        self._procedure: Procedure
        self._position = 0

    def run(self, procedure: Procedure) -> None:
        """Returns once the sample is taken; raises `InstrumentError` with everything made safe, or says that it is not.

        Called again with the same procedure after a crash, it goes on from the ledger.
        """
        self._procedure = procedure
        known = {entry.position: entry for entry in self.ledger.entries(procedure.run_id)}
        try:
            self._refuse_other_steps(known)
            left = [place for place in range(len(procedure.steps)) if place not in known or known[place].after is None]
            if left:
                self._position = left[0]
                self._look_at_the_lab(left, begun=bool(known))
            for position in left:
                self._position = position
                self._do(procedure.steps[position], known.get(position))
        except BaseException as error:
            self.bench.make_safe_after(error)
            raise

    def _refuse_other_steps(self, known: Mapping[int, LedgerEntry]) -> None:
        steps = dict(enumerate(self._procedure.steps))
        for position, entry in known.items():
            if STEP.validate_json(entry.step) != steps.get(position):
                raise InstrumentError(
                    f"{self._procedure.run_id}: step {position + 1} in the ledger is not the one of this procedure; "
                    "the lab file has changed since the run began"
                )

    def _look_at_the_lab(self, left: Sequence[int], *, begun: bool) -> None:
        """Before any step: the ledger does not know what others did in this lab since its last line was written."""
        steps = self._procedure.steps
        own = [place for place, step in enumerate(steps) if isinstance(step, NewVessel)]
        if not begun or any(place in left for place in own):
            self._clear_the_bench()
            if not begun:
                self._refuse_used_names()
        elif own and not self._only_confirmation_is_missing(left):
            vessel = steps[own[-1]]
            assert isinstance(vessel, NewVessel)
            self._require(vessel.vessel_id)

    def _refuse_used_names(self) -> None:
        """A handler that is asked twice for one name does nothing, since it cannot know that two runs have it."""
        for step in self._procedure.steps:
            if isinstance(step, NewVessel) and self.bench.handler.vessel_id() == step.vessel_id:
                what, name = "vessel", step.vessel_id
            elif isinstance(step, Collect) and self.bench.handler.has_sample(step.sample_id):
                what, name = "sample", step.sample_id
            else:
                continue
            raise WrongVessel(
                f"a {what} called {name} is there already, of an earlier run of that name; give the campaign another "
                "name, or clear away what the lab keeps of the earlier one"
            )

    def _clear_the_bench(self) -> None:
        """Nobody handles, or pours into, what the run before this one left hot, and no pump of that goes on."""
        below_c = self.bench.config.cool_below_c
        self.bench.make_safe()
        # Armed by the run before, it would stop this one's stirrer.
        self.bench.hotplate.arm_watchdog(0)
        self._cool_down(below_c, f"cooling below {below_c:.0f} °C before the run begins")

    def _only_confirmation_is_missing(self, left: Sequence[int]) -> bool:
        """The sample was taken, and the line that says so was not written any more."""
        last = self._procedure.steps[left[0]]
        return len(left) == 1 and isinstance(last, Collect) and self.bench.handler.has_sample(last.sample_id)

    def _require(self, vessel_id: str) -> None:
        found = self.bench.handler.vessel_id()
        if found != vessel_id:
            there = "nobody knows which vessel is in place" if found is None else f"the vessel in place is {found}"
            raise WrongVessel(f"{there}, and {vessel_id} was to be; it was stopped, propose the recipe again")

    def _do(self, step: Step, entry: LedgerEntry | None) -> None:
        resumed = entry is not None
        if entry is None:
            before = self._prepare(step)
            self.ledger.intend(
                self._procedure.run_id, self._position, STEP.dump_json(step).decode(), json.dumps(before)
            )
        else:
            before = json.loads(entry.before)
        done = self._perform(step, before, resumed)
        after = {"at": self.clock.now()} | done
        self.ledger.confirm(self._procedure.run_id, self._position, json.dumps(after))

    def _prepare(self, step: Step) -> dict[str, Any]:
        """What is true before the step, in a state from which a crash can be judged."""
        before: dict[str, Any] = {"at": self.clock.now()}
        if isinstance(step, Dispense):
            pump = self.bench.pumps[step.pump]
            if pump.is_running():
                pump.stop()
            before["dispensed_ml"] = self._counter_ml(pump, step.volume_ml)
        return before

    @staticmethod
    def _counter_ml(pump: Pump, coming_ml: float) -> float:
        """The pump's counter, cleared only where it must be: it is lost, or has no room for the coming dose.

        A counter that stands above zero shows it when the pump loses it (a power cut while this computer was away).
        """
        try:
            counter = pump.dispensed_ml()
        except Refused:
            counter = None
        if counter is None or counter + coming_ml > LONGEST_COUNTER_ML:
            pump.clear_counter()
            counter = pump.dispensed_ml()
        return counter

    def _perform(self, step: Step, before: dict[str, Any], resumed: bool) -> dict[str, Any]:
        match step:
            case NewVessel():
                self._tell(f"putting vessel {step.vessel_id} in place")
                self.bench.handler.new_vessel(step.vessel_id)
                self._require(step.vessel_id)
                return {"vessel_id": step.vessel_id}
            case Stir():
                self._tell(f"stirring at {step.speed_rpm:g} rpm")
                self.bench.hotplate.start_stirring(step.speed_rpm)
                return {}
            case Dispense():
                return self._dispense(step, before, resumed)
            case Heat():
                return self._heat(step)
            case React():
                return self._react(step)
            case Cool():
                return self._cool(step, before, resumed)
            case Collect():
                self._tell("taking a sample")
                self.bench.handler.collect(step.sample_id)
                return {}

    def _dispense(self, step: Dispense, before: dict[str, Any], resumed: bool) -> dict[str, Any]:
        """Brings the pump's own counter to the volume, whatever it stood at; never past it."""
        pump = self.bench.pumps[step.pump]
        verb = "injecting" if step.injected else "adding"
        self._tell(f"{verb} {step.volume_ml:.2f} mL of {step.stock}")
        if resumed and pump.dispensed_ml() < before["dispensed_ml"]:
            raise NoAnswer(
                f"{step.pump} has lost its counter (was it switched off?): how much of {step.stock} it gave is "
                "unknown; empty the vessel and start afresh"
            )
        tolerance = max(VOLUME_TOLERANCE_ML, VOLUME_TOLERANCE * step.volume_ml)
        expected_s = 60.0 * step.volume_ml / step.rate_ml_per_min
        ended: dict[str, Any] = {}
        if pump.is_running():
            if step.injected:
                self._keep_hot_for_injection(step, since=before["at"], begun=True)
        else:
            given = pump.dispensed_ml() - before["dispensed_ml"]
            missing = step.volume_ml - given
            if step.injected:
                self._refuse_late_injection(step, begun=given > tolerance, finished=missing <= tolerance)
                self._prove_interlocks()
                self._keep_hot_for_injection(step, since=before["at"], begun=missing <= tolerance)
            if missing > tolerance:
                pump.dispense(round(missing, 3), step.rate_ml_per_min)
            else:
                # The pump finished while nobody watched: the reaction has been running since then.
                ended = {"at": min(before["at"] + expected_s, self.clock.now())}
        give_up = self.clock.now() + 1.5 * expected_s + 30.0
        while pump.is_running():
            temperature = self._check() if step.injected else None
            given = pump.dispensed_ml() - before["dispensed_ml"]
            self._tell(f"{verb} {step.volume_ml:.2f} mL of {step.stock}", given / step.volume_ml, temperature)
            if self.clock.now() > give_up:
                raise Blocked(f"{step.pump} still runs after {expected_s:.0f} s; is the line of {step.stock} blocked?")
            left_s = 60.0 * max(step.volume_ml - given, 0.0) / step.rate_ml_per_min
            self._wait(min(POLL_S, left_s + 0.1))
        given = pump.dispensed_ml() - before["dispensed_ml"]
        if abs(given - step.volume_ml) > tolerance:
            raise Blocked(
                f"{step.pump} gave {given:.3f} mL of {step.stock} instead of {step.volume_ml:.3f} mL; "
                "look for a leak or a block"
            )
        return {"dispensed_ml": given} | ended

    def _refuse_late_injection(self, step: Dispense, *, begun: bool, finished: bool) -> None:
        """A hot injection in two halves, or with a pause between its stocks, is another synthesis."""
        if finished:
            return
        previous = self._procedure.steps[self._position - 1]
        paused = isinstance(previous, Dispense) and previous.injected and self._since_previous_s() > OVERRUN_S
        if begun or paused:
            raise InstrumentError(
                f"the injection of {step.stock} was interrupted half-way; it was stopped, propose the recipe again"
            )

    def _keep_hot_for_injection(self, step: Dispense, *, since: float, begun: bool) -> None:
        """Holds the temperature that the flask was heated to; gives up where the flask went cold unattended.

        What has been injected cools the flask by itself, so from then on a cold flask is a fault only where nobody
        may have watched it since lab time ``since``.
        """
        done = self._procedure.steps[: self._position]
        hot_c = [each.temperature_c for each in done if isinstance(each, Heat)][-1]
        untouched = not begun and not any(isinstance(each, Dispense) and each.injected for each in done)
        unattended = self.clock.now() - since > 2 * POLL_S
        temperature = self._check()
        if hot_c - temperature > COLD_C and (untouched or unattended):
            raise InstrumentError(
                f"the flask went cold, {temperature:.0f} °C instead of {hot_c:.0f} °C, while {step.stock} was to be "
                "injected; it was stopped, propose the recipe again"
            )
        self._keep_hot(hot_c)

    def _heat(self, step: Heat) -> dict[str, Any]:
        """Moves the set point along the ramp, since the plate itself knows no heating rate."""
        plate = self.bench.hotplate
        self._prove_interlocks()
        temperature = plate.temperature_c()
        begun, start_c = self.clock.now(), temperature
        span = step.temperature_c - start_c
        ramp_s = 60.0 * max(span, 0.0) / step.rate_c_per_min if step.rate_c_per_min > 0 else 0.0
        give_up = begun + 2.0 * ramp_s + 1800.0
        self._keep_hot(min(temperature, step.temperature_c))
        while True:
            elapsed = self.clock.now() - begun
            point = step.temperature_c
            if elapsed < ramp_s:
                point = min(point, start_c + step.rate_c_per_min * (elapsed + RAMP_STEP_S) / 60.0)
            plate.set_temperature(round(point, 1))
            temperature = self._check()
            self._tell(
                f"heating to {step.temperature_c:.0f} °C",
                1.0 if span <= 0 else (temperature - start_c) / span,
                temperature,
            )
            if elapsed >= ramp_s and abs(temperature - step.temperature_c) <= TEMPERATURE_REACHED_C:
                return {"temperature_c": temperature}
            if self.clock.now() > give_up:
                raise InstrumentError(
                    f"the vessel is at {temperature:.0f} °C and does not reach {step.temperature_c:.0f} °C; "
                    "check the probe and the hotplate"
                )
            self._wait(RAMP_STEP_S)

    def _react(self, step: React) -> dict[str, Any]:
        """Time counts from the last injection, so that a restart cannot give a reaction its time twice."""
        plate = self.bench.hotplate
        began = self._previous_done_at()
        planned_s = 60.0 * step.minutes
        late_s = self.clock.now() - began
        unattended = late_s > 2 * POLL_S
        cold = unattended and step.temperature_c - plate.temperature_c() > COLD_C
        if late_s > planned_s + max(OVERRUN_FRACTION * planned_s, OVERRUN_S) or cold:
            raise InstrumentError(
                f"the reaction was left alone for {late_s / 60:.1f} min of its {step.minutes:g} min"
                f"{' and went cold' if cold else ''}; it was stopped, propose the recipe again"
            )
        self._prove_interlocks()
        self._keep_hot(step.temperature_c)
        while (left_s := began + planned_s - self.clock.now()) > 0:
            temperature = self._check()
            self._tell(f"reacting at {step.temperature_c:.0f} °C", 1.0 - left_s / planned_s, temperature)
            self._wait(min(POLL_S, left_s))
        return {"seconds": self.clock.now() - began}

    def _previous_done_at(self) -> float:
        """Lab time in s at which the step before this one was done."""
        entries = {entry.position: entry for entry in self.ledger.entries(self._procedure.run_id)}
        after = entries[self._position - 1].after
        if after is None:
            raise InstrumentError(f"{self._procedure.run_id}: the ledger lacks the step before this one; start afresh")
        return float(json.loads(after)["at"])

    def _since_previous_s(self) -> float:
        return self.clock.now() - self._previous_done_at()

    def _cool(self, step: Cool, before: dict[str, Any], resumed: bool) -> dict[str, Any]:
        plate = self.bench.hotplate
        late_s = self.clock.now() - before["at"] if resumed else self._since_previous_s()
        left_hot = late_s > OVERRUN_S and plate.set_temperature_c() - plate.temperature_c() < COLD_C
        plate.stop_heating()
        plate.arm_watchdog(0)
        if left_hot:
            raise InstrumentError(
                f"the vessel stayed hot for {late_s / 60:.1f} min after its reaction time; propose the recipe again"
            )
        return {"temperature_c": self._cool_down(step.below_c, f"cooling below {step.below_c:.0f} °C")}

    def _cool_down(self, below_c: float, doing: str) -> float:
        """Waits until the vessel, whose heater is off, is no hotter; its temperature in °C."""
        plate = self.bench.hotplate
        give_up = self.clock.now() + 4 * 3600.0
        start_c = plate.temperature_c()
        while (temperature := plate.temperature_c()) > below_c:
            self._tell(doing, (start_c - temperature) / max(start_c - below_c, 1e-9), temperature)
            if self.clock.now() > give_up:
                raise InstrumentError(f"the vessel is still at {temperature:.0f} °C after 4 h; is the heater off?")
            self._wait(3 * POLL_S)
        return temperature

    def _prove_interlocks(self) -> None:
        """Once per executor, before its first heater goes on. The proof stops everything, running pumps too."""
        if not self._proved:
            prove(self._interlocks, self.bench)
            self._proved = True

    def _keep_hot(self, set_point_c: float) -> None:
        """Heater, stirrer and watchdog on; the watchdog of an earlier process may have switched off the other two."""
        plate = self.bench.hotplate
        plate.arm_watchdog(self.bench.config.watchdog_s)
        plate.set_temperature(set_point_c)
        plate.start_heating()
        plate.start_stirring(self.bench.config.stirring_rpm)
        self._heard_at = self.clock.now()

    def _check(self) -> float:
        """The vessel's temperature in °C, once every interlock has been looked at; reading it feeds the watchdog."""
        now, watchdog_s = self.clock.now(), self.bench.config.watchdog_s
        if self._heard_at is not None and 0 < watchdog_s < now - self._heard_at:
            raise InstrumentError(
                f"nobody read the hotplate for {now - self._heard_at:.0f} s, so its watchdog ({watchdog_s:g} s) "
                "switched it off; was this computer asleep? Propose the recipe again"
            )
        for interlock in self._interlocks:
            interlock.check(self.bench)
        temperature = self.bench.hotplate.temperature_c()
        self._heard_at = now
        return temperature

    def _wait(self, seconds: float) -> None:
        self.clock.sleep(max(seconds, 0.05))

    def _tell(self, doing: str, fraction: float = 0.0, temperature_c: float | None = None) -> None:
        self.notify(
            Progress(
                run_id=self._procedure.run_id,
                position=self._position,
                steps=len(self._procedure.steps),
                doing=doing,
                fraction=min(max(fraction, 0.0), 1.0),
                temperature_c=temperature_c,
            )
        )
