"""Lab processes for the tests; every one that a test starts is ended after it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The condition's first true value; a test fails where there is none in time."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


class LabProcess:
    """A lab process as a child of the test, so that it can be killed and waited for."""

    def __init__(self, directory: Path, *options: str, seed: int = 1) -> None:
        self.directory = directory
        command = [sys.executable, "-m", "sim.server", "--directory", str(directory), "--seed", str(seed), *options]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
        self.said: dict[str, Any] = wait_for(self._read)

    def _read(self) -> dict[str, Any] | None:
        assert self.process.poll() is None, "the lab process ended by itself"
        with contextlib.suppress(OSError, ValueError):
            said: dict[str, Any] = json.loads((self.directory / "lab.json").read_text())
            return said if said["pid"] == self.process.pid else None
        return None

    def url(self, name: str = "control") -> str:
        return f"socket://127.0.0.1:{self.said['ports'][name]}"

    def port(self, name: str = "control") -> int:
        port: int = self.said["ports"][name]
        return port

    def end(self, how: signal.Signals = signal.SIGKILL) -> int:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        code = self.process.wait(timeout=20)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@pytest.fixture
def start_lab(tmp_path: Path) -> Iterator[Callable[..., LabProcess]]:
    """``start_lab(*options)`` starts a lab process in the test's folder (again, where one was killed there)."""
    started: list[LabProcess] = []

    def start(*options: str, seed: int = 1) -> LabProcess:
        started.append(LabProcess(tmp_path / "lab", *options, seed=seed))
        return started[-1]

    yield start
    for lab in started:
        if lab.process.poll() is None:
            lab.end()


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """One lab for all tests that leave nothing behind in it; its time moves only when somebody sleeps."""
    lab = LabProcess(tmp_path_factory.mktemp("shared") / "lab", "--free-run-factor", "0", "--goodbye-seconds", "900")
    yield lab
    lab.end()


@pytest.fixture
def lab(start_lab: Callable[..., LabProcess]) -> LabProcess:
    """A lab whose time moves only when somebody sleeps on its clock."""
    return start_lab("--free-run-factor", "0", "--goodbye-seconds", "900")


@pytest.fixture
def alive() -> Callable[[int], bool]:
    def look(pid: int) -> bool:
        with contextlib.suppress(OSError, IndexError):
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        with contextlib.suppress(OSError):
            os.kill(pid, 0)
            return not Path("/proc").is_dir()
        return False

    return look


@pytest.fixture(name="wait_for")
def wait_for_fixture() -> Callable[..., Any]:
    return wait_for
