"""A hotplate as it behaves on the wire: IKA's NAMUR commands, its watchdog and its safety circuit.

Bytes in, bytes out, and time that is passed in, as in `sim.devices`; how warm things get is up to `sim.thermal`.
"""

import math
import re

from sim.devices import Tell
from sim.thermal import ThermalModel


class VirtualHotplate:
    """An IKA RET control-visc: heats by the probe in the flask, stirs, and has the watchdog of the NAMUR commands."""

    end = b"\n"
    name = "IKARET"
    hottest_c = 340.0
    safety_c = 370.0
    speeds_rpm = (50.0, 1700.0)

    def __init__(self, thermal: ThermalModel, tell: Tell) -> None:
        self.thermal = thermal
        self._tell = tell
        self.set_point_c = 0.0
        self.set_speed_rpm = 0.0
        self.heating = False
        self.stirring = False
        self.watchdog_s = 0
        self._unfed_s = 0.0

    def seconds_to_watchdog(self) -> float:
        return self.watchdog_s - self._unfed_s if self.watchdog_s else math.inf

    def advance(self, seconds: float) -> None:
        """Lets time pass, at most `seconds_to_watchdog`."""
        self.thermal.advance(seconds, self.set_point_c if self.heating else None, self.safety_c - 5.0)
        if self.heating and self.thermal.plate_c > self.safety_c:
            self._switch_heater(False, "safety temperature")
        if self.watchdog_s:
            self._unfed_s += seconds
            if self._unfed_s >= self.watchdog_s - 1e-9:
                self.watchdog_s = 0
                self._switch_heater(False, "watchdog")
                self.stirring = False

    def answer(self, command: bytes) -> bytes:
        """The reply to one command, without its end; empty where the device carries it out, or ignores it, silently."""
        reply = self._reply(" ".join(command.decode("ascii", errors="replace").split()))
        return reply.encode("ascii") + b"\r\n" if reply else b""

    def _reply(self, command: str) -> str:
        readings = {
            "IN_PV_1": (self.thermal.flask_c, 1),
            "IN_PV_2": (self.thermal.plate_c, 2),
            "IN_PV_4": (self.set_speed_rpm if self.stirring else 0.0, 4),
            "IN_SP_1": (self.set_point_c, 1),
            "IN_SP_3": (self.safety_c, 3),
            "IN_SP_4": (self.set_speed_rpm, 4),
        }
        if command in readings:
            value, channel = readings[command]
            return f"{value:.1f} {channel}"
        match command:
            case "IN_NAME":
                return self.name
            case "START_1":
                self._switch_heater(True, "command")
            case "STOP_1":
                self._switch_heater(False, "command")
            case "START_4":
                self.stirring = True
            case "STOP_4":
                self.stirring = False
            case "RESET":
                self._switch_heater(False, "reset")
                self.stirring = False
                self.watchdog_s = 0
            case _:
                return self._set(command)
        return ""

    def _set(self, command: str) -> str:
        match = re.fullmatch(r"(OUT_SP_1 |OUT_SP_4 |OUT_WD1@|OUT_WD2@)(\d+(?:\.\d+)?)", command, re.ASCII)
        if match is None:
            return ""
        what, value = match.group(1), float(match.group(2))
        slowest, fastest = self.speeds_rpm
        if what == "OUT_SP_1 " and value <= self.hottest_c:
            self.set_point_c = value
        elif what == "OUT_SP_4 " and slowest <= value <= fastest:
            self.set_speed_rpm = round(value)
        elif what == "OUT_WD1@" and 20 <= value <= 1500:
            self.watchdog_s, self._unfed_s = int(value), 0.0
            return f"{self.watchdog_s:.1f}"
        elif what == "OUT_WD2@" and value == 0:
            self.watchdog_s = 0
            return "0.0"
        return ""

    def _switch_heater(self, on: bool, reason: str) -> None:
        if on != self.heating:
            self.heating = on
            self._tell("heater on" if on else "heater off", reason=reason, temperature_c=round(self.thermal.flask_c, 2))
