"""The numbers of one TIFF page as they are stored: any codec of plain bytes, any type, either byte order.

libtiff, which comes with Pillow, unpacks LZW, PackBits, zstd, LZMA and deflate; what the bytes then mean is told from
the page's own tags. Pillow's word for that is not taken: it knows neither signed bytes nor numbers of 64 bits, and
reads others in the wrong byte order (`docs/decisions/0113`). What cannot be read is refused with the codec's name.
"""

import contextlib
import io
import math
import os
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.tem.errors import NotAnImage
from closedloop.tem.formats import check_inflation, check_size, pixels_at
from closedloop.tem.picture_files import decoded

_PLAIN = 1
_DEFLATE = (8, 32946)  # as Adobe numbered it, and as it was numbered first
_LZW, _PACKBITS, _LZMA, _ZSTD, _OLD_ZSTD = 5, 32773, 34925, 50000, 34926
_OF_BYTES = (_PLAIN, *_DEFLATE, _LZW, _PACKBITS, _LZMA, _ZSTD, _OLD_ZSTD)
JPEG = (6, 7)
_FAX = (2, 3, 4)
_NAMES = {
    _PLAIN: "nothing", **dict.fromkeys(_DEFLATE, "deflate"), _LZW: "LZW", _PACKBITS: "PackBits", _LZMA: "LZMA",
    _ZSTD: "zstd", _OLD_ZSTD: "zstd", **dict.fromkeys(JPEG, "JPEG"), **dict.fromkeys(_FAX, "a fax's codec"),
    33003: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 34887: "LERC", 34892: "JPEG", 34927: "WebP",
    34934: "PNG", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
# Shades, colours, palettes and masks are what they are stored as; inks and light against colour difference are not.
_AS_STORED = (0, 1, 2, 3, 4, 32803, 34892)
_DIFFERENCES, _FLOAT_DIFFERENCES = 2, 3
_STDERR = threading.Lock()


def most_inflated(page: Any) -> int | None:
    """How many times its size a packed page may have at most; ``None`` where the codec sets no limit."""
    return {_PLAIN: 1, **dict.fromkeys(_DEFLATE, 1032)}.get(page.compression)


def is_as_stored(page: Any) -> bool:
    """Whether `stored` gives the page's numbers; what it does not, Pillow may (`shown`)."""
    whole = page.bitspersample == 8 * np.dtype(page.dtype).itemsize and np.dtype(page.dtype).kind in "uifc"
    single = page.bitspersample == 1 and page.compression in (_PLAIN, *_DEFLATE)
    return page.compression in _OF_BYTES and (whole or single) and page.photometric in _AS_STORED


def stored(tiff: Any, page: Any, path: Path) -> NDArray[Any]:
    """The page's numbers, in its own shape. For pages that are `is_as_stored`.

    Raises `NotAnImage`, and whatever the decoders raise where the pixels are damaged.
    """
    if page.is_memmappable:
        kind = np.dtype(page.dtype).newbyteorder(tiff.byteorder)
        return pixels_at(path, kind, page.dataoffsets[0], page.shape)
    kind = np.dtype(page.dtype)
    if page.predictor not in (1, _DIFFERENCES, _FLOAT_DIFFERENCES):
        raise NotAnImage(f"{packed_in_words(page)} and predictor {page.predictor}, {_CANNOT}")
    if page.compression == _PLAIN or (page.compression in _DEFLATE and page.predictor == 1):
        return _by_tifffile(tiff, page)
    if page.imagedepth > 1 or kind.kind == "c":
        raise NotAnImage(f"{packed_in_words(page)} as a volume or in complex numbers, {_CANNOT}")
    planes, _, height, width, samples = page.shaped
    across = math.ceil(width / page.tilewidth) if page.is_tiled else 1
    wide = page.tilewidth if page.is_tiled else width
    each = len(page.dataoffsets) // planes
    found = np.empty((planes, height, width, samples), kind)
    for plane in range(planes):
        segments = []
        for number in range(plane * each, (plane + 1) * each):
            tiff.filehandle.seek(page.dataoffsets[number])
            segments.append(tiff.filehandle.read(page.databytecounts[number]))
        rows = _unpacked(page, segments, height, across, wide * samples * kind.itemsize)
        numbers = _numbers(rows.reshape(height * across, -1), page, tiff.byteorder, samples)
        found[plane] = numbers.reshape(height, across * wide, samples)[:, :width]
    return found.reshape(page.shape)


def shown(path: Path, page: Any) -> NDArray[Any]:
    """A page of JPEG, fax, few bits, inks or colour differences, as Pillow shows it: grey or colour of 8 bits.

    Raises `NotAnImage` for what is not known to come out right, and whatever Pillow raises.
    """
    from PIL import Image

    check_can_be_shown(page)
    with _silent_libtiff(), Image.open(path, formats=("TIFF",)) as image:
        image.seek(page.index)
        check_size(image.height, image.width)
        return decoded(image)


def check_can_be_shown(page: Any) -> None:
    """Raises `NotAnImage` with the codec's name where neither `stored` nor Pillow reads the page."""
    bits, known = page.bitspersample, (*_OF_BYTES, *JPEG, *_FAX)
    fits = bits == 1 if page.compression in _FAX else bits == 8 if page.compression in JPEG else bits in (1, 2, 4, 8)
    if page.compression not in known or not fits or np.dtype(page.dtype).kind not in "ub":
        raise NotAnImage(f"{packed_in_words(page)}, {_CANNOT}")


_CANNOT = "which cannot be read here; save it uncompressed or with deflate"


def packed_in_words(page: Any) -> str:
    """What the pixels are, and in which codec: "its pixels (float16) are packed with LZW"."""
    kind = np.dtype(page.dtype)
    what = kind.name if page.bitspersample == 8 * kind.itemsize else f"{page.bitspersample} bits"
    number = int(page.compression)
    name = _NAMES.get(number, f"codec {number}")
    return f"its pixels ({what}) are packed with {name}"


def _by_tifffile(tiff: Any, page: Any) -> NDArray[Any]:
    if page.compression in _DEFLATE:
        expected = math.prod(page.chunks) * np.dtype(page.dtype).itemsize
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
            if count * 1032 > expected + 2**26:
                tiff.filehandle.seek(offset)
                check_inflation(tiff.filehandle.read(count), expected)
    # One worker: the threads' own stacks and buffers gain nothing on a single page.
    return np.asarray(page.asarray(maxworkers=1))


def _unpacked(page: Any, segments: list[bytes], height: int, across: int, row: int) -> NDArray[np.uint8]:
    """The plain bytes of one plane's strips or tiles, (height, across · row) uint8.

    libtiff is shown a picture of bytes in their place: it unpacks them, and has nothing to interpret.
    """
    from PIL import TiffImagePlugin

    content = io.BytesIO(_picture_of_bytes(page, segments, height, across, row))
    with _silent_libtiff(), TiffImagePlugin.TiffImageFile(content) as image:
        return np.asarray(image)


def _picture_of_bytes(page: Any, segments: list[bytes], height: int, across: int, row: int) -> bytes:
    """A little-endian TIFF of one byte per pixel whose strips or tiles are the given ones."""
    compression = {_OLD_ZSTD: _ZSTD}.get(page.compression, int(page.compression))
    start = 8
    offsets, counts = [], [len(segment) for segment in segments]
    for count in counts:
        offsets.append(start)
        start += count
    if page.is_tiled:
        layout = [(322, [row]), (323, [page.tilelength]), (324, offsets), (325, counts)]
    else:
        layout = [(273, offsets), (278, [page.rowsperstrip]), (279, counts)]
    tags = [
        (256, [across * row]),
        (257, [height]),
        (258, [8]),
        (259, [compression]),
        (262, [1]),
        (266, [page.fillorder]),
    ]
    entries, beyond = [], b""
    tags = sorted([*tags, (277, [1]), *layout])
    after = start + 2 + 12 * len(tags) + 4
    for code, values in tags:
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            packed, beyond = struct.pack("<I", after + len(beyond)), beyond + packed
        entries.append(struct.pack("<HHI", code, 4, len(values)) + packed)
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"".join([b"II*\0", struct.pack("<I", start), *segments, directory, beyond])


def _numbers(rows: NDArray[np.uint8], page: Any, byteorder: Literal["<", ">"], samples: int) -> NDArray[Any]:
    """Rows of strips or tiles (n, bytes) -> their numbers (n, width, samples); differences are summed up."""
    kind = np.dtype(page.dtype)
    if page.predictor == _FLOAT_DIFFERENCES:
        # Adobe, TIFF Technical Note 3: all first bytes, then all second ones, the highest first in either byte order.
        summed = np.cumsum(rows.reshape(len(rows), -1, samples), axis=1, dtype=np.uint8)
        parts = summed.reshape(len(rows), kind.itemsize, -1).transpose(0, 2, 1)
        return np.ascontiguousarray(parts).view(kind.newbyteorder(">")).reshape(len(rows), -1, samples)
    if page.predictor == _DIFFERENCES:
        whole = np.dtype(f"u{kind.itemsize}")
        steps = np.ascontiguousarray(rows).view(whole.newbyteorder(byteorder)).reshape(len(rows), -1, samples)
        return np.cumsum(steps, axis=1, dtype=whole).view(kind)
    return np.ascontiguousarray(rows).view(kind.newbyteorder(byteorder)).reshape(len(rows), -1, samples)


@contextlib.contextmanager
def _silent_libtiff() -> Iterator[None]:
    """libtiff writes what it stumbles over to the process's own stderr, beside the exception that says it better."""
    with _STDERR:
        try:
            kept = os.dup(2)
        except OSError:  # a process without a stderr has nothing to be kept clean
            yield
            return
        try:
            if sys.stderr is not None:
                sys.stderr.flush()
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
