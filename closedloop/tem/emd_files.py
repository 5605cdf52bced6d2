"""EMD, two formats of one name in HDF5: Berkeley's (groups marked ``emd_group_type`` 1) and that of Velox.

Fourier transforms that Velox keeps beside its images are passed over. Read through h5py and not through ncempy, whose
reader wants metadata that not every Velox file has (`docs/decisions/0034`).
"""

import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from closedloop.tem.errors import DiffractionPattern, NotAnImage
from closedloop.tem.formats import LARGEST_PIXELS, Stored, check_inflation, check_size, first_of
from closedloop.tem.pixel_size import StatedPixel, nm_per_unit, stated_pixel

_MOST_OBJECTS = 20_000
_LONGEST_METADATA = 10_000_000
_DEFLATE = 1


def read_emd(path: Path) -> Stored:
    """The first image with real numbers whose pixels are lengths; of a series its first frame."""
    import h5py

    with h5py.File(path, "r") as file:
        velox, berkeley = _velox_images(file), _berkeley_images(file)
        images = velox or berkeley
        if not images:
            raise NotAnImage("it is an HDF5 file without an image of Velox or Berkeley's EMD in it")
        refused: NotAnImage | None = None
        real = [image for image in images if _is_image(image["Data" if velox else "data"])]
        if not real:
            raise NotAnImage("it holds spectra or Fourier transforms but no image")
        for image in real:
            try:
                stored = _read_velox(image) if velox else _read_berkeley(image)
            except DiffractionPattern as error:
                refused = refused or error
                continue
            return stored._replace(notes=(*first_of(len(real), "images"), *stored.notes))
        raise refused or NotAnImage("it holds no image")


def _velox_images(file: Any) -> list[Any]:
    """Groups of ``Data/Image`` that hold pixels."""
    import h5py

    group = file.get("Data/Image")
    if not isinstance(group, h5py.Group):
        return []
    found = []
    for name in _names(group):
        image = group.get(name)
        data = image.get("Data") if isinstance(image, h5py.Group) else None
        # A link may lead into another file.
        if isinstance(data, h5py.Dataset) and data.file.filename == file.filename:
            found.append(image)
    return found


def _names(group: Any) -> Iterator[str]:
    for number, name in enumerate(group):
        if number >= _MOST_OBJECTS:
            raise NotAnImage(f"it has more than {_MOST_OBJECTS:,} entries; it is damaged")
        yield name


def _berkeley_images(file: Any) -> list[Any]:
    import h5py

    found: list[Any] = []
    seen = 0

    def visit(_name: str, item: Any) -> None:
        nonlocal seen
        seen += 1
        if seen > _MOST_OBJECTS:
            raise NotAnImage(f"it has more than {_MOST_OBJECTS:,} entries; it is damaged")
        if isinstance(item, h5py.Group) and "emd_group_type" in item.attrs:
            marked = np.ravel(np.asarray(item.attrs["emd_group_type"]))
            if marked.size == 1 and marked[0] == 1 and isinstance(item.get("data"), h5py.Dataset):
                found.append(item)

    file.visititems(visit)  # comes to each object once, so that links in a ring do not matter
    return found


def _is_image(data: Any) -> bool:
    return data.dtype.kind in "uif" and data.ndim >= 2


def _read_velox(image: Any) -> Stored:
    """Velox stores (H, W, frames), and for each frame a column of JSON."""
    data = image["Data"]
    planes = math.prod(data.shape[2:])
    _check(data, data.shape[0], data.shape[1], planes)
    about = _velox_metadata(image)
    result = about.get("BinaryResult")
    result = result if isinstance(result, dict) else {}
    size = result.get("PixelSize")
    size = size if isinstance(size, dict) else {}
    unit_x, unit_y = str(result.get("PixelUnitX", "")), str(result.get("PixelUnitY", ""))
    pixel = _both(
        stated_pixel(size.get("width"), size.get("width"), unit_x, "Velox metadata"),
        stated_pixel(size.get("height"), size.get("height"), unit_y, "Velox metadata"),
    )
    # Read whole rows and columns of the first frame only.
    pixels = np.asarray(data[(slice(None), slice(None), *(0 for _ in data.shape[2:]))])
    return Stored(pixels, pixel, first_of(planes, "frames"))


def _velox_metadata(image: Any) -> dict[str, Any]:
    """The first frame's; empty where there is none that can be read: then the file states no pixel size."""
    import h5py

    stored = image.get("Metadata")
    if not isinstance(stored, h5py.Dataset) or stored.ndim != 2 or stored.shape[0] > _LONGEST_METADATA:
        return {}
    if stored.shape[1] < 1 or stored.dtype != np.uint8:
        return {}
    _check_pieces(stored)
    text = bytes(stored[:, 0]).partition(b"\0")[0]
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(text.decode("utf-8", "replace"))
        if isinstance(content, dict):
            return content
    return {}


def _read_berkeley(image: Any) -> Stored:
    """The last two axes are the image's; ``dim1``, ``dim2``… hold the coordinates along the axes and their unit."""
    data = image["data"]
    planes = math.prod(data.shape[:-2])
    _check(data, data.shape[-2], data.shape[-1], planes)
    vertical, horizontal = (_spacing(image.get(f"dim{axis}")) for axis in (data.ndim - 1, data.ndim))
    pixels = np.asarray(data[(*(0 for _ in data.shape[:-2]), slice(None), slice(None))])
    return Stored(pixels, _both(horizontal, vertical), first_of(planes, "planes"))


def _spacing(axis: Any) -> StatedPixel | None:
    import h5py

    if not isinstance(axis, h5py.Dataset) or axis.ndim != 1 or axis.shape[0] < 2 or axis.dtype.kind not in "uif":
        return None
    unit = np.ravel(np.asarray(axis.attrs.get("units", "")))
    if unit.size != 1:
        return None
    text = unit[0].decode("utf-8", "replace") if isinstance(unit[0], bytes) else str(unit[0])
    nm_per_unit(text)  # refuses a reciprocal unit also where the numbers make no sense
    _check_pieces(axis)
    length = axis.shape[0]
    step = (float(axis[length - 1]) - float(axis[0])) / (length - 1)
    return stated_pixel(step, step, text, "EMD dimensions")


def _both(x: StatedPixel | None, y: StatedPixel | None) -> StatedPixel | None:
    return None if x is None or y is None else StatedPixel(x.x_nm, y.y_nm, x.stated_by)


def _check(data: Any, height: int, width: int, planes: int) -> None:
    """Raises `NotAnImage` before anything is read that could be far larger than the image, or lie elsewhere."""
    check_size(height, width)
    if planes < 1:
        raise NotAnImage("it holds a series without frames")
    if data.id.get_storage_size() == 0 and not data.is_virtual:
        raise NotAnImage("its pixels were never written")
    _check_pieces(data)


def _check_pieces(data: Any) -> None:
    """The same for any dataset: HDF5 unpacks a piece without a limit, and fetches from where it is told."""
    if data.is_virtual or data.external:
        raise NotAnImage("its pixels lie in another file; give one that holds them itself")
    if data.chunks is None:
        return
    expected = math.prod(data.chunks) * data.dtype.itemsize
    if expected > 8 * LARGEST_PIXELS:
        raise NotAnImage(f"it is stored in pieces of {data.chunks} values; it is damaged")
    for number in range(data.id.get_num_chunks()):
        piece = data.id.get_chunk_info(number)
        if piece.size * 1032 > expected + 2**26 and _is_deflated(data):
            check_inflation(bytes(data.id.read_direct_chunk(piece.chunk_offset)[1]), expected)


def _is_deflated(data: Any) -> bool:
    pipeline = data.id.get_create_plist()
    return any(pipeline.get_filter(number)[0] == _DEFLATE for number in range(pipeline.get_nfilters()))
