"""Outlines and numbers lie where the particles are; what is saved is whole."""

import io
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from closedloop.tem import Segmenter, measure_image
from closedloop.tem.correction import measure_labels
from closedloop.tem.pictures import CUT, WHOLE, jpeg, numbered_overlay, overlay, save_labels, save_picture
from closedloop.tem.segmenter import Found


def _drawn(picture: np.ndarray, image: np.ndarray, factor: int) -> np.ndarray:
    """(H, W) bool: where something was drawn over the grey."""
    grey = np.clip(255 * image, 0, 255).astype(np.uint8).repeat(factor, axis=0).repeat(factor, axis=1)
    return (np.abs(picture.astype(int) - grey[..., None]) > 0).any(axis=2)


def test_each_number_stands_on_its_particle() -> None:
    image = np.full((200, 300), 0.5, np.float32)
    labels = np.zeros((200, 300), np.int32)
    labels[20:80, 30:90] = 1
    labels[120:180, 200:260] = 2
    image[labels > 0] = 0.3
    found = measure_labels(image, labels, nm_per_px=1.0)
    picture = numbered_overlay(image, labels, found.particles)
    assert picture.shape == (200, 300, 3)
    written = (picture == 255).all(axis=2)
    for top, left in ((20, 30), (120, 200)):
        inside = written[top : top + 60, left : left + 60]
        rows, columns = np.nonzero(inside)
        assert abs(rows.mean() - 29.5) < 4
        assert abs(columns.mean() - 29.5) < 4
        written[top : top + 60, left : left + 60] = False
    assert not written.any()


def test_small_particles_are_enlarged_until_their_numbers_can_be_read(rendered) -> None:
    field = rendered(seed=3, count=30, radius=7, size=256)
    found = measure_labels(field.image, field.labels, nm_per_px=1.0)
    picture = numbered_overlay(field.image, field.labels, found.particles)
    assert picture.shape == (3 * 256, 3 * 256, 3)


def test_colours_tell_the_cut_from_the_whole(rendered) -> None:
    field = rendered(seed=3, count=30, size=256, radius=24)

    class Known(Segmenter):
        def find(self, image: np.ndarray, ignore: np.ndarray | None = None) -> Found:
            return Found(field.labels)

    found = measure_image(field.image, nm_per_px=1.0, segmenter=Known())
    picture = numbered_overlay(field.image, found.labels, found.particles)
    for particle in found.particles:
        border = picture[found.labels == particle.label]
        colour = CUT if particle.touches_edge else WHOLE
        other = WHOLE if particle.touches_edge else CUT
        assert (border == colour).all(axis=1).any()
        assert not (border == other).all(axis=1).any()
    plain = overlay(field.image, found.labels)
    assert not _drawn(plain, field.image, 1)[found.labels == 0].any()


def test_a_jpeg_is_as_small_as_asked() -> None:
    picture = np.zeros((300, 900, 3), np.uint8)
    assert Image.open(io.BytesIO(jpeg(picture, 450))).size == (450, 150)
    assert Image.open(io.BytesIO(jpeg(picture, 2000))).size == (900, 300)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    labels = np.arange(100, dtype=np.int32).reshape(10, 10)
    save_labels(tmp_path / "a.tif", labels)
    assert tifffile.imread(tmp_path / "a.tif").dtype == np.uint16
    save_labels(tmp_path / "b.tif", labels * 1000)
    assert np.array_equal(tifffile.imread(tmp_path / "b.tif"), labels * 1000)
    save_picture(tmp_path / "a.png", np.full((4, 5, 3), 7, np.uint8))
    assert (np.asarray(Image.open(tmp_path / "a.png")) == 7).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.tif", "b.tif"]
