"""Interlocks: small objects that watch one signal, and stop the lab when it passes its limit.

They are declared in the lab file, and proved before the first heater goes on: a signal that cannot be read, or a
trip that does not leave the heater off, ends the run while everything is still cold.
"""

import math
from collections.abc import Sequence

from closedloop.lab.bench import Bench
from closedloop.lab.config import InterlockConfig
from closedloop.lab.errors import InstrumentError, OverTemperature


class Interlock:
    """Trips whenever its signal is looked at and is above the limit or is not a number."""

    def __init__(self, config: InterlockConfig) -> None:
        self.signal = config.signal
        self.limit = config.above

    def trips_at(self, value: float) -> bool:
        return not math.isfinite(value) or value > self.limit

    def check(self, bench: Bench) -> float:
        """The signal's value; makes the lab safe and raises `OverTemperature` where it is past the limit."""
        value = bench.read(self.signal)
        if self.trips_at(value):
            tripped = OverTemperature(
                f"{self.signal} reads {value:g}, the interlock's limit is {self.limit:g}; "
                "the heater was told to switch off, let it cool and find out why"
            )
            bench.make_safe_after(tripped)
            raise tripped
        return value


def prove(interlocks: Sequence[Interlock], bench: Bench) -> None:
    """Lets each interlock trip once at a limit below the present reading; pumps stop and heaters go off by it.

    The proof goes all the way: the signal is read, the trip tells every instrument to be safe, and they answer.
    """
    for interlock in interlocks:
        value = interlock.check(bench)
        proof = Interlock(InterlockConfig(signal=interlock.signal, above=value - 1.0))
        try:
            proof.check(bench)
        except OverTemperature as tripped:
            if not tripped.aftermath:
                continue
            deaf = InstrumentError(f"the interlock on {interlock.signal} was tried and not every instrument obeyed")
            for note in tripped.aftermath:
                deaf.add_note(note)
            raise deaf from tripped
        raise InstrumentError(f"the interlock on {interlock.signal} did not trip when it was tried; do not heat")
