"""A long command says how far it is and what is left, and does not fill a log."""

import time

import pytest

from closedloop.cli.progress_line import ProgressLine


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moment = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: moment[0])
    return moment


def test_a_line_for_each_new_topic_with_the_time_left(now: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    line = ProgressLine()
    line(0.0, "median, fold 1 of 4: fitting")
    now[0] = 130.0
    line(0.25, "median, fold 2 of 4: fitting")
    line(0.3, "median, fold 2 of 4: predicting")
    now[0] = 700.0
    line(0.5, "median, fold 3 of 4: fitting")
    assert capsys.readouterr().err.splitlines() == [
        "  0% median, fold 1 of 4: fitting",
        " 25% median, fold 2 of 4: fitting, 2 min left",
        " 50% median, fold 3 of 4: fitting, 10 min left",
    ]


def test_a_line_now_and_then_and_the_last(now: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    line = ProgressLine(every_s=10)
    for seconds, part in ((1, 0.0), (11, 0.1), (15, 0.5), (20, 1.0)):
        now[0] = 100.0 + seconds
        line(part, f"{part:.0%} of runs")
    assert capsys.readouterr().err.splitlines() == [" 10% 10% of runs, 2 min left", "100% 100% of runs"]
