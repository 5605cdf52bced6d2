"""What is believed of a particle (`closedloop.tem.credibility`), learned from looks at pictures of known particles.

Every look that the segmenter might take of a picture gives particles; the overlap of each with its best true one is
what its measures are to tell. A picture weighs with the root of its number of particles: few large ones count too.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from closedloop.tem.contrast import normalised
from closedloop.tem.credibility import MEASURES, Credibility, measures
from closedloop.tem.instances import instances
from closedloop.tem.learning.samples import Group, Sample, evenly
from closedloop.tem.learning.small import fit
from closedloop.tem.network import ParticleNet
from closedloop.tem.neural import Looks, at_full_size, coarsest_zoom, maps_at

_MOST_PIXELS = 6_000_000  # of a look
_ENLARGED_BELOW = 2.0  # of the diameter at which the segmenter enlarges: it may be mistaken


@dataclass(frozen=True)
class Looked:
    """Particles of one picture: measures (n, 12), overlaps (n,) with the best true particle."""

    measures: NDArray[np.float32]
    overlap: NDArray[np.float64]


def learn_credibility(
    net: ParticleNet,
    groups: Sequence[Group],
    *,
    seed: int,
    device: str = "cpu",
    most_pictures: int = 120,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Teach `net.credibility` in place what to believe of this network, on up to `most_pictures` of each group.

    progress: called with how many pictures of how many have been looked at.
    """
    looking = copy.deepcopy(net).ready().to(device)
    chosen = [sample for group in groups for sample in evenly(group.samples, most_pictures)]
    looked: list[Looked] = []
    for number, sample in enumerate(chosen, 1):
        looked.append(look_at(sample, looking))
        if progress is not None:
            progress(number, len(chosen))
    _fit(net.credibility, [one for one in looked if len(one.overlap)], seed)


def look_at(sample: Sample, net: ParticleNet, looks: Looks | None = None) -> Looked:
    """All particles that looks at this picture find, true or not."""
    looks = looks or Looks()
    even = normalised(sample.light)
    known = np.maximum(sample.labels, 0)
    areas = np.bincount(known.ravel())[1:]
    diameter = 2 * np.sqrt(np.median(areas[areas > 0]) / np.pi) if areas.any() else np.inf
    zooms = [coarsest_zoom(even.shape, looks)]
    while zooms[-1] < 1:
        zooms.append(2 * zooms[-1])
    if diameter < _ENLARGED_BELOW * looks.least_px:
        zooms.append(2.0)
    rows, overlap = [np.zeros((0, len(MEASURES)), np.float32)], [np.zeros(0)]
    for zoom in zooms:
        if even.size * zoom**2 > _MOST_PIXELS:
            continue
        maps = maps_at(even, zoom, net)
        labels = instances(maps)
        if labels.any():
            rows.append(measures(maps, labels))
            overlap.append(_overlaps(known, labels, maps[0], zoom))
    return Looked(np.concatenate(rows), np.concatenate(overlap))


def _overlaps(
    known: NDArray[np.int32], labels: NDArray[np.int32], chance: NDArray[np.float32], zoom: float
) -> NDArray[np.float64]:
    """(n,) of each label of a look with its best true one; 0 for one that is smaller than a pixel of the picture."""
    areas = np.bincount(known.ravel())
    best = np.zeros(int(labels.max()))
    for index, mask, place in at_full_size(labels, chance, zoom, known.shape):
        common = np.bincount(known[place][mask], minlength=len(areas))
        common[0] = 0
        best[index - 1] = (common / np.maximum(areas + mask.sum() - common, 1)).max()
    return best


def _fit(credit: Credibility, looked: Sequence[Looked], seed: int) -> None:
    if not looked:  # a network that finds nothing anywhere: there is nothing to believe or to doubt
        return
    values = torch.from_numpy(np.concatenate([one.measures for one in looked]))
    overlap = torch.from_numpy(np.concatenate([one.overlap for one in looked]).astype(np.float32))
    weight = torch.from_numpy(np.concatenate([np.full(len(one.overlap), len(one.overlap) ** -0.5) for one in looked]))
    fit(credit, values, overlap, weight, partial(functional.smooth_l1_loss, beta=0.1), seed)
