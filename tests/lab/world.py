"""A small physical world for the executor: it outlives the "computer", which a test can kill at any call."""

from collections.abc import Callable
from dataclasses import dataclass, field

from closedloop.lab import Bench, InstrumentConfig, InterlockConfig, LabConfig, ManualClock, MemoryLedger, Stock
from closedloop.recipes import Reagent, Recipe, Vessel

CONFIG = LabConfig(
    name="test bench",
    instruments={name: InstrumentConfig(driver="none") for name in ("plate", "arm", "cd", "se", "clock")},
    hotplate="plate",
    handler="arm",
    clock="clock",
    stocks=(
        Stock(name="cadmium stock", pump="cd", vessel=Vessel.FLASK, contains={"CdO": 0.2, "OA": 0.8}),
        Stock(
            name="selenium stock",
            pump="se",
            vessel=Vessel.SYRINGE,
            contains={"Se": 1.0, "TOP": 2.0},
            injected=True,
            rate_ml_per_min=30.0,
        ),
    ),
    interlocks=(InterlockConfig(signal="plate.temperature_c", above=340),),
)
RECIPE = Recipe(
    product="CdSe",
    reagents=(
        Reagent(name="CdO", amount_mmol=1.0, vessel=Vessel.FLASK),
        Reagent(name="OA", amount_mmol=4.0, vessel=Vessel.FLASK),
        Reagent(name="Se", amount_mmol=0.5, vessel=Vessel.SYRINGE),
        Reagent(name="TOP", amount_mmol=1.0, vessel=Vessel.SYRINGE),
    ),
    injection_temperature_c=260,
    reaction_temperature_c=240,
    heating_rate_c_per_min=30,
    reaction_time_min=3,
)


class Killed(BaseException):
    """The computer is gone; nothing that it still wants to do reaches the world."""


@dataclass
class World:
    """Physical truth: what was poured, how hot it is, which vessels were used."""

    clock: ManualClock = field(default_factory=ManualClock)
    poured_ml: dict[str, float] = field(default_factory=dict)
    counter_ml: dict[str, float] = field(default_factory=dict)
    running_until: dict[str, float] = field(default_factory=dict)
    rate: dict[str, float] = field(default_factory=dict)
    vessels: list[str] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    # What each vessel got of each pump, how hot the hottest was at the time, and the vessel of each sample.
    contents_ml: dict[tuple[str, str], float] = field(default_factory=dict)
    hottest_c: dict[tuple[str, str], float] = field(default_factory=dict)
    taken_from: dict[str, str] = field(default_factory=dict)
    temperature_c: float = 25.0
    set_point_c: float = 25.0
    heating: bool = False
    stirring_rpm: float = 0.0
    watchdog_s: float = 0.0
    fed_at: float = 0.0
    heat_log: list[tuple[float, float]] = field(default_factory=list)
    # When the hotplate's own watchdog switched heater and stirrer off.
    watchdog_log: list[float] = field(default_factory=list)
    _settled_at: float = 0.0

    def settle(self) -> None:
        """Lets pumps and plate catch up with the clock."""
        now, then = self.clock.now(), self._settled_at
        for pump, until in list(self.running_until.items()):
            seconds = min(now, until) - then
            if seconds > 0:
                volume = self.rate[pump] * seconds / 60
                self.poured_ml[pump] = self.poured_ml.get(pump, 0.0) + volume
                self.counter_ml[pump] = self.counter_ml.get(pump, 0.0) + volume
                into = (self.vessels[-1] if self.vessels else "the plate", pump)
                self.contents_ml[into] = self.contents_ml.get(into, 0.0) + volume
                self.hottest_c[into] = max(self.temperature_c, self.hottest_c.get(into, 0.0))
            if now >= until:
                del self.running_until[pump]
        trips_at = self.fed_at + self.watchdog_s
        if self.watchdog_s and now >= trips_at:
            self._drift(max(trips_at - then, 0.0))
            self.heating, self.stirring_rpm, self.watchdog_s = False, 0.0, 0.0
            self.watchdog_log.append(trips_at)
            self._drift(now - max(trips_at, then))
        else:
            self._drift(now - then)
        self.heat_log.append((now, self.temperature_c))
        self._settled_at = now

    def _drift(self, seconds: float) -> None:
        goal = self.set_point_c if self.heating else 25.0
        self.temperature_c = goal + (self.temperature_c - goal) * 0.5 ** (seconds / 10.0)


class Computer:
    """Counts every call that would touch the world or the ledger, and dies at the chosen one."""

    def __init__(self, world: World, ledger: MemoryLedger, dies_at: int | None = None) -> None:
        self.world, self._ledger, self.dies_at, self.calls = world, ledger, dies_at, 0

    def touch(self) -> World:
        self.calls += 1
        if self.dies_at is not None and self.calls >= self.dies_at:
            raise Killed
        self.world.settle()
        return self.world

    # The ledger and the clock are touched through the computer as well.
    def entries(self, run_id: str) -> list:
        self.touch()
        return self._ledger.entries(run_id)

    def intend(self, *args: object) -> None:
        self.touch()
        self._ledger.intend(*args)  # type: ignore[arg-type]

    def confirm(self, *args: object) -> None:
        self.touch()
        self._ledger.confirm(*args)  # type: ignore[arg-type]

    def bench(self, config: LabConfig = CONFIG) -> Bench:
        instruments = {
            "plate": Plate("plate", self.touch),
            "arm": Arm("arm", self.touch),
            "cd": SyringePump("cd", self.touch),
            "se": SyringePump("se", self.touch),
            "clock": WorldClock("clock", self.touch),
        }
        return Bench(config, instruments)


class _Device:
    def __init__(self, name: str, touch: Callable[[], World]) -> None:
        self.name, self.touch = name, touch

    def connect(self) -> None:
        self.touch()

    def close(self) -> None:
        self.touch()

    def identify(self) -> str:
        return self.name

    def make_safe(self) -> None:
        self.touch()


class WorldClock(_Device):
    def now(self) -> float:
        return self.touch().clock.now()

    def sleep(self, seconds: float) -> None:
        self.touch().clock.sleep(seconds)
        self.touch()


class SyringePump(_Device):
    def dispense(self, volume_ml: float, rate_ml_per_min: float) -> None:
        world = self.touch()
        world.rate[self.name] = rate_ml_per_min
        world.running_until[self.name] = world.clock.now() + 60 * volume_ml / rate_ml_per_min

    def is_running(self) -> bool:
        return self.name in self.touch().running_until

    def stop(self) -> None:
        self.touch().running_until.pop(self.name, None)

    def make_safe(self) -> None:
        self.stop()

    def dispensed_ml(self) -> float:
        return self.touch().counter_ml.get(self.name, 0.0)

    def clear_counter(self) -> None:
        self.touch().counter_ml[self.name] = 0.0


class Plate(_Device):
    """Its watchdog is fed by the driver that armed it, at every reading of the temperature, as `drivers.ika` does."""

    watchdog_s = 0.0

    def set_temperature(self, temperature_c: float) -> None:
        self.touch().set_point_c = temperature_c

    def start_heating(self) -> None:
        self.touch().heating = True

    def stop_heating(self) -> None:
        self.touch().heating = False

    def make_safe(self) -> None:
        self.stop_heating()
        self.touch().stirring_rpm = 0.0

    def temperature_c(self) -> float:
        if self.watchdog_s:
            self._feed()
        return self.touch().temperature_c

    def _feed(self) -> None:
        world = self.touch()
        world.watchdog_s, world.fed_at = self.watchdog_s, world.clock.now()

    def set_temperature_c(self) -> float:
        return self.touch().set_point_c

    def start_stirring(self, speed_rpm: float) -> None:
        self.touch().stirring_rpm = speed_rpm

    def arm_watchdog(self, seconds: float) -> None:
        self.watchdog_s = seconds
        self._feed()


class Arm(_Device):
    def new_vessel(self, vessel_id: str) -> None:
        world = self.touch()
        if self.vessel_id() != vessel_id:
            world.vessels.append(vessel_id)

    def vessel_id(self) -> str | None:
        vessels = self.touch().vessels
        return vessels[-1] if vessels else None

    def collect(self, sample_id: str) -> None:
        world = self.touch()
        if sample_id not in world.samples:
            world.samples.append(sample_id)
            world.taken_from[sample_id] = world.vessels[-1]

    def has_sample(self, sample_id: str) -> bool:
        return sample_id in self.touch().samples
