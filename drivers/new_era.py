"""Syringe pumps of the New Era NE-1000 family (NE-500, NE-1000, NE-1010, NE-8000; also sold as Aladdin), basic mode.

Commands and replies as in New Era's manual, publication 1200-01, chapter 10. The pump counts what it dispensed by
itself and loses the count in a power cut; this driver says so rather than report the zero that the pump shows then.
"""

import logging
import math
import re
from dataclasses import dataclass

from closedloop.lab import Blocked, InstrumentError, Refused
from drivers.serial_line import SerialLine, positive

STX, ETX, CR = b"\x02", b"\x03", b"\r"
# Millilitres per unit, and millilitres per minute per unit, in the order in which we prefer them.
VOLUME_UNITS = {"UL": 1e-3, "ML": 1.0}
RATE_UNITS = {"MM": 1.0, "UM": 1e-3, "MH": 1 / 60, "UH": 1e-3 / 60}
# Where four digits cannot hold a number this well, the pump would do something else than it was asked for.
ROUNDING = 5e-3
RUNNING = "IWXT"
ALARMS = {
    "R": "was reset: its power was interrupted",
    "S": "has stalled: look for a blocked line, an empty syringe or a plunger at its stop",
    "T": "says that its time limit for messages has passed (safe mode); set it to basic mode",
    "E": "has a fault in its pumping program; reset it at its front panel",
    "O": "was asked for a phase of its program that does not exist; reset it at its front panel",
}
ERRORS = {
    "": "it does not know this command; is it of the NE-1000 family?",
    "NA": "the command does not apply in its present state",
    "OOR": "the value is out of its range, which depends on the syringe's diameter",
    "COM": "it received a damaged message; check cable and baud rate",
    "IGN": "the command came at a moment when it could not take it",
}
REPLY = re.compile(r"(\d{2})(?:([IWSPTUX])|A\?([RSTEO]))(.*)", re.ASCII | re.DOTALL)
NUMBER = r"(\d*\.?\d+|\d+\.)"
MODEL = re.compile(r"NE\d+X?\d*V\d+\.\d+", re.ASCII)
DISPENSED = re.compile(rf"I{NUMBER}W{NUMBER}(UL|ML)", re.ASCII)
VOLUME = re.compile(rf"{NUMBER}(UL|ML)", re.ASCII)
RATE = re.compile(rf"{NUMBER}(UM|MM|UH|MH)", re.ASCII)
DIAMETER = re.compile(NUMBER, re.ASCII)

log = logging.getLogger("drivers.new_era")


@dataclass(frozen=True)
class Reply:
    """``status`` is the pump's letter, ``data`` what follows it."""

    status: str
    data: str


class NewEraPump:
    """One pump; ``address`` is its number on the line, ``syringe_volume_ml`` the most that one run may ask of it."""

    def __init__(
        self,
        name: str,
        *,
        url: str,
        syringe_diameter_mm: float,
        syringe_volume_ml: float,
        address: int = 0,
        baudrate: int = 19200,
        timeout_s: float = 1.0,
    ) -> None:
        if isinstance(address, bool) or not isinstance(address, int) or not 0 <= address <= 99:
            raise ValueError(f"address must be a whole number from 0 to 99, not {address!r}")
        self.name = name
        self.syringe_volume_ml = positive("syringe_volume_ml", syringe_volume_ml)
        self.syringe_diameter_mm = positive("syringe_diameter_mm", syringe_diameter_mm)
        if not 0.1 <= self.syringe_diameter_mm <= 80.0:
            raise ValueError(f"syringe_diameter_mm must lie between 0.1 and 80, not {syringe_diameter_mm!r}")
        self._address = f"{address:02d}"
        self._line = SerialLine(name, url, baudrate=baudrate, timeout_s=timeout_s)
        self._counter_lost = False
        # A stall that the pump told of when no caller could be told; asking for it cleared the pump's own alarm.
        self._untold_stall = False

    def connect(self) -> None:
        """Opens the port and checks model and syringe. Changing the diameter clears the pump's counter, so it is sent
        only where the pump holds another one. A stall while nobody was connected is logged, and raised at the next
        dose."""
        self._line.open()
        try:
            self._wake()
            self.identify()
            held = self._number("DIA", DIAMETER)
            if not math.isclose(held, self.syringe_diameter_mm, rel_tol=ROUNDING):
                if self._ask("").status in RUNNING:
                    raise Refused(
                        f"{self.name}: it is running with a syringe of {held:g} mm and the lab file says "
                        f"{self.syringe_diameter_mm:g} mm; stop the pump and look which is right"
                    )
                self._halt()
                self._ask(f"DIA {format_number(self.syringe_diameter_mm)}")
        except InstrumentError:
            self._line.close()
            raise

    def close(self) -> None:
        self._line.close()

    def identify(self) -> str:
        version = self._ask("VER").data
        if not MODEL.fullmatch(version):
            raise Refused(f"{self.name}: answers {version!r}, which is no pump of the NE-1000 family; check the port")
        return f"New Era {version.replace('V', ' V')}"

    def make_safe(self) -> None:
        """Stops the pump; an alarm on the way (a stall, a power cut) is no reason to give up."""
        self._line.open()
        failure: InstrumentError | None = None
        for _ in range(3):
            try:
                self._halt()
                return
            except InstrumentError as error:
                self._untold_stall |= isinstance(error, Blocked)
                failure = error
        if failure:
            raise failure

    def dispense(self, volume_ml: float, rate_ml_per_min: float) -> None:
        """Starts and returns at once. Four digits are all that the pump takes: a volume or a rate that it cannot hold
        within 0.5% is refused, and so is a volume larger than the syringe."""
        volume_ml = self._asked("volume_ml", volume_ml)
        rate_ml_per_min = self._asked("rate_ml_per_min", rate_ml_per_min)
        if volume_ml > self.syringe_volume_ml:
            raise Refused(
                f"{self.name}: {volume_ml:g} mL is more than its syringe holds ({self.syringe_volume_ml:g} mL); "
                "split the dose or mount a larger syringe"
            )
        self._tell_of_stall()
        if self.is_running():
            raise Refused(f"{self.name}: is running already; stop it before the next dose")
        self._halt()
        volume, volume_unit = self._best("volume", volume_ml, self._usable_volume_units(volume_ml))
        rate, rate_unit = self._best("rate", rate_ml_per_min, RATE_UNITS)
        self._ask("DIR INF")
        self._ask(f"VOL {volume_unit}")
        self._ask(f"VOL {volume}")
        self._ask(f"RAT {rate} {rate_unit}")
        # Basic mode has no checksum, so what the pump understood is read back before it moves.
        self._same("VOL", VOLUME, volume, volume_unit)
        self._same("RAT", RATE, rate, rate_unit)
        # Not repeatable: a second RUN after a lost reply could give the dose twice.
        started = self._ask("RUN", repeatable=False)
        if started.status not in RUNNING:
            raise Refused(f"{self.name}: did not start (status {started.status!r}); look at its display")

    def is_running(self) -> bool:
        return self._ask("").status in RUNNING

    def stop(self) -> None:
        self._halt()

    def dispensed_ml(self) -> float:
        self._tell_of_stall()
        if self._counter_lost:
            raise Refused(
                f"{self.name}: lost its counter when its power was interrupted; how much it gave is unknown, "
                "empty the vessel and start afresh"
            )
        infused, _, unit = self._match("DIS", DISPENSED).groups()
        return float(infused) * VOLUME_UNITS[unit]

    def clear_counter(self) -> None:
        self._ask("CLD INF")
        self._counter_lost = False

    def _wake(self) -> None:
        """An alarm that waits is the answer to the first message, which is not carried out."""
        try:
            self._ask("")
            return
        except Blocked as error:
            self._untold_stall = True
            log.warning("%s", error)
        except Refused:
            if not self._counter_lost:
                raise
        self._ask("")

    def _tell_of_stall(self) -> None:
        if self._untold_stall:
            self._untold_stall = False
            raise Blocked(f"{self.name}: {ALARMS['S']} (seen while connecting or stopping)")

    def _halt(self) -> None:
        """One STP pauses the program, which a later RUN would take up again; a second one ends it."""
        status = self._ask("").status
        for _ in range(2):
            if status in "SU":
                return
            status = self._ask("STP").status
        if status not in "SU":
            raise Refused(f"{self.name}: does not stop (status {status!r}); switch it off")

    def _usable_volume_units(self, volume_ml: float) -> dict[str, float]:
        """Microlitres below 1 mL, where they resolve more; a counter that has begun keeps the unit that it is in."""
        infused, withdrawn, unit = self._match("DIS", DISPENSED).groups()
        if float(infused) > 0 or float(withdrawn) > 0:
            return {unit: VOLUME_UNITS[unit]}
        return {"UL": VOLUME_UNITS["UL"]} if volume_ml < 1.0 else {"ML": VOLUME_UNITS["ML"]}

    def _best(self, what: str, value: float, units: dict[str, float]) -> tuple[str, str]:
        """The number and unit that come closest; of equals, the first unit."""
        candidates = []
        for unit, size in units.items():
            try:
                text = format_number(value / size)
            except ValueError:
                continue
            candidates.append((abs(float(text) * size - value) / value, text, unit))
        error, text, unit = min(candidates, key=lambda each: round(each[0], 9), default=(math.inf, "", ""))
        if error > ROUNDING:
            raise Refused(
                f"{self.name}: a {what} of {value:g} mL{'/min' if what == 'rate' else ''} does not fit the pump's four "
                f"digits in {' or '.join(units)}; choose another {what}"
            )
        return text, unit

    def _same(self, command: str, pattern: re.Pattern[str], text: str, unit: str) -> None:
        number, held = self._match(command, pattern).groups()
        if held != unit or not math.isclose(float(number), float(text), rel_tol=1e-6):
            raise Refused(f"{self.name}: holds {command} {number} {held} instead of {text} {unit}; check the cable")

    def _number(self, command: str, pattern: re.Pattern[str]) -> float:
        return float(self._match(command, pattern).group(1))

    def _match(self, command: str, pattern: re.Pattern[str]) -> re.Match[str]:
        data = self._ask(command).data
        match = pattern.fullmatch(data)
        if match is None:
            raise Refused(f"{self.name}: answers {data!r} to {command}, which its manual does not define")
        return match

    def _ask(self, command: str, *, repeatable: bool = True) -> Reply:
        frame = self._line.ask(f"{self._address}{command}".encode("ascii") + CR, ETX, repeatable=repeatable)
        # Whatever stands before the start of the frame is noise, or our own words from an adapter that echoes.
        _, start, body = frame[:-1].rpartition(STX)
        match = REPLY.fullmatch(body.decode("ascii", errors="replace")) if start else None
        if match is None:
            raise Refused(
                f"{self.name}: answers {frame!r} to {command or 'status'!r}, which its manual does not define"
            )
        address, status, alarm, data = match.groups()
        if address != self._address:
            raise Refused(f"{self.name}: pump {address} answers instead of {self._address}; check the addresses")
        if alarm:
            self._counter_lost |= alarm == "R"
            raise (Blocked if alarm == "S" else Refused)(f"{self.name}: {ALARMS[alarm]}")
        if data.startswith("?"):
            reason = ERRORS.get(data[1:], "its manual does not define this error")
            raise Refused(f"{self.name}: refuses {command!r} with {data!r}: {reason}")
        return Reply(status, data)

    def _asked(self, what: str, value: float) -> float:
        try:
            return positive(what, value)
        except ValueError as error:
            raise Refused(f"{self.name}: {error}") from error


def format_number(value: float) -> str:
    """At most four digits and a point, at most three digits behind it (manual, 10.2.1); ``ValueError`` where too large.

    >>> format_number(26.594), format_number(0.5), format_number(1234.4)
    ('26.59', '0.500', '1234')
    """
    for decimals in (3, 2, 1, 0):
        text = f"{value:.{decimals}f}"
        if len(text.replace(".", "")) <= 4:
            return text
    raise ValueError(f"{value:g} has more than four digits before the point")
