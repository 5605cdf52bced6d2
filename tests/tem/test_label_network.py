"""The small reader of labels: what it reads of lines that it was not trained on, and what it is trained on."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from safetensors.numpy import load_file

from closedloop.tem import label_training
from closedloop.tem.label_drawing import draw, fonts, in_letters
from closedloop.tem.label_network import HEIGHT, LETTERS, WEIGHTS, read_label_line
from closedloop.tem.scale_decoding import plainly


def _line(text: str, size: int, face: str = "DejaVuSans.ttf") -> np.ndarray:
    font = ImageFont.truetype(next(path for path in fonts() if path.endswith(face)), size)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    picture = Image.new("L", (right - left + size, bottom - top + size // 2), 210)
    ImageDraw.Draw(picture).text((size // 2 - left, size // 4 - top), text, fill=20, font=font)
    return np.array(picture)


@pytest.mark.parametrize("face", ["DejaVuSans.ttf", "STIXGeneral.ttf"])
@pytest.mark.parametrize(
    ("text", "letters"), [("50 nm", "50nm"), ("0.5 µm", "0.5um"), ("200 nm", "200nm"), ("1 µm", "1um"), ("2um", "2um")]
)
def test_labels_are_read_with_their_micro_sign(text: str, letters: str, face: str) -> None:
    assert plainly(read_label_line(_line(text, 30, face))) == letters


def test_other_writing_is_not_read_as_a_label() -> None:
    assert "#" in plainly(read_label_line(_line("HV 20 kV", 24)))


def test_letters_of_a_text() -> None:
    assert in_letters("0.5 µm") == "0.5um"
    assert in_letters("10 Å") == "10A"
    assert in_letters("WD = A5") == "####5"


def test_lines_are_drawn_from_the_seed_alone() -> None:
    for seed in range(20):
        one, other = draw(np.random.default_rng(seed)), draw(np.random.default_rng(seed))
        assert one.text == other.text
        assert (one.picture == other.picture).all()
        assert one.picture.shape[0] == HEIGHT
        assert set(one.text) <= set(LETTERS)


def test_training_is_repeatable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_training, "_POOL", 32)
    monkeypatch.setattr(label_training, "_BATCH", 16)
    for name in ("a", "b"):
        label_training.train(32, 0, tmp_path / name)
    one, other = load_file(tmp_path / "a"), load_file(tmp_path / "b")
    assert all((one[name] == other[name]).all() for name in one)
    assert set(one) == set(load_file(WEIGHTS))
