"""Find and read the labels of scale bars: lines of text beside a bar, or anywhere in a picture.

Finding the bar is for `closedloop.tem.scale_bar`, finding text for `closedloop.tem.text_lines` and
`closedloop.tem.text_search`, reading one line for `closedloop.tem.label_views`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem._background import otsu
from closedloop.tem.label_views import HIGH_CONFIDENCE, Box, Glance, Reading, completed, glance, read
from closedloop.tem.scale_bar import Bar
from closedloop.tem.text_lines import Line, find_lines
from closedloop.tem.text_search import search_text
from closedloop.threads import at_once

_UNUSUAL = 0.5
_LINES_READ = 4
_MOST_UNLIKELY = 6.0
_MOST_READ = 8  # lines of one picture that EasyOCR is asked about
# How likely a label is at a glance: what is not looked at again; and what is not, once three lines were.
_LEAST_SHARE, _LIKELY_SHARE, _UNLIKELY_READ = 0.01, 0.5, 3
_SEARCHED_SIDE = 1400  # pixels; text of a larger picture is looked for in a smaller copy


class LabelReader:
    """Reads the labels of one image (H, W) float32 between 0 and 1, each line of text once."""

    def __init__(self, image: NDArray[np.float32]) -> None:
        self._image = image
        self._known: list[tuple[Box, bool, Reading | None]] = []

    def anywhere(self, thorough: bool = True) -> list[Reading]:
        """The labels of the picture, wherever they stand, the surest first; other writing is left out.

        thorough: where no line looks like a label at a glance, the likeliest are read all the same.
        """
        height, width = self._image.shape
        factor = max(1.0, max(height, width) / _SEARCHED_SIDE)
        small = self._image
        if factor > 1:
            small = np.asarray(
                cv2.resize(small, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA)
            )
        lines = search_text(small)
        glances = at_once(lambda one: (*_glanced(one[0], small, one[1]), one[1]), lines)
        seen = sorted((one for one in glances if one[0].share > _LEAST_SHARE), key=lambda one: -one[0].share)
        found: list[Reading] = []
        if not thorough and not any(glanced.share >= _LIKELY_SHARE for glanced, _, _ in seen):
            return found
        for number, (glanced, line, light) in enumerate(seen[:_MOST_READ]):
            if number >= _UNLIKELY_READ and glanced.share < _LIKELY_SHARE:
                break
            reading = read(line, small, light, glanced)
            if reading is None:
                continue
            rival = next((one for one in found if _gap(one.box, reading.box) == 0), None)
            if rival is None:
                found.append(reading)
            elif reading.confidence > rival.confidence:
                found[found.index(rival)] = reading
        return [
            one._replace(box=tuple(factor * edge for edge in one.box), height=factor * one.height)
            for one in sorted(found, key=lambda one: -one.confidence)
        ]

    def beside(self, bar: Bar) -> Reading | None:
        """The label of a bar, or ``None`` where none can be read."""
        height, width = self._image.shape
        reach_x = int(max(0.6 * bar.length_px, 0.2 * width, 60))
        reach_y = int(max(0.09 * height, 8 * bar.thickness_px, 45))
        left, right = max(0, int(bar.left) - reach_x), min(width, int(bar.right) + reach_x)
        top, bottom = max(0, bar.top - reach_y), min(height, bar.bottom + reach_y)
        crop = self._image[top:bottom, left:right].copy()
        # Without its bar, which the reader takes for a dash.
        rows = slice(max(0, bar.top - top - 1), bar.bottom - top + 1)
        for start, stop in (
            ((bar.left, bar.right),) if bar.gap is None else ((bar.left, bar.gap[0]), (bar.gap[1], bar.right))
        ):
            crop[rows, max(0, int(start) - left - 1) : int(stop) - left + 2] = bar.outside
        near = (bar.left - left, float(bar.top - top), bar.right - left, float(bar.bottom - top))
        if bar.gap is not None:
            near = (bar.gap[0] - left, near[1], bar.gap[1] - left, near[3])
        reading = _best(self._lines(crop, [(bar.level, bar.outside)], near, (left, top), bar), near)
        if reading is None or reading.confidence < HIGH_CONFIDENCE:
            reading = _best([reading, *self._lines(crop, _levels(crop), near, (left, top), bar)], near)
        if reading is None:
            return None
        x0, y0, x1, y1 = reading.box
        return reading._replace(box=(x0 + left, y0 + top, x1 + left, y1 + top))

    def _lines(
        self,
        crop: NDArray[np.float32],
        levels: list[tuple[float, float]],
        near: Box,
        corner: tuple[int, int],
        bar: Bar,
    ) -> list[Reading | None]:
        """The lines near the bar in letters of the given greys, as far as the first that is beyond doubt."""
        readings: list[Reading | None] = []
        for line, light in _likely_lines(crop, levels, near):
            if bar.gap is not None and not _within(line, near):
                continue
            x, y = corner
            place = (line.left + x, line.top + y, line.right + x, line.bottom + y)
            for box, was_light, known in self._known:
                if was_light == light and max(abs(one - other) for one, other in zip(box, place, strict=True)) <= 3:
                    reading = known
                    break
            else:
                glanced = glance(line, crop, light)
                if len(self._known) >= _MOST_READ or glanced.share < _LEAST_SHARE:
                    continue
                reading = read(line, crop, light, glanced)
                self._known.append((place, light, reading))
            readings.append(None if reading is None else reading._replace(box=_box(line)))
            if reading is not None and reading.confidence > HIGH_CONFIDENCE:
                break
        return readings


def _glanced(line: Line, crop: NDArray[np.float32], light: bool) -> tuple[Glance, Line]:
    """A line at a glance; with room for its unit or its number where only the other was found, if that is likelier."""
    seen = glance(line, crop, light)
    if seen.part and line.letters:
        whole = completed(line, seen.part, crop.shape[1])
        again = glance(whole, crop, light, is_label=True)
        if again.share > seen.share:
            return again, whole
    return seen, line


def read_label(crop: NDArray[np.float32]) -> Reading | None:
    """The label in a crop (h, w) float32 between 0 and 1 that holds little else, in black or in white."""
    framed = np.pad(crop, 2, mode="edge")
    near = (0.0, 0.0, float(crop.shape[1]), float(crop.shape[0]))
    readings: list[Reading | None] = []
    for line, light in _likely_lines(framed, _levels(crop), near):
        readings.append(read(line, framed, light))
        if ((readings[-1] and readings[-1].confidence) or 0) > HIGH_CONFIDENCE:
            break
    reading = _best(readings, near)
    if reading is None or reading.confidence < HIGH_CONFIDENCE:
        reading = _best([reading, *LabelReader(framed).anywhere(), *_whole(crop)], near)
    return reading


def _whole(crop: NDArray[np.float32]) -> list[Reading | None]:
    """The whole crop as one line, dark or light: for letters that no finder of lines can part from their ground."""
    height, width = crop.shape
    inset = height // 10
    line = Line(0, inset, width, height - inset, np.zeros((1, 1), np.float32), ())
    return [read(line, crop, light) for light in (False, True)]


def _levels(crop: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Grey of the ink and of the paper, for dark letters and for light ones."""
    middle = otsu(crop)
    below, above = crop[crop <= middle], crop[crop > middle]
    if not below.size or not above.size:
        return []
    dark, light = float(np.percentile(below, 20)), float(np.percentile(above, 80))
    return [(dark, light), (light, dark)] if light - dark > 0.02 else []


def _likely_lines(crop: NDArray[np.float32], levels: list[tuple[float, float]], near: Box) -> list[tuple[Line, bool]]:
    """The likeliest lines in letters of the given greys, the best first, and whether their letters are light."""
    found: list[tuple[float, Line, bool]] = []
    for ink, paper in levels:
        framed = crop.copy()
        framed[[0, -1]] = paper
        framed[:, [0, -1]] = paper
        found += [(_unlikeliness(line, near), line, ink > paper) for line in find_lines(framed, ink, paper)]
    likely = [one for one in sorted(found, key=lambda one: one[0]) if one[0] < _MOST_UNLIKELY]
    return [(line, light) for _, line, light in likely[:_LINES_READ]]


def _within(line: Line, gap: Box) -> bool:
    """Whether a line stands in the gap of a bar, level with it."""
    middle, half = (line.top + line.bottom) / 2, (line.bottom - line.top) / 2
    return line.left > gap[0] - 3 and line.right < gap[2] + 3 and abs(middle - (gap[1] + gap[3]) / 2) < half


def _unlikeliness(line: Line, near: Box) -> float:
    """Small for a line of a label's length, near the bar, its letters of like height."""
    heights = np.array([h for _, _, _, h in line.letters], float)
    high = float(np.median(heights))
    letters = len(line.letters)
    distance = _gap(_box(line), near) / max(high, 1)
    return (
        distance + 0.7 * max(0, letters - 8) + 1.5 * max(0, 4 - letters) + 3 * float(np.std(heights) / high) - high / 60
    )


def _best(readings: list[Reading | None], near: Box) -> Reading | None:
    """The surest reading; where another length is read nearly as surely elsewhere, neither is believed."""
    known = [reading for reading in readings if reading is not None]
    if not known:
        return None
    ranked = sorted(known, key=lambda one: -one.confidence / (1 + _gap(one.box, near) / 100))
    best = ranked[0]
    rivals = [one for one in ranked[1:] if abs(one.label.nm / best.label.nm - 1) > 1e-6]
    if best.confidence >= HIGH_CONFIDENCE:
        # The same line read with a speck beside it is no rival.
        rivals = [one for one in rivals if one.confidence > _UNUSUAL or _gap(one.box, best.box) > 0]
    rival = max((one.confidence for one in rivals), default=0.0)
    return best._replace(confidence=best.confidence * (1 - 0.7 * rival))


def _box(line: Line) -> Box:
    return float(line.left), float(line.top), float(line.right), float(line.bottom)


def _gap(one: Box, other: Box) -> float:
    """Between the nearest points of two boxes, in pixels."""
    dx = max(one[0] - other[2], 0.0, other[0] - one[2])
    dy = max(one[1] - other[3], 0.0, other[1] - one[3])
    return float(np.hypot(dx, dy))
