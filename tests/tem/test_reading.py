"""Image files: what is read, in which scale of grey, and what is refused in one line."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from closedloop.recipes import ClosedloopError
from closedloop.tem.errors import NotAnImage
from closedloop.tem.reading import read_labels, read_picture, to_grey

RAMP = np.tile(np.arange(0, 200, dtype=np.uint8), (64, 1))


def test_eight_bits_keep_black_and_white_in_place(tmp_path: Path) -> None:
    for name in ("a.tif", "a.png"):
        Image.fromarray(RAMP).save(tmp_path / name)
        grey = read_picture(tmp_path / name).grey
        assert grey.dtype == np.float32
        assert grey[0, 100] == pytest.approx(100 / 255)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32, np.float64])
def test_deeper_images_are_stretched(tmp_path: Path, kind: type) -> None:
    tifffile.imwrite(tmp_path / "a.tif", (RAMP.astype(np.float64) * 7 + 1000).astype(kind))
    grey = read_picture(tmp_path / "a.tif").grey
    assert grey[0, 0] == 0
    assert grey[0, -1] == pytest.approx(1)
    assert grey[0, 100] == pytest.approx(100 / 199, abs=1e-5)


def test_palette_inverted_and_colour_files_show_the_same_grey(tmp_path: Path) -> None:
    palette = np.stack([np.arange(255, -1, -1)] * 3).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "palette.tif", 255 - RAMP, photometric="palette", colormap=palette)
    tifffile.imwrite(tmp_path / "white.tif", 255 - RAMP, photometric="miniswhite")
    Image.fromarray(np.repeat(RAMP[..., None], 3, 2)).save(tmp_path / "colour.png")
    for name in ("palette.tif", "white.tif", "colour.png"):
        assert read_picture(tmp_path / name).grey == pytest.approx(RAMP / 255, abs=2e-3), name


@pytest.mark.parametrize("codec", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "raw"])
def test_compressed_tiffs(tmp_path: Path, codec: str) -> None:
    Image.fromarray(RAMP).save(tmp_path / "a.tif", compression=codec)
    assert read_picture(tmp_path / "a.tif").grey == pytest.approx(RAMP / 255)


def test_of_several_pages_the_first_is_read_and_the_rest_mentioned(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([RAMP, RAMP * 0]), photometric="minisblack")
    picture = read_picture(tmp_path / "a.tif")
    assert picture.grey.max() > 0.7
    assert picture.note == "the first of 2 pages was measured"


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _tiff() -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.tif", b""),
        ("text.png", b"no picture at all"),
        ("half.png", _png()[: len(_png()) // 2]),
        ("half.tif", _tiff()[: len(_tiff()) // 2]),
        ("head.tif", _tiff()[:6]),
        ("zeros.tif", bytes(4096)),
        ("wrong-offset.tif", b"II*\0" + (10**9).to_bytes(4, "little") + bytes(100)),
    ],
)
def test_damaged_files_are_refused_in_one_line_with_their_name(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(NotAnImage) as caught:
        read_picture(path)
    message = str(caught.value)
    assert name in message
    assert "\n" not in message


def test_random_damage_never_crashes(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for round_ in range(60):
        content = bytearray((_png, _tiff)[round_ % 2]())
        for place in rng.integers(0, len(content), 6):
            content[place] ^= int(rng.integers(1, 256))
        path = tmp_path / "a.bin"
        path.write_bytes(bytes(content))
        message = ""
        try:
            read_picture(path)
        except ClosedloopError as error:
            message = str(error)
        assert "\n" not in message


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    content = bytearray(_png())
    content[16:24] = (60_000).to_bytes(4, "big") * 2  # the header now promises 3.6 thousand million pixels
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(bytes(content))
    with pytest.raises(NotAnImage, match=r"bomb\.png"):
        read_picture(tmp_path / "bomb.png")


@pytest.mark.parametrize(
    ("pixels", "says"),
    [
        (np.full((32, 32), np.nan), "NaN"),
        (np.full((32, 32), np.inf), "NaN"),
        (np.zeros((32, 32, 7)), "shape"),
        (np.zeros(32), "shape"),
        (np.zeros((4, 400)), "16"),
        (np.zeros((32, 32), complex), "type"),
        (np.zeros((32, 32), object), "type"),
    ],
)
def test_arrays_that_are_no_image(pixels: np.ndarray, says: str) -> None:
    with pytest.raises(NotAnImage, match=says):
        to_grey(pixels)


def test_label_images_are_whole_numbers(tmp_path: Path) -> None:
    labels = np.zeros((32, 32), np.uint16)
    labels[4:9, 4:9] = 300
    tifffile.imwrite(tmp_path / "a.tif", labels)
    assert read_labels(tmp_path / "a.tif").max() == 300
    tifffile.imwrite(tmp_path / "b.tif", labels.astype(np.float32))
    with pytest.raises(NotAnImage, match="label image"):
        read_labels(tmp_path / "b.tif")
