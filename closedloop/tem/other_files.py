"""Rarer formats, through rosettasciio, which the extra ``closedloop[microscopes]`` installs.

It is under the GPL and therefore no dependency of this package (`docs/decisions/0034`). Known by their suffix, since
many of them have no mark of their own.
"""

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from closedloop.tem.errors import MissingReader, NotAnImage
from closedloop.tem.formats import Stored, check_size, first_of
from closedloop.tem.pixel_size import StatedPixel, stated_pixel

# What rosettasciio calls each: HyperSpy, TVIPS movies, Merlin detectors, Bruker, Phenom, SEMPER, NeXus.
OTHER_FORMATS = {
    ".hspy": "hspy",
    ".tvips": "tvips",
    ".mib": "quantumdetector",
    ".bcf": "bruker",
    ".elid": "phenom",
    ".unf": "semper",
    ".nxs": "nexus",
}


def read_other(path: Path) -> Stored:
    """The first plane of the first image.

    Raises `MissingReader` where rosettasciio is not installed, and what rosettasciio raises.
    """
    try:
        reader = importlib.import_module(f"rsciio.{OTHER_FORMATS[path.suffix.lower()]}")
    except ModuleNotFoundError as error:
        raise MissingReader(
            f"its format {path.suffix} needs rosettasciio; install it with pip install 'closedloop[microscopes]'"
        ) from error
    signals = reader.file_reader(str(path), lazy=True)
    images = [signal for signal in signals if signal["data"].ndim >= 2 and signal["data"].dtype.kind in "uif"]
    if not images:
        raise NotAnImage("it holds spectra or tables but no image")
    data = images[0]["data"]
    axes = sorted(images[0]["axes"], key=lambda axis: int(axis["index_in_array"]))
    # The image is what HyperSpy calls the signal; in a map of spectra, it is the map.
    shown = [axis for axis in axes if not axis.get("navigate")]
    shown = shown if len(shown) == 2 else axes[:2]
    vertical, horizontal = shown[0], shown[1]
    kept = (int(vertical["index_in_array"]), int(horizontal["index_in_array"]))
    height, width = data.shape[kept[0]], data.shape[kept[1]]
    check_size(height, width)
    plane = data[tuple(slice(None) if axis in kept else 0 for axis in range(data.ndim))]
    pixel = _pixel(horizontal, vertical)
    planes = math.prod(data.shape) // (height * width)
    notes = (*first_of(len(images), "images"), *first_of(planes, "planes"))
    return Stored(np.asarray(plane), pixel, notes)


def _pixel(horizontal: dict[str, Any], vertical: dict[str, Any]) -> StatedPixel | None:
    x, y = (
        stated_pixel(axis.get("scale"), axis.get("scale"), str(axis.get("units") or ""), "file's axes")
        for axis in (horizontal, vertical)
    )
    return None if x is None or y is None else StatedPixel(x.x_nm, y.y_nm, x.stated_by)
