"""Looks, tiles and seams, with a stand-in for the network that sees dark discs perfectly and is believed where the
particles are those that it saw."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from closedloop.tem import credibility, neural
from closedloop.tem.company import MEASURES
from closedloop.tem.learning.samples import typical_diameter_px
from closedloop.tem.learning.targets import targets
from closedloop.tem.metrics import compare
from closedloop.tem.neural import Looks, find_with_network, next_zoom, segment_with_network

SHARPEST = 40.0  # px: the stand-in is best believed of particles that it sees this large


def _credit(measured: np.ndarray) -> np.ndarray:
    misfit = measured[:, credibility.MEASURES.index("seed_misfit")]
    return np.exp(-0.05 * np.abs(measured[:, 0] - np.log(SHARPEST)) - misfit).astype(np.float32)


ALL = SimpleNamespace(of=lambda measured: np.ones(len(measured), np.float32))
NET = SimpleNamespace(credibility=SimpleNamespace(of=_credit), company=ALL)


def _believing(credit: dict[int, float]) -> SimpleNamespace:
    """A network that believes particles by how many a look shows."""
    return SimpleNamespace(
        credibility=SimpleNamespace(of=lambda measured: np.full(len(measured), credit[len(measured)], np.float32)),
        company=ALL,
    )


@pytest.fixture(autouse=True)
def eyes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []

    def see(even: np.ndarray, net: object) -> np.ndarray:
        seen.append(even.shape)
        dark = (even < 0.5).astype(np.uint8)
        _, labels = cv2.connectedComponents(dark, connectivity=4)
        return targets(labels.astype(np.int32))[:4].copy()

    monkeypatch.setattr(neural, "see", see)
    return seen


def _discs(height: int, width: int, radius: float, pitch: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.zeros((height, width), np.int32)
    number = 0
    for row in range(pitch // 2, height, pitch):
        for column in range(pitch // 2, width, pitch):
            number += 1
            y, x = rng.integers(-pitch // 8, pitch // 8 + 1, 2)
            cv2.circle(labels, (column + int(x), row + int(y)), round(radius * rng.uniform(0.8, 1.1)), number, -1)
    grey = np.where(labels > 0, 0.1, 0.9).astype(np.float32)
    return grey, labels


@pytest.mark.parametrize(
    ("height", "width", "radius", "pitch"), [(700, 900, 9, 28), (800, 700, 11, 34), (600, 600, 120, 290)]
)
def test_every_particle_is_found_once_at_its_size(height: int, width: int, radius: float, pitch: int) -> None:
    grey, labels = _discs(height, width, radius, pitch)
    found = segment_with_network(grey, NET, looks=Looks(tile_px=384, margin_px=96))
    agreement = compare(labels, found)
    assert agreement.found_count == agreement.true_count
    assert agreement.at(0.75) == 1
    true, seen = np.bincount(labels.ravel())[1:].mean(), np.bincount(found.ravel())[1:].mean()
    assert seen == pytest.approx(true, rel=0.03)


def test_seams_are_invisible() -> None:
    grey, _ = _discs(700, 700, 14, 40)
    whole = segment_with_network(grey, NET, looks=Looks(tile_px=100_000))
    tiled = segment_with_network(grey, NET, looks=Looks(tile_px=400, margin_px=96))
    assert compare(whole, tiled).at(0.95) == 1


def test_no_tile_is_larger_than_promised(eyes: list[tuple[int, int]]) -> None:
    grey, _ = _discs(1200, 1000, 10, 32)
    segment_with_network(grey, NET, looks=Looks(tile_px=512, margin_px=64))
    assert len(eyes) > 8
    assert max(max(shape) for shape in eyes) <= 512 * 1.5


def test_small_particles_are_enlarged_and_large_ones_made_smaller(eyes: list[tuple[int, int]]) -> None:
    grey, _ = _discs(448, 448, 5, 20)
    segment_with_network(grey, NET)
    assert eyes[-1][0] == 448 * 3 // 2
    eyes.clear()
    grey, _ = _discs(900, 900, 130, 300)
    segment_with_network(grey, NET)
    assert [shape[0] for shape in eyes] in ([113, 225], [113, 225, 450])


@pytest.mark.parametrize(
    ("zoom", "diameter", "after"),
    [
        (0.25, None, 0.5),  # nothing was seen yet
        (0.25, 100.0, 0.5),
        (0.25, 250.0, None),  # seen 62 px large
        (1.0, 15.0, None),
        (1.0, 13.0, None),  # nearly large enough
        (1.0, 12.0, 5 / 4),
        (1.0, 10.0, 3 / 2),
        (1.0, 4.0, 2.0),
        (1.0, None, None),
        (1.5, 10.0, None),
    ],
)
def test_the_next_look_follows_from_how_large_particles_were_seen(
    zoom: float, diameter: float | None, after: float | None
) -> None:
    assert next_zoom(zoom, diameter, Looks()) == after


def test_one_or_two_particles_end_the_looks_later_than_many(eyes: list[tuple[int, int]]) -> None:
    grey = np.full((900, 900), 0.9, np.float32)
    labels = np.zeros((900, 900), np.int32)
    for number, (column, row) in enumerate([(220, 220), (680, 220), (450, 680)], 1):
        cv2.circle(labels, (column, row), 130, number, -1)
    looks = []
    for shown in (3, 2, 1):
        eyes.clear()
        segment_with_network(np.where((labels > 0) & (labels <= shown), np.float32(0.1), grey), NET)
        looks.append([shape[0] for shape in eyes])
    # Seen 65 px large in a quarter of the picture: enough for three, and for fewer 240 px in the picture as it is.
    assert looks == [[113, 225], [113, 225, 450, 900], [113, 225, 450, 900]]


def test_one_large_particle_is_not_looked_at_for_ever(eyes: list[tuple[int, int]]) -> None:
    grey = np.full((1200, 1200), 0.9, np.float32)
    cv2.circle(grey, (600, 600), 510, 0.1, -1)
    segment_with_network(grey, NET)
    assert [shape[0] for shape in eyes] == [150, 300]  # seen 255 px large


def test_two_small_particles_are_enlarged_no_more_than_many(eyes: list[tuple[int, int]]) -> None:
    grey = np.full((160, 160), 0.9, np.float32)
    for column in (50, 110):
        cv2.circle(grey, (column, 80), 15, 0.1, -1)
    segment_with_network(grey, NET)
    assert [shape[0] for shape in eyes] == [160]


def test_narrow_particles_are_enlarged_however_long(eyes: list[tuple[int, int]]) -> None:
    looks = []
    for across in (6, 16):
        grey = np.full((180, 180), 0.9, np.float32)
        for row in (20, 60, 100, 140):
            grey[row : row + across, 30:130] = 0.1
        eyes.clear()
        segment_with_network(grey, NET)
        looks.append([shape[0] for shape in eyes])
    assert looks == [[180, 270], [180]]


def test_a_whole_that_is_more_credible_than_its_parts_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar whose ridge dips: what is believed of the bar and of its halves decides."""
    grey = np.full((180, 180), 0.9, np.float32)
    grey[80:100, 20:160] = 0.1

    def see(even: np.ndarray, net: object) -> np.ndarray:
        maps = targets((even < 0.5).astype(np.int32))[:4].copy()
        maps[1][:, 86:94] *= 0.6
        return maps

    monkeypatch.setattr(neural, "see", see)
    for of_halves, of_whole, count in ((0.7, 0.8, 1), (0.8, 0.7, 2)):
        assert segment_with_network(grey, _believing({2: of_halves, 1: of_whole})).max() == count


def test_of_two_looks_the_more_credible_one_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """The coarse look sees one particle where the fine one sees four: what is believed decides, not what came last."""
    grey = np.full((240, 240), 0.9, np.float32)
    grey[60:180, 60:180] = 0.1

    def see(even: np.ndarray, net: object) -> np.ndarray:
        labels = (even < 0.5).astype(np.int32)
        if len(even) == 240:
            labels *= 1 + (np.arange(240) >= 120)[None] + 2 * (np.arange(240) >= 120)[:, None]
        return targets(labels)[:4].copy()

    monkeypatch.setattr(neural, "see", see)
    for one, four, count in ((0.7, 0.8, 4), (0.8, 0.7, 1)):
        net = _believing({1: one, 4: four})
        assert segment_with_network(grey, net, looks=Looks(enough_px=1000)).max() == count


def test_what_is_unlikely_among_the_others_is_left_out() -> None:
    grey, labels = _discs(500, 500, 15, 50)
    for corner in range(50, 500, 50):
        grey[corner - 4 : corner + 4, corner - 4 : corner + 4] = 0.1  # specks

    def company(measured: np.ndarray) -> np.ndarray:
        return np.where(measured[:, MEASURES.index("over_typical_by_area")] > -0.5, 0.95, 0.05).astype(np.float32)

    everything = segment_with_network(grey, NET)
    likely = segment_with_network(
        grey, SimpleNamespace(credibility=NET.credibility, company=SimpleNamespace(of=company))
    )
    assert compare(labels, likely).at(0.5) > compare(labels, everything).at(0.5)
    assert likely.max() == len(np.unique(likely)) - 1


def test_each_particle_has_its_chance() -> None:
    grey, labels = _discs(500, 500, 15, 50)

    def company(measured: np.ndarray) -> np.ndarray:
        return np.linspace(0.7, 0.9, len(measured)).astype(np.float32)

    found, chances = find_with_network(
        grey, SimpleNamespace(credibility=NET.credibility, company=SimpleNamespace(of=company))
    )
    assert len(chances) == found.max() == labels.max()
    assert 0.7 <= chances.min() < chances.max() <= 0.9
    nothing, none = find_with_network(np.full((64, 64), 0.5, np.float32), NET)
    assert not nothing.any()
    assert len(none) == 0


def test_what_is_to_be_ignored_is_no_particle() -> None:
    grey, labels = _discs(500, 500, 15, 50)
    ignore = np.zeros(grey.shape, bool)
    ignore[:100] = True
    found = segment_with_network(grey, NET, ignore)
    assert not found[:96].any()
    assert compare(np.where(ignore, 0, labels), found).at(0.5) > 0.95


def test_pictures_that_show_nothing_give_nothing() -> None:
    for grey in (
        np.full((64, 64), 0.3, np.float32),
        np.zeros((4, 200), np.float32),
        np.full((700, 700), 1.0, np.float32),
    ):
        assert not segment_with_network(grey, NET).any()


def test_the_typical_diameter_is_not_that_of_specks() -> None:
    labels = np.zeros((200, 200), np.int32)
    cv2.circle(labels, (100, 100), 40, 1, -1)
    for number in range(2, 30):
        labels[6 * (number // 10), 6 * number % 198] = number
    assert typical_diameter_px(labels) == pytest.approx(80, rel=0.03)
    assert typical_diameter_px(np.zeros((5, 5), np.int32)) is None
