"""Outlines: all of unit-circle area, shaped as their names say, siblings alike."""

import math

import cv2
import numpy as np
import pytest

from sim.micrograph_outlines import ANGLES, FAMILIES, Outline, draw_outline


def contour(outline: Outline) -> np.ndarray:
    """The outline as points, (n, 2), in units of the equivalent circle's radius."""
    order = np.argsort(ANGLES)
    stretch = math.sqrt(outline.aspect)
    radius = outline.radius[order]
    along, across = radius * np.cos(ANGLES[order]) * stretch, radius * np.sin(ANGLES[order]) / stretch
    return np.stack((along, across), axis=1).astype(np.float32)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_the_area_of_its_circle_and_stays_within_its_reach(family: str) -> None:
    for seed in range(4):
        outline = draw_outline(family, np.random.default_rng(seed))
        points = contour(outline)
        assert cv2.contourArea(points) == pytest.approx(math.pi, rel=0.004)
        assert np.hypot(*points.T).max() <= outline.reach * 1.0001


@pytest.mark.parametrize(
    "family", ["sphere", "cube", "rectangle", "triangle", "hexagon", "rhombus", "bipyramid", "rod"]
)
def test_crystals_with_flat_faces_are_convex_and_stars_are_not(family: str) -> None:
    def solidity(name: str, seed: int) -> float:
        points = contour(draw_outline(name, np.random.default_rng(seed), roughness=0.0))
        return cv2.contourArea(points) / cv2.contourArea(cv2.convexHull(points))

    assert min(solidity(family, seed) for seed in range(4)) > 0.985
    assert max(solidity(name, 1) for name in ("four-pointed star", "six-pointed star")) < 0.92


def test_a_triangle_has_three_corners_and_a_rod_is_long() -> None:
    triangle = contour(draw_outline("triangle", np.random.default_rng(3), roughness=0.0))
    _, enclosing = cv2.minEnclosingTriangle(triangle[None])
    assert cv2.contourArea(triangle) / cv2.contourArea(enclosing) > 0.75
    for seed in range(6):
        (_, (width, height), _) = cv2.minAreaRect(contour(draw_outline("rod", np.random.default_rng(seed))))
        assert max(width, height) / min(width, height) > 1.7


def test_siblings_are_alike_and_strangers_are_not() -> None:
    generator = np.random.default_rng(0)
    first, second = (draw_outline("rod", generator, form=7) for _ in range(2))
    strangers = [draw_outline("rod", generator, form=form).aspect for form in range(8)]
    assert second.aspect == pytest.approx(first.aspect, rel=0.5)
    assert second.power == first.power
    assert not np.array_equal(first.radius, second.radius)
    assert max(strangers) / min(strangers) > 1.5
