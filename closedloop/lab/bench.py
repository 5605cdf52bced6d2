"""All instruments of one lab file, opened, checked for their kind, and made safe together."""

import inspect
import logging
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from closedloop.lab.clock import Clock, RealClock
from closedloop.lab.config import LabConfig
from closedloop.lab.errors import InstrumentError, LabFileError
from closedloop.lab.instruments import Hotplate, Instrument, Microscope, Pump, SampleHandler

INSTRUMENTS_GROUP = "closedloop.instruments"
# What a method that measures is annotated with, be it evaluated or not; a lab's own driver may leave it out.
NUMBERS = (float, int, "float", "int", inspect.Signature.empty)

T = TypeVar("T")

log = logging.getLogger("closedloop.lab")


def known_drivers() -> list[str]:
    """Names that a lab file may give as ``driver``."""
    return sorted(point.name for point in entry_points(group=INSTRUMENTS_GROUP))


def build(name: str, driver: str, options: Mapping[str, Any]) -> Instrument:
    """An instrument that has not been connected yet; raises `LabFileError` for a wrong driver or option."""
    points = {point.name: point for point in entry_points(group=INSTRUMENTS_GROUP)}
    if driver not in points:
        raise LabFileError(f"{name}: no driver called {driver!r} is installed (known: {', '.join(sorted(points))})")
    try:
        return cast(Instrument, points[driver].load()(name, **options))
    except (TypeError, ValueError) as error:
        raise LabFileError(f"{name}: the driver {driver!r} does not take these options: {error}") from error


@cache
def quantities(kind: type[Instrument]) -> list[str]:
    """What it measures: names of its public methods that take nothing and return a number, or do not say what."""
    found = []
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        signature = inspect.signature(method)
        asked = [each for each in signature.parameters.values() if each.default is each.empty]
        if not name.startswith("_") and len(asked) == 1 and signature.return_annotation in NUMBERS:
            found.append(name)
    return found


class Bench:
    """The instruments of a lab, as a context manager; leaving it makes the lab safe and closes the ports.

    Raises `LabFileError` where an instrument is not of the kind that it is used as, or does not measure what an
    interlock watches; no instrument is asked for that.
    """

    def __init__(self, config: LabConfig, instruments: Mapping[str, Instrument]) -> None:
        self.config = config
        self.instruments = instruments
        self.hotplate = self._of_kind(config.hotplate, Hotplate)
        self.handler = self._of_kind(config.handler, SampleHandler)
        self.pumps = {stock.pump: self._of_kind(stock.pump, Pump) for stock in config.stocks}
        self.microscope = self._of_kind(config.microscope, Microscope) if config.microscope else None
        self.clock: Clock = self._of_kind(config.clock, Clock) if config.clock else RealClock()
        for lock in config.interlocks:
            self._quantity(lock.signal)

    @classmethod
    def open(cls, config: LabConfig) -> Self:
        """Builds every instrument before any is connected, so that a faulty lab file touches no hardware."""
        bench = cls(config, {name: build(name, each.driver, each.options) for name, each in config.instruments.items()})
        connected: list[Instrument] = []
        try:
            for instrument in bench.instruments.values():
                instrument.connect()
                connected.append(instrument)
        except InstrumentError:
            for instrument in connected:
                instrument.close()
            raise
        return bench

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.make_safe()
            else:
                self.make_safe_after(error)
        finally:
            self.close()

    def close(self) -> None:
        for instrument in self.instruments.values():
            instrument.close()

    def make_safe(self) -> None:
        """Tells every instrument, the heater first, even where one of them fails; raises the first failure."""
        failure: InstrumentError | None = None
        ordered = sorted(self.instruments.values(), key=lambda instrument: instrument is not self.hotplate)
        for instrument in ordered:
            try:
                instrument.make_safe()
            except InstrumentError as error:
                failure = failure or error
        if failure:
            raise failure

    def make_safe_after(self, error: BaseException) -> None:
        """As `make_safe`, on the way out of an error, which a second one must not replace: that is noted and logged."""
        try:
            self.make_safe()
        except InstrumentError as failure:
            note = f"the lab could not be made safe: {failure}; switch the heater off by hand"
            if note not in getattr(error, "__notes__", ()):
                error.add_note(note)
                log.error(note)

    def read(self, signal: str) -> float:
        """A signal named ``instrument.quantity``; the quantity is a method of the instrument that takes nothing."""
        value = self._quantity(signal)()
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            raise LabFileError(f"{signal}: gives {value!r}, which is no number; watch another quantity") from error

    def _quantity(self, signal: str) -> Callable[[], Any]:
        name, _, quantity = signal.partition(".")
        measured = quantities(type(self.instruments[name]))
        if quantity not in measured:
            known = ", ".join(measured) or "nothing"
            raise LabFileError(f"interlock {signal!r}: {name} measures no {quantity!r} (it measures {known})")
        return cast(Callable[[], Any], getattr(self.instruments[name], quantity))

    def _of_kind(self, name: str, kind: type[T]) -> T:
        instrument = self.instruments[name]
        if not isinstance(instrument, kind):
            raise LabFileError(f"{name} is used as a {kind.__name__} but its driver is not one; name another")
        return instrument
