"""Where a picture carries writing instead of specimen: the scale bar, its label, and the box or strip around them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem.scale_bar import Bar, find_bars

_TOLERANCE = 0.03
# Of a bar whose label was read, and of one of which nothing else is known: gaps between crystals reach 0.72.
_LEAST_QUALITY, _LEAST_BARE_QUALITY = 0.6, 0.8


def annotation_mask(
    grey: NDArray[np.float32], label_box: tuple[float, float, float, float] | None = None
) -> NDArray[np.bool_]:
    """(H, W) bool from an image (H, W) float32 between 0 and 1.

    label_box: left, top, right, bottom of a label that was read; without it the letters are told by their grey.
    """
    mask = np.zeros(grey.shape, np.uint8)
    least = _LEAST_BARE_QUALITY if label_box is None else _LEAST_QUALITY
    bars = [bar for bar in find_bars(grey)[:2] if bar.quality >= least and not bar.cut_off]
    for bar in bars[:1]:
        _add(mask, int(bar.left) - 3, bar.top - 4, int(bar.right) + 4, bar.bottom + 4)
        mask |= _letters(grey, bar)
        mask |= _frame(grey, bar)
    if label_box is not None:
        left, top, right, bottom = label_box
        _add(mask, int(left) - 1, int(top) - 1, int(right) + 2, int(bottom) + 2)
    return mask > 0


def _add(mask: NDArray[np.uint8], left: int, top: int, right: int, bottom: int) -> None:
    mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = 1


def _letters(grey: NDArray[np.float32], bar: Bar) -> NDArray[np.uint8]:
    """Pieces near the bar that are of its very grey, with a rim: its letters, where they are black or white too."""
    mask = np.zeros(grey.shape, np.uint8)
    reach_x = int(max(0.4 * bar.length_px, 40))
    reach_y = int(max(8 * bar.thickness_px, 0.07 * grey.shape[0]))
    rows = slice(max(0, bar.top - reach_y), bar.bottom + reach_y)
    columns = slice(max(0, int(bar.left) - reach_x), int(bar.right) + reach_x)
    window = np.abs(grey[rows, columns] - bar.level) < _TOLERANCE
    count, labels, parts, _ = cv2.connectedComponentsWithStats(window.astype(np.uint8), connectivity=8)
    letter = (parts[:, 3] >= 5) & (parts[:, 3] < 0.6 * window.shape[0]) & (parts[:, 2] < 2.5 * parts[:, 3])
    letter &= parts[:, 4] >= 8
    letter[0] = False
    if not count or letter.sum() < 2:
        return mask
    rim = 2 + int(np.median(parts[letter, 3]) / 8)
    mask[rows, columns] = cv2.dilate(letter[labels].astype(np.uint8), np.ones((2 * rim + 1, 2 * rim + 1), np.uint8))
    return mask


def _frame(grey: NDArray[np.float32], bar: Bar) -> NDArray[np.uint8]:
    """The even box or strip that the bar stands in, where there is one: joined pixels of one grey around it."""
    nothing = np.zeros(grey.shape, np.uint8)
    even = (np.abs(grey - bar.outside) < _TOLERANCE).astype(np.uint8)
    ring = even[max(0, bar.top - 4) : bar.bottom + 4, max(0, int(bar.left) - 2) : int(bar.right) + 2]
    if ring.sum() < 0.6 * (ring.size - bar.length_px * (bar.thickness_px + 2)):
        return nothing
    _, labels, parts, _ = cv2.connectedComponentsWithStats(even, connectivity=4)
    middle = int((bar.left + bar.right) / 2)
    seeds = labels[[max(0, bar.top - 3), min(grey.shape[0] - 1, bar.bottom + 2)], middle]
    for seed in seeds:
        if seed:
            left, top, width, height, area = parts[seed].tolist()
            # Even ground without noise is not a frame: a frame is a filled rectangle and no large part of the picture.
            if area > 0.4 * width * height and height < 0.25 * grey.shape[0]:
                _add(nothing, left - 2, top - 2, left + width + 2, top + height + 2)
    return nothing
