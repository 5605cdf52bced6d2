"""Credibility is learned: particles that are true are believed, others are not."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch

from closedloop.tem import neural
from closedloop.tem.learning import credit, teaching
from closedloop.tem.learning.credit import CREDIBILITY, look_at
from closedloop.tem.learning.samples import Group, Sample
from closedloop.tem.learning.targets import targets
from closedloop.tem.learning.teaching import teach
from closedloop.tem.network import ParticleNet


def _samples(count: int) -> Iterator[Sample]:
    """Dark discs are particles, fainter ones are not."""
    for index in range(count):
        rng = np.random.default_rng(index)
        labels, grey = np.zeros((128, 128), np.int32), np.full((128, 128), 230, np.uint8)
        for number, x in enumerate((32, 96), 1):
            cv2.circle(grey, (x, int(rng.integers(30, 80))), 17, 20, -1)
            labels[(grey == 20) & (labels == 0)] = number
        grey[104:128, 0:24] = 120
        yield Sample(str(index), grey, labels)


@pytest.fixture(autouse=True)
def eyes(monkeypatch: pytest.MonkeyPatch) -> None:
    def see(even: np.ndarray, net: object) -> np.ndarray:
        _, labels = cv2.connectedComponents((even < 0.7).astype(np.uint8), connectivity=4)
        maps = targets(labels.astype(np.int32))[:4].copy()
        maps[0] *= np.where(even > 0.3, 0.7, 1.0)  # less sure of what is fainter
        return maps

    monkeypatch.setattr(neural, "see", see)


def test_a_look_tells_what_is_true() -> None:
    looked = look_at(next(_samples(1)), ParticleNet())
    assert looked.measures.shape == (3, len(credit.MEASURES))
    assert sorted(looked.wanted.round(1)) == [0.0, 1.0, 1.0]


def test_true_particles_are_believed_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "_STEPS", 200)
    net, told = ParticleNet(), []
    teach(CREDIBILITY, net, [Group(list(_samples(6)), 1.0)], seed=3, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (6, 6)
    looked = look_at(next(_samples(1)), net)
    said = net.credibility.of(looked.measures)
    assert said[looked.wanted > 0.5].min() > 0.8
    assert said[looked.wanted < 0.5].max() < 0.2
    again = ParticleNet()
    teach(CREDIBILITY, again, [Group(list(_samples(6)), 1.0)], seed=3)
    assert torch.equal(net.credibility.layers[0].weight, again.credibility.layers[0].weight)


def test_without_pictures_nothing_is_learned() -> None:
    net = ParticleNet()
    before = net.credibility.layers[0].weight.clone()
    teach(CREDIBILITY, net, [Group([], 1.0)], seed=0)
    assert torch.equal(net.credibility.layers[0].weight, before)
