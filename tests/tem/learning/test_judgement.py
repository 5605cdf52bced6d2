"""What a particle's company says is learned: a speck among large ones is told from a particle."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch

from closedloop.tem import neural
from closedloop.tem.learning import teaching
from closedloop.tem.learning.judgement import COMPANY, judge
from closedloop.tem.learning.samples import Group, Sample
from closedloop.tem.learning.targets import targets
from closedloop.tem.learning.teaching import teach
from closedloop.tem.network import ParticleNet


def _samples(count: int) -> Iterator[Sample]:
    """Large discs are particles; small ones, just as clear, are not."""
    for index in range(count):
        rng = np.random.default_rng(index)
        labels, grey = np.zeros((160, 160), np.int32), np.full((160, 160), 230, np.uint8)
        for number, x in enumerate((30, 80, 130), 1):
            cv2.circle(labels, (x, int(rng.integers(30, 90))), 19, number, -1)
        grey[labels > 0] = 20
        for x in (40, 110):
            cv2.circle(grey, (x, int(rng.integers(130, 150))), 5, 20, -1)
        yield Sample(str(index), grey, labels)


@pytest.fixture(autouse=True)
def eyes(monkeypatch: pytest.MonkeyPatch) -> None:
    def see(even: np.ndarray, net: object) -> np.ndarray:
        _, labels = cv2.connectedComponents((even < 0.5).astype(np.uint8), connectivity=4)
        return targets(labels.astype(np.int32))[:4].copy()

    monkeypatch.setattr(neural, "see", see)


@pytest.fixture
def net() -> ParticleNet:
    made = ParticleNet()
    for layer in made.credibility.layers:
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.constant_(layer.bias, 1.0)  # all are believed alike, by themselves
    return made


def test_specks_among_large_particles_are_told(net: ParticleNet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "_STEPS", 200)
    judged = judge(next(_samples(1)), net)
    right = judged.wanted > 0.5
    assert sorted(right) == [False, False, True, True, True]
    told: list[tuple[int, int]] = []
    teach(COMPANY, net, [Group(list(_samples(6)), 1.0)], seed=3, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (6, 6)
    chance = net.company.of(judged.measures)
    assert chance[right].min() > 0.8
    assert chance[~right].max() < 0.2


def test_without_pictures_nothing_is_learned(net: ParticleNet) -> None:
    before = net.company.layers[0].weight.clone()
    teach(COMPANY, net, [Group([], 1.0)], seed=0)
    assert torch.equal(net.company.layers[0].weight, before)
