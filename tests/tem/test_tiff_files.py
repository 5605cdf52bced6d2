"""TIFF as microscopes, cameras and programs store it: depths, codecs, tiles, pages, byte orders, and what is broken."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from closedloop.tem.errors import NotAnImage
from closedloop.tem.reading import read_picture
from closedloop.tem.tiff_files import read_tiff

RAMP = np.tile(np.arange(0, 200, dtype=np.uint8), (64, 1))


def _stored(tmp_path: Path, pixels: Any, **options: Any) -> np.ndarray:
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    return np.asarray(read_tiff(tmp_path / "a.tif").pixels)


@pytest.mark.parametrize("codec", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "zstd", "lzma", "raw"])
def test_codecs(tmp_path: Path, codec: str) -> None:
    Image.fromarray(RAMP).save(tmp_path / "a.tif", compression=codec)
    assert np.array_equal(read_tiff(tmp_path / "a.tif").pixels, RAMP)


def test_sixteen_bits_of_lzw(tmp_path: Path) -> None:
    Image.fromarray(RAMP.astype(np.uint16) * 300).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert np.array_equal(read_tiff(tmp_path / "a.tif").pixels, RAMP.astype(np.uint16) * 300)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"tile": (32, 32)}, {"rowsperstrip": 7}, {"compression": "zlib", "predictor": 2}]
)
def test_layouts(tmp_path: Path, byteorder: str, bigtiff: bool, options: dict[str, Any]) -> None:
    pixels = RAMP.astype(np.uint16) * 300
    stored = _stored(tmp_path, pixels.astype(byteorder + "u2"), byteorder=byteorder, bigtiff=bigtiff, **options)
    assert np.array_equal(stored, pixels)


def test_colours_in_planes_and_interleaved(tmp_path: Path) -> None:
    colours = np.stack([RAMP, RAMP // 2, RAMP // 4], -1)
    assert np.array_equal(_stored(tmp_path, colours, photometric="rgb"), colours)
    planes = np.moveaxis(colours, -1, 0)
    assert np.array_equal(_stored(tmp_path, planes, photometric="rgb", planarconfig="separate"), colours)


def test_single_bits_become_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(RAMP > 100).save(tmp_path / "a.tif")
    grey = read_picture(tmp_path / "a.tif").grey
    assert (grey[0, 50], grey[0, 150]) == (0, 1)


def test_of_several_pages_the_first_is_read_and_the_rest_mentioned(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([RAMP, RAMP * 0]), photometric="minisblack")
    picture = read_picture(tmp_path / "a.tif")
    assert picture.grey.max() > 0.7
    assert picture.note == "the first of 2 pages was measured"


def test_the_pages_of_an_imagej_stack_are_counted(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([RAMP, RAMP, RAMP]), imagej=True)
    assert read_tiff(tmp_path / "a.tif").notes == ("the first of 3 pages was measured",)


def test_a_thumbnail_is_passed_over(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(RAMP[::3, ::3], subfiletype=1)
        tiff.write(RAMP)
    assert np.array_equal(read_tiff(tmp_path / "a.tif").pixels, RAMP)


def _entry(content: bytes, code: int, value: int) -> bytes:
    """The same file with another value in one tag."""
    data = bytearray(content)
    first = struct.unpack_from("<I", data, 4)[0]
    for number in range(struct.unpack_from("<H", data, first)[0]):
        at = first + 2 + 12 * number
        if struct.unpack_from("<H", data, at)[0] == code:
            data[at + 2 : at + 12] = struct.pack("<HII", 4, 1, value)
    return bytes(data)


def _bytes(pixels: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def test_a_strip_that_unpacks_to_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**22)) + packer.flush(zlib.Z_FULL_FLUSH)
    bomb = b"\x78\xda" + block * 1000  # 4 GB
    content = _bytes(np.zeros((64, 64), np.uint8), compression="zlib")
    content = _entry(_entry(content, 279, len(bomb)), 273, len(content)) + bomb
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(NotAnImage, match="unpacks to far more"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("code", "value", "says"),
    [
        (256, 0, "nothing to measure"),
        (256, 4_000_000_000, "more than 300,000,000"),
        (257, 4_000, "cut short"),
        (273, 10**9, "cut short"),
        (279, 0, "missing"),
    ],
)
def test_tags_that_promise_what_is_not_there(tmp_path: Path, code: int, value: int, says: str) -> None:
    (tmp_path / "a.tif").write_bytes(_entry(_bytes(RAMP), code, value))
    with pytest.raises(NotAnImage, match=says):
        read_picture(tmp_path / "a.tif")


def test_damaged_lzw_is_refused_and_nothing_is_written_to_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(
        tmp_path / "a.tif", compression="tiff_lzw"
    )
    content = bytearray((tmp_path / "a.tif").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(range(200))
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(NotAnImage):
        read_picture(tmp_path / "a.tif")
    assert capfd.readouterr().err == ""
