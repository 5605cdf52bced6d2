"""How many of torch's threads a model of some size deserves."""

from contextlib import AbstractContextManager, nullcontext

from closedloop.threads import one_thread

# With fewer precedents than this every tensor is small.
_MANY = 1000


def threads_for(precedents: int) -> AbstractContextManager[None]:
    """One thread for a small model; a large one has what torch was given."""
    return nullcontext() if precedents >= _MANY else one_thread()
