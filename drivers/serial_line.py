"""A request-and-reply line over pyserial, for a serial port and for a ``socket://`` address alike.

Knows bytes, time limits, lost connections, and who may use a port; what the bytes mean is left to the driver of each
device family.
"""

import math
import threading
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakSet

import serial

from closedloop.lab import NoAnswer, Refused
from drivers.port_claims import claim, place_of, release

LONGEST_REPLY = 256
MOST_OLD_REPLIES = 8

T = TypeVar("T")


class _Port:
    """What all lines to one place share: pumps in a daisy chain have one connection, and whoever talks on it must wait
    for the reply before another may talk."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.lock = threading.RLock()
        self.users: WeakSet[SerialLine] = WeakSet()
        self.settings: dict[str, Any] = {}
        self.serial: serial.Serial | None = None
        # A reply may be on its way that nobody waits for any more.
        self.stale = False

    def shut(self) -> None:
        port, self.serial = self.serial, None
        if port is None:
            return
        # pyserial forgets, without closing it, the socket of a peer that has hung up.
        connection = getattr(port, "_socket", None)
        try:
            port.close()
        except (serial.SerialException, OSError):
            pass
        finally:
            if connection is not None:
                connection.close()


_ports: dict[str, _Port] = {}
_ports_guard = threading.Lock()


class SerialLine:
    """One port. Every method raises `NoAnswer` where the device stays silent or the port is gone."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        baudrate: int,
        bytesize: int = serial.EIGHTBITS,
        parity: str = serial.PARITY_NONE,
        timeout_s: float,
    ) -> None:
        if not isinstance(url, str) or not url.strip():
            raise ValueError(f"url must name a port (/dev/ttyUSB0, socket://host:port), not {url!r}")
        self.name = name
        self.url = url
        self.timeout_s = positive("timeout_s", timeout_s)
        self._settings: dict[str, Any] = {
            "baudrate": int(positive("baudrate", baudrate)),
            "bytesize": bytesize,
            "parity": parity,
            "stopbits": serial.STOPBITS_ONE,
        }
        place = place_of(url)
        with _ports_guard:
            self._port = _ports.setdefault(place, _Port(place))

    def open(self) -> None:
        """Does nothing where the port is open already, for this line or for another one to the same place."""
        port = self._port
        with port.lock:
            if not port.users:
                port.shut()  # left open by a line that nobody has any more
            if port.serial is not None and port.settings != self._settings:
                raise Refused(
                    f"{self.name}: the port {self.url} is open with other settings for "
                    f"{' and '.join(sorted(user.name for user in port.users))}; give all instruments on it the same "
                    "baudrate"
                )
            if port.serial is None:
                self._open_first()
            port.users.add(self)

    def _open_first(self) -> None:
        port = self._port
        try:
            if not claim(port.place):
                raise NoAnswer(
                    f"{self.name}: the port {self.url} is in use by another closedloop process; wait for it or stop it"
                )
        except OSError as error:
            raise NoAnswer(
                f"{self.name}: the port {self.url} cannot be kept for this process ({error}); make that file writable"
            ) from error
        try:
            port.serial = serial.serial_for_url(
                self.url, **self._settings, timeout=self.timeout_s, write_timeout=self.timeout_s, exclusive=True
            )
        except (serial.SerialException, OSError, ValueError) as error:
            if not port.users:
                release(port.place)
            raise NoAnswer(
                f"{self.name}: the port {self.url} cannot be opened ({error}); is the device plugged in and on, and "
                "used by no other program?"
            ) from error
        port.settings, port.stale = self._settings, False

    def close(self) -> None:
        """Closes the port where no other line uses it."""
        port = self._port
        with port.lock:
            port.users.discard(self)
            if not port.users:
                port.shut()
                release(port.place)

    def ask(
        self,
        command: bytes,
        until: bytes,
        *,
        first: bytes = b"",
        is_echo: Callable[[bytes], bool] = lambda reply: False,
        repeatable: bool = True,
    ) -> bytes:
        """The reply up to and with ``until``; replies that ``is_echo`` knows as our own words are passed over.

        ``first`` is a command that the device carries out in silence: the reply to the one after it proves that the
        line was whole. Both are sent again, in this order, where the connection was lost in between.

        A command that is not ``repeatable`` is never sent twice: where the connection is lost before its reply, nobody
        knows whether the device heard it, and the caller must look before acting again.
        """

        def exchange(port: serial.Serial) -> bytes:
            if port.timeout != self.timeout_s:
                port.timeout = port.write_timeout = self.timeout_s
            self._drop_old_replies(port)
            # In one piece: TCP would hold a second small piece back until the first is acknowledged.
            port.write(first + command)
            while is_echo(reply := self._read(port, until)):
                pass
            return reply

        with self._port.lock:
            return self._with_a_second_try(exchange, command, repeatable=repeatable)

    def _with_a_second_try(self, talk: Callable[[serial.Serial], T], command: bytes, *, repeatable: bool) -> T:
        for attempt in (1, 2):
            self.open()
            assert self._port.serial is not None
            try:
                return talk(self._port.serial)
            except (serial.SerialException, OSError) as error:
                self._port.shut()
                if attempt == 2 or not repeatable:
                    raise NoAnswer(
                        f"{self.name}: the connection to {self.url} was lost at {command!r} ({error}); "
                        "check cable and power"
                    ) from error
        raise AssertionError("two attempts either return or raise")

    def _read(self, port: serial.Serial, until: bytes) -> bytes:
        reply: bytes = port.read_until(until, LONGEST_REPLY)
        if reply.endswith(until):
            return reply
        self._port.stale = True
        if len(reply) >= LONGEST_REPLY:
            raise Refused(f"{self.name}: {LONGEST_REPLY} bytes without an end came back; check baud rate and device")
        came = f"only {reply!r} came" if reply else "nothing came"
        raise NoAnswer(f"{self.name}: {came} back within {self.timeout_s:g} s; check cable, power and address")

    def _drop_old_replies(self, port: serial.Serial) -> None:
        """A reply that comes after its time limit must not be taken for the answer to the next command."""
        port.reset_input_buffer()
        if self._port.stale:
            # Quiet for one time limit means that nothing more is on its way.
            for _ in range(MOST_OLD_REPLIES):
                if not port.read(LONGEST_REPLY):
                    self._port.stale = False
                    break


def positive(option: str, value: object) -> float:
    """The option as a float; raises `ValueError` where it is no finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise ValueError(f"{option} must be a number above zero, not {value!r}")
    return float(value)
