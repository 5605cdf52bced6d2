"""The segmenter on pictures whose particles are known, and on a real one whose sizes are published."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage.segmentation import clear_border

from closedloop.tem.annotations import annotation_mask
from closedloop.tem.metrics import compare
from closedloop.tem.reading import to_grey
from closedloop.tem.segmenter import Segmenter, UnknownDevice


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.load()


def _whole_diameters(labels: np.ndarray) -> np.ndarray:
    areas = np.bincount(clear_border(labels).ravel())[1:]
    return 2 * np.sqrt(areas[areas > 0] / np.pi)


@pytest.mark.parametrize(
    ("case", "most_bias"),
    [
        # A sphere's contrast fades to nothing at its edge, a disc's is cut off; both must come out at their true size.
        ({"flatness": 0.0, "radius": 12, "count": 120}, 0.02),
        ({"flatness": 1.0, "radius": 12, "count": 120}, 0.02),
        ({"flatness": 0.5, "radius": 12, "count": 120}, 0.02),
        ({"radius": 6, "count": 250}, 0.03),
        ({"radius": 55, "count": 25, "size": 768}, 0.02),
        ({"radius": 9, "count": 900, "size": 768, "gap": 1.02}, 0.05),  # decision 0116: spheres that all but touch
        ({"noise": 0.15}, 0.02),
        ({"blur": 3.0}, 0.02),
        ({"tilt": 0.3}, 0.02),
        ({"contrast": 0.1}, 0.02),
        ({"bright": True}, 0.02),
        ({"bright": True, "radius": 5, "count": 250}, 0.03),
        ({"radius": 3.5, "count": 300}, 0.04),
        ({"gap": 1.0, "flatness": 0.6}, 0.02),  # touching
        ({"gap": 0.85}, 0.02),  # overlapping
        ({"count": 30, "size": 1024, "radius": 10}, 0.02),
    ],
    ids=str,
)
def test_rendered_particles(
    segmenter: Segmenter, rendered: Callable[..., Any], case: dict[str, Any], most_bias: float
) -> None:
    field = rendered(**case, seed=4)
    labels = segmenter.segment(field.image)
    true, found = _whole_diameters(field.labels), _whole_diameters(labels)
    assert len(found) == pytest.approx(len(true), rel=0.03)
    assert found.mean() == pytest.approx(true.mean(), rel=most_bias)
    assert compare(field.labels, labels).at(0.5) > 0.95


def test_a_white_bar_in_a_deep_picture_hides_nothing(segmenter: Segmenter, rendered: Callable[..., Any]) -> None:
    """A camera of twelve bits and a bar at full white: the specimen is a hundredth of the scale."""
    field = rendered(radius=9, count=200, seed=4)
    counts = (700 + 1000 * field.image.astype(np.float64) / field.image.max()).astype(np.uint16)
    clean = segmenter.segment(counts)
    height, width = counts.shape
    ignore = np.zeros(counts.shape, bool)
    ignore[height - 40 : height - 12, 20 : width // 2] = True
    counts[ignore] = 65535
    found = segmenter.segment(counts, ignore)
    there = np.where(ignore, 0, clean)
    assert compare(there, np.where(ignore, 0, found)).at(0.5) > 0.95


@pytest.mark.parametrize("seed", [4, 118, 142, 147])
def test_a_gap_between_crystals_is_no_scale_bar(rendered: Callable[..., Any], seed: int) -> None:
    assert not annotation_mask(to_grey(rendered(flatness=0.5, radius=12, count=120, seed=seed).image)).any()


def test_pixel_types_and_colour_make_no_difference(segmenter: Segmenter, rendered: Callable[..., Any]) -> None:
    eight = np.rint(255 * rendered(seed=1, count=40).image).astype(np.uint8)
    reference = segmenter.segment(eight)
    assert reference.dtype == np.int32
    assert reference.shape == eight.shape
    others = (
        eight.astype(np.uint16) * 257,
        eight.astype(np.float64) / 255,
        np.repeat(eight[..., None], 3, 2),
        np.dstack([eight, eight, eight, np.full_like(eight, 255)]),
    )
    for other in others:
        assert compare(reference, segmenter.segment(other)).at(0.9) > 0.97


@pytest.mark.parametrize("seed", range(3))
def test_an_empty_field_holds_no_particles(segmenter: Segmenter, seed: int) -> None:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    film = 0.5 + 0.6 * gaussian_filter(rng.standard_normal((512, 512)), 30) + 0.05 * rng.standard_normal((512, 512))
    assert not segmenter.segment(film.astype(np.float32)).any()
    assert not segmenter.segment(np.full((64, 64), 0.5, np.float32)).any()


def test_bar_label_and_strip_are_no_particles(segmenter: Segmenter, rendered: Callable[..., Any]) -> None:
    from PIL import Image, ImageDraw, ImageFont

    field = rendered(seed=2, count=60)
    strip = np.ones((50, 512), np.float32)
    picture = Image.fromarray(np.rint(255 * np.vstack([field.image, strip])).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((20, 535, 169, 541), fill=0)
    pen.text((200, 522), "50 nm", fill=0, font=ImageFont.load_default(24))
    labels = segmenter.segment(np.array(picture))
    assert not labels[513:].any()
    assert compare(field.labels[:500], labels[:500]).at(0.5) > 0.9


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(UnknownDevice, match="abacus"):
        Segmenter.load(device="abacus")  # type: ignore[arg-type]


def test_published_sizes_of_a_real_picture(segmenter: Segmenter, shared_data: Path) -> None:
    import pandas as pd
    import tifffile

    published = pd.read_csv(shared_data / "tem" / "5-0011.csv")["D"]
    found = _whole_diameters(segmenter.segment(tifffile.imread(shared_data / "tem" / "5-0011.tif"))) * 50 / 192
    assert len(found) == pytest.approx(len(published), rel=0.03)
    assert found.mean() == pytest.approx(published.mean(), rel=0.04)


def test_emps_is_far_above_otsu_and_watershed(segmenter: Segmenter, shared_data: Path) -> None:
    from PIL import Image

    from closedloop.tem.instance_maps import read_instance_map
    from closedloop.tem.metrics import average

    agreements = []
    for path in sorted((shared_data / "emps" / "images").iterdir())[::30]:
        truth = read_instance_map(shared_data / "emps" / "segmaps" / path.name).labels
        agreements.append(compare(truth, segmenter.segment(np.array(Image.open(path)))))
    assert average(agreements)["AP50"] > 0.5


def test_rods_come_back_whole(segmenter: Segmenter) -> None:
    """Sixteen dark rods, 12 × 66 pixels, in all directions: long ridges on which the seed map dips here and there."""
    truth = np.zeros((512, 512), np.int32)
    for number in range(16):
        middle = np.array([64 + 128 * (number % 4), 64 + 128 * (number // 4)], float)
        angle = np.pi * number / 16
        reach = 27 * np.array([np.cos(angle), np.sin(angle)])
        ends = [tuple(int(v) for v in np.rint(middle + side * reach)) for side in (-1, 1)]
        cv2.line(truth, ends[0], ends[1], number + 1, 12)
    rng = np.random.default_rng(2)
    grey = cv2.GaussianBlur(np.where(truth > 0, 0.35, 0.75), (0, 0), 1.0) + rng.normal(0, 0.05, truth.shape)
    found = segmenter.segment(np.clip(grey, 0, 1).astype(np.float32))
    agreement = compare(truth, found)
    assert agreement.found_count == 16
    assert agreement.at(0.75) == 1
