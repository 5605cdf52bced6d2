"""The pixel size that a TIFF file states; a print or screen resolution is not one.

Understands OME-XML, ImageJ's unit, the private tags of Gatan DigitalMicrograph's TIFF export (65003 and 65004: units,
65009 and 65010: scale), and the headers of FEI and Thermo Fisher, Zeiss, Olympus and TVIPS that tifffile decodes.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

from closedloop.tem.errors import DiffractionPattern
from closedloop.tem.pixel_size import COARSEST_RESOLUTION_NM, StatedPixel, stated_pixel

_LARGEST_DIFFERENCE = 0.03
_LONGEST_XML = 10_000_000
_DIFFRACTION_MODE = 3  # TVIPS's TemMode when the header's magnification is a camera length


def pixel_of_tiff(tiff: Any, page: Any) -> tuple[StatedPixel | None, str | None]:
    """From an open ``tifffile.TiffFile`` and the page that is measured: the pixel, and why none is believed.

    Raises `DiffractionPattern` where the file says that its pixels are reciprocal lengths.
    """
    found: list[StatedPixel] = []
    doubts: list[str] = []
    sources: tuple[Callable[[Any, Any], StatedPixel | str | None], ...] = (
        _digital_micrograph,
        _fei,
        _zeiss,
        _olympus,
        _tvips,
        _ome,
        _imagej,
        _resolution_tags,
    )
    for source in sources:
        stated = source(tiff, page)
        if isinstance(stated, str):
            doubts.append(stated)
        elif stated is not None:
            found.append(stated)
    if doubts or not found:
        return None, "; ".join(doubts) or None
    first = found[0]
    for other in found[1:]:
        if _differ(first.x_nm, other.x_nm) or _differ(first.y_nm, other.y_nm):
            return None, (
                f"its {first.stated_by} say {first.x_nm:.4g} nm per pixel, its {other.stated_by} {other.x_nm:.4g}: "
                "neither is believed"
            )
    return first, None


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > _LARGEST_DIFFERENCE * max(one, other)


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None


def _digital_micrograph(_tiff: Any, page: Any) -> StatedPixel | None:
    unit_x, unit_y, x, y = (page.tags.valueof(code) for code in (65003, 65004, 65009, 65010))
    unit = _text(unit_x) or _text(unit_y)
    if unit is None or x is None or y is None:
        return None
    return stated_pixel(x, y, unit, "DigitalMicrograph tags")


def _fei(tiff: Any, page: Any) -> StatedPixel | str | None:
    """Header of FEI and Thermo Fisher, tags 34680 (SFEG) and 34682 (Helios): metres."""
    header = tiff.fei_metadata or {}
    scan = next((part for name in ("Scan", "EScan") if isinstance(part := header.get(name), dict) and part), {})
    stated = stated_pixel(scan.get("PixelWidth"), scan.get("PixelHeight"), "m", "FEI header")
    image = header.get("Image")
    columns = image.get("ResolutionX") if isinstance(image, dict) else None
    if stated is not None and isinstance(columns, int) and columns > 0 and columns != page.imagewidth:
        return f"its FEI header is of an image of {columns} columns, this one has {page.imagewidth}: it was resized"
    return stated


def _zeiss(tiff: Any, _page: Any) -> StatedPixel | None:
    """Tag 34118: "Image Pixel Size = 1.2 nm", decoded by tifffile as a name, a number and a unit."""
    header = tiff.sem_metadata or {}
    for name in ("ap_image_pixel_size", "ap_pixel_size"):
        entry = header.get(name)
        if isinstance(entry, tuple) and len(entry) >= 3:
            stated = stated_pixel(entry[1], entry[1], str(entry[2]), "Zeiss header")
            if stated is not None:
                return stated
    return None


def _olympus(tiff: Any, _page: Any) -> StatedPixel | None:
    header = tiff.sis_metadata or {}
    return stated_pixel(header.get("pixelsizex"), header.get("pixelsizey"), "m", "Olympus header")


def _tvips(tiff: Any, _page: Any) -> StatedPixel | None:
    header = tiff.tvips_metadata or {}
    stated = stated_pixel(header.get("PixelSizeX"), header.get("PixelSizeY"), "nm", "TVIPS header")
    if stated is not None and header.get("TemMode") == _DIFFRACTION_MODE:
        raise DiffractionPattern("its TVIPS header says that it was taken in diffraction mode")
    return stated


def _ome(tiff: Any, _page: Any) -> StatedPixel | None:
    """The first image's ``PhysicalSizeX``; OME's schema says µm where no unit is written."""
    text = tiff.ome_metadata
    if not isinstance(text, str) or len(text) > _LONGEST_XML:
        return None
    try:
        # Only attributes are wanted; expat limits what entities may expand to.
        root = ET.fromstring(text)
    except ET.ParseError:
        return None  # what cannot be parsed states no size
    pixels = next((node for node in root.iter() if node.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return None
    x, y = pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeY")
    unit_x, unit_y = pixels.get("PhysicalSizeXUnit", "µm"), pixels.get("PhysicalSizeYUnit", "µm")
    width = stated_pixel(x, x, unit_x, "OME metadata")
    height = stated_pixel(y if y is not None else x, y if y is not None else x, unit_y, "OME metadata")
    return None if width is None or height is None else StatedPixel(width.x_nm, height.y_nm, "OME metadata")


def _imagej(tiff: Any, page: Any) -> StatedPixel | None:
    unit = (tiff.imagej_metadata or {}).get("unit")
    per_unit = _pixels_per_unit(page)
    if not isinstance(unit, str) or per_unit is None:
        return None
    return stated_pixel(1 / per_unit[0], 1 / per_unit[1], unit, "ImageJ unit")


def _resolution_tags(tiff: Any, page: Any) -> StatedPixel | None:
    """Pixels per inch or centimetre; only how fine they are tells a microscope from a printer or a scanner."""
    if (tiff.imagej_metadata or {}).get("unit"):
        return None
    number = page.tags.valueof("ResolutionUnit")
    unit = {2: "inch", 3: "cm"}.get(int(number)) if isinstance(number, int) else None
    per_unit = _pixels_per_unit(page)
    if unit is None or per_unit is None:
        return None
    return stated_pixel(1 / per_unit[0], 1 / per_unit[1], unit, "resolution tags", COARSEST_RESOLUTION_NM)


def _pixels_per_unit(page: Any) -> tuple[float, float] | None:
    values = []
    for name in ("XResolution", "YResolution"):
        value = page.tags.valueof(name)
        if not isinstance(value, tuple) or len(value) != 2 or not all(isinstance(one, int) and one for one in value):
            return None
        values.append(value[0] / value[1])
    return values[0], values[1]
