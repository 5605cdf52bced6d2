"""TIFF and BigTIFF: which page is measured, what its numbers mean; they are unpacked in `tiff_codecs`, the pixel size
is from `tiff_pixel_size`."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.tem.errors import NotAnImage
from closedloop.tem.formats import LARGEST_PIXELS, Stored, check_size, first_of
from closedloop.tem.tiff_codecs import is_as_stored, most_inflated, shown, stored
from closedloop.tem.tiff_pixel_size import pixel_of_tiff


def read_tiff(path: Path) -> Stored:
    """The first page that is no thumbnail."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page, pages = _page(tiff)
        check_size(page.imagelength, page.imagewidth)
        if math.prod(page.shape) > 4 * LARGEST_PIXELS:
            raise NotAnImage(f"it states {page.shape} values; cut it into parts")
        _check_segments(page, path.stat().st_size)
        pixel, doubt = pixel_of_tiff(tiff, page)
        images = (tiff.imagej_metadata or {}).get("images")
        notes = first_of(max(pages, images if isinstance(images, int) else 1), "pages")
        if is_as_stored(page):
            pixels, left_out = _plane(stored(tiff, page, path), page)
            pixels = _by_meaning(pixels, page, tifffile)
        else:
            pixels, left_out = shown(path, page), None
        return Stored(pixels, pixel, (*notes, *(note for note in (left_out, doubt) if note)))


def _page(tiff: Any) -> tuple[Any, int]:
    """The page to measure, and how many there are."""
    pages = len(tiff.pages)
    if pages == 0:
        raise NotAnImage("it holds no image; copy it again")
    for number in range(min(pages, 8)):
        page = tiff.pages[number]
        page = page.aspage() if hasattr(page, "aspage") else page
        if not page.is_reduced:
            return page, pages
    first = tiff.pages[0]
    return first.aspage() if hasattr(first, "aspage") else first, pages


def _check_segments(page: Any, length: int) -> None:
    """Raises `NotAnImage` where strips or tiles lie outside the file, are missing, or do not fit the image."""
    if page.dtype is None:
        raise NotAnImage(f"its pixels have {page.bitspersample} bits of an unknown kind; save it again with 8 or 16")
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if not ends or any(count == 0 for count in page.databytecounts):
        raise NotAnImage("some of its pixels are missing; copy it again")
    if max(ends) > length:
        raise NotAnImage(f"it is cut short ({length:,} of {max(ends):,} bytes); copy it again")
    stated = math.prod(page.shape) * page.bitspersample // 8
    packed = most_inflated(page)
    if packed is not None and stated > packed * length:
        raise NotAnImage(f"it is cut short ({length:,} of {stated:,} bytes); copy it again")
    if math.prod(page.chunks) > 4 * LARGEST_PIXELS:
        raise NotAnImage(f"it states tiles of {page.chunks} values; it is damaged")


def _plane(pixels: NDArray[Any], page: Any) -> tuple[NDArray[Any], str | None]:
    """(H, W) or (H, W, 2 to 4), and what was left out."""
    axes, note = str(page.axes), None
    for place in reversed(range(len(axes))):
        if axes[place] not in "YXS":
            note = f"the first of {pixels.shape[place]} planes was measured" if pixels.shape[place] > 1 else note
            pixels = pixels.take(0, place)
            axes = axes.replace(axes[place], "", 1)
    if "S" in axes:
        pixels = np.moveaxis(pixels, axes.index("S"), -1)
        if pixels.shape[-1] > 4:
            note = f"the first of {pixels.shape[-1]} channels was measured"
            pixels = pixels[..., 0]
    return pixels, note


def _by_meaning(pixels: NDArray[Any], page: Any, tifffile: Any) -> NDArray[Any]:
    """Palettes resolved, zero made black, single bits made grey."""
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        colours = np.ascontiguousarray((np.moveaxis(page.colormap, 0, -1) >> 8).astype(np.uint8))
        return colours[pixels]
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        return np.iinfo(pixels.dtype).max - pixels if pixels.dtype.kind == "u" else -pixels
    return pixels
