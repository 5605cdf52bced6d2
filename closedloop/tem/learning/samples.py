"""Folders of images and label images -> a stream of training crops, drawn with a seed, made beside training."""

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop.tem.contrast import normalised
from closedloop.tem.learning.augment import crop, light
from closedloop.tem.learning.targets import targets


@dataclass(frozen=True)
class Sample:
    """One image (H, W) uint8 and its labels (H, W) int32, -1 where nothing is known."""

    name: str
    grey: NDArray[np.uint8]
    labels: NDArray[np.int32]

    @property
    def light(self) -> NDArray[np.float32]:
        """(H, W) float32 between 0 and 1."""
        return self.grey.astype(np.float32) / np.float32(255)

    def zoom(self, size: int) -> tuple[float, float]:
        """Least and most pixels of a crop of `size` per pixel of the image: its particles as the segmenter meets them,
        but never much more of the crop than the image fills."""
        least = size / (1.15 * max(self.labels.shape))
        diameter = typical_diameter_px(np.maximum(self.labels, 0)) or _DIAMETERS_PX[0]
        low, high = (float(np.clip(wanted / diameter, least, _MOST_ZOOM)) for wanted in _DIAMETERS_PX)
        return low, max(high, min(2 * low, _MOST_ZOOM))


_DIAMETERS_PX = (7.0, 120.0)  # of typical particles in the crops
_MOST_ZOOM = 2.5


def typical_diameter_px(labels: NDArray[np.int32]) -> float | None:
    """Equivalent diameter of the particle in which the middle of the labelled area lies; `None` without particles."""
    areas = np.sort(np.bincount(labels.ravel())[1:])
    areas = areas[areas > 0]
    if not areas.size:
        return None
    middle = areas[np.searchsorted(np.cumsum(areas), areas.sum() / 2)]
    return float(2 * np.sqrt(middle / np.pi))


@dataclass(frozen=True)
class Group:
    """Samples of one kind, and how large a share of each batch they are."""

    samples: Sequence[Sample]
    share: float


def evenly(samples: Sequence[Sample], most: int) -> list[Sample]:
    """At most so many, evenly from the whole sequence."""
    return [samples[i] for i in np.unique(np.linspace(0, len(samples) - 1, min(most, len(samples))).astype(int))]


def batches(
    groups: Sequence[Group], size: int, count: int, seed: int, steps: int, first: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches `first` to `steps` of images (count, 1, size, size) and targets (count, 5, size, size)."""
    ready: queue.Queue[tuple[Tensor, Tensor] | BaseException] = queue.Queue(maxsize=6)
    stop = threading.Event()

    def work() -> None:
        try:
            for step in range(first, steps):
                made = _batch(groups, size, count, np.random.default_rng((seed, step)))
                while not stop.is_set():
                    try:
                        ready.put(made, timeout=0.5)
                        break
                    except queue.Full:
                        continue
                if stop.is_set():
                    return
        except BaseException as error:  # handed to the thread that waits for the batch
            ready.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        for _ in range(first, steps):
            made = ready.get()
            if isinstance(made, BaseException):
                raise made
            yield made
    finally:
        stop.set()


def _batch(groups: Sequence[Group], size: int, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    shares = np.array([group.share for group in groups])
    images, wanted = [], []
    for _ in range(count):
        group = groups[int(rng.choice(len(groups), p=shares / shares.sum()))]
        sample = group.samples[int(rng.integers(len(group.samples)))]
        grey, labels = crop(sample.light, sample.labels, size, sample.zoom(size), rng)
        images.append(light(normalised(grey), rng))
        wanted.append(targets(labels))
    return torch.from_numpy(np.stack(images)[:, None] * 2 - 1), torch.from_numpy(np.stack(wanted))
