"""Read the label of a scale bar: find its line of text, read it twice, and believe what both readings agree on.

Finding the bar is for `closedloop.tem.scale_bar`, finding text for `closedloop.tem.text_lines`, what it means for
`closedloop.tem.scale_text`.
"""

import re
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem._background import otsu
from closedloop.tem.ocr import Word, read_line, read_words
from closedloop.tem.scale_bar import Bar
from closedloop.tem.scale_text import Label, parse_label
from closedloop.tem.text_lines import Line, find_lines, has_point, unit_arch

HIGH_CONFIDENCE = 0.75
# Pixels that the reader's own detector is given at most: it takes about 40 µs for each.
_DETECTOR_PIXELS = 40_000


class Reading(NamedTuple):
    """A label, how far it is to be believed (0 to 1), and where it stands: left, top, right, bottom in pixels."""

    label: Label
    confidence: float
    box: tuple[float, float, float, float]


def read_bar_label(image: NDArray[np.float32], bar: Bar) -> Reading | None:
    """The label beside a bar, in an image (H, W) float32 between 0 and 1; ``None`` where there is none to be read."""
    height, width = image.shape
    reach_x = int(max(0.6 * bar.length_px, 0.2 * width, 60))
    reach_y = int(max(0.09 * height, 8 * bar.thickness_px, 45))
    left, right = max(0, int(bar.left) - reach_x), min(width, int(bar.right) + reach_x)
    top, bottom = max(0, bar.top - reach_y), min(height, bar.bottom + reach_y)
    crop = image[top:bottom, left:right].copy()
    # Without its bar, which the reader takes for a dash.
    rows = slice(max(0, bar.top - top - 1), bar.bottom - top + 1)
    crop[rows, max(0, int(bar.left) - left - 1) : int(bar.right) - left + 2] = bar.outside
    near = ((bar.left + bar.right) / 2 - left, (bar.top + bar.bottom) / 2 - top)
    reading = _best([_read(line, crop) for line in find_lines(crop, bar.level, bar.outside)], near)
    if reading is None or reading.confidence < HIGH_CONFIDENCE:
        reading = _best([reading, *_detected(crop, near)], near)
    if reading is None:
        return None
    x0, y0, x1, y1 = reading.box
    return reading._replace(box=(x0 + left, y0 + top, x1 + left, y1 + top))


def read_label(crop: NDArray[np.float32]) -> Reading | None:
    """The label in a crop (h, w) float32 between 0 and 1 that holds little else, in black or in white."""
    middle = otsu(crop)
    below, above = crop[crop <= middle], crop[crop > middle]
    if not below.size or not above.size:
        return None
    dark, light = float(np.percentile(below, 20)), float(np.percentile(above, 80))
    framed = np.pad(crop, 2)
    centre = (crop.shape[1] / 2, crop.shape[0] / 2)
    readings: list[Reading | None] = []
    for ink, paper in ((dark, light), (light, dark)):
        framed[[0, 1, -2, -1]] = paper
        framed[:, [0, 1, -2, -1]] = paper
        readings += [_read(line, framed) for line in find_lines(framed, ink, paper)]
    reading = _best(readings, centre)
    if reading is None or reading.confidence < HIGH_CONFIDENCE:
        reading = _best([reading, *_detected(crop, centre)], centre)
    return reading


def _best(readings: list[Reading | None], near: tuple[float, float]) -> Reading | None:
    """The surest reading; where another length is read nearly as surely elsewhere, neither is believed."""
    known = [reading for reading in readings if reading is not None]
    if not known:
        return None
    ranked = sorted(known, key=lambda one: -one.confidence / (1 + _distance(one.box, near) / 200))
    best = ranked[0]
    rivals = [one for one in ranked[1:] if one.label.nm != best.label.nm]
    rival = max((one.confidence for one in rivals), default=0.0)
    return best._replace(confidence=best.confidence * (1 - 0.7 * rival))


def _read(line: Line, crop: NDArray[np.float32]) -> Reading | None:
    """One line, read three times: its ink alone at two sizes, and the grey picture of the same place.

    The grey shows a letter that the ink has left out; the ink hides what the grey shows behind the letters.
    """
    labels = []
    for picture in (line.picture(), _padded(line.picture()), _grey(crop, line)):
        text, probability = read_line(picture)
        label = parse_label(text)
        labels.append(None if label is None else (label, probability * label.certainty * _looks_right(label, line)))
    known = [one for one in labels if one is not None]
    if not known:
        return None
    label, belief = max(known, key=lambda one: one[1])
    agreeing = [one for one in known if one[0].nm == label.nm]
    if len(agreeing) > 1:
        doubt = float(np.prod([1 - one for _, one in agreeing]))
        # Readings of the same pixels share their faults: what had to be guessed stays a guess.
        belief = min(1 - doubt, max(one.certainty for one, _ in agreeing) * _looks_right(label, line))
    else:
        belief *= 0.7
    belief *= 0.4 ** (len(known) - len(agreeing))
    return Reading(label, belief, (line.left, line.top, line.right, line.bottom))


def _grey(crop: NDArray[np.float32], line: Line) -> NDArray[np.uint8]:
    height = line.bottom - line.top
    box = crop[line.top : line.bottom, line.left : line.right]
    low, high = float(box.min()), float(box.max())
    grey = np.clip((box - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(grey, None, fx=64 / height, fy=64 / height, interpolation=cv2.INTER_CUBIC), np.uint8)


def _padded(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Smaller letters with more white around them: another view of the same line for the reader."""
    return np.pad(picture, ((10, 10), (24, 24)), constant_values=255)


def _looks_right(label: Label, line: Line) -> float:
    """Look at the letters for the two faults that change a length a hundredfold and more: a lost point, n for u."""
    belief = 1.0
    if len(line.letters) > len(re.sub(r"\W", "", label.source)):
        belief *= 0.4  # a letter was overlooked
    digits = sum(character.isdigit() for character in label.text.partition(" ")[0])
    if has_point(line, digits) and not re.search(r"\d[.,]\d", label.source):
        belief *= 0.4
    arch = unit_arch(line)
    if label.text.endswith("µm") and arch != "u":
        belief *= 0.4 if arch == "n" else 0.75
    if label.text.endswith("nm") and arch == "u":
        belief *= 0.4
    return belief


def _detected(crop: NDArray[np.float32], near: tuple[float, float]) -> list[Reading]:
    """What EasyOCR's own detector finds, for text whose ink could not be told from what lies under it."""
    factor = float(np.clip(np.sqrt(_DETECTOR_PIXELS / crop.size), 0.2, 2.5))
    method = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    resized = cv2.resize(crop, None, fx=factor, fy=factor, interpolation=method)
    low, high = np.percentile(resized, (1, 99))
    grey = np.clip((resized - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    found = []
    for line in _lines(read_words(grey)):
        label = parse_label(" ".join(word.text for word in line))
        if label is not None:
            # One reading, its letters not looked at: never sure enough by itself.
            probability = min(word.probability for word in line)
            box = (
                min(word.left for word in line) / factor,
                min(word.top for word in line) / factor,
                max(word.right for word in line) / factor,
                max(word.bottom for word in line) / factor,
            )
            found.append(Reading(label, _agreeing(grey, line, label, probability), box))
    return found


def _agreeing(grey: NDArray[np.uint8], words: list[Word], label: Label, probability: float) -> float:
    """Belief in what the detector led to, after looking at the same place with the ink's own eyes."""
    top, bottom = int(min(word.top for word in words)), int(max(word.bottom for word in words))
    left, right = int(min(word.left for word in words)), int(max(word.right for word in words))
    box = grey[max(0, top) : bottom + 1, max(0, left) : right + 1].astype(np.float32) / np.float32(255)
    belief = 0.7 * probability * label.certainty
    if min(box.shape) < 8:
        return belief
    middle = otsu(box)
    levels = float(np.percentile(box[box <= middle], 20)), float(np.percentile(box, 90))
    framed = np.pad(box, 2, mode="edge")
    for ink, paper in (levels, levels[::-1]):
        if abs(ink - paper) < 0.05:
            continue
        for line in find_lines(framed, ink, paper):
            again = _read(line, framed)
            if again is not None and again.label.nm == label.nm:
                return max(belief, 1 - (1 - belief) * (1 - again.confidence))
    return belief


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


def _distance(box: tuple[float, float, float, float], point: tuple[float, float]) -> float:
    """From a point to the nearest point of a box, in pixels."""
    dx = max(box[0] - point[0], 0, point[0] - box[2])
    dy = max(box[1] - point[1], 0, point[1] - box[3])
    return float(np.hypot(dx, dy))
