"""Image files: what is read, in which scale of grey, and what is refused in one line."""

import io
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from closedloop.recipes import ClosedloopError
from closedloop.tem.errors import NotAnImage
from closedloop.tem.reading import read_picture, to_grey

RAMP = np.tile(np.arange(0, 200, dtype=np.uint8), (64, 1))


def test_eight_bits_keep_black_and_white_in_place(tmp_path: Path) -> None:
    for name in ("a.tif", "a.png"):
        Image.fromarray(RAMP).save(tmp_path / name)
        grey = read_picture(tmp_path / name).grey
        assert grey.dtype == np.float32
        assert grey[0, 100] == pytest.approx(100 / 255)
    assert to_grey(np.full((20, 20), 255, np.uint8)).min() == 1


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32, np.float64])
def test_deeper_images_are_stretched(tmp_path: Path, kind: type) -> None:
    tifffile.imwrite(tmp_path / "a.tif", (RAMP.astype(np.float64) * 7 + 1000).astype(kind))
    grey = read_picture(tmp_path / "a.tif").grey
    assert grey[0, 0] == 0
    assert grey[0, -1] == pytest.approx(1)
    assert grey[0, 100] == pytest.approx(100 / 199, abs=1e-5)


def test_stray_pixels_do_not_darken_the_others() -> None:
    counts = np.random.default_rng(0).integers(400, 2400, (256, 256)).astype(np.uint16)
    clean = to_grey(counts)
    for stray in (0, 65535):
        hot = counts.copy()
        hot[::128, ::100] = stray
        kept = hot == counts
        seen = to_grey(hot)
        assert (seen.min(), seen.max()) == (0, 1)
        assert np.corrcoef(seen[kept], clean[kept])[0, 1] > 0.9999
        assert np.ptp(seen[kept]) > 0.5


def test_palette_inverted_and_colour_files_show_the_same_grey(tmp_path: Path) -> None:
    palette = np.stack([np.arange(255, -1, -1)] * 3).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "palette.tif", 255 - RAMP, photometric="palette", colormap=palette)
    tifffile.imwrite(tmp_path / "white.tif", 255 - RAMP, photometric="miniswhite")
    Image.fromarray(np.repeat(RAMP[..., None], 3, 2)).save(tmp_path / "colour.png")
    for name in ("palette.tif", "white.tif", "colour.png"):
        assert read_picture(tmp_path / name).grey == pytest.approx(RAMP / 255, abs=2e-3), name


def test_inverted_contrast_is_left_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(255 - RAMP).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").grey[0, 0] == 1


def test_bands_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(1).integers(0, 60_000, (97, 31)).astype(np.uint16)
    whole = to_grey(pixels)
    monkeypatch.setattr("closedloop.tem.reading._ROWS_PIXELS", 200)
    assert np.array_equal(to_grey(pixels), whole)
    assert whole.min() == 0
    assert whole.max() == 1


def test_the_ends_of_float64_are_stretched_too() -> None:
    pixels = np.full((20, 20), -1.7e308)
    pixels[3, 4] = 1.7e308
    grey = to_grey(pixels)
    assert grey[3, 4] == 1
    assert grey[0, 0] == 0


def test_an_end_of_nothing_but_zeros_is_mentioned(tmp_path: Path) -> None:
    pixels = RAMP + np.uint8(1)
    pixels[40:] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").note == "its last 24 of 64 rows are all zero: was it copied whole?"


def test_the_suffix_does_not_matter(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RAMP)
    for name in ("a.png", "a.dm3", "a.mrc", "a", "a.hspy"):
        (tmp_path / name).write_bytes((tmp_path / "a.tif").read_bytes())
        assert read_picture(tmp_path / name).grey == pytest.approx(RAMP / 255)


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
        ("zeros.emd", bytes(4096)),
        ("few.dm3", b"\0\0\0\3"),
        ("few.ser", b"II\x97\1"),
        ("few.mrc", b"MAP "),
        ("few.emd", b"\x89HDF\r\n\x1a\n"),
        ("figure.pdf", b"%PDF-1.7\n"),
        ("table.xlsx", b"PK\3\4 and so on"),
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


def test_a_folder_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(NotAnImage, match="is a folder"):
        read_picture(tmp_path)
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(NotAnImage, match="no regular file"):
        read_picture(tmp_path / "pipe.tif")


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(NotAnImage):
        read_picture("a\0b.tif")
    with pytest.raises(NotAnImage):
        read_picture("a" * 5000)


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
