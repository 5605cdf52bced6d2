"""Every codec, type and byte order of compressed TIFF, against the numbers that were packed; nothing under test
packs them: Pillow squeezes plain bytes, and the file around them is written by tifffile."""

import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from PIL import Image

from closedloop.tem.errors import NotAnImage
from closedloop.tem.instance_maps import NotAnInstanceMap, read_instance_map
from closedloop.tem.reading import read_picture
from closedloop.tem.tiff_files import read_tiff

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
CODECS = {"lzw": "tiff_lzw", "packbits": "packbits", "zstd": "zstd", "lzma": "lzma", "zlib": "tiff_adobe_deflate"}
Order = Literal["<", ">"]
NUMBERS = {"lzw": 5, "packbits": 32773, "zstd": 50000, "lzma": 34925, "zlib": 8}
PREDICTOR = 65317  # stands for 317 until the file is written


def _squeezed(plain: bytes, codec: str) -> bytes:
    """Bytes as one strip of that codec."""
    buffer = io.BytesIO()
    Image.frombytes("L", (len(plain), 1), plain).save(buffer, "TIFF", compression=CODECS[codec])
    buffer.seek(0)
    with tifffile.TiffFile(buffer) as tiff:
        page = tiff.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        assert len(page.dataoffsets) == 1
        return buffer.getvalue()[page.dataoffsets[0] : page.dataoffsets[0] + page.databytecounts[0]]


def _differences(block: Any, predictor: int) -> Any:
    """Rows (rows, width, samples) as the TIFF specification differs them, horizontally or by the bytes of floats."""
    if predictor == 2:
        plain = block.view(f"u{block.dtype.itemsize}")
        return np.diff(plain, axis=1, prepend=plain[:, :1] * 0).astype(plain.dtype)
    rows, width, samples = block.shape
    size = block.dtype.itemsize
    high_first = block.astype(block.dtype.newbyteorder(">")).view(np.uint8).reshape(rows, width * samples, size)
    shuffled = high_first.transpose(0, 2, 1).reshape(rows, size * width, samples)
    return np.diff(shuffled, axis=1, prepend=shuffled[:, :1] * 0).astype(np.uint8)


def _write(
    path: Path,
    pixels: Any,
    codec: str,
    byteorder: Order,
    predictor: int = 1,
    tile: tuple[int, int] | None = None,
    rows: int = 20,
    planes: bool = False,
    photometric: str = "minisblack",
) -> None:
    """Pixels (H, W) or (H, W, S), or (S, H, W) in planes, in strips or tiles."""

    def segments() -> Iterator[bytes]:
        for plane in pixels if planes else [pixels]:
            image = plane if plane.ndim == 3 else plane[..., None]
            high, wide = tile or (rows, image.shape[1])
            for top, left in itertools.product(range(0, image.shape[0], high), range(0, image.shape[1], wide)):
                block = image[top : top + high, left : left + wide]
                if tile:
                    missing = [(0, full - have) for full, have in zip((high, wide), block.shape[:2], strict=True)]
                    block = np.pad(block, [*missing, (0, 0)])
                block = np.ascontiguousarray(block)
                if predictor == 3:
                    yield _squeezed(_differences(block, 3).tobytes(), codec)
                else:
                    block = block if predictor == 1 else _differences(block, 2)
                    yield _squeezed(block.astype(block.dtype.newbyteorder(byteorder)).tobytes(), codec)

    several = pixels.ndim == 3
    tifffile.imwrite(
        path,
        segments(),
        shape=pixels.shape,
        dtype=pixels.dtype,
        compression="zlib",
        extratags=[(PREDICTOR, "H", 1, predictor, True)],
        byteorder=byteorder,
        tile=tile,
        rowsperstrip=None if tile else rows,
        photometric=photometric,
        planarconfig=("separate" if planes else "contig") if several else None,
    )
    # Without another package tifffile packs none of the other codecs, nor such differences of every type.
    _state(path, 259, NUMBERS[codec])
    _state(path, PREDICTOR, 317, 0)


def _state(path: Path, code: int, value: int, place: int = 8) -> None:
    """The same file with another short number in one tag of its first page, or (at place 0) another code."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        at, order = page.tags[code].offset + place, tiff.byteorder
    content = bytearray(path.read_bytes())
    content[at : at + 2] = value.to_bytes(2, "little" if order == "<" else "big")
    path.write_bytes(content)


def _noise(kind: str, shape: tuple[int, ...] = (50, 37)) -> Any:
    """Numbers over the whole range of a type."""
    rng = np.random.default_rng(0)
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return rng.normal(0, 100, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("codec", list(CODECS))
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_and_byte_order_comes_back_as_it_was(
    kind: str, codec: str, byteorder: Order, tmp_path: Path
) -> None:
    pixels = _noise(kind)
    _write(tmp_path / "a.tif", pixels, codec, byteorder)
    read = read_tiff(tmp_path / "a.tif").pixels
    assert read.dtype.newbyteorder("=") == pixels.dtype
    assert np.array_equal(read, pixels)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("codec", ["lzw", "zlib"])
@pytest.mark.parametrize(
    ("kind", "predictor"), [*((kind, 2) for kind in TYPES), *((kind, 3) for kind in ("f2", "f4", "f8"))]
)
def test_differences_are_summed_up_within_each_tile(
    kind: str, predictor: int, codec: str, tile: Any, byteorder: Order, tmp_path: Path
) -> None:
    pixels = _noise(kind)
    _write(tmp_path / "a.tif", pixels, codec, byteorder, predictor, tile)
    assert np.array_equal(read_tiff(tmp_path / "a.tif").pixels, pixels)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("predictor", [1, 2])
def test_colours_of_sixteen_bits_keep_them(tile: Any, predictor: int, byteorder: Order, tmp_path: Path) -> None:
    colours = _noise("u2", (50, 37, 3))
    _write(tmp_path / "a.tif", colours, "lzw", byteorder, predictor, tile, photometric="rgb")
    assert np.array_equal(read_tiff(tmp_path / "a.tif").pixels, colours)
    planes = np.moveaxis(colours, -1, 0)
    _write(tmp_path / "b.tif", planes, "lzw", byteorder, predictor, tile, planes=True, photometric="rgb")
    assert np.array_equal(read_tiff(tmp_path / "b.tif").pixels, colours)


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_zero_as_white_is_turned_over_at_any_depth(kind: str, tmp_path: Path) -> None:
    pixels = _noise(kind)
    _write(tmp_path / "a.tif", pixels, "lzw", "<", photometric="miniswhite")
    assert np.array_equal(read_tiff(tmp_path / "a.tif").pixels, np.iinfo(pixels.dtype).max - pixels)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "group4", "packbits"])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_become_shades(bits: int, compression: str | None, tmp_path: Path) -> None:
    levels = np.random.default_rng(0).integers(0, 2**bits, (40, 64), np.uint8)
    _packed(tmp_path / "a.tif", levels, bits, compression)
    if compression == "group4" and bits > 1:
        return
    grey = read_picture(tmp_path / "a.tif").grey
    assert grey == pytest.approx(levels / (2**bits - 1), abs=1e-6)


def _packed(path: Path, levels: Any, bits: int, compression: str | None) -> None:
    """Shades of one, two or four bits, several to a byte."""
    if bits == 1:
        Image.fromarray(levels > 0).save(path, compression=compression)
        return
    parts = levels.reshape(len(levels), -1, 8 // bits)
    shifts = np.arange(8 - bits, -1, -bits)
    whole = (parts << shifts).sum(axis=-1).astype(np.uint8)
    squeeze = {None: None, "tiff_lzw": "lzw", "packbits": "packbits", "group4": None}[compression]
    plain = whole.tobytes() if squeeze is None else _squeezed(whole.tobytes(), squeeze)
    entries = [
        (256, levels.shape[1]), (257, levels.shape[0]), (258, bits),
        (259, NUMBERS[squeeze] if squeeze else 1),
        (262, 1), (273, 8), (277, 1), (278, levels.shape[0]), (279, len(plain)),
    ]  # fmt: skip
    directory = len(entries).to_bytes(2, "little") + b"".join(
        code.to_bytes(2, "little") + b"\4\0\1\0\0\0" + value.to_bytes(4, "little") for code, value in entries
    )
    path.write_bytes(b"II*\0" + (8 + len(plain)).to_bytes(4, "little") + plain + directory + bytes(4))


@pytest.mark.parametrize("number", [34712, 34887, 50001, 34927, 12345])
def test_other_codecs_are_refused_by_their_names_and_not_called_damaged(number: int, tmp_path: Path) -> None:
    _write(tmp_path / "a.tif", _noise("u2"), "lzw", "<")
    _state(tmp_path / "a.tif", 259, number)
    name = {34712: "JPEG 2000", 34887: "LERC", 50001: "WebP", 34927: "WebP"}.get(number, str(number))
    with pytest.raises(
        NotAnImage, match=rf"a\.tif: its pixels \(uint16\) are packed with .*{name}.*with deflate"
    ) as said:
        read_picture(tmp_path / "a.tif")
    assert "damaged" not in str(said.value)
    with pytest.raises(NotAnInstanceMap, match=rf"{name}.*with deflate"):
        read_instance_map(tmp_path / "a.tif")


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("codec", list(CODECS))
@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "i8"])
def test_label_images_too(kind: str, codec: str, byteorder: Order, tmp_path: Path) -> None:
    labels = np.zeros((50, 40), kind)
    labels[5:20, 5:20], labels[25:40, 10:30] = 3, 7 if kind.endswith("1") else 300
    _write(tmp_path / "a.tif", labels, codec, byteorder)
    assert np.array_equal(read_instance_map(tmp_path / "a.tif").labels, labels)
    _write(tmp_path / "a.tif", labels, codec, byteorder, photometric="miniswhite")
    assert np.array_equal(read_instance_map(tmp_path / "a.tif").labels, labels)


def test_label_images_of_few_bits_keep_their_numbers(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 16, (5, 8), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    for compression in (None, "tiff_lzw"):
        _packed(tmp_path / "a.tif", labels, 4, compression)
        assert np.array_equal(read_instance_map(tmp_path / "a.tif").labels, labels)


def test_label_images_in_jpeg_are_refused_in_a_tiff_too(tmp_path: Path) -> None:
    Image.fromarray(_noise("u1")).save(tmp_path / "a.tif", compression="jpeg")
    with pytest.raises(NotAnInstanceMap, match="JPEG blurs"):
        read_instance_map(tmp_path / "a.tif")


def test_a_strip_that_ends_too_early_is_damaged(tmp_path: Path) -> None:
    pixels = _noise("i2")
    _write(tmp_path / "a.tif", pixels, "lzw", "<", rows=50)
    _state(tmp_path / "a.tif", 279, 2000)  # the count of bytes in its one strip
    with pytest.raises(NotAnImage, match="damaged"):
        read_picture(tmp_path / "a.tif")
