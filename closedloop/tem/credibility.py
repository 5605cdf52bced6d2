"""How far a particle that was made from the network's maps can be believed: the overlap (IoU) that it is likely to have
with a true one.

A look at the wrong scale betrays itself: pieces of a large particle have outlines that the network is not sure of, and
their seed map is not the one that such pieces would have. Twelve such measures of each particle go through a small
network of their own, taught on looks at pictures whose particles are known (`closedloop.tem.learning.credit`).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem.ideal_maps import ideal_maps
from closedloop.tem.judge import Judge

MEASURES = (
    "log_diameter",
    "chance_inside",
    "chance_on_rim",
    "chance_around",
    "seed_misfit",
    "seed_excess",
    "flow_agreement",
    "flow_strength",
    "highest_seed",
    "free_rim",
    "cut_by_frame",
    "raggedness",
)


class Credibility(Judge):
    """(n, 12) measures -> (n,) likely overlap with a true particle."""

    def __init__(self) -> None:
        super().__init__(len(MEASURES))


def measures(maps: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """(n, 12) float32 in the order of `MEASURES`, from maps (4, H, W) and labels (H, W) int32 numbered 1 to n.

    Rims are one pixel wide inside the outline, `chance_around` is that of the ground up to two pixels outside of it;
    `free_rim` is how much such ground there is and `cut_by_frame` how much of the frame, both over the rim's length.
    """
    chance, seed, across, down = maps
    n = int(labels.max())
    inside = np.flatnonzero(labels)
    owner = labels.ravel()[inside]
    area = np.bincount(owner, minlength=n + 1)[1:]
    highest = np.zeros(n + 1, np.float32)
    np.maximum.at(highest, owner, seed.ravel()[inside])

    def mean(values: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.bincount(owner, values.ravel()[inside], n + 1)[1:] / np.maximum(area, 1)

    numbers = labels.astype(np.float32)
    near = cv2.dilate(numbers, np.ones((3, 3), np.uint8))
    on_rim = np.where(cv2.erode(numbers, np.ones((3, 3), np.uint8)) != near, labels, 0).ravel()
    rim = np.maximum(np.bincount(on_rim, minlength=n + 1)[1:], 1)
    beside = np.where(labels == 0, cv2.dilate(numbers, np.ones((5, 5), np.uint8)).astype(np.int32), 0).ravel()
    ground = np.bincount(beside, minlength=n + 1)[1:]
    frame = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    cut = np.bincount(frame, minlength=n + 1)[1:]
    ideal = ideal_maps(labels)
    return np.stack(
        [
            np.log(np.maximum(2 * np.sqrt(area / np.pi), 1)),
            mean(chance),
            np.bincount(on_rim, chance.ravel(), n + 1)[1:] / rim,
            np.bincount(beside, chance.ravel(), n + 1)[1:] / np.maximum(ground, 1),
            mean(np.abs(seed - ideal.seed)),
            mean(seed - ideal.seed),
            mean(across * ideal.across + down * ideal.down),
            mean(np.hypot(across, down)),
            highest[1:],
            ground / rim,
            cut / rim,
            rim**2 / (4 * np.pi * np.maximum(area, 1)),
        ],
        axis=1,
    ).astype(np.float32)
