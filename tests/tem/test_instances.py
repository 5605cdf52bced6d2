"""Particles from maps that are right: the targets of known label images, and maps with a fault put in."""

import numpy as np
import pytest

from closedloop.tem.instances import InstanceSettings, Reading, parts_or_wholes, readings
from closedloop.tem.learning.targets import targets
from closedloop.tem.metrics import compare


def _maps(labels: np.ndarray) -> np.ndarray:
    return targets(labels)[:4].copy()


def instances(maps: np.ndarray, settings: InstanceSettings | None = None) -> np.ndarray:
    """As the maps are read first: parted wherever the seed map dips."""
    return readings(maps, settings)[0].labels


def _rods_and_discs() -> np.ndarray:
    y, x = np.mgrid[:256, :256]
    labels = np.zeros((256, 256), np.int32)
    labels[(abs(y - 40) < 8) & (abs(x - 100) < 80)] = 1  # a rod is one particle, however long
    labels[np.hypot(y - 120, x - 60) < 30] = 2
    labels[(np.hypot(y - 120, x - 112) < 26) & (labels == 0)] = 3  # touches its neighbour
    labels[np.hypot(y - 200, x - 200) < 6] = 4
    labels[(abs(y - 200) < 25) & (abs(x - 80) < 25)] = 5
    labels[(abs(y - 200) < 25) & (abs(x - 130) < 25) & (labels == 0)] = 6
    return labels


def test_perfect_maps_give_the_particles_back() -> None:
    labels = _rods_and_discs()
    found = instances(_maps(labels))
    agreement = compare(labels, found)
    assert agreement.found_count == agreement.true_count == 6
    assert agreement.at(0.9) == 1
    assert found.dtype == np.int32


def test_noise_on_the_seed_map_splits_nothing() -> None:
    labels = _rods_and_discs()
    maps = _maps(labels)
    rng = np.random.default_rng(0)
    maps[1] = np.clip(maps[1] + rng.normal(0, 0.06, maps[1].shape), 0, 1)
    assert compare(labels, instances(maps)).found_count == 6


def test_flows_part_what_the_seed_map_leaves_joined() -> None:
    labels = np.zeros((60, 100), np.int32)
    labels[20:40, 15:50], labels[20:40, 50:85] = 1, 2
    maps = _maps(labels)
    joined = _maps((labels > 0).astype(np.int32))
    maps[1] = joined[1]
    assert compare(labels, instances(maps)).at(0.9) == 1
    assert compare(labels, instances(maps, InstanceSettings(parting=0.0))).found_count == 1


def test_doubtful_and_tiny_pieces_are_left_out() -> None:
    labels = np.zeros((64, 64), np.int32)
    labels[10:30, 10:30], labels[40:60, 40:60], labels[50:52, 10:12] = 1, 2, 3
    maps = _maps(labels)
    maps[0][labels == 2] = 0.55
    found = instances(maps)
    assert found.max() == 1
    assert found[20, 20] == 1
    assert not instances(np.zeros((4, 32, 32), np.float32)).any()


@pytest.mark.parametrize("seed", range(3))
def test_many_touching_discs_stay_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:300, :300]
    labels = np.zeros((300, 300), np.int32)
    for number, (row, column) in enumerate(
        ((20 * i + 10 * (j % 2) + 10, 18 * j + 12) for i in range(14) for j in range(16)), 1
    ):
        labels[(np.hypot(y - row, x - column) < rng.uniform(8, 10.5)) & (labels == 0)] = number
    assert compare(labels, instances(_maps(labels))).at(0.75) > 0.98


def _dipping_rod_and_neck() -> tuple[np.ndarray, np.ndarray]:
    """A rod whose ridge dips in the middle, two discs with as deep a dip where they touch, and one disc by itself; what
    the picture holds, and the maps that see it so."""
    y, x = np.mgrid[:140, :220]
    rod = (abs(y - 30) < 8) & (abs(x - 110) < 80)
    discs = (np.hypot(y - 90, x - 60) < 20) | (np.hypot(y - 90, x - 98) < 20)
    alone = np.hypot(y - 90, x - 180) < 20
    labels = rod + 2 * discs + 3 * alone
    maps = _maps(labels.astype(np.int32))
    maps[1][rod & (abs(x - 110) < 4)] *= 0.6
    maps[1][discs & (abs(x - 79) < 4)] = 0.55 * (abs(y - 90) < 6)[discs & (abs(x - 79) < 4)]
    return labels.astype(np.int32), maps


def test_what_is_parted_high_up_is_read_as_one_too() -> None:
    labels, maps = _dipping_rod_and_neck()
    parted, whole = readings(maps)
    assert parted.new.all()
    assert len(parted.new) == parted.labels.max() == 5
    assert whole.labels.max() == 3
    assert compare(labels, whole.labels).at(0.9) == 1
    # The disc that nothing parts is in both, and new in the first alone.
    assert whole.new.tolist() == [True, True, False]
    assert whole.labels[90, 180] == 3
    assert np.array_equal(instances(maps), parted.labels)


def test_where_nothing_is_parted_high_up_there_is_one_reading() -> None:
    assert len(readings(_maps(_rods_and_discs()))) == 1
    (nothing,) = readings(np.zeros((4, 32, 32), np.float32))
    assert not nothing.labels.any()
    assert len(nothing.new) == 0


def test_pieces_that_fall_apart_at_several_levels_know_the_whole() -> None:
    """Two ridges in one piece at the lowest cut, one of which falls apart once more, higher up."""
    maps = np.zeros((4, 40, 200), np.float32)
    maps[0][10:30, 10:190] = 1
    maps[1][12:28, 12:188] = 0.45
    for left, right in ((16, 60), (64, 110), (120, 180)):
        maps[1][14:26, left:right] = 0.95
    maps[1][14:26, 60:64] = 0.7
    parted, whole = readings(maps, InstanceSettings(parting=0.0))
    assert parted.labels.max() == 3
    assert whole.labels.max() == 1
    assert whole.new.tolist() == [True]


@pytest.mark.parametrize(
    ("of_parts", "of_whole", "stays"),
    [
        ((0.9, 0.5), 0.7, "whole"),  # by area, the parts are believed by (0.9 × 10 + 0.5 × 30) / 40 = 0.6
        ((0.9, 0.5), 0.55, "parts"),
        ((0.5, 0.9), 0.7, "parts"),
        ((0.7, 0.7), 0.69, "parts"),
    ],
)
def test_parts_stay_unless_the_whole_is_more_credible_than_they_are_on_average(
    of_parts: tuple[float, float], of_whole: float, stays: str
) -> None:
    parts, whole = np.zeros((4, 20), np.int32), np.zeros((4, 20), np.int32)
    parts[1, :10], parts[1:4, 10:20], parts[0, :4] = 1, 2, 3
    whole[1, :10], whole[1:4, 10:20], whole[0, :4] = 2, 2, 1
    read = [Reading(parts, np.ones(3, np.bool_)), Reading(whole, np.array([False, True]))]
    believed = parts_or_wholes(read, [np.array([*of_parts, 0.2]), np.array([0.9, of_whole])])
    assert [labels is one.labels for (labels, _), one in zip(believed, read, strict=True)] == [True, True]
    assert believed[0][1].tolist() == ([False, False, True] if stays == "whole" else [True, True, True])
    assert believed[1][1].tolist() == [False, stays == "whole"]


def test_a_whole_without_parts_is_by_itself() -> None:
    """Where its parts are too small or too doubtful to be particles, or there is one reading alone."""
    whole = np.ones((3, 3), np.int32)
    (one,) = parts_or_wholes([Reading(whole, np.array([True]))], [np.array([0.5])])
    assert one[1].tolist() == [True]
    assert parts_or_wholes([], []) == []
    nothing = Reading(np.zeros((3, 3), np.int32), np.zeros(0, np.bool_))
    both = parts_or_wholes([nothing, Reading(whole, np.array([True]))], [np.zeros(0), np.array([0.5])])
    assert [believed.tolist() for _, believed in both] == [[], [True]]
