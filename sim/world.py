"""The physical lab: pumps that push their stocks into the vessel on the hotplate, and what comes of it in time.

Moves only by `World.advance`; who calls it, and when, is up to `sim.server`. The truth goes into the journal, which
is for checks from outside and must not be read by the loop.
"""

import hashlib
import json
import math
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import yaml

from sim.devices import VirtualPump
from sim.hotplate import VirtualHotplate
from sim.records import Records, replace_file
from sim.thermal import ThermalModel

if TYPE_CHECKING:
    from sim.reactor import Reactor

STEP_S = 1.0
# While liquid runs into a hot flask, composition and temperature change from one instant to the next.
INJECTION_STEP_S = 0.2
HOT_C = 80.0
# Below it the kinetics stand still for days, so a vessel that waits costs no computing.
FROZEN_C = 40.0
# What a kill of the lab process may undo of a reaction that goes on undisturbed.
SAVE_EVERY_S = 300.0
FIELDS_OF_VIEW = 2
SAMPLES_FOLDER = "samples"


class WorldError(Exception):
    """Something that cannot be done in this lab as it stands; ``kind`` tells the client which error to raise."""

    def __init__(self, message: str, kind: str = "refused") -> None:
        super().__init__(message)
        self.kind = kind


def describe_lab() -> dict[str, Any]:
    """``sim/virtual_lab.yaml``: a lab file without ports under ``lab``, the pumps' models under ``devices``."""
    description: dict[str, Any] = yaml.safe_load(files("sim").joinpath("virtual_lab.yaml").read_text(encoding="utf-8"))
    return description


def derived_seed(seed: int, *what: str) -> int:
    """A seed of its own for each vessel and each picture, whatever happened before it."""
    digest = hashlib.sha256(json.dumps([seed, *what]).encode()).digest()
    return int.from_bytes(digest[:4])


class World:
    """The lab of one directory; a directory with a state in it comes up as after a power cut.

    ``now`` is lab time in s since the epoch, ``start`` its value where the lab is new.
    """

    def __init__(self, directory: Path, seed: int, start: float) -> None:
        self.directory = directory
        self.records = Records(directory)
        self.seed = seed
        self.now = start
        self.samples: list[str] = []
        self.vessel_id: str | None = None
        self.reactor: Reactor | None = None
        self.thermal = ThermalModel()
        self.hotplate = VirtualHotplate(self.thermal, self._tell)
        description = describe_lab()
        self.vessel_volume_ml = float(description["lab"]["vessel_volume_ml"])
        self.stocks: dict[str, dict[str, Any]] = {stock["pump"]: stock for stock in description["lab"]["stocks"]}
        self.pumps: dict[str, VirtualPump] = {}
        for name, device in description["devices"].items():
            options = description["lab"]["instruments"][name]
            self.pumps[name] = VirtualPump(
                **device,
                syringe_diameter_mm=options["syringe_diameter_mm"],
                syringe_volume_ml=options["syringe_volume_ml"],
                tell=self._teller(name),
            )
            self.pumps[name].alarm = "R"
        self._saved_at = -math.inf
        self._moved = False
        resumed = self.records.state is not None
        if self.records.state is not None:
            self._restore(self.records.state)
        self._tell("lab started", seed=self.seed, resumed=resumed)
        self.save()

    # -- time

    def advance(self, seconds: float) -> None:
        """Lets lab time pass, and saves what happened in it."""
        # Steps are cut from what is left, never from `now`: the same commands give the same steps at any time of day.
        left = seconds
        while left > 1e-9:
            step = min(self._longest_step(), left)
            self._step(step)
            left -= step
        if self.records.has_news or self._moved or self.now - self._saved_at >= SAVE_EVERY_S:
            self.save()

    def _longest_step(self) -> float:
        pumping = any(pump.is_running for pump in self.pumps.values())
        step = INJECTION_STEP_S if pumping and self.thermal.flask_c > HOT_C else STEP_S
        ends = [pump.seconds_to_end() for pump in self.pumps.values()]
        # A step of no length would never end the loop; this one is far below anything that matters.
        return max(min(step, self.hotplate.seconds_to_watchdog(), *ends), 1e-6)

    def _step(self, seconds: float) -> None:
        self.now += seconds
        for name, pump in self.pumps.items():
            moved = pump.advance(seconds)
            if moved > 0:
                self._pour(name, moved)
        self.hotplate.advance(seconds)
        if self.reactor is not None and self.thermal.liquid_ml > 0 and self.thermal.flask_c > FROZEN_C:
            self.reactor.advance(seconds, self.thermal.flask_c)

    def _pour(self, pump: str, volume_ml: float) -> None:
        self._moved = True
        if self.reactor is None:
            return
        self.thermal.pour(volume_ml)
        contains = self.stocks[pump]["contains"]
        self.reactor.add({chemical: amount * volume_ml for chemical, amount in contains.items()}, volume_ml)
        over = self.thermal.liquid_ml - self.vessel_volume_ml
        if 0 < over <= volume_ml:
            self._tell("overflow", vessel_id=self.vessel_id, liquid_ml=round(self.thermal.liquid_ml, 3))

    # -- what the handler and the microscope do

    def new_vessel(self, vessel_id: str) -> None:
        """A clean vessel, and full syringes; nothing where this vessel is in place already."""
        if vessel_id == self.vessel_id:
            return
        running = [name for name, pump in self.pumps.items() if pump.is_running]
        if running:
            raise WorldError(f"{', '.join(running)} is running; stop it before the vessel is changed")
        from sim.reactor import Reactor

        self.vessel_id = vessel_id
        self.reactor = Reactor(seed=derived_seed(self.seed, "vessel", vessel_id))
        self.thermal.replace_flask()
        for pump in self.pumps.values():
            pump.refill()
        self._tell("vessel", vessel_id=vessel_id)

    def collect(self, sample_id: str) -> None:
        """A sample of what is in the vessel now; nothing where this sample has been taken already."""
        if sample_id in self.samples:
            return
        if self.reactor is None:
            raise WorldError(f"no vessel is in place to take the sample {sample_id!r} from; ask for a vessel first")
        product = self.reactor.sample()
        path = self._sample_file(sample_id)
        path.parent.mkdir(exist_ok=True)
        replace_file(path, json.dumps(product.to_json()))
        self.samples.append(sample_id)
        self._tell(
            "sample",
            sample_id=sample_id,
            vessel_id=self.vessel_id,
            temperature_c=round(self.thermal.flask_c, 2),
            truth={
                "product": product.formula,
                "mean_diameter_nm": product.mean_diameter_nm,
                "std_diameter_nm": product.std_diameter_nm,
                "shape": product.shape,
                "shape_fractions": dict(product.shape_fractions),
                "yield_fraction": product.yield_fraction,
                "failure_cause": product.failure_cause,
            },
        )

    def views(self, sample_id: str, directory: Path) -> Callable[[], list[Path]]:
        """A task that writes TIFF files of the sample into the directory, the same ones whenever it is asked for.

        It touches nothing of the world, so it may run in a thread while lab time goes on.
        """
        if sample_id not in self.samples:
            raise WorldError(
                f"there is no sample {sample_id!r} in the virtual microscope; collect it first", "no image"
            )
        content = self._sample_file(sample_id).read_text(encoding="utf-8")
        targets = {
            directory / f"{quote(sample_id, safe='')}-{view}.tif": derived_seed(
                self.seed, "image", sample_id, str(view)
            )
            for view in range(1, FIELDS_OF_VIEW + 1)
        }

        def render_all() -> list[Path]:
            from sim.microscope import render
            from sim.reactor import Product

            product = Product.from_json(json.loads(content))
            try:
                directory.mkdir(parents=True, exist_ok=True)
                for path, seed in targets.items():
                    render(product, seed).save(path)
            except OSError as error:
                raise WorldError(f"no image can be written to {directory} ({error}); choose another place") from error
            return list(targets)

        return render_all

    # -- what is kept

    def save(self) -> None:
        self._saved_at, self._moved = self.now, False
        self.records.save(
            {
                "seed": self.seed,
                "now": self.now,
                "pumps": {name: pump.snapshot() for name, pump in self.pumps.items()},
                "heating": self.hotplate.heating,
                "vessel_id": self.vessel_id,
                "liquid_ml": self.thermal.liquid_ml,
                "reactor": self.reactor.snapshot() if self.reactor else None,
                "samples": self.samples,
            }
        )

    def note(self, event: str, **details: Any) -> None:
        """Something that the lab process wants in the journal at once."""
        self._tell(event, **details)
        self.save()

    def save_news(self) -> None:
        """Called before a reply goes out, so that nobody learns of an event that a kill could still undo."""
        if self.records.has_news:
            self.save()

    def _restore(self, state: dict[str, Any]) -> None:
        self.seed = int(state["seed"])
        self.now = float(state["now"])
        self.samples = list(state["samples"])
        self.vessel_id = state["vessel_id"]
        self.thermal.liquid_ml = float(state["liquid_ml"])
        if state["reactor"] is not None:
            from sim.reactor import Reactor

            self.reactor = Reactor.restore(state["reactor"])
        for name, pump in self.pumps.items():
            if name in state["pumps"]:
                pump.restore(state["pumps"][name])
        if state["heating"]:
            self._tell("heater off", reason="power cut")

    def _sample_file(self, sample_id: str) -> Path:
        return self.directory / SAMPLES_FOLDER / f"{quote(sample_id, safe='')}.json"

    def _teller(self, pump: str) -> Callable[..., None]:
        def tell(event: str, **details: Any) -> None:
            rounded = {key: round(value, 6) if isinstance(value, float) else value for key, value in details.items()}
            self._tell(event, pump=pump, stock=self.stocks[pump]["name"], vessel_id=self.vessel_id, **rounded)

        return tell

    def _tell(self, event: str, **details: Any) -> None:
        self.records.note(event, self.now, **details)
