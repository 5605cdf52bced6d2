"""How many of torch's threads a model of some size deserves, and what to do with them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

# With fewer precedents than this every tensor is small: threads would wait for each other longer than they work, and
# where another program holds a core, ten times as long.
_MANY = 1000


@contextmanager
def threads_for(precedents: int) -> Iterator[None]:
    """One thread for a small model; a large one has what torch was given."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if precedents >= _MANY else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def at_once(ask: Callable[[Asked], Answer], parts: Sequence[Asked]) -> list[Answer]:
    """What ``ask`` says of each part, in order. Several parts are asked at once, each on one thread, which is faster by
    half than one after the other on all threads: most of what is done to a part is too small to be shared out."""
    threads = min(torch.get_num_threads(), len(parts))
    if threads < 2:
        return [ask(part) for part in parts]
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(ask, parts))
