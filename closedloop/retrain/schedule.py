"""``closedloop serve``: retrains now and then for as long as it runs, whenever something new was learned.

What was missed while no service ran is made up for when one starts: the store says what the last attempt had seen, so
no schedule needs to be remembered anywhere else.
"""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from closedloop.campaign import Campaign
from closedloop.recipes import ClosedloopError
from closedloop.retrain.campaigns import CampaignRetrainer
from closedloop.retrain.errors import ServiceRunning
from closedloop.retrain.makers import Maker
from closedloop.retrain.retrainer import one_at_a_time
from closedloop.store import Store

if TYPE_CHECKING:
    from apscheduler.schedulers.base import BaseScheduler

LOG = logging.getLogger(__name__)
JOB_ID = "closedloop-retrain"
# A laptop that slept through its time does the job when it wakes.
MISFIRE_GRACE = timedelta(days=7)


def retrain_if_new(store: Store, *, seed: int = 0, maker: Maker | None = None) -> list[str]:
    """One sentence for each campaign of which something new was learned; a failure is a sentence, too."""
    said = []
    for name in store.campaign_names():
        try:
            retrainer = CampaignRetrainer(Campaign.reopen(name, store), seed=seed, maker=maker)
            if retrainer.new_outcomes(name):
                said.append(retrainer.retrain(name))
        except ClosedloopError as error:
            said.append(f"{name}: {error}")
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
    """Blocks until it is interrupted; a training that is under way is finished first.

    Raises `ServiceRunning` where another process serves this store.
    """
    from apscheduler.schedulers.background import BackgroundScheduler

    with one_at_a_time(store.files / "serve.lock", ServiceRunning):
        # Not a blocking scheduler: that one takes an interruption which comes as it submits a job for a failed job.
        scheduler = BackgroundScheduler(timezone=UTC)
        add_job(scheduler, lambda: retrain_if_new(store, seed=seed, maker=maker), every)
        scheduler.start()
        try:
            threading.Event().wait()
        finally:
            scheduler.shutdown()
