"""Find lines of text near a scale bar by their ink: letters of like height side by side.

Cheap and made for labels that a program has drawn; where it finds nothing, `closedloop.tem.label_reading` asks
EasyOCR's own detector. Also looks at letters for what the OCR is known to confuse.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

_LETTER_HEIGHT = 64
_MOST_LINES = 8


@dataclass(frozen=True)
class Line:
    """A line of text: its box in the picture, and its ink (h, w) float32, 0 to 1, with nothing else around it."""

    left: int
    top: int
    right: int
    bottom: int
    ink: NDArray[np.float32]
    letters: tuple[tuple[int, int, int, int], ...]  # left, top, width, height in the ink's own pixels

    def picture(self) -> NDArray[np.uint8]:
        """The ink in black on white, letters about 40 px high, as the reader was trained to see text."""
        height, width = self.ink.shape
        factor = _LETTER_HEIGHT / height
        size = (max(8, round(width * factor)), _LETTER_HEIGHT)
        ink = cv2.resize(self.ink, size, interpolation=cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA)
        return np.clip(255 * (1 - ink), 0, 255).astype(np.uint8)


def find_lines(crop: NDArray[np.float32], ink_level: float, paper_level: float) -> list[Line]:
    """Lines of text in a crop (h, w) with letters of the grey `ink_level`; the plainest, then the longest first."""
    share = np.clip((crop - paper_level) / (ink_level - paper_level), 0, 1).astype(np.float32)
    maps = [share, _above_its_ground(share)]
    if min(crop.shape) > 8:
        maps.append(np.asarray(cv2.GaussianBlur(share, (0, 0), 1.0), np.float32))
    found: list[Line] = []
    for one in maps:
        own: list[Line] = []
        for threshold in (0.5, 0.75, 0.9) if one is share else (0.5, 0.7):
            for line in _lines_at(one, threshold):
                if not any(_same(line, other) for other in [*found, *own]):
                    own.append(line)
        # The plain ink first: its letters are whole.
        found += sorted(own, key=lambda line: -len(line.letters))
    return found[:_MOST_LINES]


def _above_its_ground(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """What stands out as a stroke, whatever lies under it: the rest of an opening that no stroke survives."""
    width = max(7, min(share.shape) // 4) | 1
    stroke = share - cv2.morphologyEx(share, cv2.MORPH_OPEN, np.ones((width, width), np.uint8))
    most = float(np.percentile(stroke, 97))
    return np.clip(stroke / max(most, 0.1), 0, 1).astype(np.float32)


def _lines_at(share: NDArray[np.float32], threshold: float) -> list[Line]:
    height, width = share.shape
    ink = (share > threshold).astype(np.uint8)
    count, labelled, stated, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    labels, parts = np.asarray(labelled, np.int32), np.asarray(stated, np.int32)
    likely = [
        index
        for index, (x, y, w, h, area) in enumerate(parts[:count].tolist())
        if index
        and 6 <= h <= 0.75 * height
        and w < 6 * h
        and area >= 0.12 * w * h
        and area > 6
        and x > 0
        and y > 0
        and x + w < width
        and y + h < height
    ]
    likely.sort(key=lambda index: int(parts[index, 0]))
    chains: list[list[int]] = []
    for index in likely:
        x, y, _, h, _ = parts[index].tolist()
        for chain in chains:
            px, py, pw, ph, _ = parts[chain[-1]].tolist()
            overlap = min(y + h, py + ph) - max(y, py)
            if overlap > 0.55 * min(h, ph) and 0.5 < h / ph < 2 and x - (px + pw) < 1.3 * max(h, ph):
                chain.append(index)
                break
        else:
            chains.append([index])
    return [line_of(share, labels, parts, chain) for chain in chains if _is_text(parts[chain])]


def _is_text(parts: NDArray[np.int32]) -> bool:
    """Three letters or more, or two where one is wide because its letters touch."""
    wide = int(np.maximum(1, np.rint(parts[:, 2] / np.maximum(parts[:, 3], 1))).sum())
    return len(parts) >= 2 and wide >= 3


def line_of(share: NDArray[np.float32], labels: NDArray[np.int32], parts: NDArray[np.int32], chain: list[int]) -> Line:
    boxes = parts[chain]
    left, top = int(boxes[:, 0].min()), int(boxes[:, 1].min())
    right, bottom = int((boxes[:, 0] + boxes[:, 2]).max()), int((boxes[:, 1] + boxes[:, 3]).max())
    margin = max(2, round(0.25 * (bottom - top)))
    rows = slice(max(0, top - margin), min(share.shape[0], bottom + margin))
    columns = slice(max(0, left - margin), min(share.shape[1], right + margin))
    # Points and the tails of letters belong to the line although they are no letters: keep what touches its box.
    window = labels[rows, columns]
    inside = (parts[:, 0] >= left - 1) & (parts[:, 0] + parts[:, 2] <= right + 1)
    inside &= (parts[:, 1] >= top - 1) & (parts[:, 1] + parts[:, 3] <= bottom + 1)
    inside[0] = False
    own = inside[window]
    near = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    ink = np.where(near, share[rows, columns], 0).astype(np.float32)
    letters = tuple((int(x) - columns.start, int(y) - rows.start, int(w), int(h)) for x, y, w, h, _ in boxes.tolist())
    return Line(columns.start, rows.start, columns.stop, rows.stop, ink, letters)


def _same(one: Line, other: Line) -> bool:
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    if wide <= 0 or high <= 0 or len(one.letters) != len(other.letters):
        return False
    joint = wide * high
    return joint > 0.8 * max((line.right - line.left) * (line.bottom - line.top) for line in (one, other))


def has_point(line: Line, digits: int) -> bool:
    """Whether between two of the first `digits` letters there is ink at their feet and none above.

    That is a decimal point, which the OCR may have dropped.
    """
    boxes = sorted(line.letters)[: digits + 1 if _has_part_of_its_own(line) else digits]
    if len(boxes) < 2:
        return False
    height = float(np.median([h for _, _, _, h in boxes]))
    for (x, y, w, h), (next_x, _, next_w, next_h) in pairwise(boxes):
        if h < 0.6 * height:  # a part of its own, as low as a point
            continue
        low = next_h < 0.4 * height and next_w < 0.5 * height
        start, stop = x + w + 1, next_x - 1 + (next_w if low else 0)
        if stop - start < 1:
            continue
        gap = line.ink[y : y + h, start:stop]
        foot = gap[int(0.75 * h) :]
        above = gap[: int(0.65 * h)]
        if foot.size and above.size and float(foot.max()) - float(above.max()) > 0.3:
            return True
    return False


def hides_a_point(line: Line) -> bool:
    """Whether the first or the second letter has run into what follows it, so that a point there could not be seen."""
    first = sorted(line.letters)[:2]
    return any(w > 1.3 * h for _, _, w, h in first)


def _has_part_of_its_own(line: Line) -> bool:
    """Whether one of the parts is as low as a point, so that there is one part more than letters."""
    height = float(np.median([h for _, _, _, h in line.letters]))
    return any(h < 0.4 * height for _, _, _, h in line.letters)


def unit_arch(line: Line) -> str | None:
    """ "n" where the letter before the last is closed above, "u" where it is closed below; None: it cannot be told."""
    boxes = sorted(line.letters)
    if len(boxes) < 2:
        return None
    x, y, w, h = boxes[-2]
    _, last_y, last_w, last_h = boxes[-1]
    if not (0.4 * h < w < 1.4 * h and last_w > 0.9 * last_h and abs(last_y - y) < 0.3 * last_h):
        return None
    # Down to the foot of the m: what hangs below is the tail of a µ.
    body = line.ink[y : max(y + 4, last_y + last_h), x + round(0.35 * w) : x + round(0.65 * w) + 1]
    third = max(1, body.shape[0] // 3)
    difference = float(body[:third].max(axis=0).mean() - body[-third:].max(axis=0).mean())
    if abs(difference) < 0.25:
        return None
    return "n" if difference > 0 else "u"
