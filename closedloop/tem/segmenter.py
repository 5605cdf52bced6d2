"""The segmenter's outer shape: any image in, labels out, with the network and the device behind it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import ClosedloopError
from closedloop.tem.annotations import annotation_mask
from closedloop.tem.classical import outlines_by_material
from closedloop.tem.contrast import specimen
from closedloop.tem.neural import find_with_network
from closedloop.tem.reading import to_grey
from closedloop.tem.weights import SHIPPED, load_weights

DEVICES = ("auto", "cpu", "cuda", "mps")


class UnknownDevice(ClosedloopError):
    """A device was asked for that there is none of."""


@dataclass(frozen=True)
class Found:
    """labels: (H, W) int32, 0 = background, 1 to n. chances: of each of these the chance that it overlaps a true
    particle by more than half, (n,); `None` where nobody judged them, such as particles that a person drew."""

    labels: NDArray[np.int32]
    chances: NDArray[np.float32] | None = None


class Segmenter:
    """Finds particles. Make one with `load`; it may be used for any number of images, and from several threads.

    One of one's own overrides `find`.
    """

    def __init__(self, weights: Path = SHIPPED, device: str = "cpu") -> None:
        self.weights = weights
        self.device = device
        self._net = load_weights(weights, device)

    @classmethod
    def load(cls, device: str = "auto", weights: str | Path | None = None) -> Self:
        """The shipped weights, or those of a file that ``closedloop tem train`` wrote.

        Without `weights` the environment variable ``CLOSEDLOOP_SEGMENTER`` may name such a file for the whole program.

        Raises `UnknownDevice` where the device is not one of auto, cpu, cuda, mps or is not there, `UnreadableWeights`.
        """
        chosen = weights if weights is not None else os.environ.get("CLOSEDLOOP_SEGMENTER") or SHIPPED
        return cls(Path(chosen), resolve_device(device))

    def segment(self, image: NDArray[Any], ignore: NDArray[np.bool_] | None = None) -> NDArray[np.int32]:
        """Labels (H, W) int32, 0 = background, from (H, W) or (H, W, 3 or 4) uint8, uint16 or float.

        ignore: (H, W) bool, where no particle is to be sought; what is left out is the scale bar, its label and the
        strip that they stand in, as far as they can be told from the picture.

        Raises `NotAnImage` where the array is none.
        """
        return self.find(image, ignore).labels

    def find(self, image: NDArray[Any], ignore: NDArray[np.bool_] | None = None) -> Found:
        """As `segment`, and how likely each particle is one."""
        grey = to_grey(np.asarray(image))
        where = annotation_mask(grey) if ignore is None else np.asarray(ignore, bool)
        grey = specimen(grey, where)
        labels, chances = find_with_network(grey, self._net, where)
        # The network draws outlines as people do; a field of many dark particles says itself where they end.
        by_material = outlines_by_material(grey, labels, where)
        return Found(labels if by_material is None else by_material, chances)


def resolve_device(device: str) -> str:
    """The device that is meant: "auto" is an accelerator where there is one. Raises `UnknownDevice`."""
    if device not in DEVICES:
        raise UnknownDevice(f"there is no device {device!r}; use {', '.join(DEVICES)}")
    if device == "cpu":
        return device
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next((name for name, is_there in there.items() if is_there), "cpu")
    if not there[device]:
        raise UnknownDevice(f"this machine has no {device} device that torch can use; use auto or cpu")
    return device
