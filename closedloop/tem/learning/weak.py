"""Weak labels for images that nobody has labelled: what the network and the classical method both see.

As in Gu et al. (ACS Nano 2025) a detector proposes, Otsu's threshold and morphology outline, and a ring in which the
outline is uncertain is left out of the loss. Here the detector is the network as it is, and a pixel that only one of
the two calls a particle is left out too: it teaches nothing rather than something wrong.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from closedloop.tem.classical import segment_classically
from closedloop.tem.learning.targets import DOUBTFUL
from closedloop.tem.metrics import overlaps
from closedloop.tem.network import ParticleNet
from closedloop.tem.neural import segment_with_network

_AGREED = 0.7  # least overlap (IoU) of the two outlines of a particle
_MARGIN = 24  # px around a particle that are looked at
_RING = 0.08  # of the particle's diameter to either side of its outline


def weak_labels(
    grey: NDArray[np.float32], net: ParticleNet, ignore: NDArray[np.bool_] | None = None
) -> NDArray[np.int32]:
    """Labels (H, W) int32 from grey (H, W) between 0 and 1: what both see, `DOUBTFUL`, 0 where neither sees any."""
    seen = segment_with_network(grey, net, ignore)
    outlined = segment_classically(grey, ignore)
    labels = np.where((seen > 0) | (outlined > 0), DOUBTFUL, 0).astype(np.int32)
    if not seen.any() or not outlined.any():
        return labels
    agreed = np.flatnonzero(overlaps(seen, outlined).max(1) >= _AGREED)
    boxes = find_objects(seen)
    for index in agreed.tolist():
        box = tuple(slice(max(0, side.start - _MARGIN), side.stop + _MARGIN) for side in boxes[index])
        own = (seen[box] == index + 1).astype(np.uint8)
        reach = min(_MARGIN, max(1, round(_RING * 2 * float(np.sqrt(own.sum() / np.pi)))))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        core = cv2.erode(own, kernel) > 0
        ring = (cv2.dilate(own, kernel) > 0) & ~core
        part = labels[box]
        part[ring & (part <= 0)] = DOUBTFUL
        part[core] = index + 1
    return labels
