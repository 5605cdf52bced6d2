"""Lines of text are found wherever they stand, among particles too."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from closedloop.tem.text_search import search_text


@pytest.mark.parametrize("at", [(20, 20), (300, 30), (250, 400)])
@pytest.mark.parametrize("ink", [0, 255])
def test_a_label_is_among_the_lines(rendered, at: tuple[int, int], ink: int) -> None:
    from matplotlib import get_data_path

    font = ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), 22)
    field = np.rint(255 * (0.25 + 0.5 * rendered(seed=3, count=60).image)).astype(np.uint8)
    picture = Image.fromarray(field)
    pen = ImageDraw.Draw(picture)
    pen.text(at, "200 nm", fill=ink, font=font)
    left, top, right, bottom = pen.textbbox(at, "200 nm", font=font)
    found = search_text(np.array(picture, np.float32) / 255)
    assert len(found) <= 24
    assert any(
        light == (ink == 255)
        and abs(line.left - left) < 12
        and abs(line.right - right) < 12
        and line.top < top + 4
        and line.bottom > bottom - 4
        for line, light in found
    )


def test_an_even_picture_holds_no_text() -> None:
    assert search_text(np.full((300, 400), 0.5, np.float32)) == []
