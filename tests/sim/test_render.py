"""Rendered micrographs: the labels are where the particles are, every kind occurs, and the same seed gives the same."""

import csv
import dataclasses
import math
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sim.micrograph_labels import SMALLEST_AREA
from sim.micrograph_layout import LAYOUTS, MOST
from sim.micrograph_outlines import FAMILIES
from sim.micrograph_scene import CONTRASTS, Contrast, draw_scene, made_plain
from sim.render import SceneInfo, main, render, render_scene

Picture = tuple[NDArray[np.uint8], NDArray[np.int32], SceneInfo]


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    return [render_scene(np.random.default_rng([11, number]), 256) for number in range(90)]


def test_the_same_generator_gives_the_same_picture_and_another_does_not() -> None:
    first, again, other = (render_scene(np.random.default_rng(seed), 256) for seed in (3, 3, 4))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert first[2] == again[2]
    assert not np.array_equal(first[0], other[0])


def test_labels_run_from_one_without_gaps_and_each_is_one_piece_large_enough(pictures: list[Picture]) -> None:
    for grey, labels, info in pictures:
        assert grey.shape == labels.shape == (256, 256)
        assert grey.dtype == np.uint8
        assert labels.dtype == np.int32
        area = np.bincount(labels.ravel())
        assert len(area) - 1 == info.particles == len(info.shapes) == len(info.families) == len(info.diameters_px)
        assert (area[1:] >= SMALLEST_AREA).all()
        for label in range(1, len(area), 7):
            pieces, _ = cv2.connectedComponents((labels == label).astype(np.uint8), connectivity=8)
            assert pieces == 2


def test_all_kinds_occur_and_counts_stay_in_range(pictures: list[Picture]) -> None:
    assert {info.contrast for _, _, info in pictures} == set(CONTRASTS)
    assert {info.layout for _, _, info in pictures} == set(LAYOUTS)
    drawn = {family for _, _, info in pictures for family in info.families}
    assert len(drawn) >= 14
    assert drawn <= set(FAMILIES)
    counts = [info.particles for _, _, info in pictures]
    assert max(counts) <= MOST
    assert sum(count > 300 for count in counts) >= 15
    assert sum(count <= 30 for count in counts) >= 15
    fewest = {"few": 1, "empty": 0}
    assert all(info.particles >= fewest.get(info.layout, 5) for _, _, info in pictures)
    assert all(info.particles == 0 for _, _, info in pictures if info.layout == "empty")


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_particles_differ_from_their_surroundings_as_their_kind_of_contrast_says(contrast: Contrast) -> None:
    """Grey inside the labels against grey within four pixels around them, label by label of many scenes."""
    right = 0
    scenes = 20
    for seed in range(scenes):
        generator = np.random.default_rng([5, seed])
        scene = draw_scene(generator, 256, contrast=contrast, layout="sparse", family="faceted")
        scene = dataclasses.replace(
            scene,
            diameter=22.0,
            count=30,
            halo=0.0,
            core=0.0,
            lettered=False,
            camera=dataclasses.replace(scene.camera, negative=False),
        )
        grey, labels, _ = render(scene, generator, 256)
        inside = labels > 0
        near = cv2.dilate(inside.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
        near &= ~cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        difference = float(grey[inside].mean()) - float(grey[near].mean())
        right += difference < 0 if contrast == "bright field" else difference > 0
    # A hollow particle, a hole or a stain may turn one over.
    assert right >= 0.9 * scenes


def test_a_disc_has_the_area_of_its_diameter() -> None:
    ratios = []
    for seed in range(12):
        generator = np.random.default_rng([6, seed])
        scene = draw_scene(generator, 256, layout="sparse", family="sphere")
        scene = dataclasses.replace(scene, diameter=44.0, spread=0.1, count=8, second_share=0.0, lettered=False)
        _, labels, info = render(scene, generator, 256)
        if seed % 2:  # edges that were put down to something else would show here
            assert labels.max() == info.particles
        rim = set(np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1])).tolist())
        area = np.bincount(labels.ravel())
        for label, diameter in enumerate(info.diameters_px, start=1):
            hidden = cv2.dilate((labels == label).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
            touched = np.setdiff1d(np.unique(labels[hidden]), [0, label])
            if label not in rim and len(touched) == 0:
                ratios.append(area[label] / (0.25 * math.pi * diameter**2))
    assert len(ratios) > 20
    assert np.median(ratios) == pytest.approx(1.0, abs=0.003)
    assert np.mean(np.abs(np.array(ratios) - 1.0) < 0.01) > 0.95


def test_the_edge_of_the_picture_is_the_edge_of_the_label() -> None:
    """Half of the contrast of a flat particle lies on the outline of its label: no shift, no growth."""
    generator = np.random.default_rng(8)
    scene = draw_scene(generator, 256, contrast="bright field", layout="sparse", family="cube")
    outlines = tuple(dataclasses.replace(outline, power=60.0, root=0.3) for outline in scene.outlines)
    clean = dataclasses.replace(
        scene.camera, blur=0.8, fresnel=0.0, drift=0.0, dose=1e6, stretch=None, gamma=1.0, jpeg=None, shrink=1.0,
        denoise=False, negative=False,
    )  # fmt: skip
    film = dataclasses.replace(
        scene.film, speckle=0.001, clouds=0.0, tilt=(0.0, 0.0), vignette=0.0, holes=0.0, stains=0, debris=0, streaks=0,
        grains=0.0, rough=0.0,
    )  # fmt: skip
    scene = dataclasses.replace(
        scene, diameter=40.0, count=10, outlines=outlines, depth=1.0, variation=0.0, strong=0.0, faint=0.0, halo=0.0,
        core=0.0, grain=0.0, fringes=0.0, equal=0.0, contours=0.0, camera=clean, film=film, second_share=0.0,
        lettered=False,
    )  # fmt: skip
    grey, labels, info = render(scene, generator, 256)
    inside = labels > 0
    dark = float(np.median(grey[cv2.erode(inside.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0]))
    light = float(np.median(grey[cv2.dilate(inside.astype(np.uint8), np.ones((7, 7), np.uint8)) == 0]))
    found = grey < 0.5 * (dark + light)
    assert info.particles >= 5
    assert np.logical_and(found, inside).sum() / np.logical_or(found, inside).sum() > 0.97


def test_each_picture_depends_on_seed_and_number_alone(tmp_path: Path) -> None:
    asked = ["--size", "128", "--seed", "2"]
    assert main(["--out", str(tmp_path / "all"), "--count", "3", *asked]) == 0
    assert main(["--out", str(tmp_path / "last"), "--count", "1", "--first", "2", *asked]) == 0
    for kind in ("images", "masks"):
        whole = cv2.imread(str(tmp_path / "all" / kind / "000002.png"), cv2.IMREAD_UNCHANGED)
        alone = cv2.imread(str(tmp_path / "last" / kind / "000002.png"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(whole, alone)
        assert whole.dtype == (np.uint8 if kind == "images" else np.uint16)
    with (tmp_path / "all" / "scenes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    masks = [cv2.imread(str(tmp_path / "all" / "masks" / f"{r['image']}.png"), cv2.IMREAD_UNCHANGED) for r in rows]
    assert [int(row["particles"]) for row in rows] == [int(mask.max()) for mask in masks]


def test_a_family_that_is_asked_for_is_the_only_one(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path), "--count", "4", "--size", "128", "--family", "rod"]) == 0
    with (tmp_path / "scenes.csv").open(encoding="utf-8") as file:
        assert {row["shape"] for row in csv.DictReader(file)} == {"rod"}


def test_families_take_turns_by_the_number_of_the_picture(tmp_path: Path) -> None:
    size, two = ["--size", "128", "--seed", "3"], ["--family", "rod", "--family", "cube"]
    assert main(["--out", str(tmp_path / "both"), "--count", "3", *size, *two]) == 0
    assert main(["--out", str(tmp_path / "cube"), "--count", "1", "--first", "1", *size, *two[2:]]) == 0
    with (tmp_path / "both" / "scenes.csv").open(encoding="utf-8") as file:
        assert [row["shape"] for row in csv.DictReader(file)] == ["rod", "cube", "rod"]
    in_turn, alone = (cv2.imread(str(tmp_path / folder / "images" / "000001.png")) for folder in ("both", "cube"))
    assert np.array_equal(in_turn, alone)


@pytest.mark.parametrize("wrong", [["--count=0"], ["--count=1", "--size=20"], ["--count=1", "--seed=-1"]])
def test_what_cannot_be_rendered_is_said_in_one_line(
    wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path / "out"), *wrong]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_of_pictures_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path), "--count", "1", "--size", "128"]) == 0
    assert main(["--out", str(tmp_path), "--count", "1", "--size", "128"]) == 2
    assert "already" in capsys.readouterr().err


def test_thousands_are_affordable() -> None:
    begun = time.process_time()
    for number in range(12):
        render_scene(np.random.default_rng([9, number]))
    # 0.10 s each on a quiet core.
    assert time.process_time() - begun < 12 * 0.5


def test_a_plain_picture_holds_nothing_but_its_particles() -> None:
    """Its ground is of one grey but for the noise, and particles of one depth are all as dark or as bright."""
    for number in range(12):
        grey, labels, info = render_scene(np.random.default_rng([19, number]), 256, plain=True)
        outside = cv2.erode((labels == 0).astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
        halves = [grey[:, :128][outside[:, :128]], grey[:, 128:][outside[:, 128:]]]
        if min(len(half) for half in halves) > 2000:
            assert abs(float(halves[0].mean()) - float(halves[1].mean())) < 2
        assert info.contrast == "bright field"


def test_a_plain_picture_is_taken_by_a_camera_that_only_blurs_and_counts() -> None:
    for seed in range(20):
        generator = np.random.default_rng([23, seed])
        camera = made_plain(draw_scene(generator, 256), generator).camera
        assert (camera.fresnel, camera.drift, camera.lines, camera.sway, camera.shrink, camera.gamma) == (
            0,
            0,
            0,
            0,
            1,
            1,
        )
        assert camera.jpeg is camera.stretch is None
        assert not camera.denoise


def test_plain_pictures_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    for folder, more in (("plain", ["--plain"]), ("full", [])):
        assert main(["--out", str(tmp_path / folder), "--count", "1", "--seed", "3", "--size", "128", *more]) == 0
    expected = render_scene(np.random.default_rng([3, 0]), 128, plain=True)[0]
    written = [cv2.imread(str(tmp_path / folder / "images" / "000000.png"), 0) for folder in ("plain", "full")]
    assert np.array_equal(written[0], expected)
    assert not np.array_equal(written[0], written[1])
