"""Every form in which a person's particles come back, against the labels that they were made from."""

from pathlib import Path

import numpy as np
import pytest
import roifile
import tifffile
from PIL import Image
from skimage.color import label2rgb

from closedloop.tem.correction import read_correction
from closedloop.tem.instance_maps import NotAnInstanceMap, read_instance_map
from closedloop.tem.reading import read_picture


@pytest.fixture
def labels() -> np.ndarray:
    """Three particles with numbers of their own: a square, a bar, and a disc."""
    drawn = np.zeros((60, 80), np.int32)
    drawn[5:25, 5:25] = 3
    drawn[30:34, 10:70] = 7
    yy, xx = np.mgrid[:60, :80]
    drawn[np.hypot(yy - 15, xx - 55) < 9] = 12
    return drawn


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether the particles are the same, whatever their numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return bool(pairs.shape[1] == len(np.unique(one)) == len(np.unique(other)) and ((one > 0) == (other > 0)).all())


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64])
def test_whole_numbers_of_any_width(labels: np.ndarray, kind: type, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", labels.astype(kind))
    assert np.array_equal(read_instance_map(tmp_path / "a.tif").labels, labels)


def test_png_of_eight_and_sixteen_bits(labels: np.ndarray, tmp_path: Path) -> None:
    for kind in (np.uint8, np.uint16):
        Image.fromarray(labels.astype(kind)).save(tmp_path / "a.png")
        assert np.array_equal(read_instance_map(tmp_path / "a.png").labels, labels)


def test_a_count_mask_under_an_inverting_table_keeps_its_numbers(labels: np.ndarray, tmp_path: Path) -> None:
    # ImageJ shows 0 as white there; a reader of pictures would make the background 255.
    tifffile.imwrite(tmp_path / "a.tif", labels.astype(np.uint8), photometric="miniswhite")
    assert np.array_equal(read_instance_map(tmp_path / "a.tif").labels, labels)


def test_a_coloured_table_is_not_taken_for_the_numbers(labels: np.ndarray, tmp_path: Path) -> None:
    table = np.random.default_rng(0).integers(0, 2**16, (3, 256), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", labels.astype(np.uint8), photometric="palette", colormap=table)
    assert np.array_equal(read_instance_map(tmp_path / "a.tif").labels, labels)
    picture = Image.fromarray(labels.astype(np.uint8), mode="P")
    picture.putpalette((table >> 8).astype(np.uint8).T.ravel().tolist())
    picture.save(tmp_path / "a.png")
    assert np.array_equal(read_instance_map(tmp_path / "a.png").labels, labels)


def test_an_lzw_file_is_read_too(labels: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(labels.astype(np.uint8)).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert np.array_equal(read_instance_map(tmp_path / "a.tif").labels, labels)


@pytest.mark.parametrize("ground", [(0, 0, 0), (1, 1, 1)])
def test_a_colour_per_particle_on_black_or_white(labels: np.ndarray, ground: tuple[int, ...], tmp_path: Path) -> None:
    # One particle may well have the other ground's colour.
    other = tuple(1 - shade for shade in ground)
    colours = [(0.9, 0.1, 0.1), (0.9, 0.1, 0.2), other]
    picture = label2rgb(labels, colors=colours, bg_label=0, bg_color=ground)
    Image.fromarray(np.rint(255 * picture).astype(np.uint8)).save(tmp_path / "a.png")
    read = read_instance_map(tmp_path / "a.png")
    assert _alike(read.labels, labels)
    assert "3 colours" in read.notes[0]


def test_what_is_transparent_is_background(labels: np.ndarray, tmp_path: Path) -> None:
    picture = np.full((*labels.shape, 4), 200, np.uint8)
    picture[..., 0] = labels
    picture[..., 3] = np.where(labels > 0, 255, 0)
    Image.fromarray(picture, mode="RGBA").save(tmp_path / "a.png")
    assert _alike(read_instance_map(tmp_path / "a.png").labels, labels)


def test_grey_saved_as_colour_is_numbers(labels: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(np.repeat(labels.astype(np.uint8)[..., None], 3, axis=2)).save(tmp_path / "a.png")
    assert np.array_equal(read_instance_map(tmp_path / "a.png").labels, labels)


def test_colours_that_blend_are_refused(labels: np.ndarray, tmp_path: Path) -> None:
    picture = Image.fromarray((label2rgb(labels, bg_label=0) * 255).astype(np.uint8))
    picture.resize((123, 91), Image.Resampling.BICUBIC).save(tmp_path / "a.png")
    with pytest.raises(NotAnInstanceMap, match="without smoothing"):
        read_instance_map(tmp_path / "a.png")


def _refused(path: Path, words: str) -> None:
    with pytest.raises(NotAnInstanceMap, match=words):
        read_instance_map(path)


def test_what_cannot_be_labels_is_refused_by_name(labels: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, labels.astype(np.float32))
    _refused(path, "float32 numbers; labels are whole ones")
    tifffile.imwrite(path, -labels)
    _refused(path, "negative labels")
    tifffile.imwrite(path, labels.astype(np.int64) * 2**40)
    _refused(path, "renumber")
    tifffile.imwrite(path, np.stack([labels, labels, labels, labels, labels]), photometric="minisblack")
    _refused(path, "5 pages")
    path.write_bytes(b"II*\0 and no more")
    _refused(path, "save it again")
    path.write_bytes(b"")
    _refused(path, "empty")
    _refused(tmp_path / "none.tif", "cannot be read")
    Image.fromarray(labels.astype(np.uint8)).save(tmp_path / "a.jpg")
    _refused(tmp_path / "a.jpg", "JPEG")
    (tmp_path / "a.zip").write_bytes(b"PK and no more")
    with pytest.raises(NotAnInstanceMap, match="no ImageJ outlines"):
        read_instance_map(tmp_path / "a.zip", (60, 80))
    _refused(tmp_path / "a.zip", "no size of their own")


def _polygon(*points: tuple[float, float]) -> roifile.ImagejRoi:
    roi = roifile.ImagejRoi.frompoints(np.array(points, np.float32))
    roi.roitype = roifile.ROI_TYPE.POLYGON
    return roi


def test_outlines_of_imagej_enclose_the_pixels_between_their_corners(tmp_path: Path) -> None:
    square = _polygon((5, 10), (25, 10), (25, 30), (5, 30))
    later = _polygon((20, 20), (40, 20), (40, 50), (20, 50))
    roifile.roiwrite(tmp_path / "a.zip", [square, later], mode="w")
    read = read_instance_map(tmp_path / "a.zip", (60, 80))
    expected = np.zeros((60, 80), np.int32)
    expected[10:30, 5:25] = 1
    expected[20:50, 20:40] = 2
    assert np.array_equal(read.labels, expected)
    assert "1 outlines overlap" in read.notes[0]
    roifile.roiwrite(tmp_path / "one.roi", square)
    assert (read_instance_map(tmp_path / "one.roi", (60, 80)).labels > 0).sum() == 400


def test_outlines_on_oblong_pixels_are_stretched_as_the_image_is(tmp_path: Path) -> None:
    # Every second row was scanned: ImageJ shows 80 columns and 30 rows.
    image = np.zeros((30, 80), np.uint8)
    image[5:15, 5:25] = 200
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, resolution=(5.0, 2.5), metadata={"unit": "nm"})
    picture = read_picture(tmp_path / "a.tif")
    assert picture.grey.shape == (60, 80)
    assert picture.stored_shape == (30, 80)
    roifile.roiwrite(tmp_path / "a.roi", _polygon((5, 5), (25, 5), (25, 15), (5, 15)))
    read = read_correction(tmp_path / "a.roi", (60, 80), picture=picture)
    expected = np.zeros((60, 80), np.int32)
    expected[10:30, 5:25] = 1
    assert np.array_equal(read.labels, expected)
    assert "drawn on the file's own 80 × 30 pixels" in read.notes[0]
    roifile.roiwrite(tmp_path / "beyond.roi", _polygon((5, 40), (25, 40), (25, 50), (5, 50)))
    with pytest.raises(NotAnInstanceMap, match="beyond the 80 × 30 pixels"):
        read_correction(tmp_path / "beyond.roi", (60, 80), picture=picture)


def test_ovals_beyond_the_frame_and_points_that_enclose_nothing(tmp_path: Path) -> None:
    oval = roifile.ImagejRoi()
    oval.version, oval.roitype = 227, roifile.ROI_TYPE.OVAL
    oval.left, oval.top, oval.right, oval.bottom = -10, 20, 10, 40
    point = roifile.ImagejRoi.frompoints(np.array([[3.0, 4.0]], np.float32))
    roifile.roiwrite(tmp_path / "a.zip", [oval, point], mode="w")
    read = read_instance_map(tmp_path / "a.zip", (60, 80))
    # Half of a disc of radius 10.
    assert (read.labels > 0).sum() == pytest.approx(np.pi * 100 / 2, rel=0.04)
    assert "1 of 2 outlines enclose no area" in read.notes[0]
    roifile.roiwrite(tmp_path / "b.zip", [point], mode="w")
    with pytest.raises(NotAnInstanceMap, match="draw areas"):
        read_instance_map(tmp_path / "b.zip", (60, 80))


def test_the_maps_of_emps_are_numbers(shared_data: Path) -> None:
    path = sorted((shared_data / "emps" / "segmaps").iterdir())[0]
    read = read_instance_map(path)
    assert read.labels.max() == np.asarray(Image.open(path)).max() > 0
    assert read.notes == ()
