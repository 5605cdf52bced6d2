"""Whether a label says a reciprocal length, as the bars of diffraction patterns do: "5 nm⁻¹", "5 nm^-1", "5 1/nm".

The letters of both readers know no reciprocal units, so that such a label looks like "5 nm"; told from what is written
around it, and from the raised minus and one beside the unit.
"""

import re

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem.text_lines import Line

# As EasyOCR spells them: "nm-1", "nm^-I"; "1/nm", "L/nm", "/ nm".
_RAISED = r"(?:[nup]m|[nu]n|A)\s*[\^'\"*~]*\s*[-–—_~=]+\s*[1lI|i!](?![0-9A-Za-z])"
_DIVIDED = r"(?<![A-Za-z])[1lIL|i]?\s*/\s*(?:[nupµ]m|A)(?![A-Za-z])"
_RECIPROCAL = re.compile(f"{_RAISED}|{_DIVIDED}")
_POWER = re.compile(r"(?:[nup]m|A)\s*\^")
# In heights of the letters: how far a raised mark may lie to the right and above; how low it may end, above the
# letters' feet; its minus at most and at least; its one at least, at most, and how wide.
_ROOM, _ABOVE, _FEET = 1.4, 0.5, 0.35
_MINUS_THICK, _MINUS_LONG, _ONE_LEAST, _ONE_MOST, _ONE_WIDE = 0.25, 0.12, 0.25, 0.8, 0.6
_LEAST_STEP = 0.1


def says_reciprocal(text: str) -> bool:
    """Whether a reader's text states a reciprocal unit."""
    return bool(_RECIPROCAL.search(text))


def hints_at_a_power(text: str) -> bool:
    """Whether the unit is followed by the sign of a power, whatever comes behind it."""
    return bool(_POWER.search(text))


def has_raised_minus_one(line: Line, crop: NDArray[np.float32], ink: float) -> bool:
    """Whether right of the line's last letter and above its feet stand a short stroke and an upright one, in its ink.

    crop (h, w) float32 between 0 and 1: what the line's box belongs to. ink: the grey of the letters.
    """
    if not line.letters:
        return False
    right = line.left + max(x + w for x, _, w, _ in line.letters)
    top = line.top + min(y for _, y, _, _ in line.letters)
    feet = line.top + max(y + h for _, y, _, h in line.letters)
    high = feet - top
    rows = slice(max(0, round(top - _ABOVE * high)), max(0, round(feet - _FEET * high)))
    place = crop[rows, right + 1 : right + 1 + round(_ROOM * high)]
    if min(place.shape) < 4:
        return False
    ground = float(np.median(place))
    if abs(ink - ground) < _LEAST_STEP:
        return False
    marks = ((place - ground) / (ink - ground) > 0.5).astype(np.uint8)
    _, _, stated, _ = cv2.connectedComponentsWithStats(marks, connectivity=8)
    minus, ones = [], []
    for x, y, w, h, _ in np.asarray(stated, np.int64)[1:]:
        if y == 0 or y + h == len(place) or x + w == place.shape[1]:
            continue  # part of something larger
        if w > h and h <= max(3, _MINUS_THICK * high) and w >= _MINUS_LONG * high:
            minus.append((x, y, w, h))
        elif _ONE_LEAST * high <= h <= _ONE_MOST * high and w <= _ONE_WIDE * high:
            ones.append((x, y, w, h))
    return any(
        x + w <= one_x + 1 and one_y <= y and y + h <= one_y + one_h
        for x, y, w, h in minus
        for one_x, one_y, _, one_h in ones
    )
