"""All instruments of one lab file, opened, checked for their kind, and made safe together."""

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from closedloop.lab.clock import Clock, RealClock
from closedloop.lab.config import LabConfig
from closedloop.lab.driver import build
from closedloop.lab.errors import InstrumentError, LabFileError
from closedloop.lab.instruments import Hotplate, Instrument, LimitedWatchdog, Microscope, Pump, SampleHandler
from closedloop.recipes import ClosedloopError

# What a method that measures is annotated with, be it evaluated or not; a lab's own driver may leave it out.
NUMBERS = (float, int, "float", "int", inspect.Signature.empty)

T = TypeVar("T")

log = logging.getLogger("closedloop.lab")


def named(name: str, error: Exception) -> ClosedloopError:
    """The error itself, or where it has no name of ours (a driver of another make) one that says whose it is."""
    if isinstance(error, ClosedloopError):
        return error
    return InstrumentError(f"{name}: its driver failed ({in_a_line(error)}); look at both")


def in_a_line(error: BaseException) -> str:
    """What an error says, with its kind where that is not one of ours."""
    said = " ".join(str(error).split())
    if isinstance(error, ClosedloopError):
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def tell_all(instruments: Iterable[Instrument], tell: Callable[[Instrument], None]) -> BaseException | None:
    """Tells every one of them, whatever another raises; what comes back is an interrupt, or else the first failure."""
    failures: list[BaseException] = []
    for instrument in instruments:
        try:
            tell(instrument)
        except Exception as error:
            failure = named(instrument.name, error)
            if failure is not error:
                failure.__cause__ = error
            failures.append(failure)
        except BaseException as error:
            failures.insert(0, error)
    return failures[0] if failures else None


def note_after(error: BaseException, what: str, failure: BaseException, advice: str = "") -> None:
    """Notes a second failure with the first, and in the log, since an interrupt shows no notes.

    Where the second is an interrupt and the first is none, it is raised: whoever catches the first must not go on.
    """
    text = f"{what}: {in_a_line(failure)}{advice}"
    if text not in getattr(error, "__notes__", ()):
        error.add_note(text)
        log.error(text)
    if isinstance(error, Exception) and not isinstance(failure, Exception):
        raise failure from error


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

    Raises `LabFileError` where an instrument is not of the kind that it is used as, does not measure what an interlock
    watches, or has no watchdog of the time that is asked for; no instrument is asked for that.
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
        self._refuse_watchdog()

    @classmethod
    def open(cls, config: LabConfig) -> Self:
        """Builds every instrument before any is connected, so that a faulty lab file touches no hardware."""
        bench = cls(config, {name: build(name, each.driver, each.options) for name, each in config.instruments.items()})
        begun: list[Instrument] = []
        try:
            for instrument in bench.instruments.values():
                begun.append(instrument)
                try:
                    instrument.connect()
                except ClosedloopError:
                    raise
                except Exception as error:
                    raise named(instrument.name, error) from error
        except BaseException as error:
            # No run goes on without all of them, so none of them does; what was not reached may be another run's.
            try:
                bench._make_safe_after(error, begun[:-1])
            finally:
                bench._close_after(error, begun)
            raise
        return bench

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        everything = list(self.instruments.values())
        try:
            if error is None:
                self.make_safe()
            else:
                self.make_safe_after(error)
        except BaseException as failure:
            self._close_after(failure, everything)
            raise
        if error is None:
            self.close()
        else:
            self._close_after(error, everything)

    def close(self) -> None:
        """Closes every instrument, even where one of them fails; raises the first failure."""
        if failure := tell_all(self.instruments.values(), lambda each: each.close()):
            raise failure

    def make_safe(self) -> None:
        """Tells every instrument, the heater first, even where one of them fails; raises the first failure."""
        if failure := self._make_safe(self.instruments.values()):
            raise failure

    def make_safe_after(self, error: BaseException) -> None:
        """As `make_safe`, on the way out of an error, which a second one must not replace: that is noted and logged.

        An interrupt is raised all the same, once every instrument was told.
        """
        self._make_safe_after(error, self.instruments.values())

    def _make_safe(self, instruments: Iterable[Instrument]) -> BaseException | None:
        ordered = sorted(instruments, key=lambda instrument: instrument is not self.hotplate)
        return tell_all(ordered, lambda each: each.make_safe())

    def _make_safe_after(self, error: BaseException, instruments: Iterable[Instrument]) -> None:
        if failure := self._make_safe(instruments):
            note_after(error, "the lab could not be made safe", failure, "; switch the heater off by hand")

    def _close_after(self, error: BaseException, instruments: Iterable[Instrument]) -> None:
        if failure := tell_all(instruments, lambda each: each.close()):
            note_after(error, "not every instrument could be closed", failure)

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

    def _refuse_watchdog(self) -> None:
        seconds = self.config.watchdog_s
        if seconds == 0 or not isinstance(self.hotplate, LimitedWatchdog):
            return
        shortest, longest = self.hotplate.watchdog_range_s
        if not shortest <= seconds <= longest:
            raise LabFileError(
                f"watchdog_s: {self.config.hotplate} takes 0 (off) or {shortest:g} to {longest:g} s, not {seconds:g}"
            )

    def _of_kind(self, name: str, kind: type[T]) -> T:
        instrument = self.instruments[name]
        if not isinstance(instrument, kind):
            raise LabFileError(f"{name} is used as a {kind.__name__} but its driver is not one; name another")
        return instrument
