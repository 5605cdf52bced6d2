"""Which bar carries which label, and what several bars of one picture say together.

Finding bars is for `closedloop.tem.scale_bar`, reading text for `closedloop.tem.label_reading`.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closedloop.tem.label_reading import LabelReader, read_label
from closedloop.tem.label_views import HIGH_CONFIDENCE, Reading
from closedloop.tem.reading import Picture
from closedloop.tem.scale_bar import Bar, find_bars, find_bars_near, without_outlines
from closedloop.tem.scale_pieces import halved, runs_through, unlike_stripes
from closedloop.tem.scale_ruler import find_ruler

Box = tuple[float, float, float, float]

_BARS_READ = 6
# Of a bar whose label is looked for, and of one that is a bar whatever stands beside it.
_LEAST_QUALITY, _CLEAR = 0.3, 0.8
_SAME_SCALE = 0.03
_SAME_INK = 0.15
_OPPOSITE, _WEAKER = 0.5, 0.6  # likeness of a bar to letters of the opposite grey, or of more contrast
_THIN = 3  # pixels
# Quality of a bar that no other is compared with, and how much cleaner another one must be to count.
_CLEAN, _CLEANER = 0.95, 0.03
_LEAST_FIT, _GOOD_FIT = 0.05, 0.5
_LEAST_OBJECTION, _LEAST_SHOWN, _LIKELY = 0.2, 0.05, 0.5

# An electron microscope shows between an atom and some centimetres at once.
_FIELD_NM = (1.0, 5e7)
# A picture of a label alone, in pixels; a larger one is not searched for writing without a bar.
_LABEL_PIXELS = 120_000


@dataclass(frozen=True)
class BarReading:
    """A bar with its label. doubt: why it is not to be believed; ``None`` where it is (confidence of 0.9 and more).

    bar_px, nm_per_px: 0 for a label without a bar. label_box: left, top, right, bottom in pixels. reciprocal: whether
    the label says a reciprocal length, as those of diffraction patterns do.
    """

    text: str
    bar_nm: float
    bar_px: float
    nm_per_px: float
    confidence: float
    label_box: Box
    doubt: str | None = None
    reciprocal: bool = False


@dataclass(frozen=True)
class _Match:
    bar: Bar
    reading: Reading
    fit: float

    @property
    def nm_per_px(self) -> float:
        return self.reading.label.nm / self.bar.length_px

    @property
    def confidence(self) -> float:
        return self.reading.confidence * self.fit


def read_bars(picture: Picture, thorough: bool = True) -> BarReading | None:
    """What the picture's scale bars say, or a label whose bar cannot be measured; ``None`` where neither is found.

    thorough: what hardly looks like a label is read too, and where no label leads to a bar, the bars are found first,
    and each one's label is looked for. Otherwise that is done for clear bars, and for all where a label is likely.
    """
    matches: list[_Match] = []
    labels: list[Reading] = []
    for image in _images(picture):
        reader = LabelReader(image)
        found = reader.anywhere(thorough)
        found = [one for one in found if one.confidence > _LEAST_SHOWN]
        labels += found
        for reading in found:
            matches += _around(image, reading)
        if not _any_sure(matches):
            # A likely label whose bar is not sure yet may contradict what was stated, and so may a clear bar.
            closely = thorough or any(one.confidence > _LIKELY for one in matches)
            least = _LEAST_QUALITY if closely else _CLEAR
            bars = [bar for bar in find_bars(image) if bar.quality >= least and (closely or not bar.cut_off)]
            bars = bars[:_BARS_READ]
            for one in _matches(reader, bars):
                matches += _around(image, one.reading) or [one]
        if _any_sure(matches):
            break
    labels = [one for one in labels if one.confidence > _LEAST_OBJECTION]
    if matches:
        kept = _one_bar_per_label(matches)
        others = _unread(find_bars(image), kept) if _any_sure(kept) else []
        return _agreed(kept, labels, others, max(picture.grey.shape))
    return _without_bar(labels[0]) if labels else None


def _any_sure(matches: list[_Match]) -> bool:
    return any(one.confidence >= HIGH_CONFIDENCE for one in matches)


def _around(image: NDArray[np.float32], reading: Reading) -> list[_Match]:
    """The bars that a label may belong to: in the grey of its letters, or, where there is none, in the opposite one."""
    near: list[_Match] = []
    around = [bar for bright in (True, False) for bar in find_bars_near(image, reading.box, reading.height, bright)]
    around = without_outlines(around)
    for bright in (reading.light, not reading.light):
        own = [bar for bar in around if (bar.level > bar.outside) == bright]
        others = [bar for bar in around if (bar.level > bar.outside) != bright]
        bars = [halved(image, bar, reading) for bar in unlike_stripes(own, others, reading)]
        found = [_match(bar, reading) for bar in bars]
        if not any(one is not None and one.fit > HIGH_CONFIDENCE for one in found):
            ruler = find_ruler(image, reading.box, reading.height, bright)
            found += [_match(ruler, reading)] if ruler else []
        near += [one for one in found if one is not None and one.fit > _LEAST_FIT]
        if any(one.fit > _GOOD_FIT and one.bar.quality > _CLEAN and _likeness(one.bar, reading) == 1.0 for one in near):
            break
    # Between a white box and a white bar, dark particles may look like a dark bar: a cleaner one casts doubt.
    cleanest = max((one.bar.quality for one in near if one.fit > HIGH_CONFIDENCE), default=0.0)
    return [
        replace(one, fit=min(one.fit, _GOOD_FIT)) if one.bar.quality < min(_CLEAN, cleanest - _CLEANER) else one
        for one in near
    ]


def _matches(reader: LabelReader, bars: list[Bar]) -> list[_Match]:
    """The bars with their labels; once one is sure, only bars of its kind, or beside the same label, are looked at."""
    found: list[_Match] = []
    for bar in bars:
        sure = next((one for one in found if one.confidence >= HIGH_CONFIDENCE), None)
        if sure is None:
            match = _match(bar, reader.beside(bar))
        else:
            match = _match(bar, sure.reading)
            if (match is None or match.fit < _LEAST_FIT) and not bar.cut_off and _alike(bar, sure.bar):
                match = _match(bar, reader.beside(bar))
        if match is not None and match.fit >= _LEAST_FIT:
            found.append(match)
    return found


def _alike(one: Bar, other: Bar) -> bool:
    """Whether two bars may be those of two panels, drawn by one hand."""
    return (
        one.quality > 0.6
        and abs(one.level - other.level) < 0.15
        and abs(one.thickness_px - other.thickness_px) <= max(2, 0.4 * other.thickness_px)
    )


def lone_label(picture: Picture) -> BarReading | None:
    """The label of a small picture that is hardly more than one, as a crop of a figure may be."""
    if picture.grey.size > _LABEL_PIXELS:
        return None
    reading = read_label(picture.grey)
    return None if reading is None else _without_bar(reading)


def _without_bar(reading: Reading) -> BarReading:
    label = reading.label
    return BarReading(
        label.text, label.nm, 0.0, 0.0, reading.confidence, reading.box, "it has no bar", reading.reciprocal
    )


def _images(picture: Picture) -> list[NDArray[np.float32]]:
    if picture.chroma is None:
        return [picture.grey]
    return [picture.chroma.astype(np.float32) / np.float32(255), picture.grey]


def _match(bar: Bar, reading: Reading | None) -> _Match | None:
    """How well a label and a bar go together: near, of like size, the bar whole and clear."""
    if reading is None:
        return None
    left, top, right, bottom = reading.box
    level = abs((top + bottom) - (bar.top + bar.bottom)) < reading.height
    if bar.gap is not None and not (level and bar.gap[0] < (left + right) / 2 < bar.gap[1]):
        return None
    height = max(1.0, bottom - top)
    aside = max(left - bar.right, bar.left - right, 0.0) / height
    apart = max(top - bar.bottom, bar.top - bottom, 0.0) / height
    fit = min(1.0, 0.4 + bar.quality) * (1 if not bar.cut_off else 0.3)
    fit *= _GOOD_FIT if runs_through(bar, reading) else 1.0
    if _likeness(bar, reading) < 1:
        fit *= min(1.0, bar.quality / 0.9)
    # Only a thin bar pales when a picture is shrunk.
    if _likeness(bar, reading) == _WEAKER and bar.thickness_px > _THIN:
        fit *= _GOOD_FIT
    # Beside the bar or above or below it, not both.
    fit *= float(np.exp(-max(0.0, apart - 1.2) - max(0.0, aside - 1.5) - (0.7 * min(aside, apart))))
    # An end that is off by a pixel must not matter: a short bar measures poorly.
    fit *= min(1.0, bar.length_px / 25)
    return _Match(bar, reading, fit)


def _one_bar_per_label(matches: list[_Match]) -> list[_Match]:
    """Each label with the bar that fits it best; where two fit nearly as well and differ, it is believed less."""
    kept: list[_Match] = []
    for one in sorted(matches, key=lambda match: -match.confidence * _closeness(match)):
        rival = next((other for other in kept if _overlap(one.reading.box, other.reading.box)), None)
        if rival is None:
            kept.append(one)
            continue
        share = one.fit * _closeness(one) / (rival.fit * _closeness(rival))
        if share > 0.7 and abs(one.nm_per_px / rival.nm_per_px - 1) > _SAME_SCALE:
            kept[kept.index(rival)] = replace(rival, fit=rival.fit * max(0.1, 1.4 - 0.9 * share))
    return kept


def _closeness(match: _Match) -> float:
    """Of bars near one label, the nearest, clearest and thickest is its own."""
    left, top, right, bottom = match.reading.box
    bar, height = match.bar, max(1.0, match.reading.box[3] - match.reading.box[1])
    apart = max(top - bar.bottom, bar.top - bottom, 0.0) / height
    off = abs((left + right) / 2 - (bar.left + bar.right) / 2) / max(right - left, bar.length_px)
    # A bar much shorter than its label is more often a stroke of something else.
    short = min(1.0, bar.length_px / (0.7 * (right - left)))
    return (
        bar.quality
        * float(np.exp(-0.5 * apart - 0.5 * off))
        * short
        * (1.5 if bar.gap is not None else 1.0)
        * _likeness(bar, match.reading)
    )


def _likeness(bar: Bar, reading: Reading) -> float:
    """A bar has the grey of its letters, mostly: a weaker one or one of the opposite grey is less likely theirs."""
    bright = bar.level > bar.outside
    if bright != reading.light:
        return _OPPOSITE
    weaker = reading.ink - bar.level if bright else bar.level - reading.ink
    return 1.0 if weaker < _SAME_INK else _WEAKER


def _overlap(one: Box, other: Box) -> bool:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return (
        wide > 0 and high > 0 and wide * high > 0.3 * min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    )


def _unread(bars: list[Bar], matches: list[_Match]) -> list[Bar]:
    """Bars that are drawn just as one that was read, elsewhere, and whose labels were not: those of other panels."""
    sure = [one.bar for one in matches if one.confidence >= HIGH_CONFIDENCE]
    read = [one.bar for one in matches if one.fit > _GOOD_FIT]
    return [
        bar
        for bar in bars
        if bar.quality > _CLEAN
        and not bar.cut_off
        and any(
            _alike(bar, one) and abs(bar.level - one.level) < 0.03 and abs(bar.thickness_px - one.thickness_px) <= 1
            for one in sure
        )
        and not any(abs(bar.top - one.top) < 5 and bar.left < one.right and bar.right > one.left for one in read)
    ]


def _agreed(matches: list[_Match], labels: list[Reading], unread: list[Bar], side: int) -> BarReading:
    """One scale of several panels: the one that most bars say; in doubt where a bar that was read surely differs."""
    # Of doubtful ones the plainest label is shown, whatever its bar.
    ranked = sorted(matches, key=lambda match: -match.reading.confidence * (0.6 + match.fit))
    sure = [one for one in ranked if one.confidence >= HIGH_CONFIDENCE]
    agreeing = [[other for other in sure if abs(other.nm_per_px / one.nm_per_px - 1) <= _SAME_SCALE] for one in sure]
    best = max(agreeing, key=len)[0] if sure else ranked[0]
    confidence, doubt = best.confidence, None
    # A panel that was read, if not surely, and says otherwise is reason enough to ask; a bar whose end was not seen
    # says so by its label alone.
    others = [
        one
        for one in matches
        if abs(one.nm_per_px / best.nm_per_px - 1) > _SAME_SCALE
        and (one in sure or (one.confidence > _LEAST_OBJECTION and _alike(one.bar, best.bar)))
        and not (one.bar.cut_off and one.reading.label.nm == best.reading.label.nm)
    ]
    if sure and others:
        said = ", ".join(f"{one.reading.label.text} over {one.bar.length_px:.1f} px" for one in [best, *others])
        confidence, doubt = min(confidence, 0.5), f"its bars differ ({said}): cut out one panel"
    elif confidence >= HIGH_CONFIDENCE and (other := _other_label(best.reading, labels)) is not None:
        confidence, doubt = 0.5, f"there is another label, {other.label.text}, like it: cut out one panel"
    elif confidence >= HIGH_CONFIDENCE and unread:
        confidence, doubt = (
            0.5,
            f"a bar like it ({unread[0].length_px:.1f} px) has no label that was read: cut out one panel",
        )
    elif not _FIELD_NM[0] <= best.nm_per_px * side <= _FIELD_NM[1]:
        confidence, doubt = min(confidence, 0.5), f"the picture would be {best.nm_per_px * side:.3g} nm wide"
    elif confidence < HIGH_CONFIDENCE:
        doubt = f"that is not beyond doubt (confidence {confidence:.2f})"
    label = best.reading.label
    reciprocal = best.reading.reciprocal
    return BarReading(
        label.text, label.nm, best.bar.length_px, best.nm_per_px, confidence, best.reading.box, doubt, reciprocal
    )


def _other_label(own: Reading, labels: list[Reading]) -> Reading | None:
    """A label of another length in letters of the same size and grey, as that of another panel."""
    for other in labels:
        alike = other.light == own.light and abs(other.height - own.height) <= max(1.5, 0.2 * own.height)
        if alike and other.confidence >= HIGH_CONFIDENCE and abs(other.label.nm / own.label.nm - 1) > _SAME_SCALE:
            return other
    return None
