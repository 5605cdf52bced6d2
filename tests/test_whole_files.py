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


@pytest.mark.parametrize("target", ["no folder/a.tif", "folder"])
def test_an_error_names_the_file_that_was_asked_for(target: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    place = tmp_path / target
    with pytest.raises(OSError, match=r"a directory|No such file") as refused:
        write_whole(place, "words")
    assert refused.value.filename == str(place)
    assert str(refused.value) == f"[Errno {refused.value.errno}] {refused.value.strerror}: {str(place)!r}"


def test_a_draft_that_cannot_be_looked_for_hides_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError) as refused:
        write_whole(tmp_path / "file" / "below", "words")
    assert refused.value.filename == str(tmp_path / "file" / "below")


def test_an_error_of_no_file_is_of_the_one_that_is_written_and_others_keep_their_name(tmp_path: Path) -> None:
    def stopped(error: OSError) -> OSError:
        with pytest.raises(OSError, match=r".") as raised, whole(tmp_path / "a.tif"):
            raise error
        return raised.value

    assert stopped(OSError(28, "No space left on device")).filename == str(tmp_path / "a.tif")
    assert stopped(OSError(2, "No such file or directory", "other.tif")).filename == "other.tif"
    assert str(stopped(OSError("cannot write mode F as PNG"))) == "cannot write mode F as PNG"


def test_a_library_that_names_its_file_in_full_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as refused, whole(Path("no") / "a.tif") as draft:
        Path(os.path.abspath(draft)).write_text("words")
    assert refused.value.filename == os.path.join("no", "a.tif")
