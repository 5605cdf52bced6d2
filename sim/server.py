"""The lab process: ``python -m sim.server --directory DIR --seed N``.

One TCP port per instrument speaks that instrument's own protocol, one more speaks ours (``docs/virtual-lab.md``) for
the clock, the handler and the microscope. Lab time stands still while a client holds the clock and moves as that
client sleeps; with nobody there the lab goes on by itself.
"""

import argparse
import asyncio
import contextlib
import fcntl
import importlib
import json
import logging
import math
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from sim.records import replace_file
from sim.world import World, WorldError

HOST = "127.0.0.1"
LAB_FILE = "lab.json"
LOCK_FILE = "server.lock"
LONGEST_COMMAND = 512
LONGEST_REQUEST = 8192
LONGEST_ID = 150
LONGEST_SLEEP_S = 10 * 86400.0
WARM_UP_AFTER_S = 2.0
TICK_S = 0.05
# A tick that came late (the computer slept) must not make the lab jump.
LONGEST_TICK_S = 1.0

# How long the process stays once a client has said goodbye.
GOODBYE_S = 15.0

log = logging.getLogger("sim.server")


class Device(Protocol):
    """What the virtual devices offer: commands that end in ``end``, each with a reply that may be empty."""

    end: bytes

    def answer(self, command: bytes) -> bytes: ...


class Server:
    """Everything that listens. ``free_run_factor``: lab seconds per wall second while nobody holds the clock."""

    def __init__(self, world: World, *, free_run_factor: float, idle_minutes: float, goodbye_s: float) -> None:
        self.world = world
        self.free_run_factor = free_run_factor
        self.idle_s = 60.0 * idle_minutes
        self.goodbye_s = goodbye_s
        self.token = secrets.token_hex(16)
        self.ended = asyncio.Event()
        self.reason = ""
        self._holder: tuple[asyncio.StreamWriter, str] | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._alone_since = time.monotonic()
        self._left_in_order = False
        self._requests: dict[str, Callable[[dict[str, Any], asyncio.StreamWriter], Any]] = {
            "hello": self._hello,
            "hold": self._hold,
            "release": self._release,
            "now": lambda request, writer: self.world.now,
            "new_vessel": lambda request, writer: self.world.new_vessel(_identifier(request, "vessel_id")),
            "vessel_id": lambda request, writer: self.world.vessel_id,
            "collect": lambda request, writer: self.world.collect(_identifier(request, "sample_id")),
            "has_sample": lambda request, writer: _identifier(request, "sample_id") in self.world.samples,
            "counters": lambda request, writer: {name: pump.lifetime_ml for name, pump in self.world.pumps.items()},
            "stall": self._stall,
            "shutdown": self._shutdown,
        }

    async def listen(self) -> dict[str, int]:
        """Opens every port; port numbers by instrument, ``control`` among them."""
        devices: dict[str, Device] = {"hotplate": self.world.hotplate, **self.world.pumps}
        ports = {}
        for name, device in devices.items():
            ports[name] = await self._open(self._device_handler(device))
        ports["control"] = await self._open(self._control)
        return ports

    async def run(self) -> str:
        """Lets time pass until somebody asks for the end, or nobody has been there for long; why it ended."""
        before = time.monotonic()
        while not self.ended.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), TICK_S)
            now = time.monotonic()
            if self._holder is None and self.free_run_factor > 0:
                self.world.advance(min(now - before, LONGEST_TICK_S) * self.free_run_factor)
            before = time.monotonic()
            if self._writers:
                self._alone_since = now
            elif now - self._alone_since > self._patience_s():
                self.end(f"nobody was there for {self._patience_s() / 60:g} min")
        return self.reason

    def _patience_s(self) -> float:
        """After a goodbye with the heater off there is nothing left to keep; a killed run is waited for."""
        done = self._left_in_order and not self.world.hotplate.heating
        return min(self.idle_s, self.goodbye_s) if done else self.idle_s

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.ended.set()

    # -- ports

    async def _open(self, handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> int:
        async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.add(writer)
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.CancelledError):
                pass
            except Exception:
                # One client's nonsense must not end the lab for the others.
                log.exception("a connection was given up")
            finally:
                self._writers.discard(writer)
                self._let_go(writer)
                writer.close()

        listener = await asyncio.start_server(guarded, HOST, 0, limit=LONGEST_REQUEST)
        return int(listener.sockets[0].getsockname()[1])

    def _device_handler(self, device: Device) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            rest = b""
            while data := await reader.read(4096):
                *commands, rest = (rest + data).split(device.end)
                # A real device's buffer is small as well.
                rest = rest[-LONGEST_COMMAND:]
                for command in commands:
                    reply = device.answer(command[-LONGEST_COMMAND:])
                    self.world.save_news()
                    writer.write(reply)
                await writer.drain()

        return serve

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError:
                return
            except asyncio.LimitOverrunError:
                writer.write(_answer(error=f"a request is one line of at most {LONGEST_REQUEST} bytes"))
                await writer.drain()
                return
            writer.write(await self._respond(line, writer))
            await writer.drain()

    async def _respond(self, line: bytes, writer: asyncio.StreamWriter) -> bytes:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise WorldError("a request is a JSON object")
            do = request.get("do")
            result: Any
            if do == "sleep":
                result = await self._sleep(request, writer)
            elif do == "image":
                result = await self._image(request)
            elif isinstance(do, str) and do in self._requests:
                result = self._requests[do](request, writer)
            else:
                raise WorldError(
                    f"there is no request {do!r}; known: sleep, image, {', '.join(sorted(self._requests))}"
                )
            self.world.save_news()
            return _answer(result=result)
        except WorldError as error:
            return _answer(error=str(error), kind=error.kind)
        except (ValueError, RecursionError):
            return _answer(error="a request is one line of JSON")

    # -- requests

    def _hello(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> dict[str, Any]:
        """Who this is; a token that is not ours is refused, so that nobody takes another lab for his."""
        if "token" in request and request["token"] != self.token:
            raise WorldError("this is another lab: the token is not its own")
        return {"name": "virtual lab", "pid": os.getpid(), "seed": self.world.seed}

    def _hold(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> float:
        holder = _identifier(request, "holder")
        if self._holder is not None and self._holder[0] is not writer:
            raise WorldError(f"the clock is held by {self._holder[1]}; end that run before you start another", "held")
        self._holder = (writer, holder)
        self._left_in_order = False
        self.world.note("clock held", holder=holder)
        return self.world.now

    def _release(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        """A goodbye: who says it is done here, unlike a client whose line was cut."""
        self._left_in_order = self._holder is not None and self._holder[0] is writer
        self._let_go(writer)

    def _let_go(self, writer: asyncio.StreamWriter) -> None:
        if self._holder is not None and self._holder[0] is writer:
            self.world.note("clock released", holder=self._holder[1])
            self._holder = None

    async def _sleep(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> float:
        if self._holder is None or self._holder[0] is not writer:
            raise WorldError("only the client that holds the clock may sleep on it")
        seconds = request.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
            raise WorldError(f"seconds must be a number, not {seconds!r}")
        if not 0 <= seconds <= LONGEST_SLEEP_S:
            raise WorldError(f"seconds must lie between 0 and {LONGEST_SLEEP_S:g}, not {seconds:g}")
        left = float(seconds)
        while left > 0:
            part = min(left, 3600.0)
            self.world.advance(part)
            left -= part
            if left > 0:
                await asyncio.sleep(0)
        return self.world.now

    async def _image(self, request: dict[str, Any]) -> list[str]:
        directory = request.get("directory")
        if not isinstance(directory, str) or not os.path.isabs(directory) or "\0" in directory:
            raise WorldError(f"directory must be an absolute path, not {directory!r}")
        sample_id = _identifier(request, "sample_id")
        # In a thread, so that the instruments go on answering meanwhile.
        paths = await asyncio.to_thread(self.world.views(sample_id, Path(directory)))
        self.world.note("images", sample_id=sample_id, files=[path.name for path in paths])
        return [str(path) for path in paths]

    def _stall(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        """A blocked line, for whoever wants to see what the loop makes of it."""
        name = request.get("pump")
        if name not in self.world.pumps:
            raise WorldError(f"there is no pump {name!r}; known: {', '.join(self.world.pumps)}")
        self.world.pumps[name].stall()

    def _shutdown(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if request.get("token") != self.token:
            raise WorldError("only who knows the lab's token may end it")
        self.end("it was asked to")


def _identifier(request: dict[str, Any], key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or not value.isprintable():
        raise WorldError(f"{key} must be a text of 1 to {LONGEST_ID} printable characters")
    return value


def _answer(result: Any = None, error: str | None = None, kind: str = "refused") -> bytes:
    content = {"result": result} if error is None else {"error": error, "kind": kind}
    return json.dumps(content).encode() + b"\n"


def _import_simulators() -> None:
    for module in ("sim.reactor", "sim.microscope"):
        importlib.import_module(module)


async def serve(world: World, *, free_run_factor: float, idle_minutes: float, goodbye_s: float) -> None:
    """Runs the lab to its end, with its ports in ``lab.json`` for as long as they are open."""
    server = Server(world, free_run_factor=free_run_factor, idle_minutes=idle_minutes, goodbye_s=goodbye_s)
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, server.end, f"signal {ending.name}")
    ports = await server.listen()
    lab_file = world.directory / LAB_FILE
    replace_file(lab_file, json.dumps({"pid": os.getpid(), "token": server.token, "host": HOST, "ports": ports}))
    # They take a second or two, best while the loop has its own imports to do; a lab that is not used needs none.
    imports = threading.Thread(target=_import_simulators, daemon=True)
    asyncio.get_running_loop().call_later(WARM_UP_AFTER_S, imports.start)
    try:
        reason = await server.run()
        world.note("lab ended", reason=reason)
    finally:
        lab_file.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sim.server", description="The virtual lab as a process.")
    parser.add_argument("--directory", type=Path, required=True, help="where the lab's state and journal are kept")
    parser.add_argument("--seed", type=int, required=True, help="of a new lab; one that exists keeps its own")
    parser.add_argument(
        "--free-run-factor",
        type=float,
        default=60.0,
        help="lab seconds per second while nobody holds the clock (default: %(default)g)",
    )
    parser.add_argument(
        "--goodbye-seconds",
        type=float,
        default=GOODBYE_S,
        help="end after so long without any client, where the last one said goodbye and left the heater off",
    )
    parser.add_argument(
        "--idle-minutes",
        type=float,
        default=15.0,
        help="ends when nobody has been connected for so long (default: %(default)g)",
    )
    parser.add_argument("--detach", action="store_true", help="go on in the background, outlive the caller")
    given = parser.parse_args(arguments)
    given.directory.mkdir(parents=True, exist_ok=True)
    if given.detach:
        if os.fork():
            return 0
        os.setsid()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    with (given.directory / LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print(f"a virtual lab runs in {given.directory} already; attach to it, or end it first", file=sys.stderr)
            return 2
        world = World(given.directory.absolute(), given.seed, start=time.time())
        asyncio.run(
            serve(
                world,
                free_run_factor=given.free_run_factor,
                idle_minutes=given.idle_minutes,
                goodbye_s=given.goodbye_seconds,
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
