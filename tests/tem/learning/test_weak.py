"""Weak labels claim only what two methods see alike."""

import cv2
import numpy as np
import pytest

from closedloop.tem.learning import weak
from closedloop.tem.learning.targets import DOUBTFUL
from closedloop.tem.learning.weak import weak_labels


def _labels(*discs: tuple[int, int, int]) -> np.ndarray:
    labels = np.zeros((120, 200), np.int32)
    for number, (row, column, radius) in enumerate(discs, 1):
        cv2.circle(labels, (column, row), radius, number, -1)
    return labels


def _weak(monkeypatch: pytest.MonkeyPatch, seen: np.ndarray, outlined: np.ndarray) -> np.ndarray:
    monkeypatch.setattr(weak, "segment_with_network", lambda grey, net, ignore: seen)
    monkeypatch.setattr(weak, "segment_classically", lambda grey, ignore: outlined)
    return weak_labels(np.zeros(seen.shape, np.float32), None)


def test_what_both_see_becomes_a_particle_with_a_doubtful_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = _weak(monkeypatch, _labels((60, 50, 20)), _labels((60, 51, 20)))
    assert labels[60, 50] == 1
    assert labels[60, 50 + 20] == DOUBTFUL
    assert labels[60, 50 - 20] == DOUBTFUL
    assert labels[60, 100] == 0
    core = (labels == 1).sum() / (np.pi * 20**2)
    assert 0.7 < core < 0.9


def test_what_only_one_sees_teaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _labels((60, 50, 20), (60, 150, 15))
    outlined = _labels((60, 50, 20), (30, 100, 10))
    labels = _weak(monkeypatch, seen, outlined)
    assert labels[60, 50] == 1
    assert labels[60, 150] == labels[30, 100] == DOUBTFUL
    # Both see something, but not the same thing.
    labels = _weak(monkeypatch, _labels((60, 50, 20)), _labels((60, 62, 20)))
    assert not (labels > 0).any()
    assert labels[60, 50] == DOUBTFUL
    nothing = np.zeros((120, 200), np.int32)
    assert (_weak(monkeypatch, nothing, _labels((60, 50, 20))) <= 0).all()
    assert not _weak(monkeypatch, nothing, nothing).any()
