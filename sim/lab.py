"""Finds or starts the lab process of a directory, and says how to reach it: the lab file of a run without one."""

import fcntl
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from closedloop.lab.errors import InstrumentError, NoAnswer
from sim.instruments import ControlLine
from sim.server import LAB_FILE, LOCK_FILE
from sim.world import describe_lab

ATTACH_LOCK_FILE = "attach.lock"
LOG_FILE = "lab.log"
START_S = 20.0
CONTROLLED = ("handler", "microscope", "clock")

log = logging.getLogger("sim.lab")


def attach(directory: Path, seed: int) -> dict[str, Any]:
    """A lab file (as `closedloop.lab.LabConfig` takes it) for the virtual lab of ``directory``, which runs when this
    returns. A lab that exists keeps the seed that it was made with. Raises `NoAnswer` where it does not come up.
    """
    directory = directory.absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory):
            running = _running(directory) or _start(directory, seed)
    except OSError as error:
        raise NoAnswer(
            f"the virtual lab cannot use {directory} ({error}); choose a place that can be written"
        ) from error
    if running["seed"] != seed:
        log.warning("the virtual lab in %s keeps its seed %s; %s is not used", directory, running["seed"], seed)
    config: dict[str, Any] = describe_lab()["lab"]
    for name, instrument in config["instruments"].items():
        port = running["ports"]["control" if name in CONTROLLED else name]
        instrument["url"] = f"socket://{running['host']}:{port}"
    return config


def shutdown(directory: Path) -> bool:
    """Ends the lab process of the directory; ``False`` where none runs. State and journal stay."""
    directory = directory.absolute()
    if not directory.is_dir():
        return False
    with _locked(directory):
        running = _running(directory)
        if running is None:
            return False
        _ask(running, "shutdown")
        give_up = time.monotonic() + START_S
        while _is_held(directory / LOCK_FILE):
            if time.monotonic() > give_up:
                raise NoAnswer(f"the virtual lab in {directory} (process {running['pid']}) does not end; kill it")
            time.sleep(0.02)
    return True


def _start(directory: Path, seed: int) -> dict[str, Any]:
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, "-m", "sim.server", "--directory", str(directory), "--seed", str(seed), "--detach"]
    with (directory / LOG_FILE).open("a") as output:
        # The process that we start forks the lab and ends, so the lab is in a session of its own and nobody's child.
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | {"PYTHONPATH": path},
            check=False,
        )
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up:
        running = _running(directory)
        if running is not None:
            return running
        time.sleep(0.02)
    raise NoAnswer(f"the virtual lab in {directory} did not start within {START_S:g} s; see {directory / LOG_FILE}")


def _running(directory: Path) -> dict[str, Any] | None:
    """What ``lab.json`` says, with the lab's seed, where the process that wrote it is alive and answers."""
    try:
        said: dict[str, Any] = json.loads((directory / LAB_FILE).read_text(encoding="utf-8"))
        os.kill(int(said["pid"]), 0)
        answer = _ask(said, "hello")
        if answer["pid"] != said["pid"]:
            return None
        return said | {"seed": answer["seed"]}
    except (OSError, ValueError, KeyError, TypeError, InstrumentError):
        # Left behind by a process that was killed; or its number, or its port, is somebody else's by now.
        return None


def _ask(said: dict[str, Any], do: str) -> Any:
    line = ControlLine("virtual lab", f"socket://{said['host']}:{said['ports']['control']}")
    try:
        return line.ask(do, token=said["token"])
    finally:
        line.close()


def _is_held(path: Path) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One starter at a time; whoever comes second finds the lab that the first one started."""
    with (directory / ATTACH_LOCK_FILE).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
