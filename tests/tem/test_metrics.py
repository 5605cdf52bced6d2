"""Agreement of label images against cases worked out by hand."""

import numpy as np
import pytest

from closedloop.tem.metrics import average, compare, errors, overlaps, stated_errors


def _squares(*boxes: tuple[int, int, int, int], size: int = 40) -> np.ndarray:
    labels = np.zeros((size, size), np.int32)
    for number, (top, left, height, width) in enumerate(boxes, 1):
        labels[top : top + height, left : left + width] = number
    return labels


def test_overlap_of_shifted_squares_is_the_hand_computed_one() -> None:
    truth = _squares((0, 0, 10, 10))
    found = _squares((0, 2, 10, 10))
    assert overlaps(truth, found) == pytest.approx(np.array([[80 / 120]]))


def test_average_precision_counts_hits_misses_and_inventions() -> None:
    # One exact hit, one found at IoU 80/120 = .667, one missed, one invented: of four true-or-found slots at .5,
    # TP 2, FP 1, FN 1; above .667 the second pair breaks into one more FP and FN.
    truth = _squares((0, 0, 10, 10), (20, 0, 10, 10), (0, 20, 10, 10))
    found = _squares((0, 0, 10, 10), (20, 2, 10, 10), (20, 25, 8, 8))
    agreement = compare(truth, found)
    assert agreement.at(0.5) == pytest.approx(2 / 4)
    assert agreement.at(0.65) == pytest.approx(2 / 4)
    assert agreement.at(0.7) == pytest.approx(1 / 5)
    assert agreement.mean_average_precision == pytest.approx((4 * 2 / 4 + 6 * 1 / 5) / 10)
    assert agreement.mean_iou == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_matching_is_optimal_rather_than_greedy() -> None:
    # A lies over both of B's candidates; the greedy choice (its best overlap) would leave the other one unmatched.
    truth = np.zeros((1, 300), np.int32)
    truth[0, :100], truth[0, 100:200] = 1, 2
    found = np.zeros((1, 300), np.int32)
    found[0, :55], found[0, 55:190] = 1, 2
    iou = overlaps(truth, found)
    assert iou[0] == pytest.approx([55 / 100, 45 / 190])
    assert iou[1] == pytest.approx([0, 90 / 145])
    assert compare(truth, found).at(0.5) == 1.0


def test_each_particle_is_matched_once() -> None:
    truth = _squares((0, 0, 10, 10))
    found = truth.copy()
    found[0:10, 6:10] = 2
    # IoU .6 and .4: one hit and one invention.
    assert compare(truth, found).at(0.5) == pytest.approx(1 / 2)


def test_labels_need_not_be_consecutive_and_empty_images_agree() -> None:
    truth = _squares((0, 0, 10, 10)) * 700
    assert compare(truth, _squares((0, 0, 10, 10))).mean_average_precision == 1.0
    nothing = np.zeros((5, 5), np.int32)
    assert compare(nothing, nothing).at(0.9) == 1.0
    assert compare(nothing, np.ones((5, 5), np.int32)).at(0.5) == 0.0


def test_averages_are_over_images_not_over_particles() -> None:
    perfect = compare(_squares((0, 0, 10, 10)), _squares((0, 0, 10, 10)))
    many = _squares(*[(0, 4 * i, 3, 3) for i in range(9)])
    hopeless = compare(many, np.zeros_like(many))
    scores = average([perfect, hopeless])
    assert scores["AP50"] == scores["AP75"] == scores["AP90"] == scores["mean_AP"] == pytest.approx(0.5)
    assert set(scores) == {"AP50", "AP75", "AP90", "mean_AP", "mIoU"}


def test_images_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        compare(np.zeros((3, 3), np.int32), np.zeros((3, 4), np.int32))


def test_size_errors_are_of_particles_off_the_edge() -> None:
    # The large one touches the edge and so has no size; the found ones are 12 and 8 px wide instead of 10 and 10.
    truth = _squares((5, 5, 10, 10), (5, 20, 10, 10), (0, 32, 20, 8))
    found = _squares((5, 5, 12, 12), (5, 20, 8, 8), (0, 32, 20, 8))
    agreement = compare(truth, found)
    assert agreement.true_diameter_px == pytest.approx(10 * 2 / np.sqrt(np.pi))
    assert agreement.found_diameter_px == pytest.approx(10 * 2 / np.sqrt(np.pi))
    assert agreement.size_error == pytest.approx(0)
    larger = compare(truth, _squares((5, 5, 12, 12), (5, 20, 10, 10)))
    assert larger.size_error == pytest.approx(0.1)
    assert larger.count_error == pytest.approx(1 / 3)


def test_what_was_not_found_at_all_is_an_error_of_the_whole() -> None:
    truth = _squares((5, 5, 10, 10))
    nothing = np.zeros_like(truth)
    missed = compare(truth, nothing)
    assert (missed.size_error, missed.count_error) == (1.0, 1.0)
    invented = compare(nothing, truth)
    assert (invented.size_error, invented.count_error) == (None, None)
    found = errors([missed, invented, compare(truth, truth)])
    assert found["median_size_error"] == pytest.approx(0.5)
    assert found["worst_count_error"] == 1.0
    assert errors([invented])["median_size_error"] is None


def test_stated_errors_are_held_against_what_happened() -> None:
    truth, tenth_larger = _squares((5, 5, 20, 20)), _squares((5, 5, 22, 22))
    kept, broken = compare(truth, tenth_larger, 0.12), compare(truth, tenth_larger, 0.05)
    doubted, silent = compare(truth, tenth_larger, 0.3), compare(truth, truth)
    said = stated_errors([kept, broken, doubted, silent])
    assert said["within_stated_error"] == pytest.approx(2 / 3)
    assert said["in_doubt"] == 1
    assert said["worst_size_error_where_sure"] == pytest.approx(0.1)
    assert kept.to_json()["stated_size_error"] == 0.12
    assert stated_errors([silent])["within_stated_error"] is None
