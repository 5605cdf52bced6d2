"""Where runs are done: in this process, in processes of this machine, or on a Dask cluster; with the same results.

Every run is seeded by itself and done on one thread, so that neither the order nor the place can change a digit.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from multiprocessing.connection import wait
from typing import Any, TypeVar

from closedloop.campaign.dryrun.errors import ExecutorError

Job = TypeVar("Job")
Done = TypeVar("Done")
Shared = TypeVar("Shared")
# What is done: with what all jobs share, and one job.
Work = Callable[[Shared, Job], Done]
# (work, shared, jobs) -> (place of the job, what came of it), as they are done.
Executor = Callable[[Work[Shared, Job, Done], Shared, Sequence[Job]], Iterator[tuple[int, Done]]]

DEFAULT = "local:1"


def executor_of(written: str) -> Executor[Any, Any, Any]:
    """``local:N`` or ``dask:ADDRESS``. Raises `ExecutorError`."""
    kind, _, where = written.partition(":")
    if kind == "local":
        try:
            count = int(where or "1")
        except ValueError:
            count = 0
        if count < 1:
            raise ExecutorError(f"{written!r}: how many processes? write local:N with a number from 1")
        return _here if count == 1 else _processes(min(count, 4 * (os.cpu_count() or 1)))
    if kind == "dask":
        if not where:
            raise ExecutorError("dask: of which cluster? write dask:ADDRESS, such as dask:tcp://localhost:8786")
        return _dask(where)
    raise ExecutorError(f"no executor is called {written!r}; write local:N or dask:ADDRESS")


def _here(work: Work[Shared, Job, Done], shared: Shared, jobs: Sequence[Job]) -> Iterator[tuple[int, Done]]:
    for place, job in enumerate(jobs):
        yield place, work(shared, job)


# In a process of a pool: what all of its jobs share, sent once.
_shared: Any = None


def _begin(shared: Any) -> None:
    global _shared
    _shared = shared
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process of a pool waits for its next job for ever; nobody gives it one where the parent was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _with_shared(work: Work[Any, Any, Any], job: Any) -> Any:
    return work(_shared, job)


def _processes(count: int) -> Executor[Any, Any, Any]:
    def run(work: Work[Any, Any, Any], shared: Any, jobs: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        # Not forked: threads of numerical libraries do not survive a fork.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(min(count, max(len(jobs), 1)), context, _begin, (shared,))
        try:
            places = {pool.submit(_with_shared, work, job): place for place, job in enumerate(jobs)}
            for future in as_completed(places):
                yield places[future], future.result()
        except BrokenProcessPool as error:
            raise ExecutorError(
                "a process ended before its run was done (was it short of memory?); run the same command again to go "
                "on, with a smaller number in --executor local:N"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    return run


def _dask(address: str) -> Executor[Any, Any, Any]:
    try:
        distributed = import_module("distributed")
    except ImportError:
        raise ExecutorError(
            "dask: needs the package distributed, which is not installed; install it with pip install distributed, "
            "here and on the cluster"
        ) from None
    try:
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise ExecutorError(f"dask:{address}: no cluster answers there ({error}); check the address") from error

    def run(work: Work[Any, Any, Any], shared: Any, jobs: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        with client:
            sent = client.scatter(shared, broadcast=True, hash=False)
            # Seeded runs would be the same anyhow; not pure, so that Dask does not compare them by content.
            places = {client.submit(work, sent, job, pure=False): place for place, job in enumerate(jobs)}
            # Told its loop: it would look for a default client, which this one is not.
            for future in distributed.as_completed(list(places), loop=client.loop):
                yield places[future], future.result()

    return run
