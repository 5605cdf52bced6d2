"""A syringe pump as it behaves on the wire: New Era's basic mode. The hotplate is in `sim.hotplate`.

Bytes in, bytes out, and time that is passed in; it knows no sockets. Written from the manual, not from the driver, so
that a driver and its virtual device cannot share one misunderstanding. What flows where is up to `sim.world`.
"""

import math
import re
from collections.abc import Callable
from typing import Any

STX, ETX = b"\x02", b"\x03"
FIRMWARE = "V3.928"
# Diameters up to this one (mm) make microlitres the pump's unit of volume (New Era manual, 5.6).
MICROLITRE_DIAMETER_MM = 14.0
SLOWEST_CM_PER_MIN = 0.0042 / 60
VOLUME_UNITS = {"UL": 1e-3, "ML": 1.0}
RATE_UNITS = {"UM": 1e-3, "MM": 1.0, "UH": 1e-3 / 60, "MH": 1 / 60}
NUMBER = re.compile(r"\d*\.?\d*", re.ASCII)

# An event of the physical world: what happened, and the particulars.
Tell = Callable[..., None]


class VirtualPump:
    """One syringe pump with its syringe. Volumes in mL, rates in mL/min, times in s of lab time."""

    end = b"\r"

    def __init__(
        self,
        *,
        model: str,
        fastest_cm_per_min: float,
        syringe_diameter_mm: float,
        syringe_volume_ml: float,
        tell: Tell,
        address: int = 0,
    ) -> None:
        self.model = model
        self.fastest_cm_per_min = fastest_cm_per_min
        self.syringe_volume_ml = syringe_volume_ml
        self.address = address
        self._tell = tell
        # Kept by the pump in memory that needs no power.
        self.diameter_mm = syringe_diameter_mm
        self.volume_unit = self._unit_of(syringe_diameter_mm)
        self.volume = 0.0
        self.rate, self.rate_unit = 1.0, "MM"
        self.direction = "INF"
        # Properties of the world, which no power cut changes.
        self.in_syringe_ml = syringe_volume_ml
        self.lifetime_ml = 0.0
        # Lost in a power cut.
        self.status = "S"
        self.alarm = ""
        self.infused_ml = 0.0
        self.withdrawn_ml = 0.0
        self._left_ml: float | None = None
        self._given_ml = 0.0

    def snapshot(self) -> dict[str, Any]:
        """What a power cut leaves, and what was going on when it came."""
        kept = (
            "diameter_mm",
            "volume_unit",
            "volume",
            "rate",
            "rate_unit",
            "direction",
            "in_syringe_ml",
            "lifetime_ml",
        )
        return {name: getattr(self, name) for name in kept} | {
            "running": self.is_running,
            "given_ml": self._given_ml,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Comes up after a power cut: stopped, its counters at zero, the reset alarm waiting to be read."""
        for name, value in state.items():
            if name not in ("running", "given_ml"):
                setattr(self, name, value)
        self.status, self.alarm = "S", "R"
        if state["running"]:
            self._tell(
                "dispense ended", reason="power cut", dispensed_ml=state["given_ml"], lifetime_ml=self.lifetime_ml
            )

    @property
    def is_running(self) -> bool:
        return self.status in "IW"

    @property
    def rate_ml_per_min(self) -> float:
        return self.rate * RATE_UNITS[self.rate_unit]

    def refill(self) -> None:
        self.in_syringe_ml = self.syringe_volume_ml

    def stall(self) -> None:
        """The motor cannot turn any more: a blocked line, or the plunger at its stop."""
        if self.is_running:
            self._end("stalled")
        self.alarm = "S"

    def seconds_to_end(self) -> float:
        """Time until the programmed volume is out or the syringe is empty; infinite while nothing moves."""
        if not self.is_running:
            return math.inf
        room = self.in_syringe_ml if self.status == "I" else self.syringe_volume_ml - self.in_syringe_ml
        left = room if self._left_ml is None else min(self._left_ml, room)
        return 60.0 * left / self.rate_ml_per_min

    def advance(self, seconds: float) -> float:
        """Lets time pass, at most `seconds_to_end`; mL that went out of the syringe (negative: into it)."""
        if not self.is_running:
            return 0.0
        ends = seconds >= self.seconds_to_end() - 1e-9
        moved = self.rate_ml_per_min * min(seconds, self.seconds_to_end()) / 60.0
        self._given_ml += moved
        if self._left_ml is not None:
            self._left_ml -= moved
        complete = self._left_ml is not None and self._left_ml < 1e-9
        if self.status == "I":
            self.infused_ml += moved
            self.lifetime_ml += moved
            self.in_syringe_ml = max(self.in_syringe_ml - moved, 0.0)
            out = moved
        else:
            self.withdrawn_ml += moved
            self.in_syringe_ml += moved
            out = -moved
        if complete:
            self._end("complete")
        elif ends:
            self.stall()
        return out

    def answer(self, command: bytes) -> bytes:
        """The reply to one command, without its end; empty where the command is for another pump on the line."""
        # "all space and control characters are stripped, and all text is converted to upper case" (10.2.2)
        text = "".join(chr(byte) for byte in command if 0x20 < byte < 0x7F).upper()
        match = re.match(r"\d{1,2}", text)
        if int(match.group() if match else 0) != self.address:
            return b""
        words = text[match.end() :] if match else text
        # An alarm takes the place of the answer; one that was waiting takes the place of the command too.
        answer = "" if self.alarm else self._obey(words)
        data = f"A?{self.alarm}" if self.alarm else self.status + answer
        self.alarm = ""
        return STX + f"{self.address:02d}{data}".encode("ascii") + ETX

    def _obey(self, words: str) -> str:
        if not words:
            return ""
        name, value = words[:3], words[3:]
        obey = {
            "DIA": self._dia,
            "RAT": self._rat,
            "VOL": self._vol,
            "DIR": self._dir,
            "RUN": self._run,
            "STP": self._stp,
            "DIS": self._dis,
            "CLD": self._cld,
            "VER": self._ver,
        }.get(name)
        return obey(value) if obey else "?"

    def _dia(self, value: str) -> str:
        if not value:
            return _digits(self.diameter_mm)
        if self.status != "S":
            return "?NA"
        diameter = _number(value)
        if diameter is None:
            return "?"
        if not 0.1 <= diameter <= 80.0:
            return "?OOR"
        self.diameter_mm = diameter
        self.volume_unit = self._unit_of(diameter)
        self.infused_ml = self.withdrawn_ml = 0.0
        return ""

    def _rat(self, value: str) -> str:
        if not value:
            return f"{_digits(self.rate)}{self.rate_unit}"
        unit = value[-2:] if value[-2:] in RATE_UNITS else self.rate_unit
        rate = _number(value.removesuffix(unit))
        if rate is None:
            return "?"
        if self.status != "S" and unit != self.rate_unit:
            return "?NA"
        speed = rate * RATE_UNITS[unit] / (math.pi / 4 * (self.diameter_mm / 10) ** 2)
        if not SLOWEST_CM_PER_MIN <= speed <= self.fastest_cm_per_min:
            return "?OOR"
        self.rate, self.rate_unit = rate, unit
        return ""

    def _vol(self, value: str) -> str:
        if not value:
            return f"{_digits(self.volume)}{self.volume_unit}"
        if self.status != "S":
            return "?NA"
        if value in VOLUME_UNITS:
            self.volume_unit = value
            return ""
        volume = _number(value)
        if volume is None:
            return "?"
        self.volume = volume
        return ""

    def _dir(self, value: str) -> str:
        if not value:
            return self.direction
        if self.status != "S":
            return "?NA"
        if value == "REV":
            value = "WDR" if self.direction == "INF" else "INF"
        if value not in ("INF", "WDR"):
            return "?"
        self.direction = value
        return ""

    def _run(self, value: str) -> str:
        if value:
            return "?"
        if self.is_running:
            return "?NA"
        if self.status == "S":
            # A volume of zero means: until somebody stops it.
            self._left_ml = self.volume * VOLUME_UNITS[self.volume_unit] or None
        self._given_ml = 0.0
        self.status = "I" if self.direction == "INF" else "W"
        self._tell(
            "dispense started", volume_ml=self._left_ml, rate_ml_per_min=self.rate_ml_per_min, direction=self.direction
        )
        if self.seconds_to_end() <= 0:
            self.stall()
        return ""

    def _stp(self, value: str) -> str:
        if value:
            return "?"
        if self.is_running:
            self._end("stopped", then="P")
        elif self.status == "P":
            self.status = "S"
        else:
            return "?NA"
        return ""

    def _dis(self, value: str) -> str:
        if value:
            return "?"
        size = VOLUME_UNITS[self.volume_unit]
        return f"I{_digits(self.infused_ml / size)}W{_digits(self.withdrawn_ml / size)}{self.volume_unit}"

    def _cld(self, value: str) -> str:
        if self.is_running:
            return "?NA"
        if value == "INF":
            self.infused_ml = 0.0
        elif value == "WDR":
            self.withdrawn_ml = 0.0
        else:
            return "?"
        return ""

    def _ver(self, value: str) -> str:
        return "?" if value else f"{self.model}{FIRMWARE}"

    def _end(self, reason: str, then: str = "S") -> None:
        self.status = then
        self._tell("dispense ended", reason=reason, dispensed_ml=self._given_ml, lifetime_ml=self.lifetime_ml)

    def _unit_of(self, diameter_mm: float) -> str:
        return "UL" if diameter_mm <= MICROLITRE_DIAMETER_MM else "ML"


def _number(text: str) -> float | None:
    """At most four digits with a point, at most three of them behind it (manual, 10.2.1)."""
    if not NUMBER.fullmatch(text):
        return None
    digits = text.replace(".", "")
    if not 1 <= len(digits) <= 4 or len(text.partition(".")[2]) > 3:
        return None
    return float(text)


def _digits(value: float) -> str:
    """A counter shows whole steps only, so digits that do not fit are cut off, not rounded."""
    for decimals in (3, 2, 1, 0):
        steps = math.floor(value * 10**decimals + 1e-6)
        if steps <= 9999:
            return f"{steps / 10**decimals:.{decimals}f}" + ("." if decimals == 0 else "")
    return "9999."
