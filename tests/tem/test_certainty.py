"""How far the mean of a picture may be off, told from how sure its particles are."""

import numpy as np
import pytest

from closedloop.tem.certainty import IN_DOUBT, size_error, size_error_of_labels, standard


def test_surer_particles_make_a_surer_mean() -> None:
    errors = [size_error([chance] * 4) for chance in (0.1, 0.5, 0.9, 0.98)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > IN_DOUBT > errors[-1]


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_a_single_particle_and_full_certainty_have_an_error_too(chance: float) -> None:
    assert 0.01 < size_error([chance]) <= 1


def test_a_normal_law_stays_within_it_in_nine_of_ten() -> None:
    assert standard(0.1645) == pytest.approx(0.1)


def test_particles_at_the_edge_have_no_say() -> None:
    labels = np.zeros((60, 60), np.int32)
    labels[:20, :20], labels[30:40, 30:40] = 1, 2
    stated = size_error_of_labels(labels, np.array([0.2, 0.95], np.float32))
    assert stated == pytest.approx(size_error([0.95]), rel=1e-5)
    assert size_error_of_labels(np.where(labels == 1, 1, 0), np.array([0.2])) is None
