"""Units of length in every spelling that microscope files use, and sizes that no microscope's pixel has."""

import math

import pytest

from closedloop.tem.errors import DiffractionPattern, NotAnImage
from closedloop.tem.pixel_size import nm_per_unit, stated_pixel


@pytest.mark.parametrize(
    ("unit", "nm"),
    [
        ("nm", 1.0),
        ("NM", 1.0),
        ("[n_m]", 1.0),
        ("nanometers", 1.0),
        (" nm\0", 1.0),
        ("pm", 1e-3),
        ("A", 0.1),
        ("Å", 0.1),
        ("\u212b", 0.1),  # the sign for ångström, not the letter
        ("A\u030a", 0.1),  # A and a ring
        ("Angstroms", 0.1),
        ("um", 1e3),
        ("\u00b5m", 1e3),  # micro sign
        ("\u03bcm", 1e3),  # Greek mu
        ("\\u00B5m", 1e3),  # as ImageJ escapes it
        ("Âµm", 1e3),  # UTF-8 read as Latin-1
        ("microns", 1e3),
        ("mm", 1e6),
        ("cm", 1e7),
        ("inch", 2.54e7),
        ("inches", 2.54e7),
        ("m", 1e9),
        ("meters", 1e9),
    ],
)
def test_units_of_length(unit: str, nm: float) -> None:
    assert nm_per_unit(unit) == pytest.approx(nm)


@pytest.mark.parametrize("unit", ["pixel", "", "px", "ms", "s", "as", "nm/px", "counts", "nmol"])
def test_what_is_no_unit_of_length(unit: str) -> None:
    assert nm_per_unit(unit) is None


@pytest.mark.parametrize(
    "unit",
    [
        "1/nm",
        "1 / nm",
        "nm^-1",
        "nm-1",
        "nm⁻¹",
        "nm^{-1}",
        "nm**-1",
        "1/Å",
        "A^-1",
        "1/µm",
        "1/m",
        "/nm",
        "mrad",
        "deg",
    ],
)
def test_reciprocal_lengths_and_angles_are_diffraction_patterns(unit: str) -> None:
    with pytest.raises(DiffractionPattern, match="diffraction"):
        nm_per_unit(unit)


def test_energies_are_spectra() -> None:
    with pytest.raises(NotAnImage, match="spectrum"):
        nm_per_unit("eV")


@pytest.mark.parametrize("size", [0, math.nan, math.inf, 1e-9, 1e5, None, "wide", 1e400])
def test_sizes_that_no_pixel_has(size: object) -> None:
    assert stated_pixel(size, 0.5, "nm", "test") is None
    assert stated_pixel(0.5, size, "nm", "test") is None


def test_a_size_keeps_its_axes_and_loses_its_sign() -> None:
    stated = stated_pixel(-0.25, "0.5", "Å", "test")
    assert stated is not None
    assert (stated.x_nm, stated.y_nm) == pytest.approx((0.025, 0.05))
