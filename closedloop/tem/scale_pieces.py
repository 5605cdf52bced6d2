"""What speaks against a bar that was found: it is a piece of a striped one, a half of one, or runs through its label.

Which bar carries which label is for `closedloop.tem.scale_matching`.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from closedloop.tem.label_views import Reading
from closedloop.tem.scale_bar import Bar

_LIKE = 0.3  # of a bar's step: what differs less from it may be of the same bar


def unlike_stripes(bars: list[Bar], opposite: list[Bar], reading: Reading) -> list[Bar]:
    """Bars, as cut off those that are pieces of a striped one: on the same rows a like piece follows, or one of the
    opposite grey adjoins, or an equal one stands on the other side of the label."""
    found = []
    for bar in bars:
        like = [
            other
            for other in bars
            if other is not bar
            and bar.gap is None
            and other.gap is None
            and _on_its_rows(other, bar)
            and abs(other.level - bar.level) < 0.15
        ]
        pieces = [other for other in like if 0 < _apart(other, bar) < 1.5 * bar.length_px]
        pieces += [other for other in like if _about_the_label(other, bar, reading)]
        pieces += [other for other in opposite if _on_its_rows(other, bar) and abs(_apart(other, bar)) < 2]
        found.append(replace(bar, cut_off=True) if pieces else bar)
    return found


def halved(image: NDArray[np.float32], bar: Bar, reading: Reading) -> Bar:
    """A bar beside its label, as cut off where the like stands on the label's other side: one half of |— 50 nm —|."""
    left, top, right, bottom = reading.box
    level = top < (bar.top + bar.bottom) / 2 < bottom
    if bar.gap is not None or not level or (bar.left < right and bar.right > left):
        return bar
    # The middle of the place that mirrors it about the label.
    middle, quarter = left + right - (bar.left + bar.right) / 2, bar.length_px / 4
    across = image[bar.top : bar.bottom, max(0, int(middle - quarter)) : max(0, int(middle + quarter))]
    like = across.size > 0 and float(np.median(np.abs(across - bar.level))) < _LIKE * abs(bar.level - bar.outside)
    return replace(bar, cut_off=True) if like else bar


def runs_through(bar: Bar, reading: Reading) -> bool:
    """Whether a bar lies among the letters of a label, as paper below them does that the tail of a µ ends.

    One that is as high as they are carries them.
    """
    left, top, right, bottom = reading.box
    margin = (bottom - top) / 6  # of the box around the letters
    left, top, right, bottom = left + margin, top + margin, right - margin, bottom - margin
    among = bar.left < right and bar.right > left and top < (bar.top + bar.bottom) / 2 < bottom
    return bar.gap is None and among and not (bar.top <= top and bar.bottom >= bottom)


def _on_its_rows(one: Bar, other: Bar) -> bool:
    return abs(one.top - other.top) <= 2 and abs(one.bottom - other.bottom) <= 2


def _apart(one: Bar, other: Bar) -> float:
    """Pixels between two bars of the same rows; negative where they overlap."""
    return max(one.left - other.right, other.left - one.right)


def _about_the_label(one: Bar, other: Bar, reading: Reading) -> bool:
    """Whether the label stands between two equal bars, and so under or above neither."""
    middle = (reading.box[0] + reading.box[2]) / 2
    equal = abs(one.length_px - other.length_px) < 0.05 * other.length_px
    return equal and min(one.right, other.right) < middle < max(one.left, other.left)
