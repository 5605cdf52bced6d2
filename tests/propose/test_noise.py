"""What a measurement says of its own noise."""

import numpy as np
import pytest

from closedloop.propose.noise import expected_noise, noise_of
from closedloop.recipes import Outcome


def _outcome(count: int | None = 100, error_nm: float | None = None, size_nm: float = 4.0) -> Outcome:
    return Outcome(size_nm=size_nm, size_std_nm=0.1 * size_nm, particle_count=count, size_error_nm=error_nm)


def test_few_particles_are_noisier() -> None:
    many, few = noise_of([_outcome(400), _outcome(4)])
    assert few == pytest.approx(0.1**2 / 4)
    assert many == pytest.approx(0.1**2 / 400)


def test_doubt_beyond_the_surest_is_noise() -> None:
    """What all share, such as how outlines are drawn, shifts all and orders none."""
    plain = noise_of([_outcome()] * 3)
    assert noise_of([_outcome(error_nm=0.2)] * 3) == pytest.approx(plain)
    doubted = noise_of([_outcome(error_nm=0.2), _outcome(error_nm=0.8), _outcome()]) - plain
    assert doubted == pytest.approx([0, 0.2**2 - 0.05**2, 0])


def test_a_larger_particle_may_be_off_by_more_nm() -> None:
    assert noise_of([_outcome(error_nm=0.4), _outcome(error_nm=0.8, size_nm=8.0)]) == pytest.approx([1e-4, 1e-4])


def test_the_next_measurement_is_expected_like_those_before() -> None:
    assert expected_noise(np.array([1e-4, 4e-4, 9e-4])) == 4e-4
    assert 0 < expected_noise(np.zeros(0)) < 1e-3
    assert noise_of([]).shape == (0,)
