"""Training on a few discs: it learns, it repeats, it goes on after an interruption, and it stays near its start."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from closedloop.tem.learning import train as training
from closedloop.tem.learning.samples import Group, Sample, batches
from closedloop.tem.learning.train import Schedule, train
from closedloop.tem.network import ParticleNet


def _sample(seed: int) -> Sample:
    rng = np.random.default_rng(seed)
    labels = np.zeros((128, 128), np.int32)
    for number in range(1, 7):
        cv2.circle(labels, tuple(int(v) for v in rng.integers(12, 116, 2)), int(rng.integers(8, 14)), number, -1)
    grey = np.where(labels > 0, 60, 190) + rng.normal(0, 8, labels.shape)
    return Sample(f"discs {seed}", np.clip(grey, 0, 255).astype(np.uint8), labels)


GROUPS = [Group([_sample(0), _sample(1)], 1.0)]


def _fresh() -> ParticleNet:
    torch.manual_seed(5)
    return ParticleNet()


def test_batches_are_repeatable_and_go_on_from_any_step() -> None:
    whole = list(batches(GROUPS, 64, 2, seed=3, steps=4))
    rest = list(batches(GROUPS, 64, 2, seed=3, steps=4, first=2))
    assert len(whole) == 4
    for (images, wanted), (again, wanted_again) in zip(whole[2:], rest, strict=True):
        assert torch.equal(images, again)
        assert torch.equal(wanted, wanted_again)
    assert whole[0][0].shape == (2, 1, 64, 64)
    assert whole[0][1].shape == (2, 5, 64, 64)


def test_a_fault_while_making_samples_reaches_the_caller() -> None:
    broken = Group([Sample("broken", np.zeros((4, 4), np.uint8), np.zeros((9, 9, 9), np.int32))], 1.0)
    with pytest.raises(Exception, match=r"unpack|shape|dimension|invalid|error"):
        list(batches([broken], 64, 1, seed=0, steps=1))


def test_the_misfit_falls() -> None:
    told: list[float] = []
    train(
        _fresh(),
        GROUPS,
        Schedule(steps=30, count=1, size=64),
        seed=0,
        progress=lambda step, of, loss: told.append(loss),
    )
    assert len(told) == 30
    assert told[-1] < 0.93 * told[0]  # a mean over the last fifty or so


def test_an_interrupted_training_ends_where_a_whole_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_CHECKPOINT_EVERY", 2)
    schedule = Schedule(steps=5, count=1, size=64)
    whole = train(_fresh(), GROUPS, schedule, seed=1)

    def stop(step: int, steps: int, loss: float) -> None:
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(_fresh(), GROUPS, schedule, seed=1, checkpoint=tmp_path / "kept", progress=stop)
    resumed = train(_fresh(), GROUPS, schedule, seed=1, checkpoint=tmp_path / "kept")
    for name, value in whole.state_dict().items():
        assert torch.allclose(value.float(), resumed.state_dict()[name].float(), atol=1e-5), name
    assert not list(tmp_path.glob("*.part"))


def test_fine_tuning_stays_nearer_to_its_start() -> None:
    def moved(towards_start: float) -> float:
        net = train(_fresh(), GROUPS, Schedule(8, 1, 64, rate=1e-3, towards_start=towards_start), seed=0)
        start = dict(_fresh().named_parameters())
        return float(sum(((p - start[n]) ** 2).sum().item() for n, p in net.named_parameters()))

    assert moved(10.0) < 0.5 * moved(0.0)
