"""DM3 and DM4, written by `microscope_files` from the format's description; ncempy reads the same from them."""

import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microscope_files import dm, pattern
from second_readers import ncempy_module

from closedloop.tem.dm_files import read_dm
from closedloop.tem.errors import DiffractionPattern, NotAnImage
from closedloop.tem.reading import read_picture


def _written(tmp_path: Path, *args: Any, **options: Any) -> Path:
    path = tmp_path / "a.dm"
    path.write_bytes(dm(*args, **options))
    return path


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "i4", "u4", "f4", "f8"])
def test_pixels_of_every_depth(tmp_path: Path, version: int, kind: str) -> None:
    pixels = pattern(kind=kind)
    path = _written(tmp_path, pixels, version=version)
    stored = read_dm(path)
    assert np.array_equal(stored.pixels, pixels)
    assert stored.pixel is not None
    assert stored.pixel[:2] == pytest.approx((0.25, 0.25))
    other = ncempy_module("dm").dmReader(path)
    assert np.array_equal(other["data"], pixels)
    assert list(other["pixelSize"]) == pytest.approx([0.25, 0.25])


@pytest.mark.parametrize("version", [3, 4])
def test_the_other_byte_order(tmp_path: Path, version: int) -> None:
    pixels = pattern(kind="u2")
    stored = read_dm(_written(tmp_path, pixels, version=version, order=">"))
    assert np.array_equal(stored.pixels, pixels)
    assert stored.pixel is not None
    assert stored.pixel.x_nm == pytest.approx(0.25)


def test_a_file_without_a_thumbnail(tmp_path: Path) -> None:
    assert np.array_equal(read_dm(_written(tmp_path, pattern(), thumbnail=False)).pixels, pattern())


def test_of_a_series_the_first_plane(tmp_path: Path) -> None:
    series = np.stack([pattern(seed=1), pattern(seed=2), pattern(seed=3)])
    picture = read_picture(_written(tmp_path, series))
    assert picture.grey == pytest.approx(series[0] / 255)
    assert picture.note == "the first of 3 planes was measured"


def test_colours(tmp_path: Path) -> None:
    pixels = np.zeros((40, 30, 4), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = 10, 20, 200  # blue, green, red
    stored = read_dm(_written(tmp_path, pixels, kind=23, thumbnail=False))
    assert stored.pixels[3, 4].tolist() == [200, 20, 10]


@pytest.mark.parametrize(("unit", "nm"), [("µm", 250.0), ("Å", 0.025), ("pm", None), ("", None), ("pixels", None)])
def test_units(tmp_path: Path, unit: str, nm: float | None) -> None:
    stored = read_dm(_written(tmp_path, pattern(), scale=(0.25, 0.25) if unit != "pm" else (0.05, 0.05), unit=unit))
    assert (None if stored.pixel is None else stored.pixel.x_nm) == (None if nm is None else pytest.approx(nm))


def test_width_and_height_of_a_pixel_keep_their_axes(tmp_path: Path) -> None:
    stored = read_dm(_written(tmp_path, pattern(), scale=(0.25, 0.5)))
    assert stored.pixel is not None
    assert stored.pixel[:2] == pytest.approx((0.25, 0.5))


def test_a_diffraction_pattern_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DiffractionPattern, match="1/nm"):
        read_picture(_written(tmp_path, pattern(), unit="1/nm"))


def test_a_fourier_transform_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAnImage, match="complex"):
        read_picture(_written(tmp_path, pattern(kind="c8")))


def test_more_pixels_than_the_file_holds(tmp_path: Path) -> None:
    with pytest.raises(NotAnImage, match="cut short"):
        read_picture(_written(tmp_path, pattern(), claimed=(9000, 9000)))
    with pytest.raises(NotAnImage, match="holds fewer"):
        read_picture(_written(tmp_path, pattern(), claimed=(65, 48)))


@pytest.mark.parametrize("version", [3, 4])
def test_a_damaged_count_of_tags_does_not_keep_the_reader_busy(tmp_path: Path, version: int) -> None:
    wide = ">Q" if version == 4 else ">I"
    path = tmp_path / "a.dm"
    # Zeros, and groups without end: both can be walked through for minutes.
    path.write_bytes(
        struct.pack(">I", version)
        + struct.pack(wide, 9)
        + struct.pack(">I", 1)
        + b"\1\0"
        + struct.pack(wide, 2**31)
        + (b"\x14\0\0" + bytes(8 if version == 4 else 0) + b"\1\0" + bytes(struct.calcsize(wide))) * 210_000
    )
    start = time.process_time()
    with pytest.raises(NotAnImage, match="more than 200,000 tags"):
        read_picture(path)
    assert time.process_time() - start < 5
