"""What the network is asked to predict, on label images small enough to know by heart."""

import numpy as np
import pytest

from closedloop.tem.ideal_maps import LEFT_OUT
from closedloop.tem.learning.targets import DOUBTFUL, targets


def _disc(size: int = 64, radius: float = 20, at: tuple[int, int] = (32, 32)) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return (np.hypot(y - at[0], x - at[1]) <= radius).astype(np.int32)


def test_the_seed_map_rises_from_the_outline_to_one_in_the_middle_whatever_the_size() -> None:
    for radius in (6, 12, 25):
        _, seed, _, _, _ = targets(_disc(radius=radius))
        assert seed[32, 32] == pytest.approx(1, abs=0.02)
        assert seed[32, 32 + radius] < 0.2
        assert seed[32, 32 + radius // 2] == pytest.approx(0.5, abs=0.15)
        assert seed[0, 0] == 0


def test_flows_point_to_the_middle() -> None:
    _, _, across, down, _ = targets(_disc())
    y, x = np.mgrid[:64, :64]
    away = np.hypot(y - 32, x - 32)
    ring = (away > 5) & (away < 18)
    inward = (across * (32 - x) + down * (32 - y))[ring] / away[ring]
    assert inward.mean() > 0.97
    assert np.hypot(across, down)[ring] == pytest.approx(1, abs=1e-4)


def test_touching_particles_have_an_outline_between_them_and_weigh_more_there() -> None:
    labels = np.zeros((20, 40), np.int32)
    labels[4:16, 4:20], labels[4:16, 20:36] = 1, 2
    _, seed, across, _, weight = targets(labels)
    assert seed[10, 19] < 0.2
    assert seed[10, 20] < 0.2
    assert across[10, 17] < 0 < across[10, 22]
    assert weight[10, 19] > weight[10, 8] == 1
    assert weight[10, 38] == 1


def test_what_is_not_known_weighs_nothing_and_only_a_doubtful_ring_ends_a_particle() -> None:
    for mark, depth_at_cut in ((LEFT_OUT, "deep"), (DOUBTFUL, "shallow")):
        labels = np.ones((30, 30), np.int32)
        labels[:, 15:] = mark
        labels[0], labels[-1] = 0, 0
        _, seed, _, _, weight = targets(labels)
        assert (weight[:, 15:][1:-1] == 0).all()
        assert (weight[1:-1, :15] > 0).all()
        assert (seed[15, 14] > 0.9) == (depth_at_cut == "deep")
    assert targets(np.full((8, 8), LEFT_OUT, np.int32))[4].max() == 0
