"""What is printed over a picture: bars as long as they say, and labels that go where the picture is hidden."""

import numpy as np

from sim.micrograph_figure import decorate


def test_hidden_parts_lose_their_labels_and_the_rest_keeps_them() -> None:
    hidden = 0
    for seed in range(60):
        ground = np.full((256, 256), 120, np.uint8)
        labels = np.ones((256, 256), np.int32)
        printed = decorate(ground, labels, 0.3, np.random.default_rng(seed))
        assert printed.shape == ground.shape
        assert printed.dtype == np.uint8
        gone = labels == 0
        # Grey that was never touched can be seen, so its label has to be there.
        assert (printed[gone] != 120).mean() > 0.9 if gone.any() else True
        assert (labels[printed == 120] == 1).mean() > 0.95
        assert gone.mean() < 0.4
        hidden += bool(gone.any())
    assert 15 < hidden < 55


def test_a_picture_is_not_changed_in_place_and_the_same_seed_prints_the_same() -> None:
    ground = np.full((200, 200), 120, np.uint8)
    labels = [np.ones((200, 200), np.int32) for _ in range(2)]
    first, second = (decorate(ground, own, 0.3, np.random.default_rng(4)) for own in labels)
    assert (ground == 120).all()
    assert np.array_equal(first, second)
    assert np.array_equal(*labels)
