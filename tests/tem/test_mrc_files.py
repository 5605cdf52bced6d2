"""MRC in both byte orders, its calibration, and the pixel sizes in it that are not to be believed."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microscope_files import mrc, pattern
from second_readers import ncempy_module

from closedloop.tem.errors import NotAnImage
from closedloop.tem.mrc_files import read_mrc
from closedloop.tem.reading import read_picture


def _written(tmp_path: Path, *args: Any, **options: Any) -> Path:
    path = tmp_path / "a.mrc"
    path.write_bytes(mrc(*args, **options))
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["i1", "i2", "u2", "f4", "f2"])
def test_pixels_of_every_mode(tmp_path: Path, order: str, kind: str) -> None:
    pixels = pattern(kind=kind)
    path = _written(tmp_path, pixels, (2.5, 5.0), order)
    stored = read_mrc(path)
    assert np.array_equal(stored.pixels, pixels)
    assert stored.pixel is not None
    assert stored.pixel[:2] == pytest.approx((0.25, 0.5))
    if order == "<" and kind != "f2":
        other = ncempy_module("mrc").mrcReader(path)
        assert np.array_equal(other["data"][0], pixels)


def test_of_a_stack_the_first_section(tmp_path: Path) -> None:
    stack = np.stack([pattern(kind="i2", seed=1), pattern(kind="i2", seed=2)])
    stored = read_mrc(_written(tmp_path, stack))
    assert np.array_equal(stored.pixels, stack[0])
    assert stored.notes == ("the first of 2 sections was measured",)


@pytest.mark.parametrize("angstrom", [(0.0, 0.0), (1.0, 1.0)])
def test_what_programs_write_that_know_no_pixel_size_is_none(tmp_path: Path, angstrom: tuple[float, float]) -> None:
    assert read_mrc(_written(tmp_path, pattern(kind="i2"), angstrom)).pixel is None


def test_the_extended_header_of_fei(tmp_path: Path) -> None:
    stored = read_mrc(_written(tmp_path, pattern(kind="i2"), (1.0, 1.0), "<", (3e-10, 3e-10)))
    assert np.array_equal(stored.pixels, pattern(kind="i2"))
    assert stored.pixel is not None
    assert stored.pixel.x_nm == pytest.approx(0.3)
    assert stored.notes == ()
    differing = read_mrc(_written(tmp_path, pattern(kind="i2"), (2.0, 2.0), "<", (3e-10, 3e-10)))
    assert differing.pixel is None
    assert "neither is believed" in differing.notes[0]


def test_bytes_of_imod_are_unsigned(tmp_path: Path) -> None:
    path = _written(tmp_path, pattern(kind="u1").view("i1"))
    content = bytearray(path.read_bytes())
    content[152:160] = struct.pack("<ii", 1146047817, 0)
    path.write_bytes(content)
    assert np.array_equal(read_mrc(path).pixels, pattern(kind="u1"))


def test_a_header_from_before_2000_without_a_mark(tmp_path: Path) -> None:
    for order in "<>":
        path = _written(tmp_path, pattern(kind="i2"), order=order)
        content = bytearray(path.read_bytes())
        content[208:216] = bytes(8)
        path.write_bytes(content)
        assert read_picture(path).pixel_size is not None


@pytest.mark.parametrize(("mode", "says"), [(4, "complex"), (101, "mode 101"), (-5, "mode|sense")])
def test_modes_that_are_not_read(tmp_path: Path, mode: int, says: str) -> None:
    path = _written(tmp_path, pattern(kind="i2"))
    content = bytearray(path.read_bytes())
    content[12:16] = struct.pack("<i", mode)
    path.write_bytes(content)
    with pytest.raises(NotAnImage, match=says):
        read_picture(path)
