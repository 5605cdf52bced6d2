"""The segmenter's outer shape: any image in, labels out, with whatever method and device lie behind it.

Today the method is the classical one (`closedloop.tem.classical`), which needs no accelerator; ``device`` is checked
and kept, so that a caller need not change when a network takes its place.
"""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import ClosedloopError
from closedloop.tem.annotations import annotation_mask
from closedloop.tem.classical import ClassicalSettings, segment_classically
from closedloop.tem.reading import to_grey

Device = Literal["auto", "cpu", "cuda", "mps"]


class UnknownDevice(ClosedloopError):
    """A device was asked for that there is none of."""


class Segmenter:
    """Finds particles. Make one with `load`; it may be used for any number of images, and from several threads."""

    def __init__(self, device: str = "cpu", settings: ClassicalSettings | None = None) -> None:
        self.device = device
        self.settings = settings or ClassicalSettings()

    @classmethod
    def load(cls, device: Device = "auto") -> Self:
        """Raises `UnknownDevice` where the device is not one of auto, cpu, cuda, mps."""
        if device not in ("auto", "cpu", "cuda", "mps"):
            raise UnknownDevice(f"there is no device {device!r}; use auto, cpu, cuda or mps")
        # The classical method gains nothing from an accelerator.
        return cls(device="cpu")

    def segment(self, image: NDArray[Any], ignore: NDArray[np.bool_] | None = None) -> NDArray[np.int32]:
        """Labels (H, W) int32, 0 = background, from (H, W) or (H, W, 3 or 4) uint8, uint16 or float.

        ignore: (H, W) bool, where no particle is to be sought; what is left out is the scale bar, its label and the
        strip that they stand in, as far as they can be told from the picture.

        Raises `NotAnImage` where the array is none.
        """
        grey = to_grey(np.asarray(image))
        where = annotation_mask(grey) if ignore is None else np.asarray(ignore, bool)
        return segment_classically(grey, where, self.settings)
