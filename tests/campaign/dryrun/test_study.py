"""All runs together: in one process or several the same, and after an interruption only what is missing."""

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

from closedloop.campaign.dryrun import (
    DryRunError,
    ExecutorError,
    Goal,
    Known,
    OutputNotWritable,
    Plan,
    Pool,
    PoolTask,
    Run,
    Shelf,
    run_all,
    study,
)
from closedloop.campaign.dryrun.executors import executor_of
from tests.campaign.dryrun.made import grid


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool.of(grid(), "CdSe", Goal(5.0))


def _same(a: dict[str, list[Run]], b: dict[str, list[Run]]) -> bool:
    return {n: [(r.seed, r.steps) for r in runs] for n, runs in a.items()} == {
        n: [(r.seed, r.steps) for r in runs] for n, runs in b.items()
    }


def test_two_processes_say_the_same_to_the_last_digit(pool: Pool) -> None:
    plan = Plan(("closedloop", "random"), seeds=3, budget=6)
    one = run_all(PoolTask(pool, Known()), plan)
    two = run_all(PoolTask(pool, Known()), plan, executor="local:2")
    assert _same(one.runs, two.runs)
    assert [run.seed for run in one.runs["closedloop"]] == [0, 1, 2]


def test_an_interrupted_study_goes_on(pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(("closedloop", "random"), seeds=4)
    whole = run_all(PoolTask(pool, Known()), plan)
    shelf = Shelf(tmp_path / "runs")
    real, left = study.replay, [5]

    def dies(*given: Any, **named: Any) -> Run:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(*given, **named)

    monkeypatch.setattr(study, "replay", dies)
    with pytest.raises(KeyboardInterrupt):
        run_all(PoolTask(pool, Known()), plan, shelf=shelf)
    assert len(list((tmp_path / "runs").glob("*.json"))) == 5
    left[0] = 3
    assert _same(run_all(PoolTask(pool, Known()), plan, shelf=shelf).runs, whole.runs)
    assert left[0] == 0


def test_a_damaged_run_is_done_again(pool: Pool, tmp_path: Path) -> None:
    plan = Plan(("random",), seeds=2)
    shelf = Shelf(tmp_path / "runs")
    whole = run_all(PoolTask(pool, Known()), plan, shelf=shelf)
    first, second = sorted((tmp_path / "runs").glob("*.json"))
    first.write_text(first.read_text()[:40])
    second.write_text(json.dumps([1]))
    assert _same(run_all(PoolTask(pool, Known()), plan, shelf=shelf).runs, whole.runs)
    assert json.loads(first.read_text())["strategy"] == "random"


def test_other_outcomes_settings_or_seeds_are_other_runs(pool: Pool, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "runs")
    run_all(PoolTask(pool, Known()), Plan(("random",), seeds=1), shelf=shelf)
    other = Pool.of(grid()[1:], "CdSe", Goal(5.0))
    run_all(PoolTask(other, Known()), Plan(("random",), seeds=1), shelf=shelf)
    run_all(PoolTask(pool, Known(grid()[:1])), Plan(("random",), seeds=1), shelf=shelf)
    run_all(PoolTask(pool, Known()), Plan(("random",), seeds=1, budget=3), shelf=shelf)
    run_all(PoolTask(pool, Known()), Plan(("random",), seeds=2), shelf=shelf)
    assert len(list((tmp_path / "runs").glob("*.json"))) == 5


def test_progress_is_told(pool: Pool) -> None:
    said: list[tuple[float, str]] = []
    run_all(
        PoolTask(pool, Known()), Plan(("random",), seeds=2), progress=lambda part, words: said.append((part, words))
    )
    assert [part for part, _ in said] == [0.5, 1.0]
    assert said[0][1].startswith("random, seed 0: hit at ")


_SLEEPERS = """
import os, sys, time
from pathlib import Path
from closedloop.campaign.dryrun.executors import executor_of

def sleep(folder, job):
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    list(executor_of("local:2")(sleep, sys.argv[1], [1, 2]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is not of Windows")
def test_processes_end_with_the_one_that_began_them(tmp_path: Path) -> None:
    script, folder = tmp_path / "sleepers.py", tmp_path / "pids"
    script.write_text(_SLEEPERS)
    folder.mkdir()
    parent = subprocess.Popen([sys.executable, str(script), str(folder)], env=os.environ | {"PYTHONPATH": os.getcwd()})
    try:
        _wait_until(lambda: len(list(folder.iterdir())) == 2)
    finally:
        parent.kill()
        parent.wait()
    pids = [int(path.name) for path in folder.iterdir()]
    try:
        _wait_until(lambda: not any(_is_running(pid) for pid in pids))
    finally:
        for pid in filter(_is_running, pids):
            os.kill(pid, signal.SIGKILL)


def _wait_until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # What nobody waits for any more may lie about as a zombie where process 1 is no init.
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return stat.parent.exists()


@pytest.mark.parametrize("written", ["local:0", "local:x", "local:-1", "cloud:3", "dask", ""])
def test_an_executor_that_is_none_is_named(written: str) -> None:
    with pytest.raises(ExecutorError):
        executor_of(written)


@pytest.mark.parametrize("change", [{"seeds": 0}, {"budget": 0}, {"batch": -1}])
def test_counts_start_at_one(change: dict[str, int]) -> None:
    with pytest.raises(DryRunError, match=next(iter(change))):
        Plan(("random",), **change)  # type: ignore[arg-type]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputNotWritable):
        Shelf(tmp_path / "file" / "runs")


@pytest.fixture
def cluster() -> Iterator[str]:
    distributed = pytest.importorskip("distributed", reason="needs the optional package distributed")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as local:
        yield local.scheduler_address


@pytest.mark.filterwarnings("default")
def test_a_cluster_says_the_same_to_the_last_digit(pool: Pool, cluster: str) -> None:
    plan = Plan(("closedloop",), seeds=2, budget=5)
    there = run_all(PoolTask(pool, Known()), plan, executor=f"dask:{cluster}")
    assert _same(run_all(PoolTask(pool, Known()), plan).runs, there.runs)
