"""MRC (MRC2014: Cheng et al., J. Struct. Biol. 2015, 192, 146) in either byte order, with FEI's extended header.

Read here and not through ncempy, whose reader takes 1 Å for a pixel size that is not stated, and any extended header
for the one that FEI wrote before 2015 (`docs/decisions/0034`).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.tem.errors import NotAnImage
from closedloop.tem.formats import Stored, check_size, first_of, pixels_at
from closedloop.tem.pixel_size import StatedPixel, stated_pixel

_HEADER_BYTES = 1024
_FEI_HEADER_BYTES = 172
_MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_COMPLEX_MODES = (3, 4)
_IMOD_STAMP = 1146047817
_SIGNED_BYTES = 1  # IMOD's flag; without it, its 8-bit files count from 0 to 255
_LARGEST_SIDE = 10_000_000
_LARGEST_DIFFERENCE = 0.03


def read_mrc(path: Path) -> Stored:
    """The first section, as it is stored (first row first)."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
        if len(head) < _HEADER_BYTES:
            raise NotAnImage(f"it is cut short ({len(head)} of {_HEADER_BYTES} bytes of header); copy it again")
        order = _byte_order(head)
        words = np.frombuffer(head, order + "i4")
        width, height, sections, mode = (int(value) for value in words[:4])
        extended = int(words[23])
        if extended < 0 or sections < 1:
            raise NotAnImage("its MRC header makes no sense; copy it again")
        fei = file.read(min(extended, _FEI_HEADER_BYTES)) if head[104:108] in (b"FEI1", b"FEI2") else b""
    check_size(height, width)
    if mode in _COMPLEX_MODES:
        raise NotAnImage("it holds complex numbers, a Fourier transform; save the image itself")
    if mode not in _MODES:
        raise NotAnImage(f"its pixels are of MRC's mode {mode}, which is not read; save it as mode 0, 1, 2, 6 or 12")
    kind = np.dtype(order + _MODES[mode])
    if mode == 0 and words[38] == _IMOD_STAMP and not words[39] & _SIGNED_BYTES:
        kind = np.dtype("u1")
    pixels = pixels_at(path, kind, _HEADER_BYTES + extended, (height, width))
    pixel, doubt = _pixel(words, np.frombuffer(head, order + "f4"), fei)
    return Stored(pixels, pixel, (*first_of(sections, "sections"), *((doubt,) if doubt else ())))


def _byte_order(head: bytes) -> str:
    """``<`` or ``>``: from the machine stamp, and from which order makes sense where there is none."""
    if head[212] in (0x44, 0x11):
        return "<" if head[212] == 0x44 else ">"
    for order in ("<", ">"):
        width, height, sections, mode = np.frombuffer(head, order + "i4", 4).tolist()
        if 0 < width < _LARGEST_SIDE and 0 < height < _LARGEST_SIDE and sections > 0 and 0 <= mode < 128:
            return order
    raise NotAnImage("its MRC header makes no sense; copy it again")


def _pixel(words: NDArray[np.int32], floats: NDArray[np.float32], fei: bytes) -> tuple[StatedPixel | None, str | None]:
    """The cell's lengths (Å) over its intervals, or FEI's own entry (m); and why none is believed."""
    cell: StatedPixel | None = None
    doubt: str | None = None
    if words[7] > 0 and words[8] > 0:
        x, y = float(floats[10]) / int(words[7]), float(floats[11]) / int(words[8])
        if abs(x - 1) < 1e-6 and abs(y - 1) < 1e-6:
            doubt = "its header says 1 Å per pixel, which is also what programs write that know no pixel size"
        else:
            cell = stated_pixel(x, y, "Å", "MRC header")
    if len(fei) >= _FEI_HEADER_BYTES:
        sizes = np.frombuffer(fei, "<f8", 2, offset=156)
        stated = stated_pixel(float(sizes[0]), float(sizes[1]), "m", "FEI extended header")
        if stated is not None and cell is None:
            return stated, None
        if stated and cell and abs(stated.x_nm - cell.x_nm) > _LARGEST_DIFFERENCE * max(stated.x_nm, cell.x_nm):
            return None, (
                f"its MRC header says {cell.x_nm:.4g} nm per pixel, its FEI extended header {stated.x_nm:.4g}: "
                "neither is believed"
            )
    return cell, doubt if cell is None else None
