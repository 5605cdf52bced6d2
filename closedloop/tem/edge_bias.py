"""How much likelier a small particle is to lie whole within the frame than a large one, as a weight per particle.

A particle that touches the edge has no size, and large ones touch it more often, so the mean of the whole ones is too
small. Each whole particle therefore stands for as many as the frame has places for it, whole or cut, per place for it
whole: W·H / ((W - w)(H - h)) for one of w × h in a frame of W × H (Miles 1974; Lantuéjoul, J. Microsc. 1978, 114, 81).
"""

import cv2
import numpy as np
from numpy.typing import NDArray


def edge_weights(
    widths_px: NDArray[np.int64],
    heights_px: NDArray[np.int64],
    frame: tuple[int, int],
    ignore: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Weights (n,) of whole particles with bounding boxes of widths_px × heights_px, in a frame (height, width).

    Places are counted in whole pixels and one pixel is kept free around a particle, as `touches_edge` wants it. A
    scale bar and its label (`ignore`, (height, width)) take places away like the frame's edge; they count as
    rectangles, and those with no room for a usual particle between them as one.
    """
    height, width = frame
    across = np.maximum(width - np.asarray(widths_px) - 1, 1).astype(np.float64)
    down = np.maximum(height - np.asarray(heights_px) - 1, 1).astype(np.float64)
    places, shown = across * down, float(width * height)
    for left, top, box_width, box_height in _rectangles(ignore, widths_px, heights_px):
        # The first pixel of a particle that would reach into the rectangle or touch it, within the places above.
        from_x = np.maximum(left - np.asarray(widths_px), 1)
        from_y = np.maximum(top - np.asarray(heights_px), 1)
        to_x = np.minimum(left + box_width, across)
        to_y = np.minimum(top + box_height, down)
        places = places - np.maximum(to_x - from_x + 1, 0) * np.maximum(to_y - from_y + 1, 0)
        shown -= box_width * box_height
    return np.asarray(max(shown, 1.0) / np.maximum(places, 1.0))


def _rectangles(
    ignore: NDArray[np.bool_] | None, widths_px: NDArray[np.int64], heights_px: NDArray[np.int64]
) -> list[tuple[int, int, int, int]]:
    """(left, top, width, height) around the connected parts, joined where a particle of median size cannot lie between.

    Joined, because the places that two of them take away are otherwise counted twice.
    """
    if ignore is None or not len(widths_px) or not ignore.any():
        return []
    _, _, stats, _ = cv2.connectedComponentsWithStats(ignore.astype(np.uint8))
    left, top, width, height = stats[1:, :4].T.astype(int)
    boxes = np.stack([left, top, left + width, top + height], axis=1)
    room = np.array([np.median(widths_px), np.median(heights_px)])
    joined: list[NDArray[np.int64]] = []
    for box in boxes:
        while near := [index for index, other in enumerate(joined) if _too_close(box, other, room)]:
            both = np.stack([box, *(joined.pop(index) for index in reversed(near))])
            box = np.concatenate([both[:, :2].min(axis=0), both[:, 2:].max(axis=0)])
        joined.append(box)
    return [(int(x), int(y), int(right - x), int(bottom - y)) for x, y, right, bottom in joined]


def _too_close(one: NDArray[np.int64], other: NDArray[np.int64], room: NDArray[np.float64]) -> bool:
    """Whether less than `room` (width, height) lies between two boxes (left, top, right, bottom)."""
    return bool((one[:2] < other[2:] + room).all() and (other[:2] < one[2:] + room).all())


def whole_particles(labels: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.float64]]:
    """Those of (H, W) that do not touch the edge: their labels (n,) and equivalent circle diameters (n,) in pixels."""
    ids, index, areas = np.unique(labels, return_inverse=True, return_counts=True)
    index = index.reshape(labels.shape)
    whole = ids != 0
    whole[np.concatenate([index[0], index[-1], index[:, 0], index[:, -1]])] = False
    return ids[whole], 2 * np.sqrt(areas[whole] / np.pi)
