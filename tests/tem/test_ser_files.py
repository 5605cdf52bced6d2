"""SER series of TIA and the EMI file beside them; ncempy reads the same from them."""

from pathlib import Path

import numpy as np
import pytest
from microscope_files import emi, pattern, ser
from second_readers import ncempy_module

from closedloop.tem.errors import DiffractionPattern, NotAnImage
from closedloop.tem.reading import read_picture
from closedloop.tem.ser_files import read_ser


@pytest.mark.parametrize("version", [0x0210, 0x0220])
@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "i4", "f4", "f8"])
def test_pixels_of_every_depth_and_version(tmp_path: Path, version: int, kind: str) -> None:
    pixels = pattern(kind=kind)
    path = tmp_path / "a_1.ser"
    path.write_bytes(ser([pixels], (2e-10, 3e-10), version))
    stored = read_ser(path)
    assert np.array_equal(stored.pixels, pixels)
    assert stored.pixel is not None
    assert stored.pixel[:2] == pytest.approx((0.2, 0.3))
    if kind != "u1":  # ncempy 1.16 has a typing error in its table and cannot read bytes
        other = ncempy_module("ser").serReader(path)
        assert np.array_equal(other["data"], pixels)


def test_of_a_series_the_first_image(tmp_path: Path) -> None:
    path = tmp_path / "a_1.ser"
    path.write_bytes(ser([pattern(seed=1), pattern(seed=2)]))
    picture = read_picture(path)
    assert picture.grey == pytest.approx(pattern(seed=1) / 255)
    assert picture.note == "the first of 2 images was measured"


def test_an_emi_file_leads_to_its_series(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        (tmp_path / f"a [x]_{number}.ser").write_bytes(ser([pattern(seed=number)]))
    (tmp_path / "a [x].emi").write_bytes(emi("TEM uP SA Zoom Image"))
    picture = read_picture(tmp_path / "a [x].emi")
    assert picture.grey == pytest.approx(pattern(seed=1) / 255)
    assert picture.note == "the first of 3 series was measured"
    assert picture.pixel_size is not None


def test_an_emi_file_alone_says_where_the_images_are(tmp_path: Path) -> None:
    (tmp_path / "a.emi").write_bytes(emi("TEM uP SA Zoom Image"))
    with pytest.raises(NotAnImage, match=r"a_1\.ser"):
        read_picture(tmp_path / "a.emi")


@pytest.mark.parametrize(
    ("mode", "camera", "refused"),
    [
        ("TEM uP SA Zoom Image", True, False),
        ("TEM uP SA Zoom Diffraction", True, True),
        ("STEM nP SA Zoom Diffraction", False, False),  # what a scanning microscope calls its ordinary mode
        ("STEM nP SA Zoom Diffraction", True, True),
    ],
)
def test_the_mode_that_the_emi_file_states(tmp_path: Path, mode: str, camera: bool, refused: bool) -> None:
    (tmp_path / "a_1.ser").write_bytes(ser([pattern()]))
    (tmp_path / "a.emi").write_bytes(emi(mode, camera))
    if refused:
        with pytest.raises(DiffractionPattern, match="Diffraction"):
            read_picture(tmp_path / "a_1.ser")
    else:
        assert read_picture(tmp_path / "a_1.ser").pixel_size is not None


def test_reciprocal_calibration_without_an_emi_file(tmp_path: Path) -> None:
    (tmp_path / "a_1.ser").write_bytes(ser([pattern()], (3.1e7, 3.1e7)))
    with pytest.raises(DiffractionPattern, match="1/m"):
        read_picture(tmp_path / "a_1.ser")
