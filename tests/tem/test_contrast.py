"""What a picture shows does not depend on stray pixels, nor on what was burnt into it."""

import numpy as np
import pytest

from closedloop.tem.contrast import normalised, specimen, usual_range


def _noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 0.8, (200, 200)).astype(np.float32)


def test_a_usual_picture_spans_all_of_its_values() -> None:
    values = _noise()
    assert usual_range(values, float(values.min()), float(values.max())) == (values.min(), values.max())


def test_stray_values_do_not_count_but_small_parts_of_a_picture_do() -> None:
    values = _noise()
    values[3, 3], values[5, 5] = 1000, -1000
    low, high = usual_range(values, -1000, 1000)
    assert -0.2 < low < 0.2
    assert 0.8 < high < 1.2
    flat = np.full((200, 200), 0.3, np.float32)
    flat[50:53, 50:53] = 0.1  # all that is not ground
    assert usual_range(flat, 0.1, 0.3) == pytest.approx((0.1, 0.3))


def test_beside_a_burnt_in_bar_the_specimen_is_stretched() -> None:
    grey, ignore = _noise() * 0.02, np.zeros((200, 200), bool)
    grey[180:190, 20:80], ignore[180:190, 20:80] = 1, True
    seen = specimen(grey, ignore)
    assert np.ptp(seen[~ignore]) == pytest.approx(1)
    assert (seen[ignore] == 1).all()
    wide = _noise()
    assert specimen(wide, ignore) is wide


def test_what_is_ignored_does_not_set_the_scale() -> None:
    grey, ignore = _noise() * 0.02, np.zeros((200, 200), bool)
    clean = normalised(grey)
    grey[100:, 20:80], ignore[100:, 20:80] = 1, True
    assert normalised(grey, ignore)[~ignore] == pytest.approx(clean[~ignore], abs=0.02)
    assert normalised(grey, np.ones_like(ignore)).max() <= 1.2  # of nothing but what is ignored, all counts
