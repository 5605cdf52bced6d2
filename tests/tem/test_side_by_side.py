"""Images measured in several processes: the same answers in the same order, whatever becomes of a process."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import tifffile

from closedloop.tem import Measurement, Segmenter
from closedloop.tem.folder import Asked, Failure, one_by_one
from closedloop.tem.side_by_side import side_by_side, useful_workers


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[Asked]:
    """Six images of discs that grow from one to the next, the second broken, the third without a scale."""
    folder = tmp_path_factory.mktemp("run")
    yy, xx = np.mgrid[:160, :160]
    asked: list[Asked] = []
    for number in range(6):
        inside = np.hypot((yy % 40) - 20, (xx % 40) - 20) < 7 + number
        image = np.where(inside, 80, 180) + np.random.default_rng(number).normal(0, 8, inside.shape)
        path = folder / f"{number}.tif"
        tifffile.imwrite(path, image.clip(0, 255).astype(np.uint8))
        asked.append((path, None if number == 2 else 0.5))
    asked[1][0].write_text("no image")
    return asked


def _in_short(answer: Measurement | Failure) -> tuple[str, int, float]:
    if isinstance(answer, Failure):
        return answer.error, 0, 0.0
    return Path(answer.name).name, answer.count, answer.mean_diameter_nm or 0.0


def test_two_processes_say_what_one_says_in_the_same_order(asked: list[Asked]) -> None:
    segmenter = Segmenter.load("cpu")
    alone = [_in_short(answer) for answer in one_by_one(segmenter)(asked)]
    with side_by_side(segmenter, 2) as measure:
        first, *others = measure(asked)
        again = list(measure(asked[:1]))  # the next sample, by the same processes
    assert isinstance(first, Measurement)
    assert first.labels.shape == (160, 160)
    together = [_in_short(answer) for answer in (first, *others)]
    assert [(name, count) for name, count, _ in together] == [(name, count) for name, count, _ in alone]
    assert [size for *_, size in together] == pytest.approx([size for *_, size in alone], rel=1e-3)
    assert [name for name, *_ in alone] == ["0.tif", "NotAnImage", "UnreadableScale", "3.tif", "4.tif", "5.tif"]
    assert _in_short(again[0])[1] == alone[0][1]


def test_a_process_that_is_killed_costs_no_answer(asked: list[Asked], monkeypatch: pytest.MonkeyPatch) -> None:
    import concurrent.futures.process as process

    segmenter = Segmenter.load("cpu")
    made: list[process.ProcessPoolExecutor] = []
    start = process.ProcessPoolExecutor.__init__

    def started(self: process.ProcessPoolExecutor, *arguments: object) -> None:
        made.append(self)
        start(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(process.ProcessPoolExecutor, "__init__", started)
    with side_by_side(segmenter, 2) as measure:
        answers = iter(measure(asked))
        found = [next(answers)]
        for worker in list(made[0]._processes.values()):
            os.kill(worker.pid or 0, signal.SIGKILL)
        found += answers
    assert [_in_short(answer)[0] for answer in found] == [
        "0.tif", "NotAnImage", "UnreadableScale", "3.tif", "4.tif", "5.tif",
    ]  # fmt: skip


def test_few_images_are_not_worth_a_process() -> None:
    assert useful_workers(1) == useful_workers(7) == 1
    assert 1 <= useful_workers(10**6) <= (os.cpu_count() or 1)


def test_a_process_needs_memory_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import closedloop.tem.side_by_side as module

    monkeypatch.setattr(module, "_processors", lambda: 16)
    for free, workers in ((1 << 30, 1), (7 << 30, 3), (64 << 30, 16)):
        monkeypatch.setattr(module, "_free_bytes", lambda free=free: free)
        assert useful_workers(1000) == workers
    monkeypatch.undo()
    assert module._free_bytes() > 1 << 26
