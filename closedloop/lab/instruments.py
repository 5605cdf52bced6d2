"""What the loop expects of an instrument. A lab adds its own by the entry-point group ``closedloop.instruments``.

An entry point names a class that is called as ``Class(name, **options)`` with the options that the lab file gives it.
Constructing does not touch the hardware; `connect` does. Every method may raise `InstrumentError`. Nothing here waits:
the executor waits on a `Clock` and asks again, so the same code serves a real bench and a virtual one.
"""

from pathlib import Path
from typing import Protocol, runtime_checkable


@runtime_checkable
class Instrument(Protocol):
    """Anything in the lab that answers."""

    name: str

    def connect(self) -> None:
        """Open the port and check that the right device answers."""

    def close(self) -> None:
        """Close the port; the device keeps its physical state."""

    def identify(self) -> str:
        """Model and firmware as the device states them."""

    def make_safe(self) -> None:
        """Stop moving, stop heating. May be called at any time, and more than once."""


@runtime_checkable
class Pump(Instrument, Protocol):
    """Dispenses a programmed volume by itself once started, whether or not this computer lives on."""

    def dispense(self, volume_ml: float, rate_ml_per_min: float) -> None:
        """Starts and returns at once; the volume comes on top of what the counter shows."""

    def is_running(self) -> bool: ...

    def stop(self) -> None: ...

    def dispensed_ml(self) -> float:
        """Volume in mL since `clear_counter`; kept by the device, so that it outlives this computer."""

    def clear_counter(self) -> None: ...


@runtime_checkable
class Hotplate(Instrument, Protocol):
    """Heats and stirs one vessel; temperatures are those of the probe in the vessel."""

    def set_temperature(self, temperature_c: float) -> None: ...

    def start_heating(self) -> None: ...

    def stop_heating(self) -> None: ...

    def temperature_c(self) -> float: ...

    def set_temperature_c(self) -> float:
        """The set point that the device holds now."""

    def start_stirring(self, speed_rpm: float) -> None: ...

    def arm_watchdog(self, seconds: float) -> None:
        """Have the device switch off by itself when it hears nothing for so long; 0 disarms."""


@runtime_checkable
class LimitedWatchdog(Protocol):
    """A hotplate may say so which times its watchdog takes; a lab file with another one is refused at once."""

    watchdog_range_s: tuple[float, float]
    """Shortest and longest in s; 0, which disarms, is always taken."""


@runtime_checkable
class SampleHandler(Instrument, Protocol):
    """Brings a clean vessel, and takes the finished sample to a grid. Both may be asked again with no effect."""

    def new_vessel(self, vessel_id: str) -> None:
        """Put a clean vessel in place; nothing happens where this very vessel is in place already."""

    def vessel_id(self) -> str | None:
        """The vessel in place now; ``None`` where there is none or nobody knows. A run goes on in its own alone."""

    def collect(self, sample_id: str) -> None:
        """Take a sample of the vessel's contents; nothing happens where this sample has been taken already."""

    def has_sample(self, sample_id: str) -> bool:
        """Whether a sample of this name was taken, as far as is known."""


@runtime_checkable
class Microscope(Instrument, Protocol):
    """Takes pictures of a sample. A lab without one waits for a person and ``closedloop ingest``."""

    def acquire(self, sample_id: str, directory: Path) -> list[Path]:
        """Image files of the sample, written into the directory; raises `NoImage` where there is none."""
