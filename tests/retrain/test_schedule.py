"""The service: one per store, retrains at once and then again, and survives what goes wrong."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from closedloop.campaign import Campaign
from closedloop.retrain import CampaignRetrainer, ServiceRunning, add_job, retrain_if_new, serve
from closedloop.retrain.schedule import JOB_ID
from closedloop.store import Store
from tests.retrain.line_model import Line, LineMaker, run_lab

# As a shell starts it in the background: interruptions are ignored.
SERVE = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
from closedloop.cli import main
main()
"""


@contextmanager
def in_background(store: Store) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SERVE, "serve", "--store", store.url]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(600):
            if (store.files / "serve.lock").exists():
                break
            threading.Event().wait(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def lab(store: Store) -> Store:
    """With a campaign that can be reopened, and runs in it."""
    Campaign.open("cdse", store)
    run_lab(store, [210.0, 230.0, 250.0, 270.0, 290.0])
    return store


def test_it_retrains_where_something_is_new_and_only_there(lab: Store, maker: LineMaker) -> None:
    said = retrain_if_new(lab, maker=maker)
    assert len(said) == 1
    assert "model-0001" in said[0]
    assert retrain_if_new(lab, maker=maker) == []
    run_lab(lab, [220.0])
    assert len(retrain_if_new(lab, maker=maker)) == 1
    assert len(lab.retrainings()) == 2
    score = lab.scores("cdse")[0]
    assert (score.model_id, score.metrics["lab_runs"]) == ("model-0001", 5)


@pytest.fixture
def two(lab: Store) -> Store:
    """Two campaigns with runs that no model has seen."""
    definition = Campaign.reopen("cdse", lab).definition.model_copy(update={"name": "other"})
    lab.save_campaign("other", definition.model_dump_json(), definition.digest)
    run_lab(lab, [215.0, 235.0], campaign="other")
    return lab


def test_one_training_is_told_of_and_scored_in_each_campaign_that_it_learned_from(two: Store, maker: LineMaker) -> None:
    said = retrain_if_new(two, maker=maker)
    assert [sentence.split(" (")[0] for sentence in said] == ["cdse: model-0001", "other: model-0001"]
    assert len(two.retrainings()) == 1
    assert [score.model_id for name in ("cdse", "other") for score in two.scores(name)] == ["model-0001"] * 2
    run_lab(two, [225.0], campaign="other")
    assert [sentence.split(" (")[0] for sentence in retrain_if_new(two, maker=maker)] == ["other: model-0002"]
    assert len(two.scores("cdse")) == 1


def test_a_campaign_that_retrains_scores_the_others_that_it_learned_from(two: Store, maker: LineMaker) -> None:
    CampaignRetrainer(Campaign.reopen("cdse", two), maker=maker).run("cdse")
    assert [score.metrics["lab_runs"] for score in two.scores("other")] == [7]


def test_a_failure_is_said_and_does_not_end_the_service(lab: Store, maker: LineMaker) -> None:
    def crash(line: Line) -> Line:
        raise ValueError("singular matrix")

    maker.wrap = crash
    said = retrain_if_new(lab, maker=maker)
    assert said == ["cdse: no challenger came of it (ValueError: singular matrix); the model in service stays"]


def test_the_job_is_one_however_often_it_is_added_and_runs_at_once() -> None:
    ran, scheduler = threading.Event(), BackgroundScheduler(timezone=UTC)
    scheduler.start(paused=True)
    try:
        add_job(scheduler, lambda: None, timedelta(hours=3))
        add_job(scheduler, ran.set, timedelta(hours=6))
        (job,) = scheduler.get_jobs()
        assert (job.id, job.coalesce, job.max_instances) == (JOB_ID, True, 1)
        assert job.trigger.interval == timedelta(hours=6)
        scheduler.resume()
        assert ran.wait(10)
        (job,) = scheduler.get_jobs()
        assert timedelta(hours=5.9) < job.next_run_time - datetime.now(UTC) <= timedelta(hours=6)
    finally:
        scheduler.shutdown()


def test_a_time_that_was_slept_through_is_made_up_for_once() -> None:
    runs: list[datetime] = []
    done, scheduler = threading.Event(), BackgroundScheduler(timezone=UTC)

    def job() -> None:
        runs.append(datetime.now(UTC))
        done.set()

    scheduler.start(paused=True)
    try:
        add_job(scheduler, job, timedelta(hours=1))
        scheduler.modify_job(JOB_ID, next_run_time=datetime.now(UTC) - timedelta(hours=30))
        scheduler.resume()
        assert done.wait(10)
    finally:
        scheduler.shutdown(wait=True)
    assert len(runs) == 1


def test_one_process_serves_a_store(store: Store) -> None:
    with in_background(store), pytest.raises(ServiceRunning, match="another process serves"):
        serve(store, timedelta(hours=1))


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_service_in_the_background_ends_when_it_is_told_to(store: Store, ending: signal.Signals) -> None:
    with in_background(store) as process:
        process.send_signal(ending)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        assert "Traceback" not in said
        assert "told to end" in said


def test_a_training_that_is_under_way_is_finished_first(lab: Store, maker: LineMaker) -> None:
    before = signal.getsignal(signal.SIGINT)

    def interrupted(line: Line) -> Line:
        maker.wrap = lambda same: same
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(0.5)
        return line

    maker.wrap = interrupted
    serve(lab, timedelta(hours=1), maker=maker)
    assert len(lab.retrainings()) == 1
    assert signal.getsignal(signal.SIGINT) is before
