"""Outlines that were drawn too wide come back to where particles end, where the picture says so."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from closedloop.tem._background import ground_level
from closedloop.tem.classical import _names_in, outlines_by_material


def _wider(labels: np.ndarray) -> np.ndarray:
    grown = cv2.dilate(labels.astype(np.float32), np.ones((2, 2), np.uint8)).astype(np.int32)
    return np.where(labels > 0, labels, grown)


def _diameter(labels: np.ndarray) -> float:
    areas = np.bincount(labels.ravel())[1:]
    return float(np.median(2 * np.sqrt(areas[areas > 0] / np.pi)))


@pytest.mark.parametrize("bright", [False, True])
@pytest.mark.parametrize(("radius", "count"), [(12.0, 80), (4.0, 200)])
def test_outlines_that_are_a_pixel_too_wide_come_back(
    rendered: Callable[..., Any], bright: bool, radius: float, count: int
) -> None:
    field = rendered(radius=radius, count=count, flatness=0.8, noise=0.03, bright=bright, seed=3)
    moved = outlines_by_material(field.image, _wider(field.labels))
    assert moved is not None
    assert _diameter(moved) == pytest.approx(_diameter(field.labels), abs=0.4)


def test_what_the_cut_found_is_named_after_what_it_has_most_in_common_with() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[4:14, 3:13] = 1
    labels[8:18, 14:24] = 2
    cut = np.zeros_like(labels)
    cut[4:14, 3:13] = 2  # numbered anew
    cut[13, 3:16] = 2  # and in its last row by two pixels in what is its neighbour's
    cut[8:18, 16:24] = 1
    assert _names_in(labels, cut).tolist() == [0, 2, 1]


def test_bright_rims_tell_nothing_of_where_material_ends(rendered: Callable[..., Any]) -> None:
    field = rendered(radius=12.0, count=80, flatness=1.0, noise=0.01, contrast=0.2, bright=True, seed=3)
    smooth = gaussian_filter(field.image, 4.0)
    rims = (field.image + 1.5 * (field.image - smooth)).astype(np.float32)
    assert outlines_by_material(field.image, _wider(field.labels)) is not None
    assert outlines_by_material(rims, _wider(field.labels)) is None
    # Of dark particles such seams are an underfocus, and are allowed for.
    assert outlines_by_material(1 - rims, _wider(field.labels)) is not None


def test_the_ground_under_particles_is_that_between_them(rendered: Callable[..., Any]) -> None:
    field = rendered(radius=12.0, count=80, noise=0.02, tilt=0.3, seed=3)
    # Half of the ground, in stripes finer than the thumbnail's pixels.
    level = ground_level(field.image, (field.labels == 0) & (np.arange(512) % 2 == 0))
    assert level is not None
    light = 0.75 + 0.3 * (np.arange(512) / 512 - 0.5)
    assert np.abs(level - light).max() < 0.02


def test_where_hardly_any_ground_is_left_none_is_made_up(rendered: Callable[..., Any]) -> None:
    field = rendered(radius=12.0, count=80, seed=3)
    corner = np.zeros(field.labels.shape, bool)
    corner[:40, :40] = True
    assert ground_level(field.image, corner) is None
