"""Particles of several looks at one picture, at different scales, in one label image: of what lies upon another, the
more credible one stays.

Knows nothing of the network. Looks come one after the other, and in tiles, so that no more than one label image of the
whole picture is kept.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

_SAME = 0.5  # of the smaller one's area: more in common, and only one of two particles can be real
_LEAST_FREE = 0.5  # of a particle's area that must be left to it
_LEAST_AREA_PX = 9
_ASKED = 200  # particles that tell how broad all are


class Fusion:
    """Starts empty. `labels` (H, W) int32 are the particles so far; numbers of those that had to yield are missing."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.labels: NDArray[np.int32] = np.zeros(shape, np.int32)
        # By number; 0 is the ground. Particles that had to yield have no area.
        self._credit: list[float] = [0.0]
        self._area: list[int] = [0]
        self._place: list[tuple[slice, slice]] = [(slice(0, 0), slice(0, 0))]

    def diameter_px(self, least_credit: float) -> float | None:
        """Median of the equivalent diameters of those as credible as this; `None` without any."""
        areas = self._areas(least_credit)
        return float(2 * np.sqrt(np.median(areas) / np.pi)) if areas else None

    def breadth_px(self, least_credit: float) -> float | None:
        """Median of the diameters of the largest circles within those as credible as this; `None` without any."""
        numbers = self._numbers(least_credit)
        asked = numbers[:: max(1, len(numbers) // _ASKED)]
        return float(np.median([self._inner_diameter_px(number) for number in asked])) if asked else None

    def _inner_diameter_px(self, number: int) -> float:
        mask = np.pad((self.labels[self._place[number]] == number).astype(np.uint8), 1)
        return 2 * float(cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max()) - 1

    def count(self, least_credit: float) -> int:
        """How many are as credible as this."""
        return len(self._numbers(least_credit))

    def area_px(self, least_credit: float) -> int:
        """Of all those together."""
        return sum(self._areas(least_credit))

    def _areas(self, least_credit: float) -> list[int]:
        return [self._area[number] for number in self._numbers(least_credit)]

    def _numbers(self, least_credit: float) -> list[int]:
        return [number for number, area in enumerate(self._area) if area and self._credit[number] >= least_credit]

    def add(self, mask: NDArray[np.bool_], credit: float, corner: tuple[int, int]) -> None:
        """A particle (h, w) whose mask has this upper left corner, unless a more credible one lies there."""
        place = (slice(corner[0], corner[0] + mask.shape[0]), slice(corner[1], corner[1] + mask.shape[1]))
        area, here = int(mask.sum()), self.labels[place]
        under = here[mask]
        if area < _LEAST_AREA_PX:
            return
        rivals: list[int] = []
        free = mask
        if under.any():
            others, common = np.unique(under[under > 0], return_counts=True)
            for other, pixels in zip(others.tolist(), common.tolist(), strict=True):
                if pixels > _SAME * min(area, self._area[other]):
                    rivals.append(other)
            if any(self._credit[rival] >= credit for rival in rivals):
                return
            free = here == 0
            for rival in rivals:
                free |= here == rival
            free &= mask
        left = int(free.sum())
        if left < max(_LEAST_FREE * area, _LEAST_AREA_PX):
            return
        for rival in rivals:
            there = self.labels[self._place[rival]]
            there[there == rival] = 0
            self._area[rival] = 0
        self._credit.append(credit)
        self._area.append(left)
        self._place.append(place)
        here[free] = len(self._credit) - 1

    def numbered(self) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """The labels, numbered anew from 1 without gaps, and their credits (n,); nothing can be added afterwards."""
        present = np.array(self._area) > 0
        table = np.where(present, np.cumsum(present), 0).astype(np.int32)
        np.take(table, self.labels, out=self.labels, mode="clip")
        return self.labels, np.array(self._credit)[present]
