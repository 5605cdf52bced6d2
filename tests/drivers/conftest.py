"""A serial port that plays a transcript, and a device on a real TCP port that does as a test tells it."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import serial

# What the port expects to be sent, and what comes back: bytes, nothing (a time limit passes), or a lost connection.
Exchange = tuple[bytes, bytes | Exception]


class ScriptedPort:
    """Plays exchanges in their order; anything else than the next expected bytes fails the test."""

    timeout = write_timeout = 1.0

    def __init__(self, exchanges: list[Exchange]) -> None:
        self.left = list(exchanges)
        self.waiting = b""

    def write(self, data: bytes) -> int:
        assert self.left, f"sent {data!r} after the end of the transcript"
        expected, reply = self.left.pop(0)
        assert data == expected
        if isinstance(reply, Exception):
            raise reply
        self.waiting += reply
        return len(data)

    def read(self, size: int = 1) -> bytes:
        data, self.waiting = self.waiting[:size], self.waiting[size:]
        return data

    def read_until(self, expected: bytes, size: int) -> bytes:
        at = self.waiting.find(expected)
        return self.read(size if at < 0 else min(at + len(expected), size))

    def reset_input_buffer(self) -> None:
        self.waiting = b""

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def no_port_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test leaves open, as a process would that ends, is not there for the next one."""
    monkeypatch.setattr("drivers.serial_line._ports", {})


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[list[Exchange]], ScriptedPort]]:
    """``play(exchanges)`` makes every port that is opened the scripted one; all exchanges must have happened."""
    ports: list[ScriptedPort] = []

    def start(exchanges: list[Exchange]) -> ScriptedPort:
        port = ScriptedPort(exchanges)
        ports.append(port)
        monkeypatch.setattr(serial, "serial_for_url", lambda url, **settings: port)
        return port

    yield start
    for port in ports:
        assert port.left == []


class TcpDevice:
    """Serves each connection in a thread with ``behaviour(connection, number of the connection)``."""

    def __init__(self, behaviour: Callable[[socket.socket, int], None]) -> None:
        self.received: list[bytes] = []
        self.connections = 0
        self._behaviour = behaviour
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection, self.connections), daemon=True).start()

    def _talk(self, connection: socket.socket, number: int) -> None:
        with connection, contextlib.suppress(OSError):
            self._behaviour(connection, number)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)


@pytest.fixture
def tcp_device() -> Iterator[Callable[[Callable[[socket.socket, int], None]], Any]]:
    devices: list[TcpDevice] = []

    def start(behaviour: Callable[[socket.socket, int], None]) -> TcpDevice:
        devices.append(TcpDevice(behaviour))
        return devices[-1]

    yield start
    for device in devices:
        device.close()
