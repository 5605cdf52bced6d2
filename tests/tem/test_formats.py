"""Formats told from first bytes, and the checks before anything is allocated."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from closedloop.tem.errors import NotAnImage
from closedloop.tem.formats import LARGEST_PIXELS, check_inflation, check_size, first_of, kind_of_file, pixels_at


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"II*\0", "tiff"),
        (b"MM\0+", "tiff"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"\xff\xd8\xff\xe0", "picture"),
        (b"\x89HDF\r\n\x1a\n", "hdf5"),
        (b"II\x97\x01", "ser"),
        (b"\0\0\0\3", "dm"),
        (b"\0\0\0\4", "dm"),
        (bytes(4) + bytes(204) + b"MAP ", "mrc"),
        (b"neither", None),
    ],
)
def test_kinds(tmp_path: Path, start: bytes, kind: str | None) -> None:
    (tmp_path / "a").write_bytes(start + bytes(50) if kind else start)
    assert kind_of_file(tmp_path / "a") == kind


def test_sizes() -> None:
    check_size(10_000, 30_000)
    assert LARGEST_PIXELS == 10_000 * 30_000
    for height, width in ((10_000, 30_001), (0, 5), (5, -1), (2**40, 2**40)):
        with pytest.raises(NotAnImage):
            check_size(height, width)


def test_pixels_are_read_only_where_there_are_enough(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(100))
    assert pixels_at(tmp_path / "a", "<u2", 20, (8, 5)).shape == (8, 5)
    with pytest.raises(NotAnImage, match=r"100 of 102 bytes"):
        pixels_at(tmp_path / "a", "<u2", 22, (8, 5))
    with pytest.raises(NotAnImage):
        pixels_at(tmp_path / "a", "u1", -4, (8, 5))


def test_deflated_bytes_may_unpack_to_what_is_expected_and_no_more() -> None:
    image = np.random.default_rng(0).integers(0, 4, 2**20, np.uint8).tobytes()
    check_inflation(zlib.compress(image), len(image))
    zeros = zlib.compress(bytes(2**26), 1)
    check_inflation(zeros, 2**26)
    with pytest.raises(NotAnImage, match="far more"):
        check_inflation(zeros, 2**20)


def test_a_note_only_where_something_was_left_out() -> None:
    assert first_of(1, "pages") == ()
    assert first_of(3, "pages") == ("the first of 3 pages was measured",)
