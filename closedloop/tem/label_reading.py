"""Read the label of a scale bar: find lines of text beside it, read each in several views, and weigh them up.

Finding the bar is for `closedloop.tem.scale_bar`, finding text for `closedloop.tem.text_lines`, what the reader's
letters can mean for `closedloop.tem.scale_decoding`.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem._background import otsu
from closedloop.tem.ocr import Word, read_line, read_words
from closedloop.tem.scale_bar import Bar
from closedloop.tem.scale_decoding import Decoding, decode, weigh
from closedloop.tem.scale_lexicon import Entry
from closedloop.tem.scale_text import Label, parse_label
from closedloop.tem.text_lines import Line, find_lines, has_point, unit_arch

HIGH_CONFIDENCE = 0.9
_ARCH_UNSEEN = 0.85  # most belief in a µm of which no letter shows that it is no n
# What no reading exceeds; what one of a length that few bars have does not: "12 µm" may be "2 µm" beside an edge; and
# what one outside the lexicon does not.
_SUREST, _RARELY_SURE, _UNUSUAL = 0.99, 0.85, 0.5
_MANY_MICROMETRES = 100_000.0  # nm
_HOPELESS = 0.01
_LINES_READ = 3
_MOST_UNLIKELY = 6.0
_MOST_READ = 8  # lines of one picture
# Pixels that the reader's own detector is given at most: it takes about 40 µs for each.
_DETECTOR_PIXELS = 40_000
_HEIGHT = 64

Box = tuple[float, float, float, float]


class Reading(NamedTuple):
    """A label, how far it is to be believed (0 to 1), and where it stands: left, top, right, bottom in pixels."""

    label: Label
    confidence: float
    box: Box


class LabelReader:
    """Reads the labels beside the bars of one image (H, W) float32 between 0 and 1, each line of text once."""

    def __init__(self, image: NDArray[np.float32]) -> None:
        self._image = image
        self._known: list[tuple[Box, bool, Reading | None]] = []

    def beside(self, bar: Bar, thorough: bool = False) -> Reading | None:
        """The label of a bar, or ``None`` where none can be read.

        thorough: where no line beside the bar is read surely, ask the reader's own detector (a second or two).
        """
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
        if thorough and (reading is None or reading.confidence < HIGH_CONFIDENCE):
            reading = _best([reading, *_detected(crop)], near)
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
                if len(self._known) >= _MOST_READ:
                    continue
                reading = _read(line, crop, light)
                self._known.append((place, light, reading))
            readings.append(None if reading is None else reading._replace(box=_box(line)))
            if reading is not None and reading.confidence > HIGH_CONFIDENCE:
                break
        return readings


def read_label(crop: NDArray[np.float32], thorough: bool = True) -> Reading | None:
    """The label in a crop (h, w) float32 between 0 and 1 that holds little else, in black or in white."""
    framed = np.pad(crop, 2, mode="edge")
    near = (0.0, 0.0, float(crop.shape[1]), float(crop.shape[0]))
    reading = _best(_read_lines(framed, _levels(crop), near), near)
    if thorough and (reading is None or reading.confidence < HIGH_CONFIDENCE):
        reading = _best([reading, *_detected(crop)], near)
    return reading


def _levels(crop: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Grey of the ink and of the paper, for dark letters and for light ones."""
    middle = otsu(crop)
    below, above = crop[crop <= middle], crop[crop > middle]
    if not below.size or not above.size:
        return []
    dark, light = float(np.percentile(below, 20)), float(np.percentile(above, 80))
    return [(dark, light), (light, dark)] if light - dark > 0.02 else []


def _read_lines(crop: NDArray[np.float32], levels: list[tuple[float, float]], near: Box) -> list[Reading | None]:
    """The lines in letters of the given greys, those nearest first, as far as the first that is beyond doubt."""
    readings: list[Reading | None] = []
    for line, light in _likely_lines(crop, levels, near):
        readings.append(_read(line, crop, light))
        if ((readings[-1] and readings[-1].confidence) or 0) > HIGH_CONFIDENCE:
            break
    return readings


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
    distance = _gap((line.left, line.top, line.right, line.bottom), near) / max(high, 1)
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


def _read(line: Line, crop: NDArray[np.float32], light: bool) -> Reading | None:
    """One line: its ink alone, and the grey picture of the same place with room at its ends; two more views in doubt.

    The grey shows a letter that the ink has left out; the ink hides what the grey shows behind the letters.
    """
    views = [_view(line.picture()), _view(_grey(crop, line, light, 1.0))]
    entry, share, other = weigh(views)
    box, agreed = _box(line), _agree(views, entry)
    if share < _HOPELESS and all(weigh([view])[1] < _HOPELESS for view in views):
        return _unusual([view.text for view in views], box)
    if share < 0.98 or not agreed:
        views += [_view(_padded(line.picture())), _view(_grey(crop, line, light, 0.3))]
        entry, share, other = weigh(views)
        share *= 1.0 if _agree(views[:1], entry) or _agree(views[1:2], entry) else 0.6
    if other > 0.5:
        return _unusual([view.text for view in views], box)
    belief = min(_SUREST, share) * _looks_right(entry, line)
    if entry.rare:
        belief = min(belief, _RARELY_SURE)
    if not agreed and len(line.letters) > len(entry.spelling):
        belief *= 0.6  # a letter was overlooked
    return Reading(Label(entry.nm, entry.text, share, views[0].text), belief, box)


def _view(picture: NDArray[np.uint8]) -> Decoding:
    letters = read_line(picture)
    return decode(letters.probabilities, letters.alphabet)


def _agree(views: list[Decoding], entry: Entry) -> bool:
    """Whether each view alone says the same length."""
    return all(weigh([view])[0].nm == entry.nm for view in views)


def _unusual(texts: list[str], box: Box) -> Reading | None:
    """A length that bars do not carry, or that stands among other words: shown, but not believed."""
    for text in texts:
        label = parse_label(text)
        if label is not None:
            return Reading(label, min(_UNUSUAL, 0.5 * label.certainty), box)
    return None


def _grey(crop: NDArray[np.float32], line: Line, light: bool, room: float) -> NDArray[np.uint8]:
    """The place of the line, dark on light; room: at its ends, in heights of the line."""
    height = line.bottom - line.top
    reach = round(room * height)
    box = crop[line.top : line.bottom, max(0, line.left - reach) : line.right + reach]
    low, high = np.percentile(box, (1, 99))
    grey = np.clip((box - low) / max(float(high - low), 1e-6) * 255, 0, 255)
    grey = cv2.resize(grey, None, fx=_HEIGHT / height, fy=_HEIGHT / height, interpolation=cv2.INTER_CUBIC)
    return np.clip(255 - grey if light else grey, 0, 255).astype(np.uint8)


def _padded(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Smaller letters with more white around them: another view of the same line for the reader."""
    return np.pad(picture, ((10, 10), (24, 24)), constant_values=255)


def _looks_right(entry: Entry, line: Line) -> float:
    """Look at the letters for the faults that change a length: a lost point, n for u."""
    belief = 1.0
    digits = sum(letter.isdigit() for letter in entry.spelling)
    if has_point(line, digits) and not any(mark in entry.spelling for mark in ".,"):
        belief *= 0.4
    arch = unit_arch(line)
    if arch is not None and entry.text.endswith(("nm", "µm")) and (arch == "u") != entry.text.endswith("µm"):
        belief *= 0.4
    if arch is None and entry.text.endswith("µm") and len(line.letters) > len(entry.spelling) + 1:
        # Bold letters that fell into strokes read as "um" where "nm" stands, and a thousandfold is at stake.
        belief *= _ARCH_UNSEEN
    if entry.text.endswith("µm") and entry.nm >= _MANY_MICROMETRES and not any(mark in entry.spelling for mark in ".,"):
        # Rare in electron microscopy, where "2.00 µm" is not: its point is smaller than the noise of many pictures.
        belief = min(belief, _RARELY_SURE)
    return belief


def _detected(crop: NDArray[np.float32]) -> list[Reading | None]:
    """What EasyOCR's own detector finds, for text whose ink could not be told from what lies under it."""
    factor = float(np.clip(np.sqrt(_DETECTOR_PIXELS / crop.size), 0.2, 2.5))
    method = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    resized = cv2.resize(crop, None, fx=factor, fy=factor, interpolation=method)
    low, high = np.percentile(resized, (1, 99))
    grey = np.clip((resized - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    found: list[Reading | None] = []
    for words in _lines(read_words(grey)):
        left, top = (int(min(getattr(word, side) for word in words) / factor) for side in ("left", "top"))
        right, bottom = (int(max(getattr(word, side) for word in words) / factor) + 1 for side in ("right", "bottom"))
        box = crop[max(0, top) : bottom, max(0, left) : right]
        if min(box.shape, default=0) < 6 or box.shape[1] < box.shape[0]:
            continue
        framed = np.pad(box, 2, mode="edge")
        inside = _read_lines(framed, _levels(box), (0.0, 0.0, float(box.shape[1]), float(box.shape[0])))
        bare = Line(left, max(0, top), right, min(bottom, crop.shape[0]), np.zeros((1, 1), np.float32), ())
        views = [_view(_grey(crop, bare, light, room)) for light in (False, True) for room in (0.0, 0.3)]
        entry, share, other = weigh(views)
        if other < 0.5:
            # Its letters were not looked at one by one: not sure by itself.
            own = Reading(Label(entry.nm, entry.text, share, views[0].text), min(0.8, share), _box(bare))
            best = _best(inside, (0.0, 0.0, float(box.shape[1]), float(box.shape[0])))
            if best is not None and best.label.nm == entry.nm:
                both = min(_SUREST, 1 - (1 - own.confidence) * (1 - best.confidence))
                # Two views of letters whose arch neither shows are no two witnesses for it.
                doubtful = entry.text.endswith("µm") and best.confidence < HIGH_CONFIDENCE
                own = own._replace(confidence=min(both, _ARCH_UNSEEN) if doubtful else both)
            found.append(own)
    return found


def _box(line: Line) -> Box:
    return float(line.left), float(line.top), float(line.right), float(line.bottom)


def _lines(words: list[Word]) -> list[list[Word]]:
    """Words that stand on one line, left to right."""
    lines: list[list[Word]] = []
    for word in words:
        middle = (word.top + word.bottom) / 2
        for line in lines:
            if line[0].top < middle < line[0].bottom:
                line.append(word)
                break
        else:
            lines.append([word])
    return [sorted(line, key=lambda word: word.left) for line in lines]


def _gap(one: Box, other: Box) -> float:
    """Between the nearest points of two boxes, in pixels."""
    dx = max(one[0] - other[2], 0.0, other[0] - one[2])
    dy = max(one[1] - other[3], 0.0, other[1] - one[3])
    return float(np.hypot(dx, dy))
