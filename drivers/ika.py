"""IKA hotplate stirrers with the NAMUR command set: RCT digital (to 310 °C), RET control-visc (to 340 °C) and kin.

Commands as in IKA's manuals (RCT digital, "NAMUR commands"). The device carries out settings in silence, so each is
followed by a question whose answer proves that the line was whole. Heating ramps are left to the caller.
"""

import math
import re

import serial

from closedloop.lab import InstrumentError, Refused
from drivers.serial_line import SerialLine, positive

END = b" \r \n"
REPLY_END = b"\n"
SHORTEST_WATCHDOG_S, LONGEST_WATCHDOG_S = 20, 1500
# Some models keep whole degrees and whole turns only.
TEMPERATURE_STEP_C = 0.5
SPEED_STEP_RPM = 5.0
OWN_WORDS = ("IN_", "OUT_", "START_", "STOP_", "RESET")
VALUE = re.compile(r"(-?\d+(?:\.\d*)?) (\d+)", re.ASCII)
WATCHDOG_ECHO = re.compile(r"(\d+(?:\.\d*)?)(?: \d+)?", re.ASCII)


class IkaHotplate:
    """Heats by the probe in the vessel. ``max_temperature_c`` is the highest set point that this driver will send."""

    watchdog_range_s = (float(SHORTEST_WATCHDOG_S), float(LONGEST_WATCHDOG_S))

    def __init__(
        self,
        name: str,
        *,
        url: str,
        baudrate: int = 9600,
        max_temperature_c: float = 340.0,
        timeout_s: float = 1.0,
    ) -> None:
        self.name = name
        self.max_temperature_c = positive("max_temperature_c", max_temperature_c)
        self._line = SerialLine(
            name,
            url,
            baudrate=baudrate,
            bytesize=serial.SEVENBITS,
            parity=serial.PARITY_EVEN,
            timeout_s=timeout_s,
        )
        self._watchdog_s = 0

    def connect(self) -> None:
        self._line.open()
        try:
            self.identify()
            self._value("IN_SP_3", 3)
        except InstrumentError:
            self._line.close()
            raise

    def close(self) -> None:
        self._line.close()

    def identify(self) -> str:
        reply = self._ask("IN_NAME")
        if not reply or not reply.isprintable() or VALUE.fullmatch(reply):
            raise Refused(f"{self.name}: names itself {reply!r}; is this an IKA hotplate? Check the port")
        return f"IKA {reply.removeprefix('IKA').strip()}"

    def make_safe(self) -> None:
        """Heater and motor off, each tried even where the other fails; the set point stays for whoever asks later."""
        failure: InstrumentError | None = None
        for command in ("STOP_1", "STOP_4"):
            try:
                self._set(command)
            except InstrumentError as error:
                failure = failure or error
        if failure:
            raise failure

    def set_temperature(self, temperature_c: float) -> None:
        if not math.isfinite(temperature_c) or not 0 <= temperature_c <= self.max_temperature_c:
            raise Refused(
                f"{self.name}: a set point of {temperature_c:g} °C is outside 0 to {self.max_temperature_c:g} °C "
                "(max_temperature_c in the lab file)"
            )
        held = self._set(f"OUT_SP_1 {temperature_c:.1f}")
        if abs(held - temperature_c) > TEMPERATURE_STEP_C:
            raise Refused(
                f"{self.name}: holds a set point of {held:g} °C instead of {temperature_c:.1f} °C; "
                "look at the limits set at the device"
            )

    def start_heating(self) -> None:
        self._set("START_1")

    def stop_heating(self) -> None:
        self._set("STOP_1")

    def temperature_c(self) -> float:
        return self._value("IN_PV_1", 1)

    def plate_temperature_c(self) -> float:
        """The hotplate's own sensor, as an interlock may want to watch it."""
        return self._value("IN_PV_2", 2)

    def set_temperature_c(self) -> float:
        return self._value("IN_SP_1", 1)

    def safety_temperature_c(self) -> float:
        """The limit that a person has set at the device; the plate switches off above it."""
        return self._value("IN_SP_3", 3)

    def speed_rpm(self) -> float:
        return self._value("IN_PV_4", 4)

    def start_stirring(self, speed_rpm: float) -> None:
        try:
            speed = positive("speed_rpm", speed_rpm)
        except ValueError as error:
            raise Refused(f"{self.name}: {error}") from error
        held = self._set(f"OUT_SP_4 {speed:.0f}", "IN_SP_4", 4)
        if abs(held - speed) > SPEED_STEP_RPM:
            raise Refused(f"{self.name}: holds {held:g} rpm instead of {speed:.0f} rpm; ask for a speed in its range")
        self._set("START_4")

    def arm_watchdog(self, seconds: float) -> None:
        """Watchdog mode 1, heater and motor off. Only the command itself feeds it, so from here on every reading of
        the temperature sends it again; 0 disarms."""
        if not math.isfinite(seconds) or (seconds != 0 and not SHORTEST_WATCHDOG_S <= seconds <= LONGEST_WATCHDOG_S):
            raise Refused(
                f"{self.name}: a watchdog of {seconds:g} s is not possible; "
                f"choose 0 or {SHORTEST_WATCHDOG_S} to {LONGEST_WATCHDOG_S} s"
            )
        self._watchdog_s = 0
        if seconds == 0:
            self._feed("OUT_WD2@0", 0)
        else:
            self._feed(f"OUT_WD1@{seconds:.0f}", round(seconds))
            self._watchdog_s = round(seconds)

    def _set(self, command: str, question: str = "IN_SP_1", channel: int = 1) -> float:
        return self._number(question, channel, self._ask(question, first=command))

    def _value(self, question: str, channel: int) -> float:
        if self._watchdog_s and question == "IN_PV_1":
            self._feed(f"OUT_WD1@{self._watchdog_s}", self._watchdog_s)
        return self._number(question, channel, self._ask(question))

    def _feed(self, command: str, seconds: int) -> None:
        reply = self._ask(command)
        match = WATCHDOG_ECHO.fullmatch(reply)
        if match is None or float(match.group(1)) != seconds:
            raise Refused(f"{self.name}: answers {reply!r} to {command}; its watchdog may not be armed")

    def _number(self, question: str, channel: int, reply: str) -> float:
        match = VALUE.fullmatch(reply)
        if match is None or int(match.group(2)) != channel:
            raise Refused(f"{self.name}: answers {reply!r} to {question}, which its manual does not define")
        return float(match.group(1))

    def _ask(self, command: str, first: str = "") -> str:
        reply = self._line.ask(
            command.encode("ascii") + END,
            REPLY_END,
            first=first.encode("ascii") + END if first else b"",
            is_echo=lambda line: line.decode("ascii", errors="replace").strip().startswith(OWN_WORDS),
        )
        try:
            return reply.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise Refused(
                f"{self.name}: answers {reply!r} to {command}; check baud rate, data bits and parity"
            ) from error
