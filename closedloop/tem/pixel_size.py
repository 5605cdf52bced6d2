"""The pixel size that a TIFF file states, in nm; a print or screen resolution is not one.

Understands ImageJ's unit, the private tags of Gatan DigitalMicrograph's TIFF export (65003: unit, 65009 and 65010:
scale), and the headers of FEI, Zeiss, Olympus and TVIPS that tifffile decodes. Which source is believed when a scale
bar says otherwise is for `closedloop.tem.scale`.
"""

import math
from typing import Any, NamedTuple

from closedloop.tem.errors import NotAnImage

_NM_PER_UNIT = {
    "m": 1e9,
    "mm": 1e6,
    "cm": 1e7,
    "inch": 2.54e7,
    "um": 1e3,
    "µm": 1e3,
    "μm": 1e3,
    "micron": 1e3,
    "microns": 1e3,
    "micrometer": 1e3,
    "nm": 1.0,
    "nanometer": 1.0,
    "a": 0.1,
    "å": 0.1,
    "angstrom": 0.1,
    "pm": 1e-3,
}
# A pixel of 10 µm, 2540 dots per inch, is a printer's; no electron microscope image of particles comes near it.
COARSEST_NM_PER_PX = 5_000.0
FINEST_NM_PER_PX = 1e-4


class PixelSize(NamedTuple):
    """Pixel size in nm, and which entry of the file states it."""

    nm_per_px: float
    stated_by: str


def pixel_size_of_tiff(tiff: Any) -> PixelSize | None:
    """From an open ``tifffile.TiffFile``; ``None`` where the file states none that an electron microscope can have.

    Raises `NotAnImage` where the file says that its pixels are reciprocal lengths (a diffraction pattern) or that they
    are not square.
    """
    for stated_by, sizes in (
        ("DigitalMicrograph tags", _digital_micrograph(tiff)),
        ("microscope header", _microscope_header(tiff)),
        ("ImageJ unit", _imagej(tiff)),
        ("resolution tags", _resolution_tags(tiff)),
    ):
        if sizes is None:
            continue
        x, y = sizes
        if not all(math.isfinite(size) and FINEST_NM_PER_PX < size < COARSEST_NM_PER_PX for size in (x, y)):
            continue
        if abs(x - y) > 0.01 * max(x, y):
            raise NotAnImage(f"the {stated_by} state pixels of {x:g} × {y:g} nm; resample the image to square pixels")
        return PixelSize((x + y) / 2, stated_by)
    return None


def nm_per_unit(unit: str) -> float | None:
    """How many nm a unit of length is; ``None`` where it is no such unit.

    Raises `NotAnImage` for a reciprocal length.
    """
    name = unit.strip().strip("\0").replace("\\u00B5", "µ").strip().lower()
    if name.startswith("1/") or name.endswith(("-1", "^-1", "⁻¹")):
        raise NotAnImage(f"its pixels are measured in {unit.strip()}: a diffraction pattern shows no particle sizes")
    return _NM_PER_UNIT.get(name)


def _digital_micrograph(tiff: Any) -> tuple[float, float] | None:
    tags = tiff.pages[0].tags
    unit, x, y = (tags.valueof(code) for code in (65003, 65009, 65010))
    if not isinstance(unit, str | bytes) or x is None or y is None:
        return None
    factor = nm_per_unit(unit.decode("latin-1") if isinstance(unit, bytes) else unit)
    return None if factor is None else (float(x) * factor, float(y) * factor)


def _microscope_header(tiff: Any) -> tuple[float, float] | None:
    fei = tiff.fei_metadata or {}
    scan = fei.get("Scan") or fei.get("EScan") or {}
    if scan.get("PixelWidth") and scan.get("PixelHeight"):
        return float(scan["PixelWidth"]) * 1e9, float(scan["PixelHeight"]) * 1e9
    zeiss = (tiff.sem_metadata or {}).get("ap_image_pixel_size") or (tiff.sem_metadata or {}).get("ap_pixel_size")
    if isinstance(zeiss, tuple) and len(zeiss) >= 3:
        factor = nm_per_unit(str(zeiss[2]))
        if factor is not None:
            return float(zeiss[1]) * factor, float(zeiss[1]) * factor
    olympus = tiff.sis_metadata or {}
    if olympus.get("pixelsizex") and olympus.get("pixelsizey"):
        return float(olympus["pixelsizex"]) * 1e9, float(olympus["pixelsizey"]) * 1e9
    tvips = tiff.tvips_metadata or {}
    if tvips.get("PixelSizeX") and tvips.get("PixelSizeY"):
        return float(tvips["PixelSizeX"]), float(tvips["PixelSizeY"])
    return None


def _imagej(tiff: Any) -> tuple[float, float] | None:
    unit = (tiff.imagej_metadata or {}).get("unit")
    per_unit = _pixels_per_unit(tiff)
    if not isinstance(unit, str) or per_unit is None:
        return None
    factor = nm_per_unit(unit)
    return None if factor is None else (factor / per_unit[0], factor / per_unit[1])


def _resolution_tags(tiff: Any) -> tuple[float, float] | None:
    """Pixels per inch or centimetre; only the resolution limits above tell a microscope from a printer."""
    if tiff.imagej_metadata and tiff.imagej_metadata.get("unit"):
        return None
    unit = {2: "inch", 3: "cm"}.get(int(tiff.pages[0].tags.valueof("ResolutionUnit") or 0))
    per_unit = _pixels_per_unit(tiff)
    if unit is None or per_unit is None:
        return None
    return _NM_PER_UNIT[unit] / per_unit[0], _NM_PER_UNIT[unit] / per_unit[1]


def _pixels_per_unit(tiff: Any) -> tuple[float, float] | None:
    values = []
    for name in ("XResolution", "YResolution"):
        value = tiff.pages[0].tags.valueof(name)
        if not isinstance(value, tuple) or len(value) != 2 or not value[0] or not value[1]:
            return None
        values.append(value[0] / value[1])
    return values[0], values[1]
