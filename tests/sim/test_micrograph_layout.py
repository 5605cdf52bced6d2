"""Layouts: packed layers keep their gap, islands leave room, and no frame holds more than was promised."""

import math

import numpy as np
import pytest
from scipy.spatial import cKDTree

from sim.micrograph_layout import LAYOUTS, MOST, PACKED, Layout, lay_out, noise

SIZE = (512, 512)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_places_are_in_the_frame_and_no_more_than_promised(layout: Layout) -> None:
    for seed in range(3):
        places = lay_out(layout, 3.0, 0.1, 1.9, 1.0, SIZE, np.random.default_rng(seed), count=60)
        assert len(places) <= MOST
        assert (places.radius > 0).all()
        assert len({len(part) for part in (places.x, places.y, places.turn, places.layer, places.radius)}) == 1
        assert places.x.min(initial=0.0) > -4.0
        assert places.y.max(initial=0.0) < 516.0
        assert (len(places) == 0) == (layout == "empty")


@pytest.mark.parametrize("layout", ["lattice", "disordered"])
def test_neighbours_in_a_layer_nearly_touch_but_hardly_overlap(layout: Layout) -> None:
    radius, gap = 8.0, 2.0
    for seed in range(4):
        places = lay_out(layout, radius, 0.05, gap, 1.0, SIZE, np.random.default_rng(seed))
        points = np.stack((places.x, places.y), axis=1)
        distance, index = cKDTree(points).query(points, k=2)
        clear = distance[:, 1] - places.radius - places.radius[index[:, 1]]
        assert clear.min() > -0.12 * 2 * radius
        assert np.median(clear) == pytest.approx(gap, abs=0.15 * 2 * radius)
        covered = float(np.sum(math.pi * places.radius**2)) / (SIZE[0] * SIZE[1])
        assert 0.3 < covered < 0.9


def test_a_second_layer_lies_on_the_first_and_islands_leave_room() -> None:
    generator = np.random.default_rng(2)
    double = lay_out("bilayer", 8.0, 0.05, 1.0, 1.0, SIZE, generator)
    assert set(double.layer.tolist()) == {0, 1}
    full = np.mean([len(lay_out("lattice", 8.0, 0.05, 1.0, 1.0, SIZE, np.random.default_rng(s))) for s in range(4)])
    parts = [len(lay_out("islands", 8.0, 0.05, 1.0, 1.0, SIZE, np.random.default_rng(s))) for s in range(4)]
    assert np.mean(parts) < 0.85 * full


def test_long_particles_are_packed_side_by_side() -> None:
    aspect = 4.0
    places = lay_out("lattice", 10.0, 0.03, 1.0, aspect, SIZE, np.random.default_rng(5))
    assert np.std(places.turn) < 0.2
    cos, sin = np.cos(places.turn.mean()), np.sin(places.turn.mean())
    points = np.stack((cos * places.x + sin * places.y, cos * places.y - sin * places.x), axis=1)
    near, _ = cKDTree(points / [math.sqrt(aspect), 1 / math.sqrt(aspect)]).query(points / [2.0, 0.5], k=2)
    assert np.median(near[:, 1]) == pytest.approx(21.0, rel=0.15)


@pytest.mark.parametrize("sigma", [0.6, 5.0, 60.0])
def test_noise_has_unit_variance_and_no_mean(sigma: float) -> None:
    field = noise((200, 300), sigma, np.random.default_rng(1))
    assert field.shape == (200, 300)
    assert float(field.std()) == pytest.approx(1.0, abs=0.02)
    assert float(field.mean()) == pytest.approx(0.0, abs=0.02)


def test_every_packed_layout_is_a_layout() -> None:
    assert set(PACKED) < set(LAYOUTS)
