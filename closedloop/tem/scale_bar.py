"""Find scale bars in a picture and measure them from edge to edge, to a fraction of a pixel.

A bar is a long, thin, level and even rectangle, black or white. What its label says is read elsewhere.
"""

from dataclasses import dataclass, replace
from functools import cached_property, partial

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem.scale_ends import (
    LEAST_SIDE,
    alike_ends,
    beyond_the_even_part,
    crossing,
    goes_on,
    halves_agree,
    is_clear,
    is_told_apart,
    nothing_follows,
    run,
)
from closedloop.threads import at_once

_LEAST_LENGTH = 20
_LEAST_ASPECT = 3.5
_LEAST_CONTRAST = 0.15
_THRESHOLDS = (_LEAST_CONTRAST, 0.45)
_NEAR_THRESHOLDS = (0.07, 0.2, 0.45)
_MOST_CANDIDATES = 6
_THIN = 3  # pixels
_MOST_MEASURED = 20
# In grey, of 1: how far a bar's own grey may vary.
_LEAST_TOLERANCE = 0.04
_MOST_UNEVEN = 0.3  # of its step from what lies beside it


@dataclass(frozen=True)
class Bar:
    """One bar. Edges in pixels, pixel i reaching from i to i + 1; left and right to a fraction of a pixel.

    level: grey value of the bar; outside: of what lies above and below it; both of an image between 0 and 1.
    quality: 0 to 1, how even the bar and how clear its contrast is. cut_off: an end is not to be seen, at the
    picture's edge or because what lies there has the bar's grey, and so is not its true length. gap: from where to
    where the bar is interrupted, for its label.
    """

    left: float
    right: float
    top: int
    bottom: int
    level: float
    outside: float
    quality: float
    cut_off: bool
    gap: tuple[float, float] | None = None
    sides: tuple[float, float] = (0.0, 0.0)

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
    bars = [bar for kind in at_once(partial(_bars_of_one_kind, image), (True, False)) for bar in kind]
    return without_outlines([*_joined(bars), *bars])[:_MOST_CANDIDATES]


def find_bars_near(
    image: NDArray[np.float32], box: tuple[float, float, float, float], height: float, bright: bool
) -> list[Bar]:
    """Bars around a label, fainter and shorter ones too; the clearest first.

    box: left, top, right, bottom of the label, height: of its letters, all in pixels; bright: whether the bars are to
    be brighter than what lies around them.
    """
    left, top, right, bottom = box
    reach_x, reach_y = max(0.45 * image.shape[1], 4 * height), max(3.2 * height, 24)
    x, y = max(0, int(left - reach_x)), max(0, int(top - reach_y))
    window = image[y : int(bottom + reach_y), x : int(right + reach_x)]
    limits = (int(max(10, 0.7 * height)) | 1, round(1.4 * height) | 1)
    bars = _bars_of_one_kind(window, bright, limits, _NEAR_THRESHOLDS)
    return [_moved(bar, x, y) for bar in without_outlines([*_joined(bars), *bars])]


def _moved(bar: Bar, x: int, y: int) -> Bar:
    gap = None if bar.gap is None else (bar.gap[0] + x, bar.gap[1] + x)
    return replace(bar, left=bar.left + x, right=bar.right + x, top=bar.top + y, bottom=bar.bottom + y, gap=gap)


def _bars_of_one_kind(
    image: NDArray[np.float32],
    bright: bool,
    limits: tuple[int, int] | None = None,
    thresholds: tuple[float, ...] = _THRESHOLDS,
) -> list[Bar]:
    """limits: least length and greatest thickness in pixels, both odd, so that an opening shifts nothing."""
    height, width = image.shape
    grey = np.rint(255 * (image if bright else 1 - image)).astype(np.uint8)
    # Averaged along the row only: a line one pixel thin survives, noise does not.
    grey = np.asarray(cv2.blur(grey, (5, 1)), np.uint8)
    length, thickest = limits or (max(_LEAST_LENGTH, width // 40) | 1, max(10, height // 20) | 1)
    level = cv2.morphologyEx(grey, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    areas = cv2.morphologyEx(level, cv2.MORPH_OPEN, np.ones((thickest, 1), np.uint8))
    found: list[Bar] = []
    # A bar may run into something nearly as bright; a higher threshold parts them.
    for threshold in thresholds:
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


@dataclass(frozen=True)
class _Rows:
    """Which rows a bar fills, and what was seen across them: the grey above and below it (``sides``), the mean of both
    (``outside``), and by how much the bar's own differs from that (``step``)."""

    top: int
    bottom: int
    sides: tuple[float, float]
    step: float

    @property
    def outside(self) -> float:
        return (self.sides[0] + self.sides[1]) / 2

    @property
    def thickness_px(self) -> int:
        return self.bottom - self.top

    @property
    def core(self) -> slice:
        """The rows without those on its rims, where there are enough of them."""
        return slice(self.top + 1, self.bottom - 1) if self.thickness_px >= 4 else slice(self.top, self.bottom)


@dataclass(frozen=True)
class _Reach:
    """How far a bar reaches along its rows.

    along: grey of the rows in each column (W,). level: the bar's own; tolerance: how far it may vary. even: first and
    one past the last column of one grey; start, stop: the same with blurred ends and end ticks. left, right: to a
    fraction of a pixel.
    """

    along: NDArray[np.floating]
    level: float
    tolerance: float
    even: tuple[int, int]
    start: int
    stop: int

    @cached_property
    def left(self) -> float:
        return self.start if self.start == 0 else crossing(self.along, self.start, -1, self.level)

    @cached_property
    def right(self) -> float:
        return self.stop if self.stop >= len(self.along) else crossing(self.along, self.stop - 1, +1, self.level)


def _measure(image: NDArray[np.float32], left: int, top: int, right: int, bottom: int, bright: bool) -> Bar | None:
    """Check that a rectangle is a bar, and find its edges at half of the step in grey."""
    inner = slice(left + (right - left) // 8, right - (right - left) // 8)
    rows = _rows(image, inner, top, bottom, bright)
    if rows is None:
        return None
    reach = _reach(image, rows, inner, (left + right) // 2)
    if reach.stop - reach.start < max(_LEAST_LENGTH, _LEAST_ASPECT * rows.thickness_px):
        return None
    unevenness = float(np.std(image[rows.core, reach.start + 2 : reach.stop - 2], axis=1).mean() / abs(rows.step))
    if unevenness > _MOST_UNEVEN:
        return None
    quality = float(np.clip(1 - 2 * unevenness, 0, 1) * min(1.0, abs(rows.step) / 0.4))
    cut_off = not _ends_are_clear(image, rows, reach)
    edges = reach.left, reach.right, rows.top, rows.bottom
    return Bar(*edges, reach.level, rows.outside, quality, cut_off, sides=rows.sides)


def _rows(image: NDArray[np.float32], inner: slice, top: int, bottom: int, bright: bool) -> _Rows | None:
    """The rows that differ from what lies above and below; ``None`` where there is no such step in grey.

    inner: columns that are surely the bar's. top, bottom: about where it was found.
    """
    first_seen, end_seen = max(0, top - 6), min(len(image), bottom + 6)
    down = np.median(image[first_seen:end_seen, inner], axis=1)
    middle, found = (top + bottom) // 2 - first_seen, slice(top - first_seen, bottom - first_seen)
    own = down[found]
    level = (
        float(np.median(down[middle - 1 : middle + 2])) if len(own) > 4 else float(own.max() if bright else own.min())
    )
    above, below = down[: max(1, found.start - 1)], down[min(len(down) - 1, found.stop + 1) :]
    # At the picture's edge only one side is to be seen.
    if top == 0:
        above = below
    if bottom == len(image):
        below = above
    sides = float(np.median(above[-4:])), float(np.median(below[:4]))
    outside = (sides[0] + sides[1]) / 2
    step = level - outside
    if (step > 0) != bright or abs(step) < _LEAST_CONTRAST or (sides[0] - level) * (sides[1] - level) <= 0:
        return None
    strength = (down - outside) / step
    like = strength > 0.5
    begin = max(0, found.start - 1)
    first = last = begin + int(np.argmax(strength[begin : found.stop + 1]))
    while first > 0 and like[first - 1]:
        first -= 1
    while last < len(like) - 1 and like[last + 1]:
        last += 1
    return _Rows(first_seen + first, first_seen + last + 1, sides, step)


def _reach(image: NDArray[np.float32], rows: _Rows, inner: slice, middle: int) -> _Reach:
    """How far the bar's one grey goes from its middle column, and what belongs to it beyond."""
    core = image[rows.core]
    along = np.median(core, axis=0) if rows.thickness_px >= 5 else core.mean(axis=0)
    level = float(np.median(along[inner]))
    noise = 1.4826 * float(np.median(np.abs(along[inner] - level)))
    # A bar is drawn in one grey, whatever lies beside it: what differs by more than its own noise is no bar any more.
    tolerance = float(np.clip(5 * noise, _LEAST_TOLERANCE, 0.45 * abs(rows.step)))
    start, stop = run(np.abs(along - level) <= tolerance, middle)
    # Where an end tick crosses a thin bar, the bar is stronger there, and paler beside it where the picture was a JPEG.
    like = (image[max(0, rows.top - 4) : rows.bottom + 4] - rows.outside) / rows.step > 0.5
    strength = (along - rows.outside) / rows.step
    before = beyond_the_even_part(strength[:start][::-1], like[:, :start][:, ::-1])
    after = beyond_the_even_part(strength[stop:], like[:, stop:])
    return _Reach(along, level, tolerance, (start, stop), start - before, stop + after)


def _ends_are_clear(image: NDArray[np.float32], rows: _Rows, reach: _Reach) -> bool:
    """Whether both ends are to be seen, so that what was measured is the bar's true length."""
    if min(abs(side - reach.level) for side in rows.sides) <= LEAST_SIDE:
        return False
    ends = (reach.start, -1), (reach.stop - 1, +1)
    top, bottom = rows.top, rows.bottom
    for end in ends:
        if not is_clear(image, *end, top, bottom, reach.level):
            return False
        if not is_told_apart(image, *end, rows.core, reach.level, reach.tolerance):
            return False
    length = reach.right - reach.left
    if not alike_ends(reach.even[0] - reach.left, reach.right - reach.even[1], length):
        return False
    if rows.thickness_px > _THIN:
        return halves_agree(image[rows.core], reach.start, reach.stop, length)
    like = (reach.along - rows.outside) / rows.step > 0.5
    if not (nothing_follows(like[: reach.start][::-1]) and nothing_follows(like[reach.stop :])):
        return False
    return not any(goes_on(image, *end, top, bottom, rows.step) for end in ends)


def without_outlines(bars: list[Bar]) -> list[Bar]:
    """Drop what borders a bar in the opposite grey: its rim, the paper of its box, the paper between its end ticks.

    Rim and paper are longer than the bar, which has their grey on both sides; the paper between ticks is shorter, and
    the bar has its grey on both sides. Where both could be so, neither is believed.
    """
    dropped, doubtful = set(), set()
    for long in bars:
        for short in bars:
            opposite = (long.level > long.outside) != (short.level > short.outside)
            inside = long.left <= short.left + 1 and short.right <= long.right + 1
            below, above = abs(long.bottom - short.top) < 5, abs(short.bottom - long.top) < 5
            ends = max(abs(long.left - short.left), abs(long.right - short.right))
            if opposite and (below or above) and long.thickness_px <= min(_THIN, short.thickness_px - 1) and ends < 3:
                doubtful.add(id(long))  # its rim, unless it is dropped
            if not (opposite and inside and (below or above)) or long.length_px > short.length_px + 40:
                continue
            far_long, far_short = (long.sides[0], short.sides[1]) if below else (long.sides[1], short.sides[0])
            off_ticks, off_paper = abs(far_long - short.level), abs(far_short - long.level)
            ticks, paper = off_ticks < 0.1, off_paper < 0.1
            if ticks and paper and abs(off_ticks - off_paper) > 0.05:
                ticks, paper = off_ticks < off_paper, off_paper < off_ticks
            if ticks and paper:
                doubtful |= {id(long), id(short)}
            elif ticks:
                dropped.add(id(short))
            elif paper or long.thickness_px < short.thickness_px:
                dropped.add(id(long))
        doubtful |= {id(long)} if any(_lines_of_one_outline(long, other) for other in bars) else set()
    bars = [replace(bar, cut_off=bar.cut_off or id(bar) in doubtful) for bar in bars if id(bar) not in dropped]
    return sorted(
        bars, key=lambda bar: -bar.quality * (0.3 if bar.cut_off else 1.0) * min(1, bar.thickness_px / 3) ** 0.5
    )


def _lines_of_one_outline(one: Bar, other: Bar) -> bool:
    """Whether two thin bars are the upper and the lower line about a bar of the opposite grey, or of a box."""
    apart = max(one.top - other.bottom, other.top - one.bottom)
    return (
        max(one.thickness_px, other.thickness_px) <= _THIN
        and 0 < apart < 0.5 * one.length_px
        and abs(one.level - other.level) < 0.15
        and max(abs(one.left - other.left), abs(one.right - other.right)) < 2
    )


def _joined(bars: list[Bar]) -> list[Bar]:
    """Two equal pieces on one line, as where the label stands in a gap of the bar: |—— 50 nm ——|."""
    found = []
    for left in bars:
        for right in bars:
            alike = abs(left.top - right.top) <= 1 and abs(left.bottom - right.bottom) <= 1
            alike = alike and abs(left.level - right.level) < 0.1
            equal = abs(left.length_px - right.length_px) < max(4.0, 0.1 * right.length_px)
            gap = right.left - left.right
            if (
                alike
                and equal
                and 12 < gap < 4 * (left.length_px + right.length_px)
                and not (left.cut_off or right.cut_off)
            ):
                found.append(replace(left, right=right.right, gap=(left.right, right.left)))
    return found
