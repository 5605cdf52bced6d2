"""What is believed of a particle (`closedloop.tem.credibility`), learned from looks at pictures of known particles.

Every look that the segmenter might take of a picture gives particles; the overlap of each with its best true one is
what its measures are to tell.
"""

from operator import attrgetter

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from closedloop.tem.contrast import normalised
from closedloop.tem.credibility import MEASURES, measures
from closedloop.tem.instances import readings
from closedloop.tem.learning.samples import Sample
from closedloop.tem.learning.teaching import Lesson, Seen
from closedloop.tem.network import ParticleNet
from closedloop.tem.neural import Looks, at_full_size, coarsest_zoom, maps_at

_MOST_PIXELS = 6_000_000  # of a look
_ENLARGED_BELOW = 2.0  # of the diameter at which the segmenter enlarges: it may be mistaken


def look_at(sample: Sample, net: ParticleNet, looks: Looks | None = None) -> Seen:
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
        for labels, new in readings(maps):
            if new.any():
                rows.append(measures(maps, labels)[new])
                overlap.append(_overlaps(known, labels, maps[0], zoom, new)[new])
    return Seen(np.concatenate(rows), np.concatenate(overlap))


def _overlaps(
    known: NDArray[np.int32],
    labels: NDArray[np.int32],
    chance: NDArray[np.float32],
    zoom: float,
    wanted: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """(n,) of each wanted label of a look with its best true one; 0 for one smaller than a pixel of the picture."""
    areas = np.bincount(known.ravel())
    best = np.zeros(int(labels.max()))
    for index, mask, place in at_full_size(labels, chance, zoom, known.shape, wanted):
        common = np.bincount(known[place][mask], minlength=len(areas))
        common[0] = 0
        best[index - 1] = (common / np.maximum(areas + mask.sum() - common, 1)).max()
    return best


def _missed(logit: Tensor, overlap: Tensor) -> Tensor:
    return functional.smooth_l1_loss(logit.sigmoid(), overlap, beta=0.1)


CREDIBILITY = Lesson(attrgetter("credibility"), look_at, _missed, most_pictures=120)
