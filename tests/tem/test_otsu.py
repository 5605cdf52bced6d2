"""The baseline: it finds what is plain to see, dark or bright, and splits what touches."""

import numpy as np
import pytest

from closedloop.tem.metrics import compare
from closedloop.tem.otsu import segment_by_otsu


@pytest.mark.parametrize("bright", [False, True])
def test_particles_on_either_side_of_the_threshold_are_found(rendered, bright: bool) -> None:
    field = rendered(seed=4, count=40, size=384, bright=bright)
    agreement = compare(field.labels, segment_by_otsu(field.image))
    assert agreement.at(0.5) > 0.95


def test_two_touching_discs_are_two() -> None:
    yy, xx = np.mgrid[:80, :120]
    image = np.full((80, 120), 0.8)
    for x in (45, 75):
        image[np.hypot(yy - 40, xx - x) < 16] = 0.2
    labels = segment_by_otsu(image)
    assert labels.max() == 2
    assert labels[40, 45] != labels[40, 75]


def test_specks_and_what_is_to_be_ignored_are_no_particles() -> None:
    image = np.full((100, 100), 0.8)
    image[10:40, 10:40] = 0.2
    image[70:72, 70:72] = 0.2
    image[60:95, 5:35] = 0.2
    ignore = np.zeros((100, 100), bool)
    ignore[60:95, 5:35] = True
    labels = segment_by_otsu(image, ignore)
    assert set(np.unique(labels)) == {0, 1}
    assert labels[25, 25] == 1


def test_an_even_grey_holds_nothing() -> None:
    assert not segment_by_otsu(np.full((50, 50), 0.4)).any()
