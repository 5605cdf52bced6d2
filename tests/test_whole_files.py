"""Whole or not at all: nothing half-written, nothing left beside, and two writers do not meet."""

import os
from pathlib import Path

import pytest

from closedloop.whole_files import whole, write_whole


def test_text_and_bytes_arrive_as_they_are(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.txt", "Å\r\nµ\n")
    assert (tmp_path / "a.txt").read_bytes() == "Å\r\nµ\n".encode()
    write_whole(tmp_path / "a.txt", b"\x00\xff")
    assert (tmp_path / "a.txt").read_bytes() == b"\x00\xff"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_stops_half_way_leaves_the_old_file_alone(stop: BaseException, tmp_path: Path) -> None:
    place = tmp_path / "kept.tif"
    place.write_text("old")

    def half() -> None:
        with whole(place) as draft:
            assert draft.suffix == ".tif"
            draft.write_text("ne")
            assert place.read_text() == "old"
            raise stop

    with pytest.raises(type(stop)):
        half()
    assert place.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.tif"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    place = tmp_path / "one"
    with whole(place) as first:
        first.write_text("first")
        with whole(place) as second:
            second.write_text("second")
        assert place.read_text() == "second"
    assert place.read_text() == "first"


def test_others_may_read_it_as_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "shared", "words")
    finally:
        os.umask(before)
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o644


def test_a_place_that_is_none_is_the_systems_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "no" / "folder", "words")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        write_whole(tmp_path / "file" / "below", "words")
