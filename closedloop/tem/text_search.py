"""Find lines of text anywhere in a picture, for labels whose bar was not found first.

Strokes stand out from whatever lies under them by a top-hat; letters are pieces of like height on one foot line. What
is found is a list of candidates, the most text-like first: most of them are particles, and the reader says so.
"""

from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem.text_lines import Line, line_of
from closedloop.threads import at_once

# Widest stroke in pixels that each look keeps, and thresholds in grey, of 1.
_LOOKS = ((9, (0.10, 0.22, 0.45)), (25, (0.22, 0.45)))
_LETTER_HIGH = (6, 90)
_MOST_PARTS = 1500
_MOST_LINES = 24
# Of a line's height: how far the feet of its letters may lie apart, and how wide a gap parts two lines.
_FEET, _GAP = 0.16, 0.9
_TALLER = 1.7  # most that one letter is of another's height


class _Candidate(NamedTuple):
    """A line of text, whether its letters are light, and how much it looks like text (the larger the more)."""

    line: Line
    light: bool
    merit: float


def search_text(image: NDArray[np.float32]) -> list[tuple[Line, bool]]:
    """The most text-like lines of a picture (H, W) float32 between 0 and 1, and whether their letters are light.

    At most 24, the best first.
    """
    grey = np.rint(255 * image).astype(np.uint8)
    found = [candidate for kind in at_once(partial(_of_one_kind, grey), (True, False)) for candidate in kind]
    kept: list[_Candidate] = []
    for one in sorted(found, key=lambda candidate: -candidate.merit):
        if not any(one.light == other.light and _inside(one.line, other.line) for other in kept):
            kept.append(one)
        if len(kept) == _MOST_LINES:
            break
    return [(candidate.line, candidate.light) for candidate in kept]


def _of_one_kind(grey: NDArray[np.uint8], light: bool) -> list[_Candidate]:
    """Lines whose letters are all light, or all dark."""
    shown = grey if light else 255 - grey
    found: list[_Candidate] = []
    for widest, thresholds in _LOOKS:
        kernel = np.ones((widest, widest), np.uint8)
        strokes = np.asarray(cv2.subtract(shown, cv2.morphologyEx(shown, cv2.MORPH_OPEN, kernel)), np.uint8)
        for threshold in thresholds:
            found += _lines(strokes, threshold, light)
    return found


def _lines(strokes: NDArray[np.uint8], threshold: float, light: bool) -> list[_Candidate]:
    mask = (strokes > 255 * threshold).astype(np.uint8)
    _, labelled, stated, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    labels, parts = np.asarray(labelled, np.int32), np.asarray(stated, np.int32)
    wide, high, area = parts[:, 2], parts[:, 3], parts[:, 4]
    letter = (high >= _LETTER_HIGH[0]) & (high <= _LETTER_HIGH[1]) & (wide < 4 * high) & (area >= 0.12 * wide * high)
    letter &= (area > 6) & (wide >= 0.1 * high)
    letter[0] = False
    chosen = np.flatnonzero(letter)
    if not 1 < len(chosen) <= _MOST_PARTS:
        return []
    share = np.clip(strokes.astype(np.float32) / np.float32(255 * 2 * threshold), 0, 1)
    found = []
    for chain in _chains(parts, chosen):
        merit = _merit(parts[chain], strokes, labels, chain)
        if merit > 0:
            found.append(_Candidate(line_of(share, labels, parts, chain), light, merit))
    return sorted(found, key=lambda candidate: -candidate.merit)[:_MOST_LINES]


def _chains(parts: NDArray[np.int32], chosen: NDArray[np.int64]) -> list[list[int]]:
    """Pieces side by side on one foot line, left to right."""
    order = chosen[np.argsort(parts[chosen, 0])]
    chains: list[list[int]] = []
    ends: list[tuple[int, int, int]] = []  # right, foot and greatest height of each chain
    within_reach: list[int] = []
    for index in order.tolist():
        x, y, w, h, _ = parts[index].tolist()
        foot = y + h
        # Pieces come from left to right: a chain that this one is too far from gets no other either.
        within_reach = [number for number in within_reach if x - ends[number][0] < _GAP * _TALLER * ends[number][2]]
        for number in within_reach:
            right, level, tallest = ends[number]
            alike = 0.5 < h / tallest < _TALLER and x - right < _GAP * max(h, tallest) and x >= right - 0.3 * h
            # The tail of µ hangs below the others' feet, a third of their height.
            if alike and -_FEET < (foot - level) / max(h, tallest) < 0.4:
                chains[number].append(index)
                level = min(level, foot) if foot - level > _FEET * tallest else round((level + foot) / 2)
                ends[number] = (max(right, x + w), level, max(h, tallest))
                break
        else:
            within_reach.append(len(chains))
            chains.append([index])
            ends.append((x + w, foot, h))
    return [chain for chain in chains if len(chain) >= 2]


def _merit(parts: NDArray[np.int32], strokes: NDArray[np.uint8], labels: NDArray[np.int32], chain: list[int]) -> float:
    """How much a chain looks like a label: three to eight letters of like height on one line, in one grey."""
    wide, high, area = parts[:, 2], parts[:, 3], parts[:, 4]
    height = float(high.max())
    letters = float(np.maximum(1, np.rint(wide / (0.75 * height))).sum())
    if letters < 3 or letters > 14:
        return 0.0
    feet = parts[:, 1] + high
    uneven = float(np.median(np.abs(feet - np.median(feet)))) / height
    fill = area / (wide * high)
    inks = [
        float(np.median(strokes[y : y + h, x : x + w][labels[y : y + h, x : x + w] == index]))
        for index, (x, y, w, h, _) in zip(chain, parts.tolist(), strict=True)
    ]
    ink = float(np.mean(inks))
    merit = ink / 255 + 0.5 * min(letters, 6) / 6 - 1.5 * float(np.std(inks)) / max(ink, 1) - 4 * uneven
    merit -= 0.1 * max(0.0, letters - 8) + float(np.abs(fill - 0.5).mean()) + 0.5 * float(np.std(high)) / height
    return max(merit + 0.6, 0.0)


def _inside(one: Line, other: Line) -> bool:
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    smaller, larger = ((line.right - line.left) * (line.bottom - line.top) for line in (one, other))
    return wide > 0 and high > 0 and wide * high > 0.7 * max(smaller, larger)
