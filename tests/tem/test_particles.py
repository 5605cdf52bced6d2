"""Descriptors of outlines whose values are known from geometry, against another library, and at the edge."""

import cv2
import numpy as np
import pytest

from closedloop.recipes import Shape
from closedloop.tem import particles as module
from closedloop.tem.particles import ParticleShape, clearness, describe_particles
from closedloop.tem.shapes import fractions, wilson


def _draw(corners: np.ndarray | None = None, axes: tuple[int, int] | None = None, angle: float = 0) -> ParticleShape:
    labels = np.zeros((200, 200), np.int32)
    if axes is not None:
        cv2.ellipse(labels, (100, 100), axes, angle, 0, 360, 1, -1)
    else:
        assert corners is not None
        turn = np.deg2rad(angle)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        cv2.fillPoly(labels, [np.rint(corners @ rotation.T + 100).astype(np.int32)], 1)
    return describe_particles(labels, np.where(labels > 0, 0.2, 0.8).astype(np.float32))[0]


def _regular(sides: int, radius: float) -> np.ndarray:
    at = np.arange(sides) * 2 * np.pi / sides
    return radius * np.stack([np.cos(at), np.sin(at)], axis=1)


def test_a_disc() -> None:
    disc = _draw(axes=(40, 40))
    assert disc.equivalent_diameter_px == pytest.approx(81, abs=1)
    assert disc.perimeter_px == pytest.approx(np.pi * 81, rel=0.02)
    assert disc.circularity == pytest.approx(1, abs=0.03)
    assert disc.solidity == pytest.approx(1, abs=0.03)
    assert disc.eccentricity < 0.15
    assert disc.shape is Shape.SPHERE
    assert disc.confidence > 0.9


def test_an_ellipse_of_two_to_one() -> None:
    ellipse = _draw(axes=(60, 30), angle=30)
    assert ellipse.aspect_ratio == pytest.approx(2, rel=0.03)
    assert ellipse.eccentricity == pytest.approx(np.sqrt(3) / 2, abs=0.02)
    assert ellipse.shape is Shape.ROD


@pytest.mark.parametrize("angle", [0, 17, 45])
def test_polygons(angle: float) -> None:
    square = _draw(_regular(4, 50), angle=angle)
    assert square.circularity == pytest.approx(np.pi / 4, rel=0.06)
    assert square.shape is Shape.CUBE
    triangle = _draw(_regular(3, 55), angle=angle)
    assert triangle.circularity == pytest.approx(np.pi / np.sqrt(27), rel=0.08)
    assert triangle.shape is Shape.TRIANGLE
    assert _draw(_regular(6, 55), angle=angle).shape is Shape.HEXAGON
    box = np.array([[-45, -30], [45, -30], [45, 30], [-45, 30]])
    assert _draw(box, angle=angle).shape is Shape.RECTANGLE


def test_a_star_is_neither_solid_nor_convex() -> None:
    at = np.arange(10) * np.pi / 5
    star = np.where(np.arange(10) % 2, 25, 60)[:, None] * np.stack([np.cos(at), np.sin(at)], axis=1)
    found = _draw(star)
    assert found.solidity < 0.7
    assert found.convexity < 0.9
    assert found.shape is Shape.IRREGULAR


def test_particles_at_the_frame_or_under_the_label_touch_the_edge() -> None:
    labels = np.zeros((60, 60), np.int32)
    labels[0:9, 20:30], labels[30:40, 30:40], labels[30:40, 5:15] = 1, 2, 3
    ignore = np.zeros((60, 60), bool)
    ignore[40:, :20] = True
    found = describe_particles(labels, np.zeros((60, 60), np.float32), ignore)
    assert [particle.touches_edge for particle in found] == [True, False, True]


def test_fractions_add_up_and_the_commonest_comes_first() -> None:
    shares = fractions([Shape.ROD, Shape.CUBE, Shape.CUBE, Shape.SPHERE])
    assert next(iter(shares)) is Shape.CUBE
    assert shares[Shape.CUBE] == 0.5
    assert sum(shares.values()) == pytest.approx(1)


def _field(generator: np.random.Generator, size: int = 300) -> np.ndarray:
    labels = np.zeros((size, size), np.int32)
    for label in range(1, 26):
        row, column = divmod(label - 1, 5)
        centre = (60 * column + 30 + int(generator.integers(-4, 5)), 60 * row + 30)
        axes = (int(generator.integers(6, 26)), int(generator.integers(6, 20)))
        cv2.ellipse(labels, centre, axes, float(generator.uniform(0, 180)), 0, 360, 3 * label, -1)
    return labels


def test_areas_and_ellipses_are_those_of_scikit_image() -> None:
    from skimage.measure import regionprops

    labels = _field(np.random.default_rng(0))
    ours = describe_particles(labels, np.where(labels > 0, 0.2, 0.8).astype(np.float32))
    theirs = regionprops(labels)
    assert [each.label for each in ours] == [each.label for each in theirs] == list(range(3, 76, 3))
    for one, other in zip(ours, theirs, strict=True):
        assert one.area_px == other.area
        assert one.eccentricity == pytest.approx(other.eccentricity, abs=2e-3)
        assert one.aspect_ratio == pytest.approx(other.axis_major_length / other.axis_minor_length, rel=6e-3)
        assert one.solidity == pytest.approx(other.solidity, abs=0.06)  # they count corners of pixels
        assert one.feret_max_px == pytest.approx(other.feret_diameter_max, abs=1.5)  # from corners again
        assert (one.row_px, one.column_px) == pytest.approx(other.centroid, abs=1)


def test_a_particle_alone_is_described_as_among_others() -> None:
    labels = _field(np.random.default_rng(1))
    grey = np.where(labels > 0, 0.2, 0.8).astype(np.float32)
    together = {each.label: each for each in describe_particles(labels, grey)}
    for label in (3, 30, 75):
        alone = describe_particles(np.where(labels == label, label, 0).astype(np.int32), grey)
        assert len(alone) == 1
        assert alone[0].perimeter_px == pytest.approx(together[label].perimeter_px)
        assert alone[0].shape_confidence == pytest.approx(together[label].shape_confidence, abs=1e-4)
        assert alone[0].edge_weight == pytest.approx(together[label].edge_weight)


def test_a_particle_at_the_edge_stands_for_nobody() -> None:
    labels = np.zeros((100, 100), np.int32)
    labels[0:20, 40:60], labels[50:70, 40:60] = 1, 2
    cut, whole = describe_particles(labels, np.zeros((100, 100), np.float32))
    assert cut.edge_weight == 0
    assert whole.edge_weight == pytest.approx(100 * 100 / (79 * 79))


def test_clearness_follows_the_step_and_not_the_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(2)
    labels = np.zeros((240, 120), np.int32)
    for index in range(6):
        cv2.circle(labels, (60, 20 + 40 * index), 12, index + 1, -1)
    depth = np.array([0, 0.0, 0.02, 0.05, 0.1, 0.2, 0.4])
    grey = (0.7 - depth[labels] + generator.normal(0, 0.05, labels.shape)).astype(np.float32)
    found = clearness(labels, grey)
    assert (np.diff(found[2:]) > 0).all()
    assert found[1] < 0.35
    assert found[6] > 0.8
    assert clearness(labels, 1 - grey) == pytest.approx(found, abs=1e-4)
    monkeypatch.setattr(module, "_ROWS", 50)
    assert clearness(labels, grey) == pytest.approx(found, abs=1e-5)
    labels[:] = 1
    assert clearness(labels, grey)[1] == 0.5


def test_pieces_of_one_label_and_merged_particles_are_flagged_and_kept() -> None:
    labels = np.zeros((120, 220), np.int32)
    cv2.circle(labels, (40, 60), 20, 1, -1)
    cv2.circle(labels, (77, 60), 20, 1, -1)
    cv2.circle(labels, (130, 60), 15, 2, -1)
    cv2.circle(labels, (180, 60), 15, 3, -1)
    labels[10:14, 10:14] = 3
    merged, disc, torn = describe_particles(labels, np.where(labels > 0, 0.2, 0.8).astype(np.float32))
    assert any("several particles" in reason for reason in merged.doubts)
    assert disc.doubts == ()
    assert "in several pieces" in torn.doubts


def test_no_particles_and_single_pixels() -> None:
    labels = np.zeros((20, 20), np.int32)
    grey = np.zeros((20, 20), np.float32)
    assert describe_particles(labels, grey) == []
    labels[5, 5], labels[9, 3:9] = 1, 2
    pixel, line = describe_particles(labels, grey)
    assert (pixel.area_px, line.area_px) == (1, 6)
    assert pixel.doubts
    assert all(np.isfinite([each.perimeter_px, each.aspect_ratio, each.feret_min_px]).all() for each in (pixel, line))


@pytest.mark.parametrize(
    ("found", "total", "interval"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_intervals_of_shares_are_those_of_newcombe(found: int, total: int, interval: tuple[float, float]) -> None:
    """R. G. Newcombe, Stat. Med. 1998, 17, 857, table I, method 3."""
    assert wilson(found, total) == pytest.approx(interval, abs=5e-5)
    assert wilson(total - found, total) == pytest.approx((1 - interval[1], 1 - interval[0]), abs=5e-5)
