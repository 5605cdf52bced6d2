"""Training on a few discs: it learns, it repeats, it goes on after an interruption, and it stays near its start."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from closedloop.tem.learning import train as training
from closedloop.tem.learning.samples import Group, Sample, batches
from closedloop.tem.learning.train import Schedule, UnusableCheckpoint, train
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
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_checkpoint_of_another_training_is_refused_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_CHECKPOINT_EVERY", 2)
    kept, schedule = tmp_path / "kept", Schedule(steps=2, count=1, size=64)
    train(_fresh(), GROUPS, schedule, seed=1, checkpoint=kept)
    before = kept.read_bytes()
    other_start = _fresh()
    with torch.no_grad():
        next(other_start.parameters()).add_(0.1)
    shifted = [Sample(one.name, one.grey, np.roll(one.labels, 1)) for one in GROUPS[0].samples]
    for net, groups, planned, seed in (
        (_fresh(), [Group(shifted, 1.0)], schedule, 1),
        (_fresh(), [Group(GROUPS[0].samples, 0.3)], schedule, 1),
        (_fresh(), GROUPS, Schedule(steps=1, count=1, size=64), 1),
        (_fresh(), GROUPS, schedule, 2),
        (other_start, GROUPS, schedule, 1),
    ):
        with pytest.raises(UnusableCheckpoint, match=r"another training.*delete"):
            train(net, groups, planned, seed=seed, checkpoint=kept)
    assert kept.read_bytes() == before
    train(_fresh(), GROUPS, schedule, seed=1, checkpoint=kept)


def test_a_checkpoint_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_CHECKPOINT_EVERY", 1)
    kept, schedule = tmp_path / "kept", Schedule(steps=1, count=1, size=64)
    train(_fresh(), GROUPS, schedule, seed=1, checkpoint=kept)
    half, other = kept.read_bytes()[: kept.stat().st_size // 2], tmp_path / "other"
    torch.save([1, 2], other)  # as an older program's may be
    for content in (half, b"", b"words", other.read_bytes()):
        kept.write_bytes(content)
        with pytest.raises(UnusableCheckpoint, match="delete"):
            train(_fresh(), GROUPS, schedule, seed=1, checkpoint=kept)


def test_fine_tuning_stays_nearer_to_its_start() -> None:
    def moved(towards_start: float) -> float:
        net = train(_fresh(), GROUPS, Schedule(8, 1, 64, rate=1e-3, towards_start=towards_start), seed=0)
        start = dict(_fresh().named_parameters())
        return float(sum(((p - start[n]) ** 2).sum().item() for n, p in net.named_parameters()))

    assert moved(10.0) < 0.5 * moved(0.0)
