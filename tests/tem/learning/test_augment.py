"""A training crop shows the same particles as its labels do, however it was turned and lit."""

import numpy as np

from closedloop.tem.ideal_maps import LEFT_OUT
from closedloop.tem.learning.augment import crop, light


def _picture() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:200, :240]
    labels = np.zeros((200, 240), np.int32)
    for number, (row, column) in enumerate([(50, 60), (120, 150), (150, 50)], 1):
        labels[np.hypot(y - row, x - column) < 22] = number * 10
    return np.where(labels > 0, 0.2, 0.8).astype(np.float32), labels


def test_labels_move_with_the_picture() -> None:
    grey, labels = _picture()
    rng = np.random.default_rng(3)
    for _ in range(20):
        part, turned = crop(grey, labels, 128, (0.5, 1.5), rng)
        assert part.shape == turned.shape == (128, 128)
        known = turned != LEFT_OUT
        agree = ((part < 0.5) == (turned > 0))[known]
        assert agree.mean() > 0.97  # the rest is outlines, between pixels
        present = np.unique(turned[turned > 0])
        assert present.tolist() == list(range(1, len(present) + 1))


def test_beyond_the_picture_nothing_is_claimed() -> None:
    grey, labels = _picture()
    part, turned = crop(grey, labels, 128, (0.3, 0.3), np.random.default_rng(0))
    assert 0.6 < (turned != LEFT_OUT).mean() * 128**2 / (0.3**2 * grey.size) < 1.05
    assert part.dtype == np.float32


def test_a_crop_and_its_light_are_repeatable_and_stay_near_the_scale() -> None:
    grey, labels = _picture()
    made = [light(crop(grey, labels, 96, (0.5, 1.5), rng)[0], rng) for rng in map(np.random.default_rng, (7, 7, 8))]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
    assert all(one.min() >= -0.2 and one.max() <= 1.2 for one in made)
