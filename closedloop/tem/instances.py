"""From the network's maps to particles: seeds by the seed map, each grown downhill to its outline.

Knows nothing of the network or of files. Where the flows of two neighbours part, the ground between them is raised, so
that a pixel follows the flow of its own particle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

Map = NDArray[np.float32]


@dataclass(frozen=True)
class InstanceSettings:
    """Settings that are stated once.

    particle: least chance that a pixel belongs to a particle. levels: heights of the seed map that are cut; a piece
    that falls into several at a higher level is several particles, save those below `least_part` of the largest.
    parting: how much the parting of flows raises the ground. least_area_px: smaller pieces are no particles.
    least_chance: nor are pieces whose pixels are less likely than this on average.
    """

    particle: float = 0.5
    levels: tuple[float, ...] = (0.35, 0.5, 0.65, 0.8)
    least_part: float = 0.08
    parting: float = 0.3
    least_area_px: int = 12
    least_chance: float = 0.6


class Reading(NamedTuple):
    """labels: (H, W) int32, 0 = background. new: which of them, 1 to n, are in no earlier reading, (n,)."""

    labels: NDArray[np.int32]
    new: NDArray[np.bool_]


def readings(maps: Map, settings: InstanceSettings | None = None) -> list[Reading]:
    """Two ways to read maps (4, H, W): chance of a particle, seed, flow x, flow y.

    Parted wherever the seed map dips, as touching particles are, and parted only where it is lower than the lowest
    level. A rod's ridge dips along its length, and so does a neck between two particles: which of both it is, other
    measures must tell.
    """
    settings = settings or InstanceSettings()
    chance, seed, across, down = maps
    particle = chance > settings.particle
    if not particle.any():
        return [Reading(np.zeros(chance.shape, np.int32), np.zeros(0, np.bool_))]
    parting = _parting(across, down)
    height = cv2.GaussianBlur(seed, (0, 0), 0.7) - settings.parting * parting
    seeds, whole = _seeds(height, particle, settings)
    parts = watershed(-height, seeds, mask=particle).astype(np.int32)
    labels, found = _credible(parts, chance, settings)
    parted = Reading(labels, np.ones(len(found), np.bool_))
    if len(np.unique(whole[1:])) == len(whole) - 1:  # nothing was parted higher up
        return [parted]
    labels, found = _credible(whole[parts], chance, settings)
    return [parted, Reading(labels, np.bincount(whole[1:], minlength=int(whole.max()) + 1)[found] > 1)]


def parts_or_wholes(
    read: Sequence[Reading], credit: Sequence[NDArray[np.floating]]
) -> list[tuple[NDArray[np.int32], NDArray[np.bool_]]]:
    """Of each reading its labels and which of them are to be believed, (n,), from how credible all are.

    A whole is, in place of its parts, where it is more credible than these are on average, by area: one clear end
    does not make a rod two particles.
    """
    if len(read) < 2:
        return [(one.labels, one.new) for one in read]
    (parted, whole), (parts, wholes) = read, credit
    both = (parted.labels > 0) & (whole.labels > 0)
    of_part, of_whole = parted.labels[both], whole.labels[both]
    area = np.bincount(of_whole, minlength=len(wholes) + 1)[1:]
    believed = np.bincount(of_whole, np.append(0.0, parts)[of_part], len(wholes) + 1)[1:] / np.maximum(area, 1)
    one = whole.new & (wholes > believed)
    lies_in = np.zeros(len(parts) + 1, np.int64)  # no part lies in two wholes
    lies_in[of_part] = of_whole
    yields = np.append(False, one)[lies_in[1:]]
    return [(parted.labels, parted.new & ~yields), (whole.labels, one)]


def _parting(across: Map, down: Map) -> Map:
    """Where flows run apart, (H, W) between 0 and 1: half their divergence, where that is positive."""
    spread = cv2.Sobel(across, cv2.CV_32F, 1, 0, ksize=3, scale=0.25) + cv2.Sobel(
        down, cv2.CV_32F, 0, 1, ksize=3, scale=0.25
    )
    return np.clip(spread * 0.5, 0, 1)


def _seeds(
    height: Map, particle: NDArray[np.bool_], settings: InstanceSettings
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Markers (H, W) int32, one per particle: the pieces of the lowest cut, or those into which they fall higher up;
    and for each marker, from 0, the piece of the lowest cut that it lies in, numbered likewise."""
    count, pieces = cv2.connectedComponents(particle.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    kept = pieces.astype(np.int32, copy=False)
    whole = np.arange(count)
    for step, level in enumerate(settings.levels):
        above = ((height > level) & particle).astype(np.uint8)
        number, pieces, parts, _ = cv2.connectedComponentsWithStats(above, connectivity=4, ltype=cv2.CV_32S)
        if number == 1:
            continue
        # A piece lies in one marker of the level below, or in none, where that was dropped: any pixel tells.
        parent = np.zeros(number, np.int64)
        parent[pieces] = kept
        area = np.where(parent > 0, parts[:, cv2.CC_STAT_AREA], 0).astype(np.int64)
        area[0] = 0
        largest = np.zeros(count, np.int64)
        np.maximum.at(largest, parent, area)
        real = area >= np.maximum(settings.least_part * largest[parent], 2)
        # A marker that reaches no higher stays as it is; one that does becomes its real parts.
        stays = np.bincount(parent[real], minlength=count) == 0
        old = np.where(stays, np.cumsum(stays) - 1, 0)
        new = np.zeros(number, np.int64)
        new[real] = int(stays.sum()) + np.arange(int(real.sum()))
        kept = np.maximum(old[kept], new[pieces]).astype(np.int32)
        before, count = whole, int(kept.max()) + 1
        whole = np.arange(count)
        if step:
            whole[old[stays]] = before[stays]
            whole[new[real]] = before[parent[real]]
    return kept, whole.astype(np.int32)


def _credible(
    labels: NDArray[np.int32], chance: Map, settings: InstanceSettings
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Without pieces that are too small or too doubtful, numbered from 1; and which numbers these had before, (n,)."""
    area = np.bincount(labels.ravel())
    mean = np.bincount(labels.ravel(), weights=chance.ravel()) / np.maximum(area, 1)
    keep = (area >= settings.least_area_px) & (mean >= settings.least_chance)
    keep[0] = False
    table = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    return table[labels], np.flatnonzero(keep)
