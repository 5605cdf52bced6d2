"""Read one line of text beside a scale bar: several views of it, two readers, and what they say together.

Our own reader (`closedloop.tem.label_network`) knows labels and little else; it is quick, and looks first. EasyOCR's
was trained on other pictures and so has other faults: what both read is believed.
"""

import re
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem.ocr import read_line
from closedloop.tem.scale_decoding import Decoding, decode, likeliest, plainly, weigh
from closedloop.tem.scale_lexicon import Entry
from closedloop.tem.scale_reciprocal import has_raised_minus_one, hints_at_a_power, says_reciprocal
from closedloop.tem.scale_text import Label, parse_label
from closedloop.tem.text_lines import Line, has_point, hides_a_point, unit_arch

HIGH_CONFIDENCE = 0.9
# What no reading exceeds; what one of a length that few bars have does not: "12 µm" may be "2 µm" beside an edge; what
# one reader alone has read does not; and what one outside the lexicon does not.
_SUREST, _RARELY_SURE, _ALONE, _UNUSUAL = 0.99, 0.85, 0.8, 0.5
_CONTRADICTED = 0.5  # of the belief that is left where the other reader reads another length
_ROOM_FOR_POWER = (1.6, 2.4)  # of the line's height
_LEAST_ASKED = 0.3  # belief below which a line is not asked whether its unit is reciprocal
_MANY_MICROMETRES = 100_000.0  # nm
_HOPELESS = 0.02
_ONE_MORE, _ANOTHER = 0.2, 0.6  # chance that one view gives a longer number, or any other, before it is an objection
_HEIGHT = 64
# Of a line's height: the widest stroke; of its letters': what a unit and a number take. Of the step from ground to ink:
# how much the ground varies where particles lie under the letters. In grey, of 1: the least such step.
_WIDEST_STROKE, _ROOM_FOR_UNIT, _ROOM_FOR_NUMBER, _UNEVEN, _LEAST_STEP = 0.25, 3.3, 2.5, 0.25, 0.1
_PART = re.compile(r"\d[\d.,]*\d|0*[nu]m")

Box = tuple[float, float, float, float]


class Reading(NamedTuple):
    """A label, how far it is to be believed (0 to 1), where it stands, and how.

    box: left, top, right, bottom in pixels; height: of its letters, in pixels; light: whether they are lighter than
    their ground; ink: their grey, 0 to 1; reciprocal: whether its unit is one of diffraction patterns, 1/nm for nm.
    """

    label: Label
    confidence: float
    box: Box
    height: float
    light: bool
    ink: float
    reciprocal: bool = False


class Glance(NamedTuple):
    """A line as our own reader alone sees it: its views, and how likely they make the likeliest label.

    part: what two views at the least read where that is a number without a unit, or a unit that lacks its number.
    """

    views: list[Decoding]
    share: float
    part: str = ""


def glance(line: Line, crop: NDArray[np.float32], light: bool, is_label: bool = False) -> Glance:
    """A few milliseconds. crop (h, w) float32 between 0 and 1: what the line's box belongs to.

    is_label: whether it is known to be one, and so is looked at where number or unit are not seen.
    """
    from closedloop.tem.label_network import read_label_line

    pictures = [*_ink(line), _grey(crop, line, light, 0.15), _grey(crop, line, light, 0.6)]
    seen = [read_label_line(picture) for picture in pictures]
    texts = [plainly(letters) for letters in seen]
    if is_label or any(letter.isdigit() for letter in "".join(texts)):
        seen += [read_label_line(picture) for picture in _levelled(crop, line, light)]
        texts = [plainly(letters) for letters in seen]
    part = next((text for text in texts if texts.count(text) > 1 and _PART.fullmatch(text)), "")
    if not is_label and not _any_digit_and_unit(texts):
        return Glance([], 0.0, part)
    views = [decode(letters.probabilities, letters.alphabet) for letters in seen]
    return Glance(views, likeliest(views)[1], part)


def completed(line: Line, part: str, width: int) -> Line:
    """The place of a line of which only a part was found, with room for what it lacks; width: of the picture."""
    high = max(height for _, _, _, height in line.letters)
    left, right = line.left, line.right
    if part[-1] == "m":
        left = max(0, left - round(_ROOM_FOR_NUMBER * high))
    else:
        right = min(width, right + round(_ROOM_FOR_UNIT * high))
    return Line(left, line.top, right, line.bottom, np.zeros((1, 1), np.float32), ())


def read(line: Line, crop: NDArray[np.float32], light: bool, seen: Glance | None = None) -> Reading | None:
    """One line, from its ink alone and from the grey picture of the same place with room at its ends.

    The grey shows a letter that the ink has left out; the ink hides what the grey shows behind the letters. A label of
    reciprocal length is told from one that is not, and never sure.
    """
    reading, texts = _read(line, crop, light, seen)
    if reading is None:
        return None
    raised = has_raised_minus_one(line, crop, reading.ink)
    hinted = raised or any(says_reciprocal(text) or hints_at_a_power(text) for text in texts)
    if reading.confidence < _LEAST_ASKED and not hinted:
        return reading  # hardly a label, such as particles in a row: not worth two more looks
    # Room enough for what is raised behind the unit, which the other views may cut off.
    texts += [plainly(read_line(_grey(crop, line, light, room, above=0.3))) for room in _ROOM_FOR_POWER]
    said = sum(says_reciprocal(text) for text in texts)
    power = any(hints_at_a_power(text) for text in texts)
    if said + raised + power > 1:
        return reading._replace(confidence=min(reading.confidence, _ALONE), reciprocal=True)
    if said or raised or power:
        return reading._replace(confidence=min(reading.confidence, _ALONE))
    return reading


def _read(line: Line, crop: NDArray[np.float32], light: bool, seen: Glance | None) -> tuple[Reading | None, list[str]]:
    """As if no unit were reciprocal; and what EasyOCR's reader wrote freely."""
    own = (seen or glance(line, crop, light)).views
    if not own:
        return None, []
    ink = _ink_level(line, crop, light)
    letters = _levelled(crop, line, light) or _ink(line)
    theirs = [_view(picture) for picture in (*letters, _grey(crop, line, light, 1.0))]
    texts = [view.text for view in theirs]
    box = float(line.left), float(line.top), float(line.right), float(line.bottom)
    high = float(max(height for _, _, _, height in line.letters)) if line.letters else box[3] - box[1]
    entry, share, other = weigh([*own, *theirs])
    spoken, often = likeliest([*own, *theirs])
    if often < _HOPELESS and share < _HOPELESS:
        label = _unusual([view.text for view in (*own, *theirs)])
        if label is None:
            return None, texts
        return Reading(label, min(_UNUSUAL, 0.5 * label.certainty), box, high, light, ink), texts
    if share < 0.5 or other > 0.5:
        # No length that all views together speak for: the one that some do is shown, and not believed.
        entry, share = spoken, min(often, _ALONE)
    belief = min(_SUREST, share) * _looks_right(entry, line)
    for views in (own, theirs):
        alone, plain = likeliest(views)
        if alone.nm != entry.nm:
            belief = belief * _CONTRADICTED if plain > 0.3 else min(belief, _ALONE)
        elif plain < 0.3:
            belief = min(belief, _ALONE)
    if any(_says_otherwise(view, entry) for view in (*own, *theirs)):
        belief = min(belief, _ALONE)
    if entry.rare:
        belief = min(belief, _RARELY_SURE)
    return Reading(Label(entry.nm, entry.text, share, own[0].text), belief, box, high, light, ink), texts


def _says_otherwise(view: Decoding, entry: Entry) -> bool:
    """Whether one view by itself speaks for another length, or for the same digits with one more before them."""
    alone, plain = likeliest([view])
    longer = len(alone.spelling) > len(entry.spelling) and alone.spelling.endswith(entry.spelling)
    return alone.nm != entry.nm and plain > (_ONE_MORE if longer else _ANOTHER)


def _any_digit_and_unit(texts: list[str]) -> bool:
    """Whether the views show a number and a unit; most places of a picture show neither."""
    return any(letter in text for text in texts for letter in "0123456789") and any(
        letter in text for text in texts for letter in "mnuA"
    )


def _view(picture: NDArray[np.uint8]) -> Decoding:
    letters = read_line(picture)
    return decode(letters.probabilities, letters.alphabet, loses_points=True)


def _ink(line: Line) -> list[NDArray[np.uint8]]:
    """The letters alone, where they were told from their ground."""
    return [line.picture()] if line.letters else []


def _ink_level(line: Line, crop: NDArray[np.float32], light: bool) -> float:
    """The grey of the letters' strokes, of which blurred edges are no part."""
    place = crop[line.top : line.bottom, line.left : line.right]
    return float(np.percentile(place, 97 if light else 3))


def _unusual(texts: list[str]) -> Label | None:
    """A length that bars do not carry, or that stands among other words: shown, but not believed."""
    for text in texts:
        label = parse_label(text)
        if label is not None:
            return label
    return None


def _grey(crop: NDArray[np.float32], line: Line, light: bool, room: float, above: float = 0.0) -> NDArray[np.uint8]:
    """The place of the line, dark on light; room at its ends, and above it, in heights of the line."""
    height = line.bottom - line.top
    top = max(0, line.top - round(above * height))
    reach = round(room * height)
    box = crop[top : line.bottom, max(0, line.left - reach) : line.right + reach]
    low, high = np.percentile(box, (1, 99))
    grey = np.clip((box - low) / max(float(high - low), 1e-6) * 255, 0, 255)
    factor = _HEIGHT / len(box)
    grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return np.clip(255 - grey if light else grey, 0, 255).astype(np.uint8)


def _levelled(crop: NDArray[np.float32], line: Line, light: bool) -> list[NDArray[np.uint8]]:
    """The letters as shares of the way from their own ground to their ink, where that ground is not of one grey.

    Letters are drawn in one grey, over particles too, where they differ less from what lies under them.
    """
    box = crop[line.top : line.bottom, line.left : line.right]
    shown = box if light else 1 - box
    height = len(shown)
    stroke = max(5, round(_WIDEST_STROKE * height)) | 1
    smooth = cv2.GaussianBlur(shown, (0, 0), max(0.5, height / 40))
    ground = cv2.morphologyEx(smooth, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (stroke, stroke)))
    ground = cv2.blur(ground, (stroke, stroke))
    ink = float(np.percentile(shown, 98))
    low, middle, high = np.percentile(ground, (5, 50, 95))
    if line.letters and high - low < _UNEVEN * (ink - middle):
        return []
    share = np.clip((shown - ground) / np.maximum(ink - ground, _LEAST_STEP), 0, 1)
    share = cv2.resize(share, None, fx=_HEIGHT / height, fy=_HEIGHT / height, interpolation=cv2.INTER_CUBIC)
    return [np.clip(255 * (1 - share), 0, 255).astype(np.uint8)]


def _looks_right(entry: Entry, line: Line) -> float:
    """Look at the letters for the faults that change a length: a lost point, n for u."""
    belief = 1.0
    digits = sum(letter.isdigit() for letter in entry.spelling)
    pointless = not any(mark in entry.spelling for mark in ".,")
    if line.letters and has_point(line, digits) and pointless:
        belief *= 0.4
    if digits > 1 and pointless and entry.text.endswith("µm") and hides_a_point(line):
        # Microscopes write "1.0 µm", but seldom "1.0 nm".
        belief = min(belief, _RARELY_SURE)
    arch = unit_arch(line)
    if arch is not None and entry.text.endswith(("nm", "µm")) and (arch == "u") != entry.text.endswith("µm"):
        belief *= 0.4
    if entry.text.endswith("µm") and entry.nm >= _MANY_MICROMETRES and pointless:
        # Rare in electron microscopy, where "2.00 µm" is not: its point is smaller than the noise of many pictures.
        belief = min(belief, _RARELY_SURE)
    return belief
