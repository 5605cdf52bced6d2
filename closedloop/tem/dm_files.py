"""DM3 and DM4 of Gatan's DigitalMicrograph: the first image that is no thumbnail, and its calibration."""

import mmap
from pathlib import Path

import numpy as np

from closedloop.tem.dm_tags import Array, Tags, numbered, read_tags
from closedloop.tem.errors import NotAnImage
from closedloop.tem.formats import Stored, check_size, first_of, pixels_at
from closedloop.tem.pixel_size import StatedPixel, nm_per_unit, stated_pixel

_TYPES = {1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8", 14: "u1", 39: "i8", 40: "u8"}
_COMPLEX_TYPES = (3, 5, 13)
_COLOUR_TYPES = (8, 23)  # blue, green, red and a fourth byte


def read_dm(path: Path) -> Stored:
    """The first plane of the first image."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        view = memoryview(content)
        try:
            tags, order = read_tags(view)
        finally:
            view.release()
    images = [f"ImageList.{number}.ImageData" for number in _images(tags)]
    if not images:
        raise NotAnImage("it holds tags but no image")
    image = images[0]
    sides = [_whole(tags, f"{image}.Dimensions.{axis}") for axis in numbered(tags, f"{image}.Dimensions")]
    if len(sides) < 2:
        raise NotAnImage("it holds a spectrum or a profile, not an image")
    width, height = sides[:2]
    check_size(height, width)
    kind = _whole(tags, f"{image}.DataType")
    data = tags.get(f"{image}.Data")
    if kind in _COMPLEX_TYPES:
        raise NotAnImage("it holds complex numbers, a Fourier transform; save the image itself")
    if not isinstance(data, Array) or (kind not in _TYPES and kind not in _COLOUR_TYPES):
        raise NotAnImage(f"its pixels are of DigitalMicrograph's type {kind}, which is not read; save it as a number")
    pixel = _pixel(tags, image)
    planes = int(np.prod([max(1, side) for side in sides[2:]], dtype=object))
    notes = (*first_of(len(images), "images"), *first_of(planes, "planes"))
    if kind in _COLOUR_TYPES:
        colours = pixels_at(path, "u1", data.offset, (height, width, 4))
        return Stored(colours[..., 2::-1], pixel, notes)
    pixels = pixels_at(path, order + _TYPES[kind], data.offset, (height, width))
    if pixels.nbytes > data.length * data.item_bytes:
        raise NotAnImage(f"it states {width} × {height} pixels but holds fewer; it is damaged")
    return Stored(pixels, pixel, notes)


def _images(tags: Tags) -> list[int]:
    """Numbers of the images in the list, without the thumbnail."""
    numbers = [number for number in numbered(tags, "ImageList") if f"ImageList.{number}.ImageData.Data" in tags]
    thumbnails = {tags.get(f"Thumbnails.{number}.ImageIndex") for number in numbered(tags, "Thumbnails")}
    others = [number for number in numbers if number not in thumbnails]
    if len(others) == len(numbers) > 1 and tags.get(f"ImageList.{numbers[0]}.ImageData.DataType") in _COLOUR_TYPES:
        # Files without that list: the thumbnail is the colour picture that comes first.
        others = numbers[1:]
    return others or numbers


def _whole(tags: Tags, name: str) -> int:
    value = tags.get(name)
    if not isinstance(value, int):
        raise NotAnImage(f"it has no {name.rpartition('ImageData.')[2]}; it is damaged")
    return value


def _pixel(tags: Tags, image: str) -> StatedPixel | None:
    entries = []
    for axis in (0, 1):
        place = f"{image}.Calibrations.Dimension.{axis}"
        scale, unit = tags.get(f"{place}.Scale"), tags.get(f"{place}.Units")
        if not isinstance(scale, float | int) or not isinstance(unit, str):
            return None
        entries.append((scale, unit))
    (x, unit_x), (y, unit_y) = entries
    factor_x, factor_y = nm_per_unit(unit_x), nm_per_unit(unit_y)
    if factor_x is None or factor_y is None:
        return None
    return stated_pixel(x * factor_x, y * factor_y, "nm", "DigitalMicrograph calibration")
