"""What tells a particle that was seen well from one that was not."""

import cv2
import numpy as np
import pytest
import torch

from closedloop.tem.credibility import MEASURES, Credibility, measures
from closedloop.tem.learning.targets import targets


def _disc(radius: int = 15) -> np.ndarray:
    labels = np.zeros((64, 64), np.int32)
    cv2.circle(labels, (32, 32), radius, 1, -1)
    return labels


def _named(maps: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    (row,) = measures(maps, labels)
    return dict(zip(MEASURES, row.tolist(), strict=True))


def test_a_particle_that_is_what_was_seen_agrees_with_it() -> None:
    labels = _disc()
    told = _named(targets(labels)[:4], labels)
    assert np.exp(told["log_diameter"]) == pytest.approx(2 * np.sqrt((labels > 0).sum() / np.pi))
    assert told["chance_inside"] == told["chance_on_rim"] == told["highest_seed"] == 1
    assert told["chance_around"] == told["seed_misfit"] == told["cut_by_frame"] == 0
    assert told["flow_agreement"] > 0.99
    assert told["free_rim"] > 1


def test_half_of_a_particle_betrays_itself() -> None:
    labels = _disc()
    half = np.where(np.arange(64) < 32, labels, 0).astype(np.int32)
    told = _named(targets(labels)[:4], half)
    assert told["seed_misfit"] > 0.1
    assert told["flow_agreement"] < 0.9
    assert told["chance_around"] > 0.2


def test_the_frame_and_neighbours_are_told_apart() -> None:
    labels = np.zeros((64, 64), np.int32)
    labels[:20, 10:30] = 1
    labels[30:50, 10:30] = 2
    labels[30:50, 30:50] = 3
    maps = targets(labels)[:4]
    cut, free = (measures(maps, labels)[:, MEASURES.index(name)] for name in ("cut_by_frame", "free_rim"))
    assert cut[0] > 0.2
    assert cut[1] == cut[2] == 0
    assert free[1] < free[0]


def test_no_particles_no_measures() -> None:
    assert measures(np.zeros((4, 8, 8), np.float32), np.zeros((8, 8), np.int32)).shape == (0, len(MEASURES))


def test_a_likely_overlap_is_between_0_and_1() -> None:
    torch.manual_seed(0)
    credit = Credibility().of(np.random.default_rng(0).normal(0, 30, (50, len(MEASURES))).astype(np.float32))
    assert credit.shape == (50,)
    assert ((credit >= 0) & (credit <= 1)).all()
