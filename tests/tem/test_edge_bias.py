"""Weights for the edge's bias, against counts of places and against fields strewn at random."""

import numpy as np
import pytest

from closedloop.tem.distribution import describe
from closedloop.tem.edge_bias import edge_weights


def _places(width: int, height: int, frame: tuple[int, int], ignore: np.ndarray | None) -> int:
    """Where a full rectangle lies whole and free, one by one."""
    count = 0
    for top in range(1, frame[0] - height):
        for left in range(1, frame[1] - width):
            hit = ignore is not None and ignore[top - 1 : top + height + 1, left - 1 : left + width + 1].any()
            count += not hit
    return count


def test_the_weight_is_all_places_per_free_place() -> None:
    frame = (40, 60)
    widths, heights = np.array([1, 5, 30]), np.array([1, 9, 20])
    expected = [40 * 60 / _places(w, h, frame, None) for w, h in zip(widths, heights, strict=True)]
    assert edge_weights(widths, heights, frame) == pytest.approx(expected)


@pytest.mark.parametrize(
    "boxes",
    [
        [(34, 40, 0, 60)],  # a strip below
        [(30, 36, 5, 25)],  # a bar near a corner
        [(30, 36, 5, 15), (30, 36, 18, 28)],  # a bar and its label: no room in between
        [(3, 6, 3, 9), (33, 38, 45, 58)],  # two far apart
    ],
)
def test_a_scale_bar_takes_places_away(boxes: list[tuple[int, int, int, int]]) -> None:
    frame = (40, 60)
    ignore = np.zeros(frame, bool)
    for top, bottom, left, right in boxes:
        ignore[top:bottom, left:right] = True
    widths, heights = np.array([7, 7]), np.array([5, 5])
    places = _places(7, 5, frame, ignore)
    assert edge_weights(widths, heights, frame, ignore)[0] == pytest.approx((40 * 60 - ignore.sum()) / places, rel=0.05)


def test_weights_stay_finite_for_particles_as_large_as_the_frame() -> None:
    weights = edge_weights(np.array([58, 1]), np.array([38, 1]), (40, 60))
    assert np.isfinite(weights).all()
    assert weights[0] == 40 * 60


def test_weights_undo_what_the_edge_does_to_the_mean() -> None:
    """Discs of two sizes strewn over a field that the frame cuts out: half are large, fewer than half of the whole."""
    generator = np.random.default_rng(5)
    plain, corrected = [], []
    for _ in range(60):
        diameters = np.where(generator.random(150) < 0.5, 20.0, 70.0)
        x, y = generator.uniform(-80, 336, (2, 150))
        left, right = np.ceil(x - diameters / 2), np.floor(x + diameters / 2)
        top, bottom = np.ceil(y - diameters / 2), np.floor(y + diameters / 2)
        whole = (left >= 1) & (top >= 1) & (right <= 254) & (bottom <= 254)
        weights = edge_weights((right - left + 1)[whole], (bottom - top + 1)[whole], (256, 256))
        found = describe(diameters[whole], weights)
        plain.append(found.mean_nm)
        corrected.append(found.corrected_mean_nm)
        assert found.edge_bias_nm is not None
        assert found.edge_bias_nm < 0
    error = np.std(corrected) / np.sqrt(60)
    assert np.mean(plain) < 45 - 4 * error
    assert np.mean(corrected) == pytest.approx(45, abs=3 * error)
