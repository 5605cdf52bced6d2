"""Where a bar ends, along its row, and whether that can be seen.

Finding bars is for `closedloop.tem.scale_bar`.
"""

import numpy as np
from numpy.typing import NDArray

_WIDEST_TICK, _BLURRED, _CLEAR_BEYOND = 6, 3, 4  # pixels
_LEAST_TICK = 0.85  # of a bar's own strength
_LEAST_END = 0.06  # in grey, of 1: the least step
_MOST_ALIKE = 0.1  # share of the pixels beyond an end that have the bar's grey
# How far beyond an end is looked, in pixels; and of what step in grey on a share of alike pixels is no matter.
_WIDE_LOOK, _PLAIN_STEP, _FEW_ALIKE = 12, 0.3, 0.05
LEAST_SIDE = 0.1  # in grey, of 1: the least step from a bar to what lies above it, and below
_MOST_GOING_ON = 0.25  # of a bar's own step
# How far two measures of one length may differ: as a share of it, and in pixels.
_LARGEST_DIFFERENCE, _LEAST_DIFFERENCE = 0.01, 0.5


def run(inside: NDArray[np.bool_], start: int) -> tuple[int, int]:
    """First and one past the last pixel of the run of True that contains `start`; single pixels of noise are bridged.

    Empty where there is none.
    """
    if not inside[start]:
        near = np.flatnonzero(inside[max(0, start - 2) : start + 3])
        if not len(near):
            return start, start
        start = max(0, start - 2) + int(near[0])
    first = stop = start
    while first > 0 and (inside[first - 1] or (first > 2 and inside[first - 2] and inside[first - 3])):
        first -= 1
    while stop < len(inside) and (inside[stop] or (stop + 2 < len(inside) and inside[stop + 1] and inside[stop + 2])):
        stop += 1
    return first, stop


def beyond_the_even_part(strength: NDArray[np.floating], like: NDArray[np.bool_]) -> int:
    """How many pixels beyond the even part of a bar still belong to it: a blurred end, or an end tick.

    strength: of the bar's rows, from its end outwards, 1 where they are as far from the ground as the bar; like:
    whether these rows, and four above and below, are nearer to the bar's grey than to the ground's.
    """
    near = strength[: _WIDEST_TICK + 1] > 0.5
    reach = int(near.argmin()) if near.size else 0
    if reach <= _BLURRED:
        return reach
    # A particle of a weaker grey may look upright too.
    upright = [side.mean(axis=0).max() > 0.6 for side in (like[:3, :reach], like[-3:, :reach])]
    return reach if all(upright) and float(np.median(strength[:reach])) > _LEAST_TICK else 0


def nothing_follows(row: NDArray[np.bool_]) -> bool:
    """Whether nothing like the bar follows close to its end.

    Shrinking mixes the grey of a thin bar with what lies under it, so that over a particle it seems to be another's.
    """
    return not row[:_CLEAR_BEYOND].any()


def halves_agree(core: NDArray[np.float32], start: int, stop: int, length: float) -> bool:
    """Whether the upper and the lower half of a bar say the same length: a particle's outline runs aslant over an end.

    core: rows of the bar (h, W); start, stop: its first pixel and one past its last; length: as all rows say.
    """
    middle = len(core) // 2
    for half in (core[:middle], core[len(core) - middle :]):
        along = half.mean(axis=0)
        level = float(np.median(along[start:stop]))
        beyond = along[max(0, start - 3) : start], along[stop : stop + 3]
        if any(float(np.abs(side - level).max()) < _LEAST_END for side in beyond):
            return False
        half_length = crossing(along, stop - 1, +1, level) - crossing(along, start, -1, level)
        if abs(half_length - length) > max(_LARGEST_DIFFERENCE * length, _LEAST_DIFFERENCE):
            return False
    return True


def alike_ends(left: float, right: float, length: float) -> bool:
    """Whether both ends are as sharp as each other; of a particle's edge beside an end the half way lies elsewhere.

    left, right: how far beyond the bar's even part its ends were measured, in pixels; length: of the bar.
    """
    return abs(left - right) <= max(1.5 * _LARGEST_DIFFERENCE * length, 2 * _LEAST_DIFFERENCE)


def is_clear(image: NDArray[np.float32], end: int, step: int, top: int, bottom: int, level: float) -> bool:
    """Whether an end is one: within the picture, upright, and the bar told from what lies above, below and beyond it.

    end: last pixel of the bar; step: −1 towards the left, +1 towards the right.
    """
    width = image.shape[1]
    if end <= 1 or end >= width - 2:
        return False
    beyond = image[top:bottom, sorted((end + step, end + 2 * step))]
    if float(np.max(np.abs(beyond - level).mean(axis=0))) < _LEAST_END:
        return False
    # A particle of nearly the bar's grey has pixels of just that grey, if no whole columns.
    further = image[top:bottom, max(0, end - 5) : end - 1] if step < 0 else image[top:bottom, end + 2 : end + 6]
    if further.size and float((np.abs(further - level) < _LEAST_END).mean()) > _MOST_ALIKE:
        return False
    # An end tick stands out above and below; it is about as wide as the bar is thick, so more columns count.
    reach = max(6, bottom - top + 4)
    columns = slice(max(0, end - reach + 1), end + 1) if step > 0 else slice(end, end + reach)
    beside = [image[rows, columns] for rows in (slice(max(0, top - 2), top), slice(bottom, bottom + 2))]
    return all(not side.size or float(np.max(np.abs(side - level))) > _LEAST_END for side in beside)


def is_told_apart(image: NDArray[np.float32], end: int, step: int, rows: slice, level: float, tolerance: float) -> bool:
    """Whether what lies beyond an end differs more from the bar than either varies, so that the end is no accident.

    end: last pixel of the bar; step: −1 towards the left, +1 towards the right; rows: of the bar; tolerance: how far
    from its own grey a column was still taken for the bar.
    """
    far = slice(max(0, end - _WIDE_LOOK), max(0, end - 1)) if step < 0 else slice(end + 2, end + _WIDE_LOOK)
    beyond = image[rows, far]
    if not beyond.size:
        return True
    off = np.abs(beyond - level)
    contrast = float(np.median(off))
    few = contrast > _PLAIN_STEP or float((off < _LEAST_END).mean()) < _FEW_ALIKE
    return few and contrast > 1.5 * tolerance


def goes_on(image: NDArray[np.float32], end: int, step: int, top: int, bottom: int, contrast: float) -> bool:
    """Whether the rows of a thin bar stand out from those above and below beyond its end too, if less than the bar.

    So do the pieces of ground between a box and a bar. contrast: of the bar to what lies around it, signed.
    """
    columns = slice(max(0, end - 8), max(0, end - 2)) if step < 0 else slice(end + 3, end + 9)
    if top < 2 or bottom + 2 > len(image) or not image[top:bottom, columns].size:
        return False
    own = image[top:bottom, columns].mean(axis=0)
    out = [float(np.median(own - image[row, columns])) / contrast for row in (top - 2, bottom + 1)]
    return min(out) > _MOST_GOING_ON


def crossing(along: NDArray[np.floating], end: int, step: int, level: float) -> float:
    """Where the profile crosses half way between the bar and what lies beyond its end.

    end: last pixel of the bar; step: −1 towards the left, +1 towards the right. Beyond may be an outline that is
    brighter or darker than the rest, so the half way is taken from there.
    """
    beyond = along[max(0, end - 3) : end][::-1] if step < 0 else along[end + 1 : end + 4]
    if not len(beyond):
        return float(end + (step > 0))
    far = float(beyond[int(np.argmax(np.abs(beyond - level)))])
    half = (level + far) / 2
    # From the bar outwards: what lies beyond may cross that grey again.
    for index in range(max(0, end - 3), min(len(along) - 2, end + 3) + 1)[::step]:
        a, b = float(along[index]), float(along[index + 1])
        inner, outer = (a, b) if step > 0 else (b, a)
        if (inner - half) * (level - half) >= 0 and (outer - half) * (level - half) < 0:
            position = index + (half - a) / (b - a)
            break
    else:
        position = end + 0.5 * step
    # Pixel i is centred on i + 1/2.
    return position + 0.5
