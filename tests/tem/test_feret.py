"""Calipers of rectangles, discs and lines whose widths are known, whatever their turn."""

import cv2
import numpy as np
import pytest

from closedloop.tem.feret import calipers


def _hull(mask: np.ndarray) -> np.ndarray:
    y, x = np.nonzero(mask)
    return cv2.convexHull(np.stack([x, y], axis=1).astype(np.int32)).reshape(-1, 2)


def _drawn(corners: np.ndarray, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Pixels whose centres lie inside a convex polygon, corners (k, 2) in order."""
    y, x = np.mgrid[-160:160, -160:160]
    inside = np.ones(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners + shift, np.roll(corners, -1, axis=0) + shift, strict=True):
        inside &= (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0
    return inside


@pytest.mark.parametrize("degrees", [0, 11, 30, 45, 80])
def test_a_turned_rectangle(degrees: float) -> None:
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    corners = np.array([[-60, -25], [60, -25], [60, 25], [-60, 25]]) @ rotation.T
    shifts = np.random.default_rng(0).uniform(0, 1, (12, 2))
    found = calipers([_hull(_drawn(corners, (shift[0], shift[1]))) for shift in shifts])
    diagonal = np.hypot(120, 50)
    assert found.feret_min.mean() == pytest.approx(50, abs=0.2)
    assert found.feret_max.mean() == pytest.approx(diagonal, abs=1.2)
    # Across the diagonal: twice the distance of the two other corners from it.
    assert found.feret_max90.mean() == pytest.approx(2 * 120 * 50 / diagonal, abs=2)
    assert found.area.mean() == pytest.approx(6000, rel=0.004)
    assert found.rectangle.mean() == pytest.approx(6000, rel=0.004)
    assert found.perimeter.mean() == pytest.approx(340, rel=0.01)


@pytest.mark.parametrize("radius", [5.3, 20.7, 70.1])
def test_a_disc_is_as_wide_in_every_direction(radius: float) -> None:
    y, x = np.mgrid[-80:80, -80:80]
    shifts = np.random.default_rng(1).uniform(0, 1, (20, 2))
    found = calipers([_hull(np.hypot(x - u, y - v) <= radius) for u, v in shifts])
    assert found.feret_max.mean() == pytest.approx(2 * radius, abs=0.6)
    assert found.feret_min.mean() == pytest.approx(2 * radius, abs=0.6)
    assert (found.feret_max >= found.feret_max90 - 1e-9).all()
    assert (found.feret_max90 >= found.feret_min - 1e-9).all()


def test_one_pixel_a_line_and_many_at_once() -> None:
    pixel, line = np.array([[7, 3]], np.int32), np.array([[2, 5], [11, 5]], np.int32)
    found = calipers([pixel, line] * 200)
    assert found.feret_max.tolist() == [1, 10] * 200
    assert found.feret_min.tolist() == [1, 1] * 200
    assert found.feret_max90.tolist() == [1, 1] * 200
