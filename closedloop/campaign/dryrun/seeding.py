"""Seeds for libraries that draw from the global generators alone; what others draw from them is left as it was."""

import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Python's and torch's generators begin at the seed inside, and go on outside as if nothing had been drawn."""
    import torch

    before = random.getstate()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            random.seed(seed)
            yield
    finally:
        random.setstate(before)
