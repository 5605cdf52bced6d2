"""How many of torch's threads a model of some size deserves."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

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
