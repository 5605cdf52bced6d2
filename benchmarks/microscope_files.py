"""Small true files of the formats that microscopes write, for tests and for the benchmark of damaged files.

Written from the formats' descriptions and not from this package's readers; the tests let ncempy read them too.
"""

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

_DM_TYPES = {"i2": 1, "f4": 2, "c8": 3, "u1": 6, "i4": 7, "i1": 9, "u2": 10, "u4": 11, "f8": 12}
_TAG_CODES = {"i2": 2, "i4": 3, "u2": 4, "u4": 5, "f4": 6, "f8": 7, "i1": 9, "u1": 10}
_TAG_LAYOUTS = {3: "i", 5: "I", 6: "f"}
_SER_TYPES = {"u1": 1, "u2": 2, "u4": 3, "i1": 4, "i2": 5, "i4": 6, "f4": 7, "f8": 8, "c8": 9}
_MRC_MODES = {"i1": 0, "i2": 1, "f4": 2, "c8": 4, "u2": 6, "f2": 12}


def pattern(height: int = 48, width: int = 64, kind: str = "u1", seed: int = 0) -> NDArray[Any]:
    """Discs of different grey on a slope, none of it symmetric: a flipped or transposed image is another one."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:height, :width]
    picture = 150 + 40 * yy / height + 20 * xx / width
    for _ in range(max(3, height * width // 1500)):
        y, x, r = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(3, 7)
        picture[np.hypot(yy - y, xx - x) < r] -= rng.uniform(60, 100)
    picture += rng.normal(0, 3, picture.shape)
    picture = np.clip(picture, 0, 255)
    if kind == "i1":
        picture = picture / 2
    return picture.astype(kind)


class _DmWriter:
    """Tags of DM3 (32-bit lengths) or DM4 (64-bit), values in either byte order."""

    def __init__(self, version: int, order: str) -> None:
        self.wide = ">Q" if version == 4 else ">I"
        self.version, self.order = version, order

    def group(self, members: Sequence[bytes]) -> bytes:
        return b"\1\0" + struct.pack(self.wide, len(members)) + b"".join(members)

    def _entry(self, kind: int, name: str, body: bytes) -> bytes:
        size = struct.pack(">Q", len(body)) if self.version == 4 else b""
        return struct.pack(">BH", kind, len(name)) + name.encode("latin-1") + size + body

    def folder(self, name: str, members: Sequence[bytes]) -> bytes:
        return self._entry(20, name, self.group(members))

    def _data(self, name: str, info: Sequence[int], body: bytes) -> bytes:
        words = b"".join(struct.pack(self.wide, word) for word in (len(info), *info))
        return self._entry(21, name, b"%%%%" + words + body)

    def number(self, name: str, code: int, value: float) -> bytes:
        return self._data(name, [code], struct.pack(self.order + _TAG_LAYOUTS[code], value))

    def text(self, name: str, text: str) -> bytes:
        coded = text.encode("utf-16-le" if self.order == "<" else "utf-16-be")
        return self._data(name, [20, 4, len(text)], coded)

    def array(self, name: str, values: NDArray[Any]) -> bytes:
        kind = values.dtype.str[1:]
        if kind == "c8":
            return self._data(name, [20, 15, 0, 2, 0, 6, 0, 6, values.size], values.tobytes())
        return self._data(name, [20, _TAG_CODES[kind], values.size], values.astype(self.order + kind).tobytes())

    def struct_tag(self, name: str, numbers: Sequence[int]) -> bytes:
        info = [15, 0, len(numbers), *(part for _ in numbers for part in (0, 3))]
        return self._data(name, info, struct.pack(f"{self.order}{len(numbers)}i", *numbers))


def dm(
    pixels: NDArray[Any],
    scale: tuple[float, float] = (0.25, 0.25),
    unit: str = "nm",
    version: int = 3,
    order: str = "<",
    thumbnail: bool = True,
    kind: int | None = None,
    claimed: tuple[int, int] | None = None,
) -> bytes:
    """pixels: (H, W) or (planes, H, W), or (H, W, 4) uint8 of blue, green, red, nothing with `kind` 23.

    claimed: width and height that the file is to state instead of the true ones.
    """
    writer = _DmWriter(version, order)

    def image(values: NDArray[Any], data_kind: int, sides: Sequence[int], scales: Sequence[float]) -> bytes:
        axes = [
            writer.folder(
                "", [writer.number("Origin", 6, 0), writer.number("Scale", 6, size), writer.text("Units", unit)]
            )
            for size in scales
        ]
        calibrations = writer.folder("Calibrations", [writer.folder("Dimension", axes)])
        data = writer.array("Data", values.ravel())
        shape = writer.folder("Dimensions", [writer.number("", 5, side) for side in sides])
        content = [calibrations, data, writer.number("DataType", 5, data_kind), shape]
        tags = writer.folder("ImageTags", [writer.struct_tag("Where", [1, 2, 3]), writer.text("Name", "µ test")])
        return writer.folder("", [writer.folder("ImageData", content), tags])

    images = []
    if thumbnail:
        images.append(image(np.zeros(16 * 20, "u4"), 23, (20, 16), (1.0, 1.0)))
    code = kind if kind is not None else _DM_TYPES[pixels.dtype.str[1:]]
    if kind == 23:
        height, width = pixels.shape[:2]
        images.append(image(np.ascontiguousarray(pixels).view("u4"), code, (width, height), scale))
    else:
        sides = (*(claimed or pixels.shape[:-3:-1]), *pixels.shape[-3::-1])
        images.append(image(pixels, code, sides, (*scale, 1.0)[: pixels.ndim]))
    shown = writer.folder("Thumbnails", [writer.folder("", [writer.number("ImageIndex", 5, 0)])])
    root = writer.group([writer.folder("ImageList", images), *([shown] if thumbnail else [])])
    head = struct.pack(">I", version) + struct.pack(writer.wide, len(root)) + struct.pack(">I", order == "<")
    return head + root + bytes(8)


def ser(pixels: Sequence[NDArray[Any]], metres: tuple[float, float] = (2e-10, 2e-10), version: int = 0x0220) -> bytes:
    """Images (H, W) as TIA stores them: bottom row first, each with its calibration in x and y."""
    place = "<i" if version == 0x0210 else "<q"
    wide = struct.calcsize(place)
    head = struct.pack("<HHHIIII", 0x4949, 0x0197, version, 0x4122, 0x4152, len(pixels), len(pixels))
    description, unit = b"Number", b""
    axis = struct.pack("<iddi", len(pixels), 0.0, 1.0, 0)
    axis += struct.pack("<i", len(description)) + description + struct.pack("<i", len(unit)) + unit
    index_at = len(head) + wide + 4 + len(axis)
    start = index_at + 2 * wide * len(pixels)
    elements, places = b"", []
    for image in pixels:
        places.append(start + len(elements))
        height, width = image.shape
        elements += struct.pack("<ddi", 0.0, metres[0], 0) + struct.pack("<ddi", 0.0, metres[1], 0)
        elements += struct.pack("<hii", _SER_TYPES[image.dtype.str[1:]], width, height) + image[::-1].tobytes()
    tags_at = start + len(elements)
    index = b"".join(struct.pack(place, one) for one in (*places, *(tags_at + 8 * n for n in range(len(pixels)))))
    return (
        head
        + struct.pack(place, index_at)
        + struct.pack("<i", 1)
        + axis
        + index
        + elements
        + struct.pack("<ii", 0x4152, 0) * len(pixels)
    )


def emi(mode: str, camera: bool = True) -> bytes:
    """What TIA writes beside a series: binary objects around a piece of XML."""
    by = "<CameraNamePath>Ceta</CameraNamePath>" if camera else ""
    text = (
        f"<ObjectInfo><Uuid>0</Uuid><ExperimentalDescription><Root><Data><Label>Mode</Label><Value>{mode}</Value>"
        f"<Unit/></Data></Root></ExperimentalDescription><AcquireInfo>{by}</AcquireInfo></ObjectInfo>"
    )
    return b"JJ\0\2" + bytes(40) + text.encode() + bytes(40)


def mrc(
    pixels: NDArray[Any],
    angstrom: tuple[float, float] = (2.5, 2.5),
    order: str = "<",
    fei_metres: tuple[float, float] | None = None,
) -> bytes:
    """Sections (H, W) or (sections, H, W); angstrom: x and y, 0 for none; fei_metres: in an extended header."""
    stack = pixels if pixels.ndim == 3 else pixels[None]
    sections, height, width = stack.shape
    extended = b""
    if fei_metres is not None:
        extended = bytes(156) + struct.pack("<dd", *fei_metres) + bytes(768 - 172)
    head = struct.pack(
        f"{order}4i3i3i", width, height, sections, _MRC_MODES[stack.dtype.str[1:]], 0, 0, 0, width, height, sections
    )
    head += struct.pack(f"{order}6f", angstrom[0] * width, angstrom[1] * height, angstrom[0] * sections, 90, 90, 90)
    head += struct.pack(f"{order}3i3f2i", 1, 2, 3, 0, 255, 100, 1, len(extended))
    head = head.ljust(104, b"\0") + (b"FEI1" if extended else b"\0\0\0\0") + struct.pack(f"{order}i", 20140)
    head = head.ljust(208, b"\0") + b"MAP " + (b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0")
    return head.ljust(1024, b"\0") + extended + stack.astype(order + stack.dtype.str[1:]).tobytes()


def velox(
    path: Path,
    images: Sequence[NDArray[Any]],
    metres: tuple[float, float] = (3e-10, 3e-10),
    units: Sequence[str] = ("m",),
    compression: str | None = None,
) -> Path:
    """EMD as Velox writes it: (H, W, frames) in pieces of one frame, and JSON in columns of bytes."""
    with h5py.File(path, "w") as file:
        for number, image in enumerate(images):
            stack = image if image.ndim == 3 else image[..., None]
            group = file.create_group(f"Data/Image/{number:032x}")
            group.create_dataset("Data", data=stack, chunks=(*stack.shape[:2], 1), compression=compression)
            unit = units[number % len(units)]
            about = {
                "BinaryResult": {
                    "PixelSize": {"width": str(metres[0]), "height": str(metres[1])},
                    "PixelUnitX": unit,
                    "PixelUnitY": unit,
                }
            }
            column = np.zeros((4000, stack.shape[2]), np.uint8)
            text = json.dumps(about).encode()
            column[: len(text)] = np.frombuffer(text, np.uint8)[:, None]
            group.create_dataset("Metadata", data=column)
    return path


def berkeley(path: Path, data: NDArray[Any], spacing: Sequence[float], units: Sequence[str | bytes]) -> Path:
    """EMD 0.2 as Berkeley describes it (emdatasets.com): a marked group with ``data`` and a vector along each axis."""
    with h5py.File(path, "w") as file:
        file.attrs["version_major"], file.attrs["version_minor"] = 0, 2
        group = file.create_group("data/crystals")
        group.attrs["emd_group_type"] = 1
        group.create_dataset("data", data=data)
        for axis, (step, unit) in enumerate(zip(spacing, units, strict=True)):
            vector = group.create_dataset(f"dim{axis + 1}", data=np.arange(data.shape[axis]) * step)
            vector.attrs["name"], vector.attrs["units"] = "xyz"[axis], unit
    return path
