"""The instruments of the virtual lab that no maker sells with a protocol: handler, microscope, and its clock.

Clients of the lab process's control port, with nothing of the simulation in them; pumps and hotplate are driven by
`drivers`, as they would be on a bench.
"""

import contextlib
import json
import os
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from closedloop.lab import InstrumentError, NoAnswer, NoImage, Refused

ANSWER_S = 120.0
# How long a clock that seems to be held is asked again: its holder may have died a moment ago.
HELD_S = 2.0


class Held(Refused):
    """Another client has the clock."""


class ControlLine:
    """One connection to the control port: a JSON object per line there, one per line back."""

    def __init__(self, name: str, url: str) -> None:
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.scheme != "socket" or not parts.hostname or not parts.port:
            raise ValueError(f"url must be socket://host:port, not {url!r}")
        self.name = name
        self.url = url
        self._where = (parts.hostname, parts.port)
        self._socket: socket.socket | None = None
        self._rest = b""

    def open(self) -> None:
        if self._socket is not None:
            return
        try:
            self._socket = socket.create_connection(self._where, timeout=ANSWER_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise NoAnswer(f"{self.name}: no virtual lab answers at {self.url} ({error}); start it again") from error
        self._rest = b""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, do: str, *, repeatable: bool = True, **request: Any) -> Any:
        """The result; a lost connection is tried once more where the request may be made twice."""
        line = json.dumps({"do": do} | request).encode() + b"\n"
        for attempt in (1, 2):
            self.open()
            try:
                return self._result(self._exchange(line))
            except OSError as error:
                self.close()
                if attempt == 2 or not repeatable:
                    raise NoAnswer(
                        f"{self.name}: the virtual lab at {self.url} was lost at {do!r} ({error})"
                    ) from error
        raise AssertionError("two attempts either return or raise")

    def _exchange(self, line: bytes) -> bytes:
        assert self._socket is not None
        self._socket.sendall(line)
        while b"\n" not in self._rest:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("it hung up")
            self._rest += data
        answer, _, self._rest = self._rest.partition(b"\n")
        return answer

    def _result(self, answer: bytes) -> Any:
        try:
            content = json.loads(answer)
            if "error" not in content:
                return content["result"]
            message, kind = str(content["error"]), content["kind"]
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f"{self.name}: {answer[:80]!r} is no answer of a virtual lab; check the port") from error
        errors: dict[str, type[InstrumentError]] = {"no image": NoImage, "held": Held}
        raise errors.get(kind, Refused)(f"{self.name}: {message}")


class _VirtualInstrument:
    def __init__(self, name: str, *, url: str) -> None:
        self.name = name
        self._line = ControlLine(name, url)

    def connect(self) -> None:
        try:
            self.identify()
        except InstrumentError:
            self._line.close()
            raise

    def close(self) -> None:
        self._line.close()

    def identify(self) -> str:
        lab = self._line.ask("hello")
        return f"{type(self).__name__} of the {lab['name']}, process {lab['pid']}"

    def make_safe(self) -> None:
        """Nothing here moves or heats."""


class VirtualHandler(_VirtualInstrument):
    """Brings vessels (and tops up the syringes with each) and takes samples."""

    def new_vessel(self, vessel_id: str) -> None:
        self._line.ask("new_vessel", vessel_id=vessel_id)

    def vessel_id(self) -> str | None:
        vessel: str | None = self._line.ask("vessel_id")
        return vessel

    def collect(self, sample_id: str) -> None:
        self._line.ask("collect", sample_id=sample_id)

    def has_sample(self, sample_id: str) -> bool:
        return bool(self._line.ask("has_sample", sample_id=sample_id))


class VirtualMicroscope(_VirtualInstrument):
    """Has the lab process render two fields of view of a sample."""

    def acquire(self, sample_id: str, directory: Path) -> list[Path]:
        return [Path(p) for p in self._line.ask("image", sample_id=sample_id, directory=str(directory.absolute()))]


class VirtualClock(_VirtualInstrument):
    """The lab's time, which stands still between our sleeps for as long as we are connected."""

    def __init__(self, name: str, *, url: str) -> None:
        super().__init__(name, url=url)
        self._now: float | None = None

    def connect(self) -> None:
        super().connect()
        give_up = time.monotonic() + HELD_S
        while self._now is None:
            try:
                self._now = float(self._line.ask("hold", holder=f"process {os.getpid()}"))
            except Held:
                if time.monotonic() > give_up:
                    self._line.close()
                    raise
                time.sleep(0.05)

    def close(self) -> None:
        """Says goodbye, so that the lab need not wait for us to come back as it would after a crash."""
        if self._now is not None:
            self._now = None
            with contextlib.suppress(InstrumentError):
                self._line.ask("release", repeatable=False)
        super().close()

    def now(self) -> float:
        # Nobody else can move the time while we hold the clock, so it need not be asked for.
        return float(self._line.ask("now")) if self._now is None else self._now

    def sleep(self, seconds: float) -> None:
        # Not repeatable: on a new connection we would not hold the clock, and time may have passed already.
        self._now = float(self._line.ask("sleep", repeatable=False, seconds=seconds))
