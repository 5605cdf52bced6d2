"""SER series of FEI's TIA, and the EMI file beside them, which says whether they were taken in diffraction.

The layout is the one that C. Boothroyd describes ("TIA series data file"). TIA calibrates in metres.
"""

import mmap
import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

from closedloop.tem.errors import DiffractionPattern, NotAnImage
from closedloop.tem.formats import Stored, check_size, first_of, pixels_at
from closedloop.tem.pixel_size import stated_pixel

_IMAGES = 0x4122
_SPECTRA = 0x4120
_OLD_VERSION = 0x0210
_NEW_VERSION = 0x0220
_TYPES = {1: "u1", 2: "<u2", 3: "<u4", 4: "i1", 5: "<i2", 6: "<i4", 7: "<f4", 8: "<f8"}
_COMPLEX_TYPES = (9, 10)
_LARGEST_XML = 10_000_000


def read_ser(path: Path) -> Stored:
    """The first image of the series, top row first (TIA stores the bottom row first)."""
    with path.open("rb") as file:
        version, content, _, _, valid = struct.unpack("<4xHIIII", file.read(22))
        if version not in (_OLD_VERSION, _NEW_VERSION):
            raise NotAnImage(f"its version {version:#06x} of TIA's series is not known")
        if content == _SPECTRA:
            raise NotAnImage("it holds spectra, not images")
        if content != _IMAGES:
            raise NotAnImage(f"it holds data of the kind {content:#06x}, not images")
        if valid < 1:
            raise NotAnImage("it holds no image; the series was never filled")
        place = "<i" if version == _OLD_VERSION else "<q"
        (offsets,) = struct.unpack(place, file.read(struct.calcsize(place)))
        file.seek(_inside(offsets, path))
        (start,) = struct.unpack(place, file.read(struct.calcsize(place)))
        file.seek(_inside(start, path))
        _, width_m, _, _, height_m, _, kind, width, height = struct.unpack("<ddiddihii", file.read(50))
    check_size(height, width)
    if kind in _COMPLEX_TYPES:
        raise NotAnImage("it holds complex numbers, a Fourier transform; save the image itself")
    if kind not in _TYPES:
        raise NotAnImage(f"its pixels are of the type {kind}, which TIA does not have; copy it again")
    pixels = pixels_at(path, _TYPES[kind], start + 50, (height, width))[::-1]
    _check_mode(path)
    if min(abs(width_m), abs(height_m)) > 1:
        # No image has pixels of a metre; what is stored there for a diffraction pattern is 1/m.
        raise DiffractionPattern("its pixels are measured in 1/m: a diffraction pattern shows no particle sizes")
    return Stored(pixels, stated_pixel(width_m, height_m, "m", "SER header"), first_of(valid, "images"))


def read_emi(path: Path) -> Stored:
    """The first series that belongs to an EMI file; the EMI file itself holds only what TIA displayed.

    Raises `NotAnImage` where none lies beside it.
    """
    series = sorted(
        path.parent.glob(f"{_escaped(path.stem)}_*.[sS][eE][rR]"), key=lambda one: (len(one.name), one.name)
    )
    if not series:
        raise NotAnImage(f"the images of an EMI file lie beside it, in {path.stem}_1.ser; give that file")
    stored = read_ser(series[0])
    return stored._replace(notes=(*first_of(len(series), "series"), *stored.notes))


def _escaped(text: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", text)


def _inside(offset: int, path: Path) -> int:
    if not 0 <= offset < path.stat().st_size:
        raise NotAnImage("it is cut short or damaged: its index points outside the file; copy it again")
    return offset


def _check_mode(path: Path) -> None:
    """Raises `DiffractionPattern` where the EMI file says so.

    A scanning microscope's mode is called "Diffraction" too; there only what a camera took is a pattern.
    """
    beside = path.with_name(re.sub(r"_\d+$", "", path.stem) + ".emi")
    if not beside.is_file() or beside.stat().st_size == 0:
        return
    with beside.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        begin = content.find(b"<ObjectInfo>")
        end = content.find(b"</ObjectInfo>", begin)
        if begin < 0 or end < 0 or end - begin > _LARGEST_XML:
            return
        text = content[begin : end + len(b"</ObjectInfo>")]
    try:
        info = ET.fromstring(text)
    except ET.ParseError:
        return  # what cannot be parsed does not say that this is a diffraction pattern
    described = {node.findtext("Label"): node.findtext("Value") or "" for node in info.iter("Data")}
    mode = described.get("Mode", "")
    by_camera = info.find("AcquireInfo/CameraNamePath") is not None
    if ("STEM" in mode and by_camera) or ("Diffraction" in mode and "STEM" not in mode):
        raise DiffractionPattern(f"it was taken in the mode {mode!r}: a diffraction pattern shows no particle sizes")
