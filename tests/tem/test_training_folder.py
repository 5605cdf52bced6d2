"""What joins the fine-tuning set is what was corrected, once, and never half."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile

from closedloop.tem.reading import read_picture
from closedloop.tem.training_folder import TrainingFolderError, add_to_training, check_training_folder


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "my field (1).tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8))
    return path


LABELS = np.kron(np.array([[0, 1], [2, 0]]), np.ones((20, 25), int)).astype(np.int32)


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "sources.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_image_and_mask_have_one_name_and_a_line(image: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    kept = add_to_training(folder, image, read_picture(image).grey, LABELS, "cdse-0004", "1 removed")
    mask = folder / "masks" / kept.name
    assert kept.parent == folder / "images"
    assert np.array_equal(tifffile.imread(kept), tifffile.imread(image))
    assert np.array_equal(tifffile.imread(mask), LABELS)
    (row,) = _rows(folder)
    assert (row["image"], row["source"], row["changes"]) == (kept.stem, "cdse-0004", "1 removed")
    assert row["original"] == str(image)


def test_the_last_correction_of_an_image_is_the_one_to_learn_from(image: Path, tmp_path: Path) -> None:
    folder, grey = tmp_path / "set", read_picture(image).grey
    first = add_to_training(folder, image, grey, LABELS, "s", "first")
    again = add_to_training(folder, image, grey, np.where(LABELS == 2, 0, LABELS), "s", "second")
    assert first == again
    assert [row["changes"] for row in _rows(folder)] == ["second"]
    assert tifffile.imread(folder / "masks" / first.name).max() == 1
    other = tmp_path / "other" / image.name
    other.parent.mkdir()
    tifffile.imwrite(other, 255 - tifffile.imread(image))
    assert add_to_training(folder, other, 1 - grey, LABELS, "s") != first
    assert len(_rows(folder)) == 2


def test_a_copy_under_another_name_is_the_same_image(image: Path, tmp_path: Path) -> None:
    folder, grey = tmp_path / "set", read_picture(image).grey
    copy = tmp_path / "a copy.tif"
    copy.write_bytes(image.read_bytes())
    first = add_to_training(folder, image, grey, LABELS, "s", "first")
    again = add_to_training(folder, copy, grey, np.where(LABELS == 2, 0, LABELS), "t", "second")
    assert first == again
    (row,) = _rows(folder)
    assert (row["image"], row["source"], row["original"], row["changes"]) == (again.stem, "t", str(copy), "second")
    assert tifffile.imread(folder / "masks" / again.name).max() == 1
    assert len([path for path in folder.rglob("*.tif") if path.is_file()]) == 2


def test_pairs_of_one_content_that_are_there_already_become_one(image: Path, tmp_path: Path) -> None:
    folder, grey = tmp_path / "set", read_picture(image).grey
    kept = add_to_training(folder, image, grey, LABELS, "s", "first")
    (row,) = _rows(folder)
    with (folder / "sources.csv").open("a", newline="") as file:
        csv.DictWriter(file, fieldnames=row.keys()).writerow(row | {"image": "twin"})
    for part in ("images", "masks"):
        (folder / part / "twin.tif").write_bytes((folder / part / kept.name).read_bytes())
    add_to_training(folder, image, grey, LABELS, "s", "second")
    assert [(row["image"], row["changes"]) for row in _rows(folder)] == [(kept.stem, "second")]
    assert not list(folder.rglob("twin.tif"))


@pytest.mark.parametrize("line", ["a,s,o", "a,s,o,d,c,t,more", "../a,s,o,d,c,t", ",s,o,d,c,t"])
def test_a_line_that_is_not_a_line_of_the_folder_is_named(line: str, image: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    add_to_training(folder, image, read_picture(image).grey, LABELS, "s")
    table = folder / "sources.csv"
    table.write_text(table.read_text() + line + "\n")
    with pytest.raises(TrainingFolderError, match=r"sources\.csv, line 3: .*mend or remove"):
        check_training_folder(folder)


def test_deep_images_lose_nothing_that_matters(tmp_path: Path) -> None:
    path = tmp_path / "deep.tif"
    tifffile.imwrite(path, np.linspace(100, 200, 2000, dtype=np.float32).reshape(40, 50))
    grey = read_picture(path).grey
    kept = add_to_training(tmp_path / "set", path, grey, LABELS, "s")
    assert tifffile.imread(kept).dtype == np.uint16
    assert np.abs(read_picture(kept).grey - grey).max() < 1e-4


def test_a_folder_of_another_kind_is_left_alone(image: Path, tmp_path: Path) -> None:
    folder = tmp_path / "emps"
    folder.mkdir()
    (folder / "sources.csv").write_text("image,doi\na,b\n")
    with pytest.raises(TrainingFolderError, match="a folder of its own"):
        add_to_training(folder, image, read_picture(image).grey, LABELS, "s")
    assert [path.name for path in folder.iterdir()] == ["sources.csv"]
    for place in (folder, tmp_path / "no" / "such" / "place", image):
        with pytest.raises(TrainingFolderError):
            check_training_folder(place)


def test_a_failure_half_way_leaves_no_line_and_no_draft(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "set"
    grey = read_picture(image).grey

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(TrainingFolderError, match="No space left"):
        add_to_training(folder, image, grey, LABELS, "s")
    assert [path for path in folder.rglob("*") if path.is_file()] == []
