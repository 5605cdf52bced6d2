"""``closedloop serve``: retrains now and then for as long as it runs, whenever something new was learned.

What was missed while no service ran is made up for when one starts: the store says what the last attempt had seen, so
no schedule needs to be remembered anywhere else.
"""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from closedloop.campaign import Campaign
from closedloop.recipes import ClosedloopError
from closedloop.retrain.campaigns import CampaignRetrainer
from closedloop.retrain.errors import ServiceRunning
from closedloop.retrain.makers import Maker
from closedloop.store import Store, one_at_a_time

if TYPE_CHECKING:
    from apscheduler.schedulers.base import BaseScheduler

LOG = logging.getLogger(__name__)
JOB_ID = "closedloop-retrain"
# A laptop that slept through its time does the job when it wakes.
MISFIRE_GRACE = timedelta(days=7)
_ENDINGS = (signal.SIGINT, signal.SIGTERM)


def retrain_if_new(store: Store, *, seed: int = 0, maker: Maker | None = None) -> list[str]:
    """One training for all that is new, and one sentence for each campaign of which something new was learned; a
    failure is a sentence, too."""
    said, waiting = [], {}
    for name in store.campaign_names():
        try:
            retrainer = CampaignRetrainer(Campaign.reopen(name, store), seed=seed, maker=maker)
            if retrainer.new_outcomes(name):
                waiting[name] = retrainer
        except ClosedloopError as error:
            said.append(f"{name}: {error}")
    if waiting:
        first = next(iter(waiting))
        try:
            came = waiting[first].retrain(first)
        except ClosedloopError as error:
            came = str(error)
        said += [f"{name}: {came}" for name in waiting]
    for sentence in said:
        LOG.info(sentence)
    return said


def add_job(scheduler: "BaseScheduler", job: Callable[[], object], every: timedelta) -> None:
    """The one job of the service, first due at once; added again it replaces itself, and it never overlaps itself."""
    scheduler.add_job(
        job,
        "interval",
        seconds=every.total_seconds(),
        id=JOB_ID,
        replace_existing=True,
        coalesce=True,
        max_instances=1,
        misfire_grace_time=int(MISFIRE_GRACE.total_seconds()),
        next_run_time=datetime.now(UTC),
    )


def serve(store: Store, every: timedelta, *, seed: int = 0, maker: Maker | None = None) -> None:
    """Blocks until SIGINT or SIGTERM comes. A training that is under way is finished first; another signal cuts it off.

    Raises `ServiceRunning` where another process serves this store.
    """
    from apscheduler.schedulers.background import BackgroundScheduler

    busy = ServiceRunning(f"another process serves {store.url}; wait for it or end it")
    with _until_told() as wait, one_at_a_time(store.files / "serve.lock", busy):
        # Not a blocking scheduler: that one takes an interruption which comes as it submits a job for a failed job.
        scheduler = BackgroundScheduler(timezone=UTC)
        add_job(scheduler, lambda: retrain_if_new(store, seed=seed, maker=maker), every)
        scheduler.start()
        try:
            wait()
            LOG.info("told to end; a training that is under way is finished first")
        finally:
            scheduler.shutdown()


@contextmanager
def _until_told() -> Iterator[Callable[[], object]]:
    """SIGINT and SIGTERM are heard here, though a shell that starts a service in the background has it ignore the
    first. What it gives waits for one of them; the next one ends the process."""
    # An event may not be set by a handler that interrupts its own wait; this queue is made for that.
    told: SimpleQueue[int] = SimpleQueue()
    if threading.current_thread() is not threading.main_thread():
        yield told.get  # no signals come to other threads
        return

    def hear(number: int, frame: Any) -> None:
        for each in _ENDINGS:
            signal.signal(each, signal.SIG_DFL)
        told.put(number)

    before = {each: signal.signal(each, hear) for each in _ENDINGS}
    try:
        yield told.get
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
