"""Formats that rosettasciio reads, and what is said where it is not installed."""

import sys
from pathlib import Path

import numpy as np
import pytest
from microscope_files import pattern

from closedloop.tem.errors import DiffractionPattern, MissingReader
from closedloop.tem.reading import read_picture


def _hyperspy(path: Path, pixels: np.ndarray, unit: str = "nm") -> Path:
    hspy = pytest.importorskip("rsciio.hspy", reason="needs rosettasciio, from the extra closedloop[microscopes]")
    names = ("series", "y", "x")[-pixels.ndim :]
    axes = [
        {
            "name": name,
            "size": size,
            "scale": 0.5 if name != "y" else 0.6,
            "offset": 0.0,
            "units": unit,
            "navigate": False,
        }
        for name, size in zip(names, pixels.shape, strict=True)
    ]
    for place, axis in enumerate(axes):
        axis.update(index_in_array=place, navigate=axis["name"] == "series", _type="UniformDataAxis", is_binned=False)
    signal = {
        "data": pixels,
        "axes": axes,
        "metadata": {"General": {"title": ""}, "Signal": {"signal_type": ""}, "_HyperSpy": {}},
        "original_metadata": {},
        "attributes": {"_lazy": False, "ragged": False},
        "package_info": {"package": "none", "package_version": "1"},
        "learning_results": {},
        "tmp_parameters": {},
        "models": {},
    }
    hspy.file_writer(str(path), signal)
    return path


def test_hyperspy_s_own_format(tmp_path: Path) -> None:
    picture = read_picture(_hyperspy(tmp_path / "a.hspy", np.stack([pattern(60, 50), pattern(60, 50, seed=3)])))
    assert picture.grey.shape == (72, 50)  # pixels of 0.5 × 0.6 nm, made square
    assert picture.pixel_size is not None
    assert picture.pixel_size.nm_per_px == pytest.approx(0.5)
    assert "the first of 2 planes" in str(picture.note)
    with pytest.raises(DiffractionPattern):
        read_picture(_hyperspy(tmp_path / "b.hspy", pattern(), "1/nm"))


def test_without_rosettasciio_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rsciio.tvips", None)
    (tmp_path / "a.tvips").write_bytes(b"a movie of frames")
    with pytest.raises(MissingReader, match=r"closedloop\[microscopes\]"):
        read_picture(tmp_path / "a.tvips")
