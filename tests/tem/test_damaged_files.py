"""Sixty of the damaged files of ``benchmarks/tem_damaged_files.py``, other ones than its own by their seed."""

import time
from pathlib import Path

import pytest
from damaged_files import DAMAGES, Damaged, damaged_files
from tem_damaged_files import attempt

COUNT = 66


def test_every_damaged_file_ends_in_a_named_error_or_a_picture(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seen = set()
    outcomes: dict[str, set[str]] = {}
    for file in damaged_files(COUNT, tmp_path, seed=17):
        began = time.monotonic()
        report = attempt("read", file)
        assert report["broken"] == [], file
        assert report["seconds"] < 10, file
        assert time.monotonic() - began < 60, file
        seen.add(file.damage)
        outcomes.setdefault(file.damage, set()).add(report["outcome"])
    assert capfd.readouterr().err == ""
    assert seen == set(DAMAGES)
    for damage in ("cut in its header", "empty", "text", "a folder", "a bomb", "few pixels", "pixels that are NaN"):
        assert outcomes[damage] == {"NotAnImage"}, damage
    assert outcomes["a diffraction pattern"] == {"DiffractionPattern"}
    for damage in ("all black", "a photograph", "the wrong suffix"):  # these are pictures; what they show comes later
        assert outcomes[damage] <= {"a picture", "a picture with a pixel size"}, damage


def test_the_check_itself_notices_what_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_path: Path) -> None:
        raise ValueError("a parser's own\ntrouble")

    file = Damaged(tmp_path / "a.tif", "text", "tiff", False)
    monkeypatch.setattr("closedloop.tem.reading.read_picture", stumble)
    assert attempt("read", file)["broken"] == ["ValueError: a parser's own\ntrouble"]
