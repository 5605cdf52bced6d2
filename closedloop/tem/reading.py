"""An image file as grey pixels, and the pixel size where the file itself states one.

Refuses by name what is no image: a wrong or damaged file, a picture too large to be one, pixels that are not numbers,
a diffraction pattern. How each format is read is for its own module.
"""

import importlib
import logging
import math
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem.contrast import sampled, usual_range
from closedloop.tem.errors import NotAnImage
from closedloop.tem.formats import FORMATS, LARGEST_PIXELS, Stored, check_size, kind_of_file
from closedloop.tem.other_files import OTHER_FORMATS
from closedloop.tem.pixel_size import PixelSize, StatedPixel
from closedloop.tem.scale_colour import chroma

SMALLEST_SIDE = 16
_SQUARE = 0.01
_MOST_OBLONG = 5.0
_EMPTY_END = 0.1
_ROWS_PIXELS = 4_000_000  # how much is converted at once
_WEIGHTS = (0.299, 0.587, 0.114)
# Module and function by kind of file; imported when they are needed, for h5py and tifffile take their time.
_READERS = {
    "tiff": ("tiff_files", "read_tiff"),
    "picture": ("picture_files", "read_picture_file"),
    "dm": ("dm_files", "read_dm"),
    "hdf5": ("emd_files", "read_emd"),
    "ser": ("ser_files", "read_ser"),
    "emi": ("ser_files", "read_emi"),
    "mrc": ("mrc_files", "read_mrc"),
    "other": ("other_files", "read_other"),
}


@dataclass(frozen=True)
class Picture:
    """grey: (H, W) float32 between 0 and 1. name: file or "array".

    note: what a person should know: pages left out, pixels made square, a pixel size in the file that is not believed.
    chroma: (H, W) uint8, how far each pixel is from grey, where some are; scale bars may be drawn in colour.
    stored_shape: (H, W) of the file's own pixels where they were oblong and grey was stretched.
    """

    grey: NDArray[np.float32]
    name: str
    pixel_size: PixelSize | None = None
    note: str | None = None
    chroma: NDArray[np.uint8] | None = None
    stored_shape: tuple[int, int] | None = None


def read_picture(source: str | Path | NDArray[Any]) -> Picture:
    """An image file (`docs/images-files.md` lists the formats), or an array as `to_grey` takes it.

    Oblong pixels are made square: the image is stretched along the axis that was sampled more coarsely.

    Raises `NotAnImage` where there are no pixels to measure, and its kinds `DiffractionPattern` and `MissingReader`.
    """
    if not isinstance(source, str | Path):
        pixels = np.asarray(source)
        return Picture(to_grey(pixels), "array", chroma=chroma(pixels))
    stored = _stored(Path(source))
    grey = to_grey(stored.pixels, str(source))
    stored = stored._replace(notes=(*stored.notes, *_empty_end(grey)))
    if stored.pixel is None:
        return Picture(grey, str(source), None, "; ".join(stored.notes) or None, chroma(stored.pixels))
    stretched, size, note = _squared(grey, stored.pixel, str(source))
    notes = (*stored.notes, note) if note else stored.notes
    own = None if note is None else (grey.shape[0], grey.shape[1])
    coloured = chroma(stored.pixels) if stretched.shape == grey.shape else None
    return Picture(stretched, str(source), size, "; ".join(notes) or None, coloured, own)


def to_grey(pixels: NDArray[Any], name: str = "array") -> NDArray[np.float32]:
    """(H, W), (H, W, 3) or (H, W, 4) of whole numbers or floats -> (H, W) float32, from 0 to 1.

    Eight bits keep their scale, so that black stays 0 and white 1; deeper images are stretched between their lowest
    and highest value, but for a few stray pixels beyond all others (`usual_range`). Transparency is left out. Converts
    a band of rows at a time, so that beside the image and the result little memory is needed.

    Raises `NotAnImage` for another shape, for values that are not finite, and for sides of less than 16 pixels.
    """
    if pixels.ndim == 3 and pixels.shape[2] in (1, 2):
        pixels = pixels[..., 0]
    if pixels.ndim != 2 and not (pixels.ndim == 3 and pixels.shape[2] in (3, 4)):
        raise NotAnImage(f"{name}: has the shape {pixels.shape}; an image is (H, W), (H, W, 3) or (H, W, 4)")
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        raise NotAnImage(f"{name}: is only {width} × {height} pixels; at least {SMALLEST_SIDE} are needed")
    if height * width > LARGEST_PIXELS:
        raise NotAnImage(f"{name}: has {height * width:,} pixels, more than {LARGEST_PIXELS:,}; cut it into parts")
    if pixels.dtype == bool or not np.issubdtype(pixels.dtype, np.number) or np.iscomplexobj(pixels):
        raise NotAnImage(f"{name}: has pixels of the type {pixels.dtype}; grey levels or colours are needed")
    bands = _bands(height, width)
    if pixels.dtype == np.uint8:
        low, high = 0.0, 255.0
    else:
        low, high = math.inf, -math.inf
        for rows in bands:
            band = _grey(pixels[rows])
            least, most = float(band.min()), float(band.max())
            if not (math.isfinite(least) and math.isfinite(most)):
                raise NotAnImage(
                    f"{name}: has pixels that are not numbers (NaN or infinite); export it again without them"
                )
            low, high = min(low, least), max(high, most)
    grey = np.zeros((height, width), np.float32)
    # Halves, because the difference of the two ends of float64 is not a number.
    low, high = low / 2, high / 2
    if pixels.dtype != np.uint8:
        low, high = usual_range(_grey(sampled(pixels)).astype(np.float64) / 2, low, high)
    span = high - low
    if span < np.finfo(np.float64).tiny:
        return grey
    for rows in bands:
        band = _grey(pixels[rows])
        grey[rows] = band / np.float32(255) if pixels.dtype == np.uint8 else np.clip((band / 2 - low) / span, 0, 1)
    return grey


def _bands(height: int, width: int) -> list[slice]:
    rows = max(1, _ROWS_PIXELS // width)
    return [slice(top, min(height, top + rows)) for top in range(0, height, rows)]


def _grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """Rows as numbers that can be told apart: float32 for up to 16 bits, float64 beyond."""
    precise = np.float32 if pixels.dtype.itemsize <= 2 or pixels.dtype == np.float32 else np.float64
    if pixels.ndim == 2:
        return pixels.astype(precise)
    return np.asarray(pixels[..., :3].astype(precise) @ np.array(_WEIGHTS, precise))


def _squared(
    grey: NDArray[np.float32], pixel: StatedPixel, name: str
) -> tuple[NDArray[np.float32], PixelSize, str | None]:
    """Square pixels, their size, and what was done to make them so."""
    x, y, stated_by = pixel
    if abs(x - y) <= _SQUARE * max(x, y):
        return grey, PixelSize((x + y) / 2, stated_by), None
    if max(x, y) > _MOST_OBLONG * min(x, y):
        raise NotAnImage(
            f"{name}: the {stated_by} state pixels of {x:.4g} × {y:.4g} nm, too oblong for an image of particles; "
            "correct the file's pixel size"
        )
    side = min(x, y)
    height, width = round(grey.shape[0] * y / side), round(grey.shape[1] * x / side)
    try:
        check_size(height, width, "with square pixels it would have")
    except NotAnImage as error:
        raise NotAnImage(f"{name}: {error}") from error
    resampled = np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    note = f"pixels of {x:.4g} × {y:.4g} nm were resampled to square ones of {side:.4g} nm ({width} × {height} pixels)"
    return resampled, PixelSize(side, stated_by), note


def _empty_end(grey: NDArray[np.float32]) -> tuple[str, ...]:
    """The note on an image whose last rows are nothing but zeros, as an interrupted copy leaves it."""
    height = grey.shape[0]
    used = height
    while used and not grey[used - 1].any():
        used -= 1
    if 0 < used < (1 - _EMPTY_END) * height:
        return (f"its last {height - used} of {height} rows are all zero: was it copied whole?",)
    return ()


def _stored(path: Path) -> Stored:
    """What the file holds, by the reader for its kind. The one place where whatever a reader raises gets a name."""
    kind: str | None = None
    try:
        kind = kind_of_file(path)
        if path.suffix.lower() in OTHER_FORMATS and kind in (None, "hdf5"):
            kind = "other"
        if kind is None:
            raise NotAnImage(f"{path}: begins like no image format; give a {FORMATS} file")
        module, function = _READERS[kind]
        read: Callable[[Path], Stored] = getattr(importlib.import_module(f"closedloop.tem.{module}"), function)
        with _quiet():
            return read(path)
    except NotAnImage as error:
        if str(error).startswith(str(path)):
            raise
        raise type(error)(f"{path}: {error}") from error
    except (struct.error, EOFError) as error:
        raise NotAnImage(f"{path}: is cut short or damaged; copy it again") from error
    except RecursionError as error:
        raise NotAnImage(f"{path}: is nested without end; it is damaged") from error
    except MemoryError as error:
        raise NotAnImage(f"{path}: asks for more memory than there is; it is damaged, or cut it into parts") from error
    except Exception as error:  # a damaged file sets off whatever its decoder stumbles over
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise NotAnImage(f"{path}: cannot be read ({reason}); it is damaged, copy it again") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Decoders warn and log about odd but readable files; what matters is raised."""
    loggers = [logging.getLogger(name) for name in ("tifffile", "PIL", "rsciio")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
