"""What shares the processor's cores: torch's threads, and parts of one task that are asked for at once.

That threads which wait give their core away is decided before torch starts, in `closedloop`. Belongs to no room.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@contextmanager
def one_thread() -> Iterator[None]:
    """One of torch's threads for what is too small to be shared out: threads would wait for each other longer than they
    work, and where another program holds a core, ten times as long. Then as many again as the caller had."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def at_once(ask: Callable[[Asked], Answer], parts: Sequence[Asked]) -> list[Answer]:
    """What ``ask`` says of each part, in order. Several parts are asked at once, each on one of torch's threads, which
    is faster than one after the other where most of what is done to a part is too small to be shared out."""
    import torch

    threads = min(torch.get_num_threads(), len(parts))
    if threads < 2:
        return [ask(part) for part in parts]
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(ask, parts))
