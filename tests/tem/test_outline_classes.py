"""Shape classes of outlines that the classifier never saw: the simulated microscope's, and figures from geometry."""

import cv2
import numpy as np
import pytest

from closedloop.recipes import Shape
from closedloop.tem.outline_classes import CLASSES, CORNERS_FROM_PX, LEAST_SURE, classify
from closedloop.tem.outline_contours import POINTS, trace
from closedloop.tem.outline_drawing import draw, rasterised, unit
from closedloop.tem.outline_features import features
from sim.microscope_particles import draw_outline


def _simulated(count: int, low_px: float, high_px: float, seed: int) -> tuple[list[np.ndarray], list[Shape]]:
    random = np.random.default_rng(seed)
    masks, truth = [], []
    for index in range(count):
        shape = CLASSES[index % len(CLASSES)]
        outline = draw_outline(shape, random)
        at = np.exp(2j * np.pi * np.arange(len(outline.radius)) / len(outline.radius)) * outline.radius
        stretch = np.sqrt(outline.aspect)
        line = (at.real * stretch + 1j * at.imag / stretch) * np.exp(1j * outline.rotation)
        masks.append(rasterised(line, random.uniform(low_px, high_px), random.uniform(0, 0.7), random))
        truth.append(shape)
    return masks, truth


def _polygon(corners: np.ndarray) -> np.ndarray:
    mask = np.zeros((160, 160), np.uint8)
    cv2.fillPoly(mask, [np.rint(corners + 80).astype(np.int32)], 1)
    return mask > 0


def test_outlines_of_the_simulated_microscope_get_their_class() -> None:
    masks, truth = _simulated(660, 30, 110, seed=21)
    found, sure = classify(trace(masks))
    right = np.array([one is other for one, other in zip(found, truth, strict=True)])
    assert right.mean() >= 0.95
    for shape in CLASSES:
        assert right[[other is shape for other in truth]].mean() >= 0.83, shape
    assert right[sure > 0.9].mean() > right[sure < 0.7].mean() + 0.2
    assert right[sure > 0.9].mean() > 0.975


def test_small_particles_are_named_with_less_certainty_and_the_smallest_without_corners() -> None:
    masks, _ = _simulated(220, 7, 11, seed=3)
    found, sure = classify(trace(masks))
    _, large = classify(trace(_simulated(220, 60, 80, seed=3)[0]))
    assert sure.mean() < large.mean() - 0.2
    areas = trace(masks).area
    small = 2 * np.sqrt(areas / np.pi) < CORNERS_FROM_PX
    assert small.sum() > 150
    polygons = {Shape.CUBE, Shape.HEXAGON, Shape.TRIANGLE, Shape.RHOMBUS}
    named = [shape in polygons for shape, little in zip(found, small, strict=True) if little]
    assert np.mean(named) < 0.1


@pytest.mark.parametrize("degrees", [0, 13, 45, 77])
def test_a_turn_and_a_mirror_change_nothing(degrees: float) -> None:
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    box = np.array([[-45, -30], [45, -30], [45, 30], [-45, 30]])
    shard = np.array([[-60, -20], [30, -45], [50, 10], [-10, 40]])
    diamond = np.array([[-60, 0], [0, -38], [60, 0], [0, 38]])
    expected = [Shape.RECTANGLE, Shape.IRREGULAR, Shape.RHOMBUS]
    for mirror in (np.eye(2), np.diag([1, -1])):
        masks = [_polygon(corners @ mirror @ rotation.T) for corners in (box, shard, diamond)]
        assert classify(trace(masks))[0] == expected


def test_what_fits_no_class_is_irregular() -> None:
    merged = np.zeros((160, 160), np.uint8)
    cv2.circle(merged, (55, 80), 25, 1, -1)
    cv2.circle(merged, (97, 80), 25, 1, -1)
    at = np.arange(10) * np.pi / 5
    star = np.where(np.arange(10) % 2, 30, 70)[:, None] * np.stack([np.cos(at), np.sin(at)], axis=1)
    bitten = np.zeros((160, 160), np.uint8)
    cv2.circle(bitten, (80, 80), 40, 1, -1)
    cv2.circle(bitten, (120, 80), 30, 0, -1)
    found, _ = classify(trace([merged > 0, _polygon(star), bitten > 0]))
    assert found == [Shape.IRREGULAR] * 3


def test_uncertain_outlines_are_irregular_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    outlines = trace([np.ones((30, 30), bool)])
    likely = np.full((1, len(CLASSES)), 0.6 / (len(CLASSES) - 1))
    likely[0, CLASSES.index(Shape.CUBE)] = 0.4
    monkeypatch.setattr("closedloop.tem.outline_classes.probabilities", lambda _: likely)
    shapes, sure = classify(outlines)
    assert shapes == [Shape.IRREGULAR]
    assert sure[0] < LEAST_SURE


def test_features_do_not_follow_the_size() -> None:
    random = np.random.default_rng(4)
    lines = [draw(random)[0] for _ in range(30)]
    small, large = (features(trace([rasterised(line, px, 0, random) for line in lines])) for px in (80, 160))
    apart = np.abs(small - large)[:, :-1]  # all but the size itself
    assert np.median(apart) < 0.03
    others = np.abs(small - np.roll(large, 1, axis=0))[:, :-1]
    assert apart.mean() < 0.2 * others.mean()


def test_features_do_not_follow_handedness_and_quarter_turns() -> None:
    random = np.random.default_rng(5)
    masks = [rasterised(draw(random)[0], 60, 0.3, random) for _ in range(40)]
    described = features(trace(masks))
    others = np.abs(described - np.roll(described, 1, axis=0)).mean()
    for change in (np.fliplr, np.rot90):
        apart = np.abs(features(trace([change(mask) for mask in masks])) - described)
        assert apart.mean(axis=0).max() < 0.5 * others


def test_points_lie_evenly_on_the_border() -> None:
    mask = np.zeros((120, 120), np.uint8)
    cv2.ellipse(mask, (60, 60), (50, 20), 30, 0, 360, 1, -1)
    outlines = trace([mask > 0, np.ones((1, 1), bool), mask > 0])
    steps = np.abs(np.diff(outlines.points[0], append=outlines.points[0][0]))
    assert steps == pytest.approx((outlines.perimeter[0] - np.pi) / POINTS, rel=0.1)
    assert outlines.points[0] == pytest.approx(outlines.points[2])
    assert np.isfinite(features(outlines)).all()
    assert len(trace([]).area) == 0


def test_drawn_outlines_have_their_size_and_targets_that_add_up() -> None:
    random = np.random.default_rng(0)
    seen = set()
    for _ in range(150):
        line, targets = draw(random)
        assert sum(targets.values()) == pytest.approx(1)
        assert min(targets.values()) >= 0
        seen.add(max(targets, key=lambda shape: targets[shape]))
        area = rasterised(line, 60, 0, random).sum()
        assert 2 * np.sqrt(area / np.pi) == pytest.approx(60, rel=0.05)
    assert seen == set(Shape)
    assert np.sqrt(np.pi) == pytest.approx(np.abs(np.diff(unit(np.array([0, 3, 3 + 3j, 3j]), random))[0]))
