"""Files that are damaged, hostile or no micrographs, made from seeds: what `tem_damaged_files` reads and measures."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import tifffile
from microscope_files import berkeley, dm, mrc, pattern, ser, velox
from numpy.typing import NDArray
from PIL import Image

# Width and height that no image has, and ones that would just fit into memory.
CLAIMS = ((60_000, 60_000), (2**31 - 1, 2**31 - 1), (100_000, 3), (0, 0), (20_000, 14_000))


class Damaged(NamedTuple):
    """A file, what was done to it, and whether anything in it may state how large a pixel is."""

    path: Path
    damage: str
    kind: str
    states_scale: bool


def _gatan(unit: str, size: float) -> list[tuple[int, Any, int, Any, bool]]:
    return [(65003, "s", 0, unit, True), (65009, "d", 1, size, True), (65010, "d", 1, size, True)]


def _tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def _pillow(pixels: NDArray[Any], kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def _hdf5(write: Callable[[Path], Path], folder: Path) -> bytes:
    path = write(folder / "being-written.emd")
    content = path.read_bytes()
    path.unlink()
    return content


Writer = Callable[[NDArray[Any], str, Path], bytes]
# (suffix, states a pixel size, writer of (pixels, unit of length, folder for what cannot be written in memory))
KINDS: dict[str, tuple[str, bool, Writer]] = {
    "tiff": (".tif", False, lambda p, u, f: _tiff(p)),
    "tiff deflate": (".tif", False, lambda p, u, f: _tiff(p, compression="zlib", rowsperstrip=16)),
    "tiff lzw": (".tif", False, lambda p, u, f: _pillow(p, "TIFF", compression="tiff_lzw")),
    "tiff jpeg": (".tif", False, lambda p, u, f: _pillow(_bytes(p), "TIFF", compression="jpeg")),
    "tiff tiles": (".tif", False, lambda p, u, f: _tiff(p, tile=(16, 16))),
    "tiff gatan": (".tif", True, lambda p, u, f: _tiff(p, extratags=_gatan(u, 0.25))),
    "tiff imagej": (
        ".tif",
        True,
        lambda p, u, f: _tiff(p, imagej=True, resolution=(4.0, 4.0), metadata={"unit": u}),
    ),
    "png": (".png", False, lambda p, u, f: _pillow(p, "PNG", dpi=(72, 72))),
    "jpeg": (".jpg", False, lambda p, u, f: _pillow(_bytes(p), "JPEG", dpi=(300, 300))),
    "bmp": (".bmp", False, lambda p, u, f: _pillow(_bytes(p), "BMP")),
    "dm3": (".dm3", True, lambda p, u, f: dm(p, unit=u)),
    "dm4": (".dm4", True, lambda p, u, f: dm(p, unit=u, version=4)),
    "ser": (".ser", True, lambda p, u, f: ser([p, p], (2e-10,) * 2 if u == "nm" else (3e7, 3e7))),
    "mrc": (".mrc", True, lambda p, u, f: mrc(_signed(p), (2.5, 2.5))),
    "mrc fei": (".mrc", True, lambda p, u, f: mrc(_signed(p), (2.5, 2.5), ">", (2.5e-10, 2.5e-10))),
    "velox": (".emd", True, lambda p, u, f: _hdf5(lambda q: velox(q, [p], units=(u.replace("nm", "m"),)), f)),
    "velox gzip": (
        ".emd",
        True,
        lambda p, u, f: _hdf5(lambda q: velox(q, [p], (3e-10,) * 2, (u.replace("nm", "m"),), "gzip"), f),
    ),
    "berkeley": (".emd", True, lambda p, u, f: _hdf5(lambda q: berkeley(q, p, (0.5, 0.5), (u, u)), f)),
}
_FLOATS = (
    "tiff",
    "tiff deflate",
    "tiff tiles",
    "tiff gatan",
    "dm3",
    "dm4",
    "ser",
    "mrc",
    "mrc fei",
    "velox",
    "berkeley",
)
_RECIPROCAL = ("tiff gatan", "tiff imagej", "dm3", "dm4", "ser", "velox", "velox gzip", "berkeley")


def _bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return pixels if pixels.dtype == np.uint8 else (pixels / max(1, pixels.max()) * 255).astype(np.uint8)


def _signed(pixels: NDArray[Any]) -> NDArray[Any]:
    """MRC has no unsigned bytes."""
    return pixels.astype(np.int16) if pixels.dtype == np.uint8 else pixels


def _micrograph(rng: np.random.Generator) -> NDArray[Any]:
    kind = ("u1", "u2")[int(rng.integers(2))]
    return pattern(int(rng.integers(64, 200)), int(rng.integers(64, 200)), kind, int(rng.integers(1 << 30)))


def _photograph(rng: np.random.Generator) -> NDArray[Any]:
    """Sky, ground, 1/f texture, a few straight edges: what a camera's picture has and a micrograph has not."""
    height, width = 160, 200
    spectrum = np.hypot(*np.meshgrid(np.fft.fftfreq(width), np.fft.fftfreq(height))) + 1 / width
    texture = np.fft.ifft2(np.fft.fft2(rng.normal(size=(height, width))) / spectrum).real
    picture = 0.5 + 0.15 * texture / texture.std()
    horizon = int(rng.integers(50, 110))
    picture[:horizon] += 0.3
    for _ in range(6):
        y, x = rng.integers(0, height - 40), rng.integers(0, width - 40)
        picture[y : y + rng.integers(8, 40), x : x + rng.integers(8, 40)] = rng.uniform(0, 1)
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _rings(rng: np.random.Generator) -> NDArray[Any]:
    yy, xx = np.mgrid[:128, :128]
    r = np.hypot(yy - 64, xx - 64)
    rings = sum(np.exp(-((r - k) ** 2) / 4) / k for k in rng.uniform(8, 60, 5)) + np.exp(-r / 6)
    return (rings / rings.max() * 60_000 + rng.poisson(20, r.shape)).astype(np.uint16)


def _claim(content: bytes, kind: str, width: int, height: int) -> bytes:
    """The same file, its header stating another size."""
    data = bytearray(content)
    if kind == "png":
        data[16:24] = struct.pack(">II", width & 0x7FFFFFFF, height & 0x7FFFFFFF)
        data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    elif kind == "jpeg":
        at = data.find(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
    elif kind == "bmp":
        data[18:26] = struct.pack("<ii", width, height)
    elif kind == "ser":
        at = struct.unpack_from("<q", data, struct.unpack_from("<q", data, 22)[0])[0]
        data[at + 42 : at + 50] = struct.pack("<ii", width, height)
    elif kind.startswith("mrc"):
        data[:8] = struct.pack(("<" if kind == "mrc" else ">") + "ii", width, height)
    elif kind.startswith("tiff"):
        first = struct.unpack_from("<I", data, 4)[0]
        for entry in range(struct.unpack_from("<H", data, first)[0]):
            at = first + 2 + 12 * entry
            code = struct.unpack_from("<H", data, at)[0]
            if code in (256, 257):
                data[at + 2 : at + 12] = struct.pack("<HII", 4, 1, width if code == 256 else height)
    return bytes(data)


def _zeros(length: int) -> bytes:
    """A zlib stream that unpacks to `length` zeros, made without packing them all."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + block * (length >> 24) + b"\x03\0" + bytes(4)


def _bomb(kind: str, folder: Path) -> bytes:
    """An image of 64 pixels' side whose deflated pixels are gigabytes, or a page of 250 million equal pixels."""
    packed = _zeros(3 * 2**30)
    if kind == "tiff deflate":
        content = bytearray(_tiff(np.zeros((64, 64), np.uint8), compression="zlib"))
        first = struct.unpack_from("<I", content, 4)[0]
        for entry in range(struct.unpack_from("<H", content, first)[0]):
            at = first + 2 + 12 * entry
            code = struct.unpack_from("<H", content, at)[0]
            if code in (273, 279):  # where the strip lies, and how long it is
                content[at + 2 : at + 12] = struct.pack("<HII", 4, 1, len(content) if code == 273 else len(packed))
        return bytes(content) + packed
    if kind == "velox gzip":

        def write(path: Path) -> Path:
            with h5py.File(path, "w") as file:
                group = file.create_group("Data/Image/0")
                data = group.create_dataset("Data", (64, 64, 1), "u1", chunks=(64, 64, 1), compression="gzip")
                data.id.write_direct_chunk((0, 0, 0), packed)
            return path

        return _hdf5(write, folder)
    if kind == "png":
        head = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
        text = b"Comment\0\0" + packed
        parts = ((b"IHDR", head), (b"zTXt", text), (b"IDAT", packed), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in parts
        )
    return _claim(_pillow(np.zeros((64, 64), np.uint8), "JPEG"), "jpeg", 16_000, 15_600)


def _flipped(content: bytes, rng: np.random.Generator, within: int, flips: int) -> bytes:
    data = bytearray(content)
    for place in rng.integers(0, min(within, len(data)), flips):
        data[place] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _damage(damage: str, kind: str, rng: np.random.Generator, folder: Path) -> bytes:
    write = KINDS[kind][2]
    if damage == "pixels that are NaN":
        pixels = _micrograph(rng).astype(np.float32)
        pixels[tuple(rng.integers(0, 60, (2, 9)))] = rng.choice([np.nan, np.inf, -np.inf])
        return write(pixels, "nm", folder)
    if damage in ("all black", "all white"):
        return write(np.full((96, 128), 0 if damage == "all black" else 255, np.uint8), "nm", folder)
    if damage == "a diffraction pattern":
        return write(_rings(rng) if kind not in ("tiff jpeg", "jpeg", "bmp") else _bytes(_rings(rng)), "1/nm", folder)
    if damage == "a photograph":
        return write(_photograph(rng), "nm", folder)
    if damage == "few pixels":
        side = int(rng.integers(1, 5))
        return write(
            np.full((side, int(rng.integers(1, 5))), 7, np.uint8) + np.eye(side, 1, dtype=np.uint8), "nm", folder
        )
    if damage == "a bomb":
        return _bomb(kind, folder)
    content = write(_micrograph(rng), "nm", folder)
    if damage == "cut short":
        return content[: int(len(content) * rng.uniform(0, 1))]
    if damage == "cut in its header":
        return content[: int(rng.integers(1, 300))]
    if damage == "bits flipped anywhere":
        return _flipped(content, rng, len(content), int(rng.integers(1, 40)))
    if damage == "bits flipped in its header":
        return _flipped(content, rng, 1500, int(rng.integers(1, 12)))
    if damage == "bits flipped at its end":
        return content[:-400] + _flipped(content[-400:], rng, 400, int(rng.integers(1, 12)))
    if damage == "a block of noise":
        start = int(rng.integers(0, len(content)))
        noise = rng.integers(0, 256, int(rng.integers(16, 4000)), np.uint8).tobytes()
        return content[:start] + noise + content[start + len(noise) :]
    if damage == "a block of zeros":
        start = int(rng.integers(4, len(content)))
        length = int(rng.integers(16, len(content)))
        return content[:start] + bytes(len(content[start : start + length])) + content[start + length :]
    if damage == "zeros at its end":
        return content[: len(content) // 2] + bytes(len(content) // 2)
    if damage == "bytes lost within":
        start, length = int(rng.integers(8, len(content))), int(rng.integers(1, 200))
        return content[:start] + content[start + length :]
    if damage == "another size in its header":
        width, height = CLAIMS[int(rng.integers(len(CLAIMS)))]
        if kind in ("dm3", "dm4"):
            return dm(pattern(), version=int(kind[2]), claimed=(width, height))
        return _claim(content, kind, width, height)
    assert damage == "the wrong suffix"
    return content


_ANY = tuple(KINDS)
DAMAGES: dict[str, tuple[str, ...]] = {
    "cut short": _ANY,
    "bits flipped anywhere": _ANY,
    "bits flipped in its header": _ANY,
    "bits flipped at its end": _ANY,
    "a block of noise": _ANY,
    "a block of zeros": _ANY,
    "cut in its header": _ANY,
    "zeros at its end": _ANY,
    "bytes lost within": _ANY,
    "another size in its header": tuple(kind for kind in _ANY if not kind.startswith(("velox", "berkeley"))),
    "the wrong suffix": _ANY,
    "pixels that are NaN": _FLOATS,
    "all black": _ANY,
    "all white": _ANY,
    "a diffraction pattern": _RECIPROCAL,
    "a photograph": _ANY,
    "few pixels": _ANY,
    "a bomb": ("tiff deflate", "velox gzip", "png", "jpeg"),
    "empty": _ANY,
    "text": _ANY,
    "noise": _ANY,
    "a folder": _ANY,
}
# A file with other bits in it may state anything; where not even its format can, it must not.
_OTHER_BITS = (
    "bits flipped anywhere",
    "bits flipped in its header",
    "bits flipped at its end",
    "a block of noise",
    "bytes lost within",
    "noise",
)
_NO_SCALE_EVER = ("png", "jpeg", "bmp")


def damaged_files(count: int, folder: Path, seed: int = 0) -> Iterator[Damaged]:
    """Make `count` files, one at a time: every damage in turn, each time to the next format."""
    for number in range(count):
        damage = list(DAMAGES)[number % len(DAMAGES)]
        kinds = DAMAGES[damage]
        kind = kinds[(number // len(DAMAGES)) % len(kinds)]
        rng = np.random.default_rng([seed, number])
        suffix, states, _ = KINDS[kind]
        if damage == "the wrong suffix":
            suffix = [".tif", ".png", ".dm3", ".mrc", ".emd", ".ser", ".txt", "", ".emi"][int(rng.integers(9))]
        path = folder / f"{number:04d}{suffix}"
        if damage == "a folder":
            path.mkdir()
        else:
            path.write_bytes(_content(damage, kind, rng, folder))
        yield Damaged(path, damage, kind, states or (damage in _OTHER_BITS and kind not in _NO_SCALE_EVER))


def _content(damage: str, kind: str, rng: np.random.Generator, folder: Path) -> bytes:
    if damage == "empty":
        return b""
    if damage == "text":
        words = ("id,size_nm\n1,5.2\n", "II* is how a TIFF begins\n", "MAP \n", "{}\n", "\x00\x00\x00\x03 dm\n", "BM\n")
        return (words[int(rng.integers(len(words)))] * int(rng.integers(1, 400))).encode()
    if damage == "noise":
        start = KINDS[kind][2](pattern(64, 64), "nm", folder)[: int(rng.integers(0, 16))]
        return start + rng.integers(0, 256, int(rng.integers(1, 60_000)), np.uint8).tobytes()
    return _damage(damage, kind, rng, folder)
