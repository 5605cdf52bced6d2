"""The classical segmenter: even ground, threshold, split, then each particle cut at its own edge.

It takes a grey image in which the scale bar's place is known and knows nothing of files, scales or sizes in nm.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem import _filters as filters
from closedloop.tem._background import find_ground, ground_level
from closedloop.tem._between import between
from closedloop.tem._distances import depth_in_own, territories
from closedloop.tem._edge import EdgeLevel, edge_level
from closedloop.tem._edge_pixels import edge_pixels
from closedloop.tem._splitting import split_touching

_LEAST_GROUND = 0.1  # share of a picture that must be ground to cut by contrast above it
_CLEAR_OF_EDGES = np.ones((5, 5), np.uint8)
_LEAST_PARTICLES = 20
_MOST_PIXELS = 2**25
_LEAST_KEPT = 0.9  # share of the particles that a cut must keep
# Of the diameters' logarithm, in the median; where all change alike, as much as a pixel or so is of a small one's.
_MOST_CHANGE, _MOST_CHANGE_PX = 0.12, 1.5
# Of the changes' logarithms: one reason would change all alike, so a cut that scatters so much is as much in doubt as
# the outlines before it.
_EQUAL_SPREAD = 0.07
_MOST_RIM = (0.15, 0.05)  # of bright particles, by the first cut and by the second: the first outlines tell less well


@dataclass(frozen=True)
class ClassicalSettings:
    """Settings that are stated once.

    least_area_px: smaller specks are not particles. least_area_share: nor are those below this share of the median
    area. least_step, least_step_in_ring, least_step_of_all: see `_drop_indistinct`.
    reach: how far, in its own radius, a particle may extend beyond its first outline.
    """

    least_area_px: int = 16
    least_area_share: float = 0.04
    least_step: float = 3.0
    least_step_in_ring: float = 2.0
    least_step_of_all: float = 4.5
    reach: float = 0.45


def segment_classically(
    image: NDArray[np.float32],
    ignore: NDArray[np.bool_] | None = None,
    settings: ClassicalSettings | None = None,
) -> NDArray[np.int32]:
    """Labels (H, W) int32, 0 = background, from a grey image (H, W) float32 between 0 and 1.

    ignore: (H, W) bool, the scale bar and its label; never a particle.
    """
    settings = settings or ClassicalSettings()
    nothing = np.zeros(image.shape, bool)
    ignore = nothing if ignore is None else ignore
    spread = float(image.max() - image.min())
    if spread <= 0 or min(image.shape) < 8:
        return np.zeros(image.shape, np.int32)
    ground = find_ground(image, ignore)
    contrast = (ground.level - image) if ground.dark else (image - ground.level)
    contrast[ignore] = 0
    noise = noise_level(image)
    sigma = _smoothing(noise, ground.threshold)
    smooth = filters.blurred(contrast, sigma)
    labels = split_touching(_clean(smooth > ground.threshold, settings) & ~ignore)
    labels = drop_small(labels, settings)
    if not labels.any():
        return labels
    # The first outlines come from one threshold for all, the second ones from each particle's own height.
    refined = labels
    for _ in range(2):
        if refined.any():
            refined, _ = _cut_at_edges(refined, contrast, smooth, sigma, settings, ignore)
    return _drop_indistinct(refined, smooth, ignore, settings) if refined.any() else refined


def outlines_by_material(
    image: NDArray[np.float32], labels: NDArray[np.int32], ignore: NDArray[np.bool_] | None = None
) -> NDArray[np.int32] | None:
    """The same particles with outlines moved towards where their material ends (decision 0030), (H, W) int32 with their
    numbers: the further, the more alike the cut changes them (decision 0103).

    `None` where the picture does not say where that is: there are too few particles for a mean profile across their
    edges, the picture is too large to be held a dozen times, that profile is not that of something seen in transmission
    (bright particles must not have bright rims, which a scanning microscope's secondary electrons draw), or cutting
    there would lose particles or change them beyond what a doubtful outline explains.
    """
    ignore = np.zeros(image.shape, bool) if ignore is None else ignore
    inside, outside = labels > 0, (labels == 0) & ~ignore
    if labels.max() < _LEAST_PARTICLES or image.size > _MOST_PIXELS or outside.mean() < _LEAST_GROUND:
        return None
    level = ground_level(image, cv2.erode(outside.astype(np.uint8), _CLEAR_OF_EDGES) > 0)
    if level is None:
        level = find_ground(image, ignore).level
    step = float(level[inside].mean() - image[inside].mean())
    contrast = level - image if step > 0 else image - level
    contrast[ignore] = 0
    settings = ClassicalSettings()
    sigma = _smoothing(noise_level(image), abs(step) / 2)
    smooth = filters.blurred(contrast, sigma)
    cut = labels
    for most_rim in _MOST_RIM:
        cut, edge = _cut_at_edges(cut, contrast, smooth, sigma, settings, ignore)
        if not edge.fitted or not cut.any() or (step <= 0 and edge.rim > most_rim):
            return None
    return _moved(labels, cut)


def _moved(labels: NDArray[np.int32], cut: NDArray[np.int32]) -> NDArray[np.int32] | None:
    """`labels` moved towards `cut`; `None` where too few particles are left or they changed too much."""
    named = _names_in(labels, cut)[cut]
    before = np.bincount(labels.ravel(), minlength=int(labels.max()) + 1)[1:]
    after = np.bincount(named.ravel(), minlength=len(before) + 1)[1:]
    kept = (before > 0) & (after > 0)
    change = np.log(after[kept] / before[kept]) / 2
    if kept.sum() < _LEAST_KEPT * (before > 0).sum() or not kept.any():
        return None
    spread = float(change.std())
    a_pixel = _MOST_CHANGE_PX / float(np.median(2 * np.sqrt(before[kept] / np.pi)))
    if abs(np.median(change)) > max(_MOST_CHANGE, a_pixel if spread < _EQUAL_SPREAD else 0.0):
        return None
    # What the cut lost, to the ground or to a neighbour, keeps the outline that it had.
    lost = np.flatnonzero((before > 0) & (after == 0)) + 1
    whole = np.where(np.isin(labels, lost), labels, named).astype(np.int32)
    return between(labels, whole, 1 / (1 + (spread / _EQUAL_SPREAD) ** 2))


def noise_level(image: NDArray[np.float32]) -> float:
    """Standard deviation of pixel noise: Immerkær's Laplacian (Comput. Vis. Image Underst. 1996, 64, 300)."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(np.median(np.abs(cv2.filter2D(image, cv2.CV_32F, kernel))) / 0.6745 / 6)


def _smoothing(noise: float, contrast: float) -> float:
    """Gaussian σ in pixels that brings white noise to a tenth of the contrast: noise falls as 1 / (2·√π·σ)."""
    wanted = 10 * noise / max(contrast, 1e-6) / (2 * np.sqrt(np.pi))
    return float(np.clip(wanted, 0.8, 3.0))


def _clean(mask: NDArray[np.bool_], settings: ClassicalSettings) -> NDArray[np.bool_]:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    return _fill_holes(opened > 0)


def _fill_holes(mask: NDArray[np.bool_], largest_share: float = 0.3) -> NDArray[np.bool_]:
    """Fill holes that are small against the piece around them; a ring of particles keeps the ground inside it."""
    filled = mask.astype(np.uint8)
    contours, tree = cv2.findContours(filled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for index, contour in enumerate(contours):
        outer = tree[0][index][3]
        if outer >= 0 and cv2.contourArea(contour) < largest_share * cv2.contourArea(contours[outer]):
            _, _, width, height = cv2.boundingRect(contour)
            if max(width, height) < 40 or cv2.contourArea(contour) < 0.05 * cv2.contourArea(contours[outer]):
                cv2.drawContours(filled, contours, index, 1, thickness=-1)
    return filled > 0


def drop_small(labels: NDArray[np.int32], settings: ClassicalSettings) -> NDArray[np.int32]:
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    real = areas[areas >= settings.least_area_px]
    if not real.size:
        return np.zeros_like(labels)
    # The area that the middle of the total area lies in: many specks do not pull it down as they do the median.
    ordered = np.sort(real)
    typical = ordered[np.searchsorted(np.cumsum(ordered), ordered.sum() / 2)]
    keep = areas >= max(settings.least_area_px, settings.least_area_share * typical)
    return _renumber(labels, keep)


def _names_in(labels: NDArray[np.int32], cut: NDArray[np.int32]) -> NDArray[np.int32]:
    """For each particle of `cut`, from 0, the number in `labels` of the one that it has most pixels in common with."""
    both = (labels > 0) & (cut > 0)
    count = int(labels.max()) + 1
    pairs, common = np.unique(cut[both].astype(np.int64) * count + labels[both], return_counts=True)
    names = np.zeros(int(cut.max()) + 1, np.int32)
    by_common = pairs[np.argsort(common, kind="stable")]
    names[by_common // count] = by_common % count  # of several the last one stays
    return names


def _renumber(labels: NDArray[np.int32], keep: NDArray[np.bool_]) -> NDArray[np.int32]:
    keep = keep.copy()
    keep[0] = False
    table = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    renumbered: NDArray[np.int32] = table[labels]
    return renumbered


def _cut_at_edges(
    labels: NDArray[np.int32],
    contrast: NDArray[np.float32],
    smooth: NDArray[np.float32],
    sigma: float,
    settings: ClassicalSettings,
    ignore: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], EdgeLevel]:
    """Each particle cut from the smoothed contrast at the edge level of its own height above its own ground, and it."""
    count = int(labels.max())
    radii = np.sqrt(np.bincount(labels.ravel(), minlength=count + 1) / np.pi)
    outside, owner = territories(labels)
    local = _local_ground(contrast, labels, outside, float(np.median(radii[1:])), ignore)
    contrast, smooth = contrast - local, smooth - local
    inside = depth_in_own(labels)
    heights = _heights(labels, inside, contrast)
    level = edge_level(*edge_pixels(labels, inside, outside, owner, radii, heights, contrast), sigma)
    territory = np.where(outside <= settings.reach * radii[owner], owner, 0)
    cut = (territory > 0) & (smooth > level.fraction * heights[territory]) & ~ignore
    return _largest_pieces(np.where(cut, territory, 0).astype(np.int32), settings), level


def _heights(
    labels: NDArray[np.int32], inside: NDArray[np.float32], contrast: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(n + 1,) mean contrast in the inner half of each particle; index 0 is unused."""
    count = int(labels.max())
    deepest = np.zeros(count + 1, np.float32)
    np.maximum.at(deepest, labels.ravel(), inside.ravel())
    core = (labels > 0) & (inside > 0.5 * deepest[labels])
    pixels = np.bincount(labels[core], minlength=count + 1)
    sums = np.bincount(labels[core], weights=contrast[core], minlength=count + 1)
    return np.maximum(sums / np.maximum(pixels, 1), 1e-6)


def _local_ground(
    contrast: NDArray[np.float32],
    labels: NDArray[np.int32],
    outside: NDArray[np.float32],
    radius: float,
    ignore: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """What is left of the ground's contrast near each pixel, from ground pixels clear of every edge."""
    clear = (labels == 0) & ~ignore & (outside > min(3.0, 0.3 * radius) + 1)
    if clear.sum() < 100:
        return np.zeros_like(contrast)
    shrink = max(1.0, min(radius / 2, max(contrast.shape) / 64))
    size = (max(4, int(contrast.shape[1] / shrink)), max(4, int(contrast.shape[0] / shrink)))
    weight = filters.resized(clear.astype(np.float32), size)
    value = filters.resized(contrast * clear, size)
    sigma = 2.5 * radius / shrink
    weight = filters.blurred(weight, sigma) + 1e-4 * float(clear.mean())
    value = filters.blurred(value, sigma) + 1e-4 * float(contrast[clear].mean() * clear.mean())
    return filters.resized(value / weight, contrast.shape[::-1])


def _largest_pieces(labels: NDArray[np.int32], settings: ClassicalSettings) -> NDArray[np.int32]:
    """One piece per particle, without holes and frayed pixels: the majority of its neighbourhood decides a pixel."""
    result = np.zeros_like(labels)
    boxes = _boxes(labels)
    new = 0
    for label, (top, bottom, left, right) in boxes.items():
        window = (slice(top, bottom), slice(left, right))
        mask = cv2.copyMakeBorder((labels[window] == label).astype(np.uint8), 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0)
        mask = cv2.medianBlur(mask, 3)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        if not contours:
            continue
        piece = np.zeros_like(mask)
        largest = max(range(len(contours)), key=lambda i: cv2.contourArea(contours[i]))
        cv2.drawContours(piece, contours, largest, 1, thickness=-1)
        kept = (piece[2:-2, 2:-2] > 0) & ((labels[window] == label) | (labels[window] == 0))
        if kept.sum() >= settings.least_area_px:
            new += 1
            target = result[window]
            target[kept & (target == 0)] = new
    return drop_small(result, settings)


def _boxes(labels: NDArray[np.int32]) -> dict[int, tuple[int, int, int, int]]:
    from scipy.ndimage import find_objects

    return {
        index + 1: (box[0].start, box[0].stop, box[1].start, box[1].stop)
        for index, box in enumerate(find_objects(labels))
        if box is not None
    }


def _drop_indistinct(
    labels: NDArray[np.int32],
    smooth: NDArray[np.float32],
    ignore: NDArray[np.bool_],
    settings: ClassicalSettings,
) -> NDArray[np.int32]:
    """Drop pieces that the ground's own unevenness explains, and all of them where that explains most.

    A threshold finds pieces in an empty picture too. What tells a particle is the step from it to the ring around it,
    against the spread of grey within that ring and over the open ground.
    """
    count = int(labels.max()) + 1
    outside, owner = territories(labels)
    areas = np.bincount(labels.ravel(), minlength=count)
    radii = np.sqrt(areas / np.pi)[owner]
    free = (labels == 0) & ~ignore
    ring = free & (outside > 1 + 0.15 * radii) & (outside <= 3 + 0.35 * radii)
    around, grey = owner[ring], smooth[ring].astype(np.float64)
    pixels = np.maximum(np.bincount(around, minlength=count), 1)
    level = np.bincount(around, grey, count) / pixels
    spread = np.sqrt(np.maximum(np.bincount(around, grey**2, count) / pixels - level**2, 1e-12))
    step = np.bincount(labels.ravel(), smooth.ravel(), count) / np.maximum(areas, 1) - level
    open_ground = free & (outside > 10)
    unevenness = float(smooth[open_ground].std()) if open_ground.sum() > 500 else 0.0
    over_ring, over_ground = step / spread, step / max(unevenness, 1e-6)
    if np.median(over_ring[1:]) < settings.least_step_of_all and np.median(over_ground[1:]) < settings.least_step:
        return np.zeros_like(labels)
    return _renumber(labels, (over_ring >= settings.least_step_in_ring) | (over_ground >= settings.least_step))
