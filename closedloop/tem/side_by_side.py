"""Images measured side by side, in processes that each have a segmenter of their own; answers in the order asked for.

Telling outlines and shapes is work of one processor, whatever the network runs on; many images keep all of them busy.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path

from closedloop.tem.folder import Asked, Failure, Measure, attempt, one_by_one
from closedloop.tem.measurement import Measurement
from closedloop.tem.segmenter import Segmenter

_IMAGES_EACH = 4  # below, starting a process takes longer than it saves
_BYTES_EACH = 2 << 30  # of memory: libraries, weights, and an image of a few thousand pixels' side
_AHEAD = 2  # images per process that may wait to be taken, with their pixels


def useful_workers(images: int) -> int:
    """As many processes as there are processors and memory for, and images worth their start."""
    return max(1, min(_processors(), _free_bytes() // _BYTES_EACH, images // _IMAGES_EACH))


@contextmanager
def side_by_side(segmenter: Segmenter, workers: int) -> Iterator[Measure]:
    """What measures images in so many processes, with this segmenter's weights and device; one: in this process.

    A process that is killed costs nothing but time: what it had not answered is measured in this one.
    """
    if workers <= 1:
        yield one_by_one(segmenter)
        return
    # Not forked: threads of numerical libraries do not survive a fork.
    pool = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        _prepare,
        (segmenter.weights, segmenter.device, max(1, _processors() // workers)),
    )

    def measure(asked: Sequence[Asked]) -> Iterator[Measurement | Failure]:
        left = deque(asked)
        waiting: deque[tuple[Asked, Future[Measurement | Failure]]] = deque()
        try:
            while left or waiting:
                while left and len(waiting) < _AHEAD * workers:
                    waiting.append((left[0], pool.submit(_attempt, left[0])))
                    left.popleft()
                answer = waiting[0][1].result()
                waiting.popleft()
                yield answer
        except BrokenProcessPool:
            yield from one_by_one(segmenter)([*(one for one, _ in waiting), *left])

    try:
        yield measure
    finally:
        pool.shutdown(cancel_futures=True)


# In a process of the pool: its segmenter.
_own: Segmenter | None = None


def _prepare(weights: Path, device: str, threads: int) -> None:
    import cv2
    import torch

    # An interruption from the keyboard is told to all; the first process answers it.
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    global _own
    _own = Segmenter(weights, device)


def _attempt(asked: Asked) -> Measurement | Failure:
    assert _own is not None
    return attempt(*asked, _own)


def _processors() -> int:
    with suppress(AttributeError):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _free_bytes() -> int:
    """What is free, or only holds files that can be read again; where nobody says, there is enough."""
    with suppress(OSError, ValueError, StopIteration):  # Linux alone has this file
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1])
    return _BYTES_EACH * _processors()
