"""Colour apart from grey."""

import numpy as np

from closedloop.tem.scale_bar import find_bars
from closedloop.tem.scale_colour import chroma


def _picture() -> np.ndarray:
    grey = np.random.default_rng(0).integers(60, 200, (200, 400)).astype(np.uint8)
    return np.dstack([grey] * 3)


def test_grey_pictures_have_no_colour() -> None:
    assert chroma(_picture()) is None
    assert chroma(_picture()[..., 0]) is None


def test_a_coloured_bar_stands_out_where_its_grey_does_not() -> None:
    image = _picture()
    image[150:156, 40:160] = (255, 60, 60)  # as grey as its ground
    found = chroma(image)
    assert found is not None
    bar = find_bars(found.astype(np.float32) / 255)[0]
    assert abs(bar.length_px - 120) < 0.5
    assert (bar.top, bar.bottom) == (150, 156)


def test_sixteen_bits_are_as_good_as_eight() -> None:
    image = _picture()
    image[150:156, 40:160] = (255, 255, 0)
    deep = chroma(image.astype(np.uint16) * 257)
    assert deep is not None
    assert np.abs(deep.astype(int) - chroma(image)).max() <= 1
