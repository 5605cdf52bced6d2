"""Find scale bars in a picture and measure them from edge to edge, to a fraction of a pixel.

A bar is a long, thin, level and even rectangle, black or white. What its label says is read elsewhere.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_LEAST_LENGTH = 20
_LEAST_ASPECT = 3.5
_LEAST_CONTRAST = 0.15
_THRESHOLDS = (_LEAST_CONTRAST, 0.45)
_MOST_CANDIDATES = 6
_MOST_MEASURED = 20


@dataclass(frozen=True)
class Bar:
    """One bar. Edges in pixels, pixel i reaching from i to i + 1; left and right to a fraction of a pixel.

    level: grey value of the bar; outside: of what lies above and below it; both of an image between 0 and 1.
    quality: 0 to 1, how even the bar and how clear its contrast is. cut_off: it runs to the picture's edge, so that
    its true length is not to be seen.
    """

    left: float
    right: float
    top: int
    bottom: int
    level: float
    outside: float
    quality: float
    cut_off: bool

    @property
    def length_px(self) -> float:
        return self.right - self.left

    @property
    def thickness_px(self) -> int:
        return self.bottom - self.top


def find_bars(image: NDArray[np.float32]) -> list[Bar]:
    """The likeliest bars first, at most six; image (H, W) float32 between 0 and 1."""
    height, width = image.shape
    if width < 2 * _LEAST_LENGTH or height < 16:
        return []
    bars = [bar for bright in (True, False) for bar in _bars_of_one_kind(image, bright)]
    return _without_outlines(bars)[:_MOST_CANDIDATES]


def _bars_of_one_kind(image: NDArray[np.float32], bright: bool) -> list[Bar]:
    height, width = image.shape
    grey = np.rint(255 * (image if bright else 1 - image)).astype(np.uint8)
    # Averaged along the row only: a line one pixel thin survives, noise does not.
    grey = np.asarray(cv2.blur(grey, (5, 1)), np.uint8)
    # Odd, so that an opening shifts nothing and never exceeds the picture.
    length = max(_LEAST_LENGTH, width // 40) | 1
    thickest = max(10, height // 20) | 1
    level = cv2.morphologyEx(grey, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    areas = cv2.morphologyEx(level, cv2.MORPH_OPEN, np.ones((thickest, 1), np.uint8))
    found: list[Bar] = []
    # A bar may run into something nearly as bright; a higher threshold parts them.
    for threshold in _THRESHOLDS:
        mask = (level - areas > 255 * threshold).astype(np.uint8)
        count, _, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
        boxes = boxes[1:count]
        wide, high, area = boxes[:, 2], boxes[:, 3], boxes[:, 4]
        likely = boxes[(wide >= length) & (wide >= 2 * high) & (area > 0.5 * wide * high)]
        for left, top, box_width, box_height, _ in likely[np.argsort(-likely[:, 2])][:_MOST_MEASURED]:
            bar = _measure(image, int(left), int(top), int(left + box_width), int(top + box_height), bright)
            if bar is not None and not any(_same(bar, other) for other in found):
                found.append(bar)
    return found


def _same(one: Bar, other: Bar) -> bool:
    return one.top < other.bottom and other.top < one.bottom and one.left < other.right and other.left < one.right


def _measure(image: NDArray[np.float32], left: int, top: int, right: int, bottom: int, bright: bool) -> Bar | None:
    """Check that a rectangle is a bar, and find its edges at half of the step in grey."""
    height, width = image.shape
    inner = slice(left + (right - left) // 8, right - (right - left) // 8)
    rows = slice(max(0, top - 6), min(height, bottom + 6))
    down = np.median(image[rows, inner], axis=1)
    middle = (top + bottom) // 2 - rows.start
    own = down[top - rows.start : bottom - rows.start]
    level = (
        float(np.median(down[middle - 1 : middle + 2])) if len(own) > 4 else float(own.max() if bright else own.min())
    )
    above, below = down[: max(1, top - rows.start - 1)], down[min(len(down) - 1, bottom - rows.start + 1) :]
    if rows.start == 0 and top == 0:
        above = below
    if rows.stop == height and bottom == height:
        below = above
    outside = float((np.median(above[-4:]) + np.median(below[:4])) / 2)
    step = level - outside
    if (
        (step > 0) != bright
        or abs(step) < _LEAST_CONTRAST
        or (np.median(above[-4:]) - level) * (np.median(below[:4]) - level) <= 0
    ):
        return None
    like = (down - outside) / step > 0.5
    first = last = max(0, top - rows.start - 1) + int(
        np.argmax(((down - outside) / step)[max(0, top - rows.start - 1) : bottom - rows.start + 1])
    )
    while first > 0 and like[first - 1]:
        first -= 1
    while last < len(like) - 1 and like[last + 1]:
        last += 1
    top, bottom = rows.start + first, rows.start + last + 1
    core = slice(top + 1, bottom - 1) if bottom - top >= 4 else slice(top, bottom)
    along = np.median(image[core], axis=0) if bottom - top >= 5 else image[core].mean(axis=0)
    share = (along - outside) / step
    start, stop = _run(share, (left + right) // 2)
    if stop - start < _LEAST_LENGTH or stop - start < _LEAST_ASPECT * (bottom - top):
        return None
    cut_off = start <= 1 or stop >= width - 1
    evenness = float(np.std(image[core, start + 2 : stop - 2], axis=1).mean() / abs(step))
    if evenness > 0.3:
        return None
    exact_left = start if start == 0 else _crossing(along, start, -1, level)
    exact_right = stop if stop >= width else _crossing(along, stop - 1, +1, level)
    quality = float(np.clip(1 - 2 * evenness, 0, 1) * min(1.0, abs(step) / 0.4))
    return Bar(exact_left, exact_right, top, bottom, level, outside, quality, cut_off)


def _run(share: NDArray[np.floating], inside: int) -> tuple[int, int]:
    """First and one past the last pixel of the unbroken run above half that contains `inside`.

    A single pixel between a quarter and a half is noise and bridged; one below is a rim, the bar's end.
    """
    above = share > 0.5
    bridge = share > 0.25
    start = stop = inside
    while start > 0 and (above[start - 1] or (start > 1 and bridge[start - 1] and above[start - 2])):
        start -= 1
    while stop < len(above) and (above[stop] or (stop + 1 < len(above) and bridge[stop] and above[stop + 1])):
        stop += 1
    while start < stop and not above[start]:
        start += 1
    while stop > start and not above[stop - 1]:
        stop -= 1
    return start, stop


def _crossing(along: NDArray[np.floating], end: int, step: int, level: float) -> float:
    """Where the profile crosses half way between the bar and what lies beyond its end.

    end: last pixel of the bar; step: −1 towards the left, +1 towards the right. Beyond may be an outline that is
    brighter or darker than the rest, so the half way is taken from there.
    """
    beyond = along[max(0, end - 3) : end][::-1] if step < 0 else along[end + 1 : end + 4]
    if not len(beyond):
        return float(end + (step > 0))
    far = float(beyond[int(np.argmax(np.abs(beyond - level)))])
    half = (level + far) / 2
    position = float(end)
    for index in range(max(0, end - 3), min(len(along) - 1, end + 3) + 1):
        following = index + 1
        if following >= len(along):
            break
        a, b = float(along[index]), float(along[following])
        inner, outer = (a, b) if step > 0 else (b, a)
        if (inner - half) * (level - half) >= 0 and (outer - half) * (level - half) < 0:
            position = index + (half - a) / (b - a)
            break
    else:
        position = end + 0.5 * step
    # Pixel i is centred on i + 1/2.
    return position + 0.5


def _without_outlines(bars: list[Bar]) -> list[Bar]:
    """Drop the light lines that edge a dark bar (or the reverse): thinner, parallel, next to it, of like length."""
    kept = []
    for bar in bars:
        edged = any(
            other is not bar
            and other.thickness_px > bar.thickness_px
            and (bar.level > bar.outside) != (other.level > other.outside)
            and abs(other.left - bar.left) < 6
            and abs(other.right - bar.right) < 6
            and (abs(other.top - bar.bottom) < 5 or abs(bar.top - other.bottom) < 5)
            for other in bars
        )
        if not edged:
            kept.append(bar)
    return sorted(
        kept, key=lambda bar: -bar.quality * (0.3 if bar.cut_off else 1.0) * min(1, bar.thickness_px / 3) ** 0.5
    )
