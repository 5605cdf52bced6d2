"""What a person did is counted as they would count it, and sizes follow the particles that they drew."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.ndimage import gaussian_filter

from closedloop.tem import NotAnImage
from closedloop.tem.correction import (
    UnusableCorrection,
    changes_between,
    connected_pieces,
    measure_labels,
    read_correction,
    scattered,
)
from closedloop.tem.instance_maps import NotAnInstanceMap
from closedloop.tem.reading import read_picture


def _squares(*boxes: tuple[int, int, int, int, int], shape: tuple[int, int] = (60, 90)) -> np.ndarray:
    """(label, top, left, height, width) each."""
    labels = np.zeros(shape, np.int32)
    for label, top, left, height, width in boxes:
        labels[top : top + height, left : left + width] = label
    return labels


BEFORE = _squares((1, 2, 2, 10, 10), (2, 2, 20, 10, 10), (3, 2, 30, 10, 10), (4, 2, 50, 10, 20), (5, 30, 2, 10, 10))


def test_nothing_changed() -> None:
    changes = changes_between(BEFORE, np.where(BEFORE > 0, BEFORE + 40, 0))
    assert changes.kept == (1, 2, 3, 4, 5)
    assert changes.counts() == {"kept": 5, "removed": 0, "merged": 0, "split": 0, "redrawn": 0, "added": 0}
    assert str(changes) == "nothing changed"


def test_each_kind_of_change_is_told_from_the_others() -> None:
    after = _squares(
        # 1 removed; 2 and 3 merged; 4 split in two; 5 drawn larger; 9 new.
        (7, 2, 20, 10, 20), (8, 2, 50, 10, 9), (4, 2, 60, 10, 10), (5, 29, 1, 12, 12), (9, 45, 60, 8, 8),
    )  # fmt: skip
    changes = changes_between(BEFORE, after)
    assert changes.removed == (1,)
    assert changes.merged == (((2, 3), 7),)
    assert changes.split == ((4, (4, 8)),)
    assert changes.redrawn == (((5,), (5,)),)
    assert changes.added == (9,)
    assert changes.kept == ()
    assert changes.counts() == {"kept": 0, "removed": 1, "merged": 2, "split": 1, "redrawn": 1, "added": 1}
    assert str(changes) == "2 merged into 1, 1 removed, 1 split, 1 redrawn, 1 added"


def test_an_outline_off_by_a_pixel_here_and_there_is_kept() -> None:
    after = BEFORE.copy()
    after[2, 2] = 0  # one of a hundred pixels
    assert 1 in changes_between(BEFORE, after).kept
    after[2, 2:5] = 0
    assert ((1,), (1,)) in changes_between(BEFORE, after).redrawn


def test_a_particle_drawn_elsewhere_is_another_one() -> None:
    after = _squares((1, 2, 9, 10, 10))  # three of ten columns in common
    changes = changes_between(_squares((1, 2, 2, 10, 10)), after)
    assert (changes.removed, changes.added) == ((1,), (1,))


def test_neighbours_that_exchange_ground_are_redrawn_not_split() -> None:
    # Two that touch; the line between them moved by six of ten pixels, so each new one has part of both.
    after = _squares((2, 2, 20, 10, 16), (3, 2, 36, 10, 4))
    changes = changes_between(_squares((2, 2, 20, 10, 10), (3, 2, 30, 10, 10)), after)
    assert changes.redrawn == (((2, 3), (2, 3)),)
    assert not changes.split
    assert not changes.merged


def test_images_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        changes_between(BEFORE, BEFORE[:-1])


def _saved(folder: Path, labels: np.ndarray) -> Path:
    tifffile.imwrite(folder / "m.tif", labels)
    return folder / "m.tif"


def test_labels_keep_their_numbers_and_far_pieces_are_reported(tmp_path: Path) -> None:
    labels = _squares((3, 2, 2, 10, 10), (3, 2, 62, 10, 10), (8, 40, 40, 10, 10))
    read = read_correction(_saved(tmp_path, labels), labels.shape)
    assert np.array_equal(read.labels, labels)
    assert "label 3: in several pieces, up to 60 px apart" in read.notes[0]
    assert set(scattered(labels)) == {3}
    split = read_correction(_saved(tmp_path, labels), labels.shape, split_pieces=True)
    assert split.labels.max() == 3
    assert split.notes == ()


def test_pieces_that_touch_at_a_corner_are_one() -> None:
    labels = _squares((1, 2, 2, 5, 5), (1, 7, 7, 5, 5))
    assert scattered(labels) == {}
    assert connected_pieces(labels).max() == 1


def test_a_black_and_white_mask_is_told_from_labels(tmp_path: Path) -> None:
    mask = np.where(BEFORE > 0, 255, 0).astype(np.uint8)
    with pytest.raises(UnusableCorrection, match="--split-pieces"):
        read_correction(_saved(tmp_path, mask), mask.shape)
    # 2 and 3 touch, and so are one piece.
    assert read_correction(_saved(tmp_path, mask), mask.shape, split_pieces=True).labels.max() == 4


def test_a_slip_of_the_brush_is_reported(tmp_path: Path) -> None:
    labels = _squares((1, 2, 2, 10, 10), (2, 40, 40, 1, 2))
    assert "label 2: fewer than 5 pixels" in read_correction(_saved(tmp_path, labels), labels.shape).notes[0]


def test_huge_numbers_are_numbered_anew(tmp_path: Path) -> None:
    labels = _squares((1, 2, 2, 10, 10), (2, 40, 40, 10, 10)) * 1_000_000_000
    read = read_correction(_saved(tmp_path, labels), labels.shape)
    assert set(np.unique(read.labels)) == {0, 1, 2}
    assert "numbered anew" in read.notes[0]


def test_another_size_and_an_empty_map_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableCorrection, match=r"is 90 × 60 pixels, the image 90 × 61"):
        read_correction(_saved(tmp_path, BEFORE), (61, 90))
    with pytest.raises(UnusableCorrection, match="marks no particle"):
        read_correction(_saved(tmp_path, np.zeros((60, 90), np.uint8)), (60, 90))


def test_the_image_itself_is_no_label_image(rendered, tmp_path: Path) -> None:
    field = rendered(seed=3, count=30, size=256)
    pixels = np.rint(255 * field.image).astype(np.uint8)
    image, saved_anew = tmp_path / "a.tif", tmp_path / "b.png"
    tifffile.imwrite(image, pixels)
    Image.fromarray(pixels).save(saved_anew)
    picture = read_picture(image)
    for path in (image, saved_anew):
        for split in (False, True):
            with pytest.raises(NotAnInstanceMap, match=r"is the image|grey levels"):
                read_correction(path, picture.grey.shape, picture=picture, split_pieces=split)
    # Smooth, and another field: the grey levels alone tell it from particles.
    smooth = gaussian_filter(rendered(seed=4, count=30, size=256).image, 2)
    deep = _saved(tmp_path, np.rint(60_000 * smooth).astype(np.uint16))
    with pytest.raises(NotAnInstanceMap, match="grey levels"):
        read_correction(deep, picture.grey.shape, picture=picture)
    assert read_correction(_saved(tmp_path, field.labels), picture.grey.shape, picture=picture).labels.any()
    # Particles without any ground between them, of a few pixels each, are still particles.
    mosaic = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).repeat(4, axis=0).repeat(4, axis=1) + 1
    assert read_correction(_saved(tmp_path, mosaic), picture.grey.shape, picture=picture).labels.any()


def test_sizes_are_those_of_the_particles_as_drawn(rendered) -> None:
    field = rendered(seed=3, count=30, size=256)
    found = measure_labels(field.image, field.labels, nm_per_px=0.5)
    assert [particle.label for particle in found.particles] == [n for n in np.unique(field.labels) if n]
    particle = found.particles[0]
    area = (field.labels == particle.label).sum()
    assert particle.equivalent_diameter_nm == pytest.approx(0.5 * 2 * np.sqrt(area / np.pi))
    # What a person drew counts, however faint it is.
    drawn = np.zeros_like(field.labels)
    drawn[120:140, 120:140] = 4
    assert measure_labels(field.image, drawn, nm_per_px=1.0).count == 1


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAnImage):
        measure_labels(tmp_path / "none.tif", BEFORE, 1.0)
