"""PNG, JPEG and BMP: depths, palettes, transparency, frames, and pictures that promise too much."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closedloop.tem.errors import NotAnImage
from closedloop.tem.instance_maps import NotAnInstanceMap, read_instance_map
from closedloop.tem.reading import read_picture

RAMP = np.tile(np.arange(0, 200, dtype=np.uint8), (64, 1))


def test_sixteen_bits_of_png_are_kept(tmp_path: Path) -> None:
    pixels = RAMP.astype(np.uint16) + 40_000  # in eight bits, all but one grey would be gone
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").grey[0, 100] == pytest.approx(100 / 199, abs=1e-5)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK"])
def test_modes_show_the_same_grey(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.fromarray(RAMP).convert("RGB" if mode == "CMYK" else "L").convert(mode).save(path)
    assert read_picture(path).grey == pytest.approx(RAMP / 255, abs=0.012)


def _png(path: Path, pixels: np.ndarray, kind: int) -> None:
    """A PNG of 16 bits, (H, W, channels), as Pillow cannot write it; kind: 2 colour, 4 grey with transparency."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, kind, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    framed = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(framed))


@pytest.mark.parametrize(("kind", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_of_colour_are_read_in_eight_and_it_says_so(tmp_path: Path, kind: int, channels: int) -> None:
    pixels = np.repeat((RAMP.astype(np.uint16) * 257)[..., None], channels, axis=2)
    _png(tmp_path / "a.png", pixels, kind)
    picture = read_picture(tmp_path / "a.png")
    assert picture.grey == pytest.approx(RAMP / 255, abs=0.005)
    assert "of its 16 bits per channel the upper 8 were read" in (picture.note or "")
    with pytest.raises(NotAnInstanceMap, match="16-bit grey"):
        read_instance_map(tmp_path / "a.png")


def test_bmp_and_jpeg(tmp_path: Path) -> None:
    for name in ("a.bmp", "a.jpg"):
        Image.fromarray(RAMP).save(tmp_path / name)
        assert read_picture(tmp_path / name).grey == pytest.approx(RAMP / 255, abs=0.012)


def test_of_an_animation_the_first_frame(tmp_path: Path) -> None:
    frames = [Image.fromarray(RAMP), Image.fromarray(RAMP // 3)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:], default_image=False)
    picture = read_picture(tmp_path / "a.png")
    assert picture.grey == pytest.approx(RAMP / 255)
    assert picture.note == "the first of 2 frames was measured"


@pytest.mark.parametrize(
    ("width", "height", "says"),
    [(60_000, 60_000, "178,956,970"), (20_000, 14_000, "178,956,970"), (12_000, 12_000, "cannot be read"), (0, 5, "")],
)
def test_sizes_in_the_header_are_checked_before_anything_is_unpacked(
    tmp_path: Path, width: int, height: int, says: str
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(RAMP).save(buffer, "PNG")
    content = bytearray(buffer.getvalue())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(NotAnImage, match=rf"a\.png: .*{says}"):
        read_picture(tmp_path / "a.png")


def test_other_formats_are_named(tmp_path: Path) -> None:
    for name, says in (("a.gif", "a GIF"), ("a.webp", "a WebP")):
        Image.fromarray(RAMP).save(tmp_path / name)
        with pytest.raises(NotAnImage, match=says):
            read_picture(tmp_path / name)
