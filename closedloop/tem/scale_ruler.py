"""Rulers of eleven ticks above a label, as some scanning microscopes print them instead of a bar.

The label states the length from the first tick to the last. A ruler with fewer ticks is cut off, and not measured.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem.scale_bar import Bar

_TICKS = 11
_LEAST_TICKS = 6
_MOST_PIECES = 150
_THRESHOLDS = (0.45, 0.25, 0.12)
_SHORTEST = 30  # pixels


def find_ruler(
    image: NDArray[np.float32], box: tuple[float, float, float, float], height: float, light: bool
) -> Bar | None:
    """The ruler above or below a label; `cut_off` where it has not eleven ticks, ``None`` where there is none.

    box: left, top, right, bottom of the label, height: of its letters, in pixels; light: whether its letters, and so
    the ticks, are lighter than their ground.
    """
    left, top, right, bottom = box
    x, y = max(0, int(left - 0.5 * image.shape[1])), max(0, int(top - 2.5 * height))
    window = image[y : int(bottom + 1.5 * height), x : int(right + 0.5 * image.shape[1])]
    grey = np.rint(255 * (window if light else 1 - window)).astype(np.uint8)
    widest = max(5, round(0.45 * height)) | 1
    strokes = cv2.subtract(grey, cv2.morphologyEx(grey, cv2.MORPH_OPEN, np.ones((1, widest), np.uint8)))
    best: Bar | None = None
    for threshold in _THRESHOLDS:
        mask = (strokes > 255 * threshold).astype(np.uint8)
        _, _, stated, middles = cv2.connectedComponentsWithStats(mask, connectivity=8)
        boxes, centres = np.asarray(stated, np.int32), np.asarray(middles, np.float64)
        wide, high = boxes[:, 2], boxes[:, 3]
        small = (wide <= max(4, 0.4 * height)) & (high >= 2) & (high <= 1.1 * height) & (boxes[:, 4] >= 3)
        small[0] = False
        # What stands in the label's own box is letters.
        cx, cy = centres[:, 0] + x, centres[:, 1] + y
        small &= ~((cx > left) & (cx < right) & (cy > top + 0.2 * height) & (cy < bottom))
        if not _LEAST_TICKS <= int(small.sum()) <= _MOST_PIECES:
            continue
        ticks = _row(centres[small], boxes[small])
        if ticks is None or ticks[-1][0] - ticks[0][0] < _SHORTEST:
            continue
        first, last = float(ticks[0][0]) + x + 0.5, float(ticks[-1][0]) + x + 0.5
        level = float(np.median([image[int(tick[1]) + y, round(tick[0]) + x] for tick in ticks]))
        rows = int(ticks[:, 1].min()) + y, int(ticks[:, 1].max()) + y + 2
        found = Bar(first, last, *rows, level, 0.0 if light else 1.0, 1.0, len(ticks) != _TICKS)
        if best is None or (best.cut_off and (not found.cut_off or found.length_px > best.length_px)):
            best = found
        if not best.cut_off:
            break
    return best


def _row(centres: NDArray[np.float64], boxes: NDArray[np.int32]) -> NDArray[np.float64] | None:
    """The longest row of small pieces of one height and at one distance from each other, as their centres (n, 2)."""
    best: NDArray[np.float64] | None = None
    for top, high in {(top, high) for _, top, _, high, _ in boxes.tolist()}:
        level = (np.abs(boxes[:, 1] - top) <= 2) & (np.abs(boxes[:, 3] - high) <= max(2, 0.4 * high))
        row = centres[level]
        row = row[np.argsort(row[:, 0])]
        run = _even_run(row)
        if len(run) >= _LEAST_TICKS and (best is None or len(run) > len(best)):
            best = run
    return best


def _even_run(row: NDArray[np.float64]) -> NDArray[np.float64]:
    """The longest run of a row (n, 2), left to right, whose steps are alike."""
    if len(row) < _LEAST_TICKS:
        return row[:0]
    steps = np.diff(row[:, 0])
    longest = row[:0]
    start = 0
    for stop in range(1, len(row)):
        own = float(np.median(steps[start:stop]))
        if abs(steps[stop - 1] - own) > max(1.2, 0.12 * own) or own < 4:
            start = stop - 1 if abs(steps[stop - 1] - own) <= own else stop
            continue
        if stop + 1 - start > len(longest):
            longest = row[start : stop + 1]
    return longest
