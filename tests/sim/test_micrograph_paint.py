"""Painting: thickness adds up, labels go to what lies above, pixels at an edge count as far as they are covered."""

import math

import numpy as np
import pytest

from sim.micrograph_layout import Places
from sim.micrograph_outlines import draw_outline
from sim.micrograph_paint import Looks, Painted, paint


def painted(x: list[float], radius: list[float], depth: list[float], family: str = "sphere", **scene: float) -> Painted:
    """Particles in a row at the height 40 of a frame of 80 × 120 px, one outline for all."""
    count = len(x)
    outline = draw_outline(family, np.random.default_rng(0), roughness=0.0)
    zero = np.zeros(count, np.float32)
    places = Places(np.array(x), np.full(count, 40.0), np.zeros(count), np.zeros(count, np.int64), np.array(radius))
    settings = {"inner": 0.5, "core": 0.0, "halo": 0.0, "halo_px": 2.0, "edge": 0.0, "edge_power": 4.0} | scene
    looks = Looks(
        outlines=(outline,),
        outline=np.zeros(count, np.int64),
        depth=np.array(depth, np.float32),
        bright=np.ones(count, np.float32),
        fringe=zero,
        contour=zero,
        equal=zero,
        grain=zero,
        texture=np.zeros((80, 120), np.float32),
        light=(0.0, 0.0),
        fringe_px=3.0,
        **settings,
    )
    return paint(places, looks, (80, 120), np.random.default_rng(1))


def test_thickness_adds_up_where_particles_overlap() -> None:
    both = painted([40.0, 60.0], [15.0, 15.0], [0.5, 0.8])
    alone = [painted([40.0], [15.0], [0.5]), painted([60.0], [15.0], [0.8])]
    assert np.allclose(both.thickness, alone[0].thickness + alone[1].thickness, atol=1e-5)


def test_the_darker_of_two_alike_and_the_smaller_of_two_lie_above() -> None:
    assert painted([40.0, 60.0], [15.0, 15.0], [0.8, 0.5]).labels[40, 50] == 1
    assert painted([40.0, 60.0], [15.0, 15.0], [0.5, 0.8]).labels[40, 50] == 2
    assert painted([40.0, 60.0], [6.0, 22.0], [0.5, 0.8]).labels[40, 43] == 1


def test_volume_and_area_do_not_depend_on_where_the_centre_lies_between_pixels() -> None:
    """A hemisphere on both sides: the mean thickness is two thirds of the middle's; of the area, pixel by pixel."""
    volumes, areas = [], []
    for shift in np.linspace(0.0, 1.0, 9):
        one = painted([50.0 + shift], [9.3], [1.0])
        volumes.append(float(one.thickness.sum()))
        areas.append(int(one.labels.astype(bool).sum()))
        assert one.area[0] == areas[-1]
    assert np.ptp(volumes) < 0.006 * np.mean(volumes)
    assert np.mean(areas) == pytest.approx(math.pi * 9.3**2, rel=0.01)


def test_a_hollow_particle_is_thinner_in_the_middle_and_a_core_is_darker() -> None:
    full, hollow, core = (painted([50.0], [20.0], [1.0], core=core).thickness for core in (0.0, -0.8, 1.5))
    assert hollow[40, 50] < 0.4 * full[40, 50]
    assert core[40, 50] > 2.0 * full[40, 50]
    assert hollow[40, 66] == pytest.approx(full[40, 66])


def test_a_halo_lies_outside_of_the_label() -> None:
    plain, ringed = painted([50.0], [15.0], [1.0]), painted([50.0], [15.0], [1.0], halo=0.1)
    assert np.array_equal(plain.labels, ringed.labels)
    difference = ringed.thickness - plain.thickness
    assert np.allclose(difference[plain.labels > 0], 0.0, atol=1e-6)
    assert difference[40, 66] > 0.05
    assert abs(difference[40, 80]) < 1e-3


def test_a_bright_rim_is_brightest_at_the_edge() -> None:
    surface = painted([50.0], [15.0], [1.0], edge=0.8).surface
    assert surface[40, 50] == pytest.approx(1.0, abs=0.01)
    assert surface[40, 64] > 1.5
    assert surface[40, 70] == 0.0


def test_a_particle_that_leaves_the_frame_is_cut_by_it() -> None:
    cut = painted([0.0], [15.0], [1.0])
    whole = painted([50.0], [15.0], [1.0])
    assert np.array_equal(cut.labels[:, :20], whole.labels[:, 50:70])
    assert cut.area[0] == cut.labels.astype(bool).sum()
