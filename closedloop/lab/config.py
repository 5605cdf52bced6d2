"""The lab file: which instruments there are, what their syringes hold, and what must never happen."""

import math
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from closedloop.fault_words import in_words, spelled, written_place
from closedloop.lab.driver import driver_faults
from closedloop.lab.errors import LabFileError
from closedloop.recipes import Vessel
from closedloop.recipes.fields import Finite, NonNegative, Positive
from closedloop.yaml_lines import complaint, load

# Twice what a pump's counter may be off before a dose counts as wrong; a smaller one could not be told from none.
LEAST_DOSE_ML = 0.01


def _not_empty(contents: Mapping[str, float]) -> Mapping[str, float]:
    if not contents:
        raise ValueError("a stock must contain at least one chemical")
    return contents


class _Model(BaseModel):
    # Nothing is above a limit that is no number.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class InstrumentConfig(_Model):
    """One instrument; every key but ``driver`` is handed to the driver as an option."""

    model_config = ConfigDict(frozen=True, extra="allow")
    driver: str

    @model_validator(mode="after")
    def _options_are_finite(self) -> Self:
        for name, value in self.options.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{name} is {value:g}; write a finite number")
        return self

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


def _waits_in_syringe(stock: Mapping[str, Any]) -> bool:
    return stock.get("vessel") is Vessel.SYRINGE


class Stock(_Model):
    """A solution in a pump's syringe: concentrations in mmol per mL, and the vessel that recipes name it for.

    ``injected`` stocks are given into the hot flask, the others into the cold one; left out, it follows the vessel.
    """

    name: str
    pump: str
    vessel: Vessel
    contains: Annotated[Mapping[str, Positive], AfterValidator(_not_empty)]
    rate_ml_per_min: Positive = 10.0
    injected: bool = Field(default_factory=_waits_in_syringe)
    smallest_volume_ml: Annotated[Finite, Field(ge=LEAST_DOSE_ML)] = LEAST_DOSE_ML


class InterlockConfig(_Model):
    """Trips when the signal (``instrument.quantity``) is above the limit."""

    signal: str
    above: Finite


class LabConfig(_Model):
    """A whole lab; instrument names are the keys that everything else refers to."""

    name: str
    instruments: Mapping[str, InstrumentConfig]
    hotplate: str
    stocks: tuple[Stock, ...]
    handler: str
    microscope: str | None = None
    clock: str | None = None
    vessel_volume_ml: Positive = 50.0
    max_temperature_c: Finite = 340.0
    stirring_rpm: Positive = 600.0
    cool_below_c: Finite = 60.0
    watchdog_s: NonNegative = 120.0
    interlocks: tuple[InterlockConfig, ...] = ()

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        named = [
            ("hotplate", self.hotplate),
            ("handler", self.handler),
            ("microscope", self.microscope),
            ("clock", self.clock),
            *((f"stock {stock.name!r}: pump", stock.pump) for stock in self.stocks),
            *((f"interlock {lock.signal!r}", lock.signal.partition(".")[0]) for lock in self.interlocks),
        ]
        known = ", ".join(sorted(self.instruments)) or "none"
        faults = [
            f"{where} names the instrument {name!r}, which is not listed (known: {known})"
            for where, name in named
            if name is not None and name not in self.instruments
        ]
        faults += self._stocks_that_share()
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _stocks_that_share(self) -> list[str]:
        """Volumes go by a stock's name, and come out of its pump's one syringe."""
        faults = []
        for one, other in combinations(self.stocks, 2):
            if one.name == other.name:
                faults.append(f"two stocks are called {one.name!r}; give each a name of its own")
            if one.pump == other.pump:
                faults.append(
                    f"the stocks {one.name!r} and {other.name!r} are both on the pump {one.pump!r}, which has one "
                    "syringe; give each a pump of its own"
                )
        return faults


def read_lab_file(path: Path) -> LabConfig:
    """Raises `LabFileError` with every fault of the file, each with the place that it stands at."""
    try:
        written = load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabFileError(f"{path}: cannot be read ({error.strerror}); give the path of a lab file") from error
    except UnicodeDecodeError as error:
        raise LabFileError(f"{path}: is not text in UTF-8; save it as such") from error
    except yaml.YAMLError as error:
        raise LabFileError(f"{path}: {complaint(error)}") from error
    if not isinstance(written.content, dict):
        raise LabFileError(f"{path}: holds no lab; begin with 'name:', 'instruments:' and 'stocks:'")
    faults = list(written.faults)
    try:
        config = LabConfig.model_validate(written.content)
    except ValidationError as error:
        for each in error.errors():
            place = spelled(written_place(each, written.content)) or "file"
            faults.append(f"{place}: {in_words(each, 'lab', LabConfig)}")
    faults += _driver_faults(written.content.get("instruments"))
    if faults:
        raise LabFileError(f"{path}: {'; '.join(faults)}")
    return config


def _driver_faults(instruments: Any) -> list[str]:
    """Drivers that are not installed, and options that they do not take or miss; what has no driver is told already."""
    faults = []
    for name, written in instruments.items() if isinstance(instruments, dict) else ():
        if isinstance(written, dict) and isinstance(driver := written.get("driver"), str):
            options = {key: value for key, value in written.items() if isinstance(key, str) and key != "driver"}
            found = driver_faults(driver, options)
            faults += [f"{spelled(('instruments', str(name), option))}: {said}" for option, said in found]
    return faults
