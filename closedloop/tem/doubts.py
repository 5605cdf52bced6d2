"""Why a segmented piece may be no particle, or more than one: a filter over its descriptors that flags and never drops.

Gu et al. (ACS Nano 2025) filter by the five descriptors; their bounds are not published, ours are stated here (decision
0038). Nothing here looks at sizes relative to the other particles: a second population is a finding, not a fault.
"""

import math

from closedloop.recipes import Shape

LEAST_AREA_PX = 30  # 6 px across, where half a pixel at the edge is a sixth of the diameter
LEAST_SOLIDITY = 0.87  # two equal discs that touch have 2π/(π + 4) = 0.88
LEAST_SOLIDITY_UNNAMED = 0.93  # of an outline that the classifier knows no name for: discs that overlap by a tenth
LEAST_CONVEXITY = 0.90
LEAST_CIRCULARITY = 0.65  # of the circularity that a rectangle of the same aspect ratio has
MOST_ECCENTRICITY = 0.995  # ten times as long as wide
LEAST_CLEAR = 0.2
LEAST_CHANCE = 0.5
CONCAVE = (Shape.FLOWER, Shape.FOUR_POINTED_STAR, Shape.SIX_POINTED_STAR)


def doubts(
    *,
    area_px: int,
    parts: int,
    circularity: float,
    solidity: float,
    convexity: float,
    eccentricity: float,
    aspect_ratio: float,
    shape: Shape,
    clear: float,
    chance: float | None = None,
) -> tuple[str, ...]:
    """Reasons against a particle, none for most. `clear`: how far its grey stands out from the ground, 0 to 1;
    `chance`: that there is such a particle, where somebody judged it.

    Notches are expected of stars and flowers, whose outline the classifier knows, and of nothing else.
    """
    found = []
    if area_px < LEAST_AREA_PX:
        found.append("few pixels")
    if parts > 1:
        found.append("in several pieces")
    if shape not in CONCAVE:
        if solidity < (LEAST_SOLIDITY_UNNAMED if shape is Shape.IRREGULAR else LEAST_SOLIDITY):
            found.append("concave: perhaps several particles in one")
        if convexity < LEAST_CONVEXITY or circularity < LEAST_CIRCULARITY * _of_rectangle(aspect_ratio):
            found.append("ragged outline")
    if eccentricity > MOST_ECCENTRICITY:
        found.append("a line: perhaps an edge of the film")
    if clear < LEAST_CLEAR:
        found.append("hardly stands out")
    if chance is not None and chance < LEAST_CHANCE:
        found.append("rather no particle")
    return tuple(found)


def _of_rectangle(aspect_ratio: float) -> float:
    """4π·area/perimeter² of a rectangle."""
    return math.pi * aspect_ratio / (1 + aspect_ratio) ** 2
