"""Pixel sizes that TIFF files state, and resolutions that are a printer's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from closedloop.tem.errors import NotAnImage
from closedloop.tem.reading import read_picture

PIXELS = np.zeros((32, 32), np.uint8)


def _size(tmp_path: Path, **options: Any) -> float | None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **options)
    size = read_picture(tmp_path / "a.tif").pixel_size
    return None if size is None else size.nm_per_px


@pytest.mark.parametrize(("unit", "nm"), [("nm", 1), ("um", 1000), ("micron", 1000), ("\\u00B5m", 1000), ("A", 0.1)])
def test_imagej_units(tmp_path: Path, unit: str, nm: float) -> None:
    size = _size(tmp_path, imagej=True, resolution=(4.0, 4.0), metadata={"unit": unit})
    assert size == pytest.approx(nm / 4)


def test_resolution_per_centimetre_fine_enough_for_a_microscope(tmp_path: Path) -> None:
    # 2e7 pixels per cm are 0.5 nm each.
    assert _size(tmp_path, resolution=(20_000_000, 20_000_000), resolutionunit=3) == pytest.approx(0.5)


@pytest.mark.parametrize("per_inch", [72, 96, 300, 600, 1200])
def test_screen_and_printer_resolutions_are_no_pixel_size(tmp_path: Path, per_inch: int) -> None:
    assert _size(tmp_path, resolution=(per_inch, per_inch), resolutionunit=2) is None


def test_a_unit_that_is_no_length_is_no_pixel_size(tmp_path: Path) -> None:
    assert _size(tmp_path, imagej=True, resolution=(4.0, 4.0), metadata={"unit": "pixel"}) is None


def _gatan(unit: str, x: float, y: float) -> list[tuple[int, Any, int, Any, bool]]:
    return [(65003, "s", 0, unit, True), (65009, "d", 1, x, True), (65010, "d", 1, y, True)]


def test_digital_micrograph_tags(tmp_path: Path) -> None:
    assert _size(tmp_path, extratags=_gatan("nm", 0.25, 0.25)) == pytest.approx(0.25)
    assert _size(tmp_path, extratags=_gatan("um", 0.002, 0.002)) == pytest.approx(2.0)


def test_scale_tags_without_a_unit_say_nothing(tmp_path: Path) -> None:
    assert _size(tmp_path, extratags=_gatan("nm", 1.0, 1.0)[1:]) is None


def test_a_diffraction_pattern_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAnImage, match="diffraction"):
        _size(tmp_path, extratags=_gatan("1/nm", 0.1, 0.1))


def test_oblong_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAnImage, match="square"):
        _size(tmp_path, extratags=_gatan("nm", 0.2, 0.3))
