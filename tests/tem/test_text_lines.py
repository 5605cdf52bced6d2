"""Letters told by their ink: lines, lost points, and n from u."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from closedloop.tem.text_lines import Line, find_lines, has_point, hides_a_point, unit_arch


def _line(text: str, size: int = 30) -> Line:
    from matplotlib import get_data_path

    font = ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
    picture = Image.new("L", (260, 80), 200)
    ImageDraw.Draw(picture).text((30, 20), text, fill=10, font=font)
    lines = find_lines(np.array(picture, np.float32) / 255, 10 / 255, 200 / 255)
    assert lines
    return lines[0]


@pytest.mark.parametrize("size", [14, 30, 44])
def test_a_line_is_found_with_its_letters(size: int) -> None:
    line = _line("50 nm", size)
    assert len(line.letters) == 4
    assert line.left < 32
    assert line.picture().shape[0] == 64


@pytest.mark.parametrize(("text", "digits"), [("2.00 µm", 3), ("1.0 nm", 2), ("0.5 nm", 2), ("7.5 nm", 2)])
def test_a_point_between_digits_is_seen(text: str, digits: int) -> None:
    assert has_point(_line(text), digits)


@pytest.mark.parametrize(("text", "digits"), [("200 nm", 3), ("50. nm", 2), ("100 µm", 3), ("5 nm", 1)])
def test_where_no_point_parts_digits_none_is_seen(text: str, digits: int) -> None:
    assert not has_point(_line(text), digits)


def test_digits_that_ran_into_the_unit_may_hide_a_point() -> None:
    assert not hides_a_point(_line("10 µm"))
    ink = np.zeros((24, 60), np.float32)
    assert hides_a_point(Line(0, 0, 60, 24, ink, ((4, 4, 7, 11), (9, 4, 44, 18))))


@pytest.mark.parametrize(("text", "arch"), [("50 nm", "n"), ("50 um", "u"), ("50 µm", "u")])
def test_n_and_u_are_told_apart(text: str, arch: str) -> None:
    assert unit_arch(_line(text)) == arch


def test_a_flat_crop_holds_no_line() -> None:
    assert find_lines(np.full((60, 200), 0.5, np.float32), 0.0, 1.0) == []
