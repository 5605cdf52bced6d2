"""One line of text in several views: what a single view objects to is not sure, whatever the others say."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from closedloop.tem import label_views
from closedloop.tem.label_reading import LabelReader
from closedloop.tem.label_views import HIGH_CONFIDENCE, Glance, read
from closedloop.tem.ocr import Letters
from closedloop.tem.scale_decoding import Decoding, decode
from closedloop.tem.text_lines import Line

ALPHABET = "0123456789numµ "
LINE = Line(0, 0, 120, 40, np.zeros((40, 120), np.float32), ())


def _letters(text: str) -> Letters:
    """Columns of a reader that is nearly sure: a blank before and after each letter."""
    rows = np.full((2 * len(text) + 1, 1 + len(ALPHABET)), 0.002, np.float32)
    rows[::2, 0] = 0.97
    for index, letter in enumerate(text):
        rows[2 * index + 1, 1 + ALPHABET.index(letter)] = 0.97
    return Letters(rows, ALPHABET)


def _view(text: str) -> Decoding:
    letters = _letters(text)
    return decode(letters.probabilities, letters.alphabet)


@pytest.mark.parametrize(
    ("own", "theirs", "sure"),
    [
        (["50 nm", "50 nm", "50 nm"], "50 nm", True),
        (["50 nm", "50 nm", "250 nm"], "50 nm", False),
        (["50 nm", "50 nm", "50 nm"], "20 nm", False),
    ],
)
def test_one_view_of_another_length_is_enough_to_doubt(
    own: list[str], theirs: str, sure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def second_reader(picture: NDArray[np.uint8]) -> Letters:
        assert picture.ndim == 2
        return _letters(theirs)

    monkeypatch.setattr(label_views, "read_line", second_reader)
    crop = np.full((40, 120), 0.9, np.float32)
    cv2.rectangle(crop, (20, 10), (90, 30), 0.1, -1)
    reading = read(LINE, crop, light=False, seen=Glance([_view(text) for text in own], 1.0))
    assert reading is not None
    assert reading.label.nm == 50
    assert (reading.confidence >= HIGH_CONFIDENCE) is sure


@pytest.mark.parametrize(("theirs", "looks"), [("50 nm", 4), ("7u7", 2)])
def test_what_is_hardly_a_label_is_not_asked_for_its_unit(
    theirs: str, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of particles that our own reader half takes for "50 nm", and the second one for something else."""
    asked: list[NDArray[np.uint8]] = []

    def second_reader(picture: NDArray[np.uint8]) -> Letters:
        asked.append(picture)
        return _letters(theirs)

    monkeypatch.setattr(label_views, "read_line", second_reader)
    crop = np.full((40, 120), 0.9, np.float32)
    cv2.rectangle(crop, (20, 10), (90, 30), 0.1, -1)
    own = ["50 nm", "50 nm"] if theirs == "50 nm" else ["5u", "u7"]
    read(LINE, crop, light=False, seen=Glance([_view(text) for text in own], 0.2))
    assert len(asked) == looks


def _drawn(text: str, face: str, grain: float = 0.0) -> NDArray[np.float32]:
    """Black letters on a light ground, the right half of which is a dark particle of that grain, if any."""
    from matplotlib import get_data_path

    font = ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"), 32)
    letters = Image.new("L", (240, 60), 0)
    ImageDraw.Draw(letters).text((30, 12), text, fill=255, font=font)
    ground = np.full((60, 240), 200.0)
    if grain:
        ground[:, 112:] = 60
    ground += grain * np.random.default_rng(0).standard_normal(ground.shape)
    return np.clip(np.where(np.asarray(letters) > 127, 0, ground) / 255, 0, 1).astype(np.float32)


def test_a_unit_far_from_its_number_belongs_to_it() -> None:
    found = LabelReader(_drawn("500  nm", "DejaVuSansMono")).anywhere()
    assert found[0].label.nm == 500
    assert found[0].confidence >= HIGH_CONFIDENCE


@pytest.mark.parametrize(("face", "grain"), [("STIXGeneral", 20.0), ("DejaVuSans", 35.0)])
def test_letters_over_a_particle_are_as_sure_as_those_beside_it(face: str, grain: float) -> None:
    found = LabelReader(_drawn("200 nm", face, grain)).anywhere()
    assert found[0].label.nm == 200
    assert found[0].confidence >= HIGH_CONFIDENCE
