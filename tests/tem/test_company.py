"""What the other particles of a picture say of one."""

import numpy as np
import pytest
import torch

from closedloop.tem.company import MEASURES, Company, expected_best, measures


def _field(sides: list[int], shade: list[float] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Squares of these sides in a row, 10 pixels apart, dark on 0.9."""
    labels = np.zeros((60, 10 + sum(side + 10 for side in sides)), np.int32)
    grey = np.full(labels.shape, 0.9, np.float32)
    left = 10
    for index, side in enumerate(sides):
        labels[10 : 10 + side, left : left + side] = index + 1
        grey[10 : 10 + side, left : left + side] = 0.2 if shade is None else shade[index]
        left += side + 10
    return labels, grey


def _column(name: str, *arguments: np.ndarray) -> np.ndarray:
    return measures(*arguments)[:, MEASURES.index(name)]


def test_a_speck_among_large_ones_stands_out_by_its_size() -> None:
    labels, grey = _field([30, 30, 30, 6])
    credit = np.full(4, 0.8)
    over = _column("over_typical_by_area", labels, credit, grey)
    assert over[:3] == pytest.approx(0)
    assert over[3] == pytest.approx(np.log(6 / 30), abs=1e-5)
    alike = _column("alike_in_size_by_count", labels, credit, grey)
    assert alike == pytest.approx([0.75, 0.75, 0.75, 0.25], abs=0.01)
    assert _column("alike_in_size_by_area", labels, credit, grey)[3] < 0.05


def test_many_specks_of_little_credit_do_not_make_the_typical_size() -> None:
    labels, grey = _field([30, 6, 6, 6])
    over = _column("over_typical_by_count", labels, np.array([0.9, 0.1, 0.1, 0.1]), grey)
    assert over[0] == pytest.approx(0)


def test_contrast_is_told_against_that_of_the_others_whatever_its_sign() -> None:
    labels, grey = _field([20, 20, 20], [0.2, 0.2, 0.83])
    credit = np.full(3, 0.8)
    dark, light = (_column("contrast_over_typical", labels, credit, one) for one in (grey, 1 - grey))
    assert dark == pytest.approx([1, 1, 0.1], abs=0.01)
    assert light == pytest.approx(dark, abs=1e-5)


def test_neighbours_take_a_rim() -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[10:30, 10:30] = 1
    labels[10:30, 30:50] = 2
    lonely = np.where(labels == 1, 1, 0).astype(np.int32)
    grey = np.full(labels.shape, 0.5, np.float32)
    assert _column("free_rim", lonely, np.array([0.8]), grey)[0] == 1
    assert _column("free_rim", labels, np.array([0.8, 0.8]), grey)[0] < 0.85


def test_a_chance_is_between_0_and_1() -> None:
    torch.manual_seed(0)
    chance = Company().of(np.random.default_rng(0).normal(0, 30, (50, len(MEASURES))).astype(np.float32))
    assert chance.shape == (50,)
    assert ((chance >= 0) & (chance <= 1)).all()


def test_a_doubtful_particle_is_kept_among_doubtful_ones_and_left_out_among_clear_ones() -> None:
    clear, doubtful = np.array([0.98] * 20 + [0.42]), np.array([0.45] * 20 + [0.42])
    assert expected_best(clear).tolist() == [True] * 20 + [False]
    assert expected_best(doubtful).all()
    assert expected_best(np.array([0.1, 0.99, 0.98])).tolist() == [False, True, True]


def test_where_it_is_likelier_that_there_is_none_none_is_kept() -> None:
    assert not expected_best(np.array([0.01, 0.01, 0.004])).any()
    assert not expected_best(np.array([0.45])).any()
    assert expected_best(np.array([0.55])).all()
    assert expected_best(np.full(4, 0.4)).all()  # that all four are not there is one chance in eight
