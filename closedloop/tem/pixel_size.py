"""Units of length as microscope files write them, and which pixel sizes an electron microscope can have.

Where each format keeps its pixel size is for the format's own module (`tiff_pixel_size`, `dm_files`, `emd_files`,
`ser_files`, `mrc_files`); which source is believed when a scale bar says otherwise is for `closedloop.tem.scale`.
"""

import math
import re
import unicodedata
from typing import NamedTuple

from closedloop.tem.errors import DiffractionPattern, NotAnImage, UnreadableScale

_NM_PER_UNIT = {
    "m": 1e9,
    "metre": 1e9,
    "meter": 1e9,
    "cm": 1e7,
    "centimetre": 1e7,
    "centimeter": 1e7,
    "mm": 1e6,
    "millimetre": 1e6,
    "millimeter": 1e6,
    "um": 1e3,
    "micron": 1e3,
    "micrometre": 1e3,
    "micrometer": 1e3,
    "nm": 1.0,
    "nanometre": 1.0,
    "nanometer": 1.0,
    "a": 0.1,
    "å": 0.1,
    "ang": 0.1,
    "angstrom": 0.1,
    "ångström": 0.1,
    "ångstrom": 0.1,
    "pm": 1e-3,
    "picometre": 1e-3,
    "picometer": 1e-3,
    "in": 2.54e7,
    "inch": 2.54e7,
    "inche": 2.54e7,  # the plural without its s
}
_ANGLES = ("rad", "mrad", "urad", "radian", "milliradian", "deg", "degree", "°")
_ENERGIES = ("ev", "kev", "mev")
# A pixel of 10 µm, 2540 dots per inch, is a printer's; no electron microscope image of particles comes near it.
COARSEST_NM_PER_PX = 5_000.0
FINEST_NM_PER_PX = 1e-4
# Scanners of film reach 12,000 dots per inch, 2.1 µm; a resolution without a microscope's name beside it must be finer.
COARSEST_RESOLUTION_NM = 1_000.0


class PixelSize(NamedTuple):
    """Pixel size of square pixels in nm, and which entry of the file states it."""

    nm_per_px: float
    stated_by: str


class StatedPixel(NamedTuple):
    """Width and height of a pixel in nm as a file states them, and which entry states them."""

    x_nm: float
    y_nm: float
    stated_by: str


def stated_pixel(
    x: object, y: object, unit: str, stated_by: str, coarsest_nm: float = COARSEST_NM_PER_PX
) -> StatedPixel | None:
    """Width and height in a unit -> nm; ``None`` where they are no lengths that a microscope's pixel can have.

    Raises `DiffractionPattern` or `NotAnImage` where the unit is one of another kind of picture.
    """
    factor = nm_per_unit(unit)
    if factor is None:
        return None
    sizes = []
    for value in (x, y):
        try:
            size = abs(float(value)) * factor  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return None  # an entry that is no number states no size
        if not (math.isfinite(size) and FINEST_NM_PER_PX < size < coarsest_nm):
            return None
        sizes.append(size)
    return StatedPixel(sizes[0], sizes[1], stated_by)


def check_stated_size(nm_per_px: float) -> None:
    """Raises `UnreadableScale` where a person states a pixel size that no microscope has: a slip, or another unit."""
    if not FINEST_NM_PER_PX <= nm_per_px <= COARSEST_NM_PER_PX:  # nor what is no number
        raise UnreadableScale(
            f"{nm_per_px:g} is no pixel size of a microscope; give nm per pixel, between {FINEST_NM_PER_PX:g} and "
            f"{COARSEST_NM_PER_PX:g}"
        )


def nm_per_unit(unit: str) -> float | None:
    """How many nm a unit of length is; ``None`` where it is no such unit.

    Raises `DiffractionPattern` for a reciprocal length or an angle, `NotAnImage` for an energy.
    """
    name = _plain(unit)
    base = _without_reciprocal(name)
    if base is not None and _singular(base) in _NM_PER_UNIT:
        raise DiffractionPattern(
            f"its pixels are measured in {unit.strip()}: a diffraction pattern shows no particle sizes"
        )
    if _singular(name) in _ANGLES:
        raise DiffractionPattern(
            f"its pixels are measured in {unit.strip()}, an angle: a diffraction pattern shows no particle sizes"
        )
    if name in _ENERGIES:
        raise NotAnImage(f"its pixels are measured in {unit.strip()}: a spectrum shows no particle sizes")
    return _NM_PER_UNIT.get(_singular(name))


def _singular(name: str) -> str:
    """Without the s of "nanometers"; "ms" are milliseconds."""
    return name.removesuffix("s") if len(name) > 4 else name


def _plain(unit: str) -> str:
    """One spelling for both micro signs, for Berkeley's "[n_m]", and for what escaping and wrong decoding leave."""
    name = unit.partition("\0")[0]
    for written, meant in (("\\u00B5", "µ"), ("\\u00b5", "µ"), ("\\u00C5", "Å"), ("Âµ", "µ"), ("Ã…", "Å")):
        name = name.replace(written, meant)
    name = unicodedata.normalize("NFKC", name).strip().strip("[]()'\"").lower().replace("\u03bc", "u")
    return re.sub(r"[\s_]", "", name)


def _without_reciprocal(name: str) -> str | None:
    """The unit under a "1/", "^-1" and the like; ``None`` where there is none."""
    before = re.match(r"(?:1?/|per|reciprocal)(.+)", name)
    if before:
        return before[1]
    after = re.match(r"(.+?)(?:\^|\*\*)?[{(]?[-−]1[})]?$", name)
    return after[1] if after else None
