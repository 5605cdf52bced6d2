"""An image file as grey pixels, and the pixel size where the file itself states one.

Refuses by name what is no image: a wrong or damaged file, a picture too large to be one, pixels that are not numbers.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.tem.errors import NotAnImage
from closedloop.tem.pixel_size import PixelSize, pixel_size_of_tiff

LARGEST_PIXELS = 300_000_000
SMALLEST_SIDE = 16
_DECODED_BY_TIFFFILE = (1, 8, 32773, 32946)  # none, deflate, PackBits, deflate as Adobe first numbered it
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class Picture:
    """grey: (H, W) float32 between 0 and 1. name: file or "array". note: what was left out (further pages)."""

    grey: NDArray[np.float32]
    name: str
    pixel_size: PixelSize | None = None
    note: str | None = None


def read_picture(source: str | Path | NDArray[Any]) -> Picture:
    """A TIFF, PNG or JPEG file, or an array as `to_grey` takes it.

    Raises `NotAnImage` where there are no pixels to measure.
    """
    if not isinstance(source, str | Path):
        return Picture(to_grey(np.asarray(source)), "array")
    pixels, size, note = _pixels(Path(source))
    return Picture(to_grey(pixels, str(source)), str(source), size, note)


def _pixels(path: Path) -> tuple[NDArray[Any], PixelSize | None, str | None]:
    """The first page as it is stored, palettes resolved; its pixel size; what was left out."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise NotAnImage(f"{path}: cannot be read ({error.strerror}); give the path of an image file") from error
    if not start:
        raise NotAnImage(f"{path}: is empty; give a TIFF, PNG or JPEG file")
    read = _read_tiff if start in _TIFF_STARTS else _read_with_pillow
    with _quiet():
        try:
            return read(path)
        except NotAnImage:
            raise
        except Exception as error:  # a damaged file sets off whatever its decoder stumbles over
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            raise NotAnImage(
                f"{path}: is no image that can be read ({reason}); give a TIFF, PNG or JPEG file"
            ) from error


def read_labels(path: Path) -> NDArray[np.int32]:
    """A label image (H, W): whole numbers, one per particle, 0 = background.

    Raises `NotAnImage` where the file holds no such image.
    """
    pixels = _pixels(path)[0]
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4) and (pixels[..., :1] == pixels[..., 1:3]).all():
        pixels = pixels[..., 0]
    if pixels.ndim != 2 or not np.issubdtype(pixels.dtype, np.integer) or pixels.min(initial=0) < 0:
        raise NotAnImage(f"{path}: is no label image; it must hold one whole number per pixel, 0 for the background")
    if pixels.max(initial=0) > np.iinfo(np.int32).max:
        raise NotAnImage(f"{path}: has labels beyond {np.iinfo(np.int32).max}; renumber them")
    return pixels.astype(np.int32)


def to_grey(pixels: NDArray[Any], name: str = "array") -> NDArray[np.float32]:
    """(H, W), (H, W, 3) or (H, W, 4) of whole numbers or floats -> (H, W) float32, from 0 to 1.

    Eight bits keep their scale, so that black stays 0 and white 1; deeper images are stretched between their lowest
    and highest value. Transparency is left out.

    Raises `NotAnImage` for another shape, for values that are not finite, and for sides of less than 16 pixels.
    """
    if pixels.ndim == 3 and pixels.shape[2] in (1, 2):
        pixels = pixels[..., 0]
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        colour = pixels[..., :3].astype(np.float32)
        grey = colour @ np.array([0.299, 0.587, 0.114], np.float32)
    elif pixels.ndim == 2:
        grey = pixels
    else:
        raise NotAnImage(f"{name}: has the shape {pixels.shape}; an image is (H, W), (H, W, 3) or (H, W, 4)")
    if min(grey.shape) < SMALLEST_SIDE:
        raise NotAnImage(
            f"{name}: is only {grey.shape[1]} × {grey.shape[0]} pixels; at least {SMALLEST_SIDE} are needed"
        )
    if grey.size > LARGEST_PIXELS:
        raise NotAnImage(f"{name}: has {grey.size:,} pixels, more than {LARGEST_PIXELS:,}; cut it into parts")
    if pixels.dtype == bool or not np.issubdtype(pixels.dtype, np.number) or np.iscomplexobj(pixels):
        raise NotAnImage(f"{name}: has pixels of the type {pixels.dtype}; grey levels or colours are needed")
    if not np.isfinite(grey).all():
        raise NotAnImage(f"{name}: has pixels that are not numbers (NaN or infinite); export it again without them")
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(grey, np.float32) / np.float32(255)
    low, high = float(grey.min()), float(grey.max())
    if high <= low:
        return np.zeros(grey.shape, np.float32)
    return ((grey.astype(np.float64) - low) / (high - low)).astype(np.float32)


def _read_tiff(path: Path) -> tuple[NDArray[Any], PixelSize | None, str | None]:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        if not tiff.pages:
            raise NotAnImage(f"{path}: holds no image; give a TIFF, PNG or JPEG file")
        page = tiff.pages[0]
        if not isinstance(page, tifffile.TiffPage):
            page = page.aspage()
        if int(np.prod(page.shape)) > 4 * LARGEST_PIXELS or min(page.shape[:2]) < 1:
            raise NotAnImage(f"{path}: states {page.shape} pixels; that is no image that can be measured")
        expected = int(np.prod(page.shape)) * page.dtype.itemsize if page.dtype else 0
        if page.compression == 1 and expected > path.stat().st_size:
            raise NotAnImage(f"{path}: is cut short ({path.stat().st_size:,} of {expected:,} bytes); copy it again")
        pages = len(tiff.pages)
        note = f"the first of {pages} pages was measured" if pages > 1 else None
        if page.compression not in _DECODED_BY_TIFFFILE:
            # Old codecs (LZW, JPEG, fax), for which tifffile would need another package.
            return _read_with_pillow(path)[0], pixel_size_of_tiff(tiff), note
        pixels = page.asarray()
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
            pixels = np.moveaxis(page.colormap, 0, -1)[pixels]
            pixels = (pixels >> 8).astype(np.uint8)
        elif page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            pixels = np.iinfo(pixels.dtype).max - pixels if pixels.dtype.kind == "u" else -pixels
        if pixels.ndim == 3 and page.planarconfig == 2:
            pixels = np.moveaxis(pixels, 0, -1)
        if pixels.ndim > 2 and pixels.shape[-1] not in (1, 2, 3, 4):
            pixels = pixels[0]
        return pixels, pixel_size_of_tiff(tiff), note


def _read_with_pillow(path: Path) -> tuple[NDArray[Any], PixelSize | None, str | None]:
    from PIL import Image, ImageSequence

    with Image.open(path) as opened:
        image: Image.Image = opened
        if opened.format not in ("PNG", "JPEG", "TIFF", "BMP", "MPO"):
            raise NotAnImage(f"{path}: is a {opened.format} file; give a TIFF, PNG or JPEG file")
        if image.width * image.height > LARGEST_PIXELS:
            raise NotAnImage(
                f"{path}: states {image.width} × {image.height} pixels, more than {LARGEST_PIXELS:,}; cut it into parts"
            )
        pages = sum(1 for _ in ImageSequence.Iterator(image)) if getattr(image, "is_animated", False) else 1
        image.seek(0)
        if image.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
            image = image.convert("RGB")
        elif image.mode == "1":
            image = image.convert("L")
        note = f"the first of {pages} pages was measured" if pages > 1 else None
        return np.asarray(image), None, note


@contextmanager
def _quiet() -> Iterator[None]:
    """Decoders warn and log about odd but readable files; what matters is raised."""
    logger = logging.getLogger("tifffile")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
