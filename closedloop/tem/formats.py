"""What every reader of a file format hands over, and the checks that come before any pixel is allocated.

Which reader a file needs is told from its first bytes (`kind_of_file`), never from its name: files are renamed.
"""

import math
import zlib
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from closedloop.tem.errors import NotAnImage
from closedloop.tem.pixel_size import StatedPixel

LARGEST_PIXELS = 300_000_000
FORMATS = "TIFF, PNG, JPEG, DM3, DM4, EMD, SER or MRC"

# The suffixes of what is read here without an extra; EMI is not among them, for its images lie in SER beside it.
SUFFIXES = (
    ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".dm3", ".dm4", ".emd", ".ser", ".mrc", ".mrcs", ".rec", ".st",
    ".ali", ".map",
)  # fmt: skip

Kind = Literal["tiff", "picture", "dm", "hdf5", "ser", "emi", "mrc"]

_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\x89PNG\r\n\x1a\n", "picture"),
    (b"\xff\xd8\xff", "picture"),
    (b"BM", "picture"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"II\x97\x01", "ser"),
    (b"\0\0\0\x03", "dm"),
    (b"\0\0\0\x04", "dm"),
)
_OTHERS = (
    (b"GIF8", "a GIF"),
    (b"RIFF", "a WebP, AVI or WAV"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip, Word or Excel"),
    (b"\x1f\x8b", "a gzip"),
    (b"\0\0\0\x0cjP", "a JPEG 2000"),
)
_MRC_MAPS = (b"MAP ", b"MAP\0")


class Stored(NamedTuple):
    """What a file holds, as it holds it.

    pixels: (H, W), (H, W, 3) or (H, W, 4). pixel: what the file says a pixel measures; `None` where it says nothing.
    notes: what a person should know.
    """

    pixels: NDArray[Any]
    pixel: StatedPixel | None
    notes: tuple[str, ...] = ()


def kind_of_file(path: Path) -> Kind | None:
    """From the first bytes; ``None`` where they are of no format that is read here.

    Raises `NotAnImage` for what cannot be opened, is empty, or is a format that is known not to be read.
    """
    try:
        if path.is_dir():
            raise NotAnImage(f"{path}: is a folder; give an image file in it")
        if path.exists() and not path.is_file():
            raise NotAnImage(f"{path}: is no regular file; give the path of an image file")
        with path.open("rb") as file:
            start = file.read(1024)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise NotAnImage(f"{path}: cannot be read ({why}); give the path of an image file") from error
    if not start:
        raise NotAnImage(f"{path}: is empty; give a {FORMATS} file")
    for begins, kind in _STARTS:
        if start.startswith(begins):
            return kind
    # MRC has its mark at byte 208; files of before 2000 have none and are known by a header that makes sense.
    if start[208:212] in _MRC_MAPS or (path.suffix.lower() in (".mrc", ".mrcs", ".rec", ".st", ".ali", ".map")):
        return "mrc"
    if path.suffix.lower() == ".emi":
        return "emi"
    for begins, what in _OTHERS:
        if start.startswith(begins):
            raise NotAnImage(f"{path}: is {what} file; give a {FORMATS} file")
    if not any(start):
        raise NotAnImage(f"{path}: begins with nothing but zeros, no image format does; copy it again")
    return None


def check_size(height: int, width: int, sizes_are: str = "it states") -> None:
    """Raises `NotAnImage` where an image of that size cannot be measured. Comes before anything is allocated."""
    if height < 1 or width < 1:
        raise NotAnImage(f"{sizes_are} {width} × {height} pixels: there is nothing to measure")
    if height * width > LARGEST_PIXELS:
        raise NotAnImage(f"{sizes_are} {width:,} × {height:,} pixels, more than {LARGEST_PIXELS:,}; cut it into parts")


def pixels_at(path: Path, dtype: DTypeLike, offset: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """Pixels that lie in a file as they are. Read and not mapped: a mapped file that another program cuts short
    meanwhile takes the whole process with it.

    Raises `NotAnImage` where the file is too short for them.
    """
    kind = np.dtype(dtype)
    count = math.prod(shape)
    end = offset + count * kind.itemsize
    length = path.stat().st_size
    if offset < 0 or end > length:
        raise NotAnImage(f"it is cut short ({length:,} of {end:,} bytes); copy it again")
    pixels = np.fromfile(path, kind, count, offset=offset)
    if pixels.size < count:
        raise NotAnImage("it became shorter while it was read; wait until it is written")
    return pixels.reshape(shape)


def first_of(count: int, what: str) -> tuple[str, ...]:
    """The note that says what was left out, where anything was."""
    return (f"the first of {count} {what} was measured",) if count > 1 else ()


def check_inflation(packed: bytes, expected: int) -> None:
    """Raises `NotAnImage` where deflated bytes would unpack to more than what is expected of them: a bomb.

    Decoders that unpack without a limit come after this. What could not even at deflate's best take 64 MiB too much
    is not tried.
    """
    if len(packed) * 1032 <= expected + 2**26:
        return
    unpacker = zlib.decompressobj()
    left = expected + 2**20  # some writers pad
    while packed and left > 0:
        left -= len(unpacker.decompress(packed, min(left, 2**24)))
        packed = unpacker.unconsumed_tail
    if packed and left <= 0:
        raise NotAnImage("it unpacks to far more than the image that it states; it is damaged or made to do harm")
