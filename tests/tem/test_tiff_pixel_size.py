"""Pixel sizes in TIFF files, written tag by tag as each maker writes them, and resolutions that are a printer's."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from closedloop.tem.errors import DiffractionPattern, NotAnImage
from closedloop.tem.reading import Picture, read_picture

PIXELS = np.random.default_rng(0).integers(0, 255, (32, 48), np.uint8)
Tag = tuple[int, Any, int, Any, bool]


def _picture(tmp_path: Path, **options: Any) -> Picture:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **options)
    return read_picture(tmp_path / "a.tif")


def _size(tmp_path: Path, **options: Any) -> float | None:
    size = _picture(tmp_path, **options).pixel_size
    return None if size is None else size.nm_per_px


@pytest.mark.parametrize(
    ("unit", "nm"), [("nm", 1), ("um", 1000), ("micron", 1000), ("\\u00B5m", 1000), ("A", 0.1), ("pm", 1e-3)]
)
def test_imagej_units(tmp_path: Path, unit: str, nm: float) -> None:
    size = _size(tmp_path, imagej=True, resolution=(4.0, 4.0), metadata={"unit": unit})
    assert size == pytest.approx(nm / 4)


def test_an_imagej_unit_that_is_no_length_is_no_pixel_size(tmp_path: Path) -> None:
    assert _size(tmp_path, imagej=True, resolution=(4.0, 4.0), metadata={"unit": "pixel"}) is None


def test_an_inch_of_imagej_is_a_scanner_s(tmp_path: Path) -> None:
    assert _size(tmp_path, imagej=True, resolution=(300.0, 300.0), metadata={"unit": "inch"}) is None


def test_resolution_per_centimetre_fine_enough_for_a_microscope(tmp_path: Path) -> None:
    # 2e7 pixels per cm are 0.5 nm each.
    assert _size(tmp_path, resolution=(20_000_000, 20_000_000), resolutionunit=3) == pytest.approx(0.5)


@pytest.mark.parametrize("per_inch", [1, 72, 96, 150, 300, 600, 1200, 4800, 12_000])
@pytest.mark.parametrize("format_", ["tif", "png", "jpg"])
def test_screen_printer_and_scanner_resolutions_are_no_pixel_size(tmp_path: Path, per_inch: int, format_: str) -> None:
    path = tmp_path / f"a.{format_}"
    Image.fromarray(PIXELS).save(path, dpi=(per_inch, per_inch))
    assert read_picture(path).pixel_size is None


def test_not_even_a_fine_resolution_of_a_png_is_a_pixel_size(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png", dpi=(5e7, 5e7))
    assert read_picture(tmp_path / "a.png").pixel_size is None


def _gatan(unit: str, x: float, y: float) -> list[Tag]:
    return [(65003, "s", 0, unit, True), (65009, "d", 1, x, True), (65010, "d", 1, y, True)]


def test_digital_micrograph_tags(tmp_path: Path) -> None:
    assert _size(tmp_path, extratags=_gatan("nm", 0.25, 0.25)) == pytest.approx(0.25)
    assert _size(tmp_path, extratags=_gatan("um", 0.002, 0.002)) == pytest.approx(2.0)


def test_scale_tags_without_a_unit_say_nothing(tmp_path: Path) -> None:
    assert _size(tmp_path, extratags=_gatan("nm", 1.0, 1.0)[1:]) is None


def _fei(code: int, columns: int = 48) -> list[Tag]:
    text = (
        f"[User]\r\nUser=me\r\n[Scan]\r\nPixelWidth=1.5e-09\r\nPixelHeight=1.5e-09\r\n[Image]\r\nResolutionX={columns}"
    )
    return [(code, "s", 0, text, True)]


@pytest.mark.parametrize("code", [34680, 34682])
def test_headers_of_fei(tmp_path: Path, code: int) -> None:
    assert _size(tmp_path, extratags=_fei(code)) == pytest.approx(1.5)


def test_a_header_of_fei_is_not_believed_once_the_image_was_resized(tmp_path: Path) -> None:
    picture = _picture(tmp_path, extratags=_fei(34682, columns=96))
    assert picture.pixel_size is None
    assert "resized" in str(picture.note)


@pytest.mark.parametrize(("written", "nm"), [("2.5 nm", 2.5), ("0.5 µm", 500), ("800 pm", 0.8)])
def test_header_of_zeiss(tmp_path: Path, written: str, nm: float) -> None:
    text = f"\r\n0\r\nDP_ZOOM\r\nZoom = Off\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = {written}\r\n"
    assert _size(tmp_path, extratags=[(34118, 1, None, text.encode("cp1252"), True)]) == pytest.approx(nm)


def test_header_of_olympus(tmp_path: Path) -> None:
    """The structure that tifffile decodes: a table of entries, the first of which holds exponent and calibration."""
    place = 8 + 60 + 8  # where the table's one entry points to, within the file
    table = struct.pack("<4s6xhhhhh6x32sH", b"SIS0", 0, 0, 1, 0, 120, b"test", 1) + struct.pack("<hhI", 1, 1, place)
    general = struct.pack("<10xhdd8xd2x34s32s", -9, 0.75, 0.75, 1000.0, b"camera", b"picture")
    path = tmp_path / "a.tif"
    # A TIFF by hand: the tag holds an offset, and what lies there points on within the file.
    head = b"II*\0" + struct.pack("<I", place + len(general))
    pixels_at = place + len(general) + 2 + 12 * 9 + 4
    entries = [
        (256, 4, 1, 48), (257, 4, 1, 32), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, pixels_at),
        (278, 4, 1, 32), (279, 4, 1, PIXELS.size), (33560, 4, 1, 8),
    ]  # fmt: skip
    directory = struct.pack("<H", 9) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    path.write_bytes(head + table + general + directory + PIXELS.tobytes())
    picture = read_picture(path)
    assert picture.pixel_size is not None
    assert picture.pixel_size.nm_per_px == pytest.approx(0.75)
    assert picture.grey == pytest.approx(PIXELS / 255)


def _tvips(mode: int) -> list[Tag]:
    """EM-MENU's header of version 2, field by field as tifffile lists them."""
    first, second = (
        np.zeros(1, np.dtype(part)) for part in (tifffile.TIFF.TVIPS_HEADER_V1, tifffile.TIFF.TVIPS_HEADER_V2)
    )
    first["Version"], second["Magic"] = 2, 0xAAAAAAAA
    second["PixelSizeX"] = second["PixelSizeY"] = 0.4
    second["TemMode"] = mode
    return [(37706, 1, None, first.tobytes() + second.tobytes(), True)]


def test_header_of_tvips(tmp_path: Path) -> None:
    assert _size(tmp_path, extratags=_tvips(1)) == pytest.approx(0.4)
    with pytest.raises(DiffractionPattern):
        _size(tmp_path, extratags=_tvips(3))


@pytest.mark.parametrize(
    ("stated", "nm"),
    [
        ({"PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "nm"}, 0.5),
        ({"PhysicalSizeX": 0.002, "PhysicalSizeY": 0.002}, 2.0),  # the schema's default is µm
        ({"PhysicalSizeX": 5, "PhysicalSizeXUnit": "Å", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "nm"}, 0.5),
        ({"PhysicalSizeX": 1, "PhysicalSizeXUnit": "pixel", "PhysicalSizeY": 1, "PhysicalSizeYUnit": "pixel"}, None),
        ({}, None),
    ],
)
def test_ome(tmp_path: Path, stated: dict[str, Any], nm: float | None) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", PIXELS, ome=True, metadata={"axes": "YX", **stated})
    size = read_picture(tmp_path / "a.ome.tif").pixel_size
    assert (None if size is None else size.nm_per_px) == (None if nm is None else pytest.approx(nm))


def test_a_diffraction_pattern_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DiffractionPattern, match=r"a\.tif: .*diffraction"):
        _size(tmp_path, extratags=_gatan("1/nm", 0.1, 0.1))


def test_of_two_entries_that_differ_neither_is_believed(tmp_path: Path) -> None:
    options: dict[str, Any] = {"resolution": (20_000_000, 20_000_000), "resolutionunit": 3}
    picture = _picture(tmp_path, extratags=_gatan("nm", 0.25, 0.25), **options)
    assert picture.pixel_size is None
    assert "0.25" in str(picture.note)
    assert "0.5" in str(picture.note)
    assert _size(tmp_path, extratags=_gatan("nm", 0.505, 0.505), **options) == pytest.approx(0.505)


def test_oblong_pixels_are_made_square_along_the_coarser_axis(tmp_path: Path) -> None:
    yy, xx = np.mgrid[:60, :90]
    disc = np.where(np.hypot((yy - 30) * 1.5, xx - 45) < 30, 60, 200).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", disc, extratags=_gatan("nm", 0.2, 0.3))
    picture = read_picture(tmp_path / "a.tif")
    assert picture.grey.shape == (90, 90)
    assert picture.pixel_size is not None
    assert picture.pixel_size.nm_per_px == pytest.approx(0.2)
    assert "0.2 × 0.3 nm" in str(picture.note)
    dark = picture.grey < 0.5
    assert dark.any(0).sum() == pytest.approx(59, abs=1)
    assert dark.any(1).sum() == pytest.approx(59, abs=2)


def test_pixels_that_are_too_oblong_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAnImage, match="oblong"):
        _size(tmp_path, extratags=_gatan("nm", 0.2, 2.0))
