"""The virtual microscope: its pictures show what the truth says, and its scale bar can be trusted."""

import dataclasses
import math
import re
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from closedloop.recipes import Shape
from sim.microscope import Micrograph, magnification_nm_per_px, render
from sim.microscope_label import choose, draw
from sim.microscope_particles import draw_outline
from sim.reactor_product import Product


@pytest.fixture(scope="module")
def micrograph() -> Micrograph:
    return render(Product.ideal(4.0), 5)


def whole(picture: Micrograph) -> list[int]:
    """Indices of the particles whose window touches no edge of the picture."""
    height, width = picture.masks.shape
    return [
        index
        for index, p in enumerate(picture.particles)
        if p.row > 0 and p.column > 0 and p.row + p.mask.shape[0] < height and p.column + p.mask.shape[1] < width
    ]


def test_the_same_seed_draws_the_same_picture_and_another_does_not(micrograph: Micrograph) -> None:
    again, other = render(Product.ideal(4.0), 5), render(Product.ideal(4.0), 6)
    assert np.array_equal(again.image, micrograph.image)
    assert np.array_equal(again.masks, micrograph.masks)
    assert not np.array_equal(other.image, micrograph.image)


def test_masks_have_the_areas_of_the_true_diameters(micrograph: Micrograph) -> None:
    for index in whole(micrograph):
        particle = micrograph.particles[index]
        measured = 2.0 * math.sqrt(particle.mask.sum() / math.pi) * micrograph.nm_per_px
        assert measured == pytest.approx(particle.diameter_nm, rel=0.02)


@pytest.mark.parametrize("shape", list(Shape))
def test_every_shape_has_the_area_of_its_circle(shape: Shape) -> None:
    outline = draw_outline(shape, np.random.default_rng(2))
    axis = np.linspace(-3.0, 3.0, 601)
    inside = outline.relative_radius(axis[None, :], axis[:, None]) < 1.0
    assert inside.sum() * 0.01**2 == pytest.approx(math.pi, rel=0.02)


def test_shapes_differ_in_outline() -> None:
    """Spread of the outline's distance from the centre: least for a sphere, most for a rod."""
    spread = {}
    axis = np.linspace(-3.0, 3.0, 301)
    for shape in (Shape.SPHERE, Shape.CUBE, Shape.TRIANGLE, Shape.ROD):
        outline = draw_outline(shape, np.random.default_rng(1))
        inside = outline.relative_radius(axis[None, :], axis[:, None]) < 1.0
        spread[shape] = float(np.hypot(axis[None, :], axis[:, None])[inside].max())
    assert spread[Shape.SPHERE] < spread[Shape.CUBE] < spread[Shape.TRIANGLE] < spread[Shape.ROD]


def test_particles_are_darker_than_the_film(micrograph: Micrograph) -> None:
    inside, outside = micrograph.image[micrograph.masks > 0], micrograph.image[micrograph.masks == 0]
    noise = float(outside.std())
    assert float(outside.mean()) - float(inside.mean()) > 2.0 * noise
    assert 100 < float(np.median(outside)) < 200


def test_labels_are_visible_particles_and_few_overlap(micrograph: Micrograph) -> None:
    labels, areas = np.unique(micrograph.masks[micrograph.masks > 0], return_counts=True)
    assert labels.max() <= len(micrograph.particles)
    covered = sum(
        areas[labels == index + 1].sum() < 0.97 * micrograph.particles[index].mask.sum() for index in whole(micrograph)
    )
    assert covered <= 0.08 * len(micrograph.particles)
    crowded = render(Product.ideal(4.0), 5, overlapping=0.5)
    assert crowded.masks.astype(bool).sum() < sum(int(p.mask.sum()) for p in crowded.particles)


@pytest.mark.parametrize("mean_nm", [2.0, 3.1, 4.0, 6.5, 12.0])
def test_an_operator_chooses_a_magnification_with_enough_particles_in_the_frame(mean_nm: float) -> None:
    picture = render(Product.ideal(mean_nm), 1)
    assert 25 < mean_nm / picture.nm_per_px < 60
    assert picture.nm_per_px == magnification_nm_per_px(Product.ideal(mean_nm))
    assert 60 <= len(picture.particles) <= 250


def test_frames_sample_the_population() -> None:
    product = Product.ideal(5.0, 0.10)
    drawn = np.concatenate([render(product, seed, size_px=512).true_diameters_nm for seed in range(8)])
    assert drawn.mean() == pytest.approx(5.0, abs=4 * 0.5 / math.sqrt(len(drawn)))
    assert drawn.std() == pytest.approx(0.5, rel=0.2)


@pytest.mark.parametrize("style", ["corner", "box", "strip"])
def test_the_bar_is_as_long_as_its_text_says(style: str) -> None:
    blank = np.full((800, 800), 150, dtype=np.uint8)
    bar = choose(0.11, 800)
    written = re.fullmatch(r"([\d.]+) nm", bar.text)
    assert written
    assert float(written[1]) / bar.length_px == pytest.approx(0.11, rel=0.005)
    image = draw(blank, bar, style)  # type: ignore[arg-type]
    ink = 255 if style == "box" else 0
    longest = 0
    for row in image:
        runs = np.diff(np.flatnonzero(np.diff(np.concatenate(([0], (row == ink).astype(int), [0])))))[::2]
        # A box's own ground and a strip's own ground have another colour than the ink.
        longest = max([longest, *runs.tolist()])
    assert longest == bar.length_px


def test_bars_are_round_lengths_between_a_tenth_and_a_third_of_the_width() -> None:
    for scale in np.geomspace(0.01, 20.0, 40):
        bar = choose(float(scale), 1024)
        assert f"{bar.length_nm:.0e}"[0] in "125"
        assert 0.1 < bar.length_px / 1024 < 0.34
    assert choose(20.0, 1024).text == "5 µm"


def test_a_strip_adds_rows_that_hold_no_particle() -> None:
    picture = render(Product.ideal(4.0), 1, size_px=400, scale_bar="strip")
    assert picture.image.shape == picture.masks.shape == picture.clumps.shape
    assert picture.image.shape[0] > 400
    assert not picture.masks[400:].any()


def test_nothing_formed_is_an_empty_film() -> None:
    picture = render(Product.nothing(), 1)
    assert picture.particles == ()
    assert not picture.masks.any()
    assert picture.scale_bar is not None


def test_precipitate_is_dark_and_no_particle() -> None:
    product = dataclasses.replace(Product.ideal(4.0), aggregated_fraction=0.6)
    picture = render(product, 3)
    assert picture.clumps.mean() > 0.01
    assert not picture.masks[picture.clumps].any()
    assert picture.image[picture.clumps].mean() < 0.5 * np.median(picture.image)
    assert not render(Product.ideal(4.0), 3).clumps.any()


def test_a_saved_picture_keeps_its_pixels_and_tells_no_scale(micrograph: Micrograph, tmp_path: Path) -> None:
    path = tmp_path / "frame.tif"
    micrograph.save(path)
    with tifffile.TiffFile(path) as file:
        assert np.array_equal(file.asarray(), micrograph.image)
        page = file.pages[0]
        tags = {tag.name: tag.value for tag in page.tags.values()}  # type: ignore[union-attr]
    assert tags.get("ResolutionUnit", 1) == 1
    assert tags.get("XResolution", (1, 1)) == (1, 1)
    assert "ImageDescription" not in tags
    assert list(tmp_path.iterdir()) == [path]


def test_a_pixel_size_is_written_where_it_is_asked_for(micrograph: Micrograph, tmp_path: Path) -> None:
    path = tmp_path / "frame.tif"
    micrograph.save(path, with_pixel_size=True)
    with tifffile.TiffFile(path) as file:
        numerator, denominator = file.pages[0].tags["XResolution"].value  # type: ignore[union-attr]
        assert file.imagej_metadata is not None
        assert file.imagej_metadata["unit"] == "nm"
    assert denominator / numerator == pytest.approx(micrograph.nm_per_px, rel=1e-4)


def test_a_picture_is_cheap() -> None:
    product = Product.ideal(4.0)
    begun = time.process_time()
    render(product, 9)
    # 0.25 s on a quiet core; the bound leaves room for a busy one.
    assert time.process_time() - begun < 1.2
