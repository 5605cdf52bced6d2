"""Descriptors of outlines whose values are known from geometry, and the shape rule."""

import cv2
import numpy as np
import pytest

from closedloop.recipes import Shape
from closedloop.tem.particles import ParticleShape, describe_particles
from closedloop.tem.shapes import fractions


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
