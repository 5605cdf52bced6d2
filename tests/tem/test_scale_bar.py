"""Scale bars drawn at known places are found and measured to a fraction of a pixel."""

import cv2
import numpy as np
import pytest

from closedloop.tem.scale_bar import find_bars, find_bars_near

NOISY = np.clip(0.5 + 0.08 * np.random.default_rng(0).standard_normal((400, 600)), 0, 1).astype(np.float32)


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("thickness", [2, 6, 16])
def test_a_plain_bar(level: float, thickness: int) -> None:
    image = NOISY.copy()
    image[350 : 350 + thickness, 40:193] = level
    bar = find_bars(image)[0]
    assert (bar.top, bar.bottom) == (350, 350 + thickness)
    assert bar.length_px == pytest.approx(153, abs=0.3)
    assert bar.quality > 0.8
    assert not bar.cut_off


def test_ends_between_pixels_are_found() -> None:
    image = np.full((200, 400), 0.5, np.float32)
    image[150:158, 50:150] = 0.0
    image[150:158, 49] = 0.5 - 0.5 * 0.3  # the bar covers three tenths of this pixel
    image[150:158, 150] = 0.5 - 0.5 * 0.7
    assert find_bars(image)[0].length_px == pytest.approx(101, abs=0.25)


def test_a_dark_bar_with_a_light_rim_is_measured_without_it_beside_a_dark_particle() -> None:
    image = NOISY.copy()
    image[330:380, 241:290] = 0.1  # the particle touches the rim
    image[349:359, 39:241] = 1.0
    image[350:358, 40:240] = 0.0
    bar = find_bars(image)[0]
    assert bar.level == pytest.approx(0)
    assert bar.length_px == pytest.approx(200, abs=0.3)


def test_end_ticks_do_not_change_the_length() -> None:
    image = np.zeros((300, 500), np.float32)
    image[200:203, 60:220] = 1
    image[194:209, 60:63] = 1
    image[194:209, 217:220] = 1
    bar = find_bars(image)[0]
    assert bar.length_px == pytest.approx(160, abs=0.5)


def test_a_bar_beside_particles_of_nearly_its_grey_keeps_its_length() -> None:
    image = NOISY.copy()
    image[300:400, 200:420] = 0.85  # a bright particle under the bar and beyond its end
    image[350:356, 40:300] = 1.0
    bar = find_bars(image)[0]
    assert bar.length_px == pytest.approx(260, abs=0.5)


def test_an_end_that_merges_with_a_particle_of_the_same_grey_is_not_measured() -> None:
    image = NOISY.copy()
    image[320:390, 280:380] = 1.0
    image[350:356, 40:300] = 1.0
    assert all(bar.cut_off for bar in find_bars(image) if bar.length_px > 100)


def test_two_pieces_with_a_gap_for_the_label_are_one_bar() -> None:
    image = np.zeros((300, 500), np.float32)
    image[200:203, 60:130] = 1
    image[200:203, 210:280] = 1
    bar = find_bars(image)[0]
    assert bar.length_px == pytest.approx(220, abs=0.5)
    assert bar.gap == pytest.approx((130, 210), abs=0.5)


@pytest.mark.parametrize("ticks", [False, True])
def test_paper_around_a_bar_is_not_taken_for_it(ticks: bool) -> None:
    image = NOISY.copy()
    image[330:372, 30:220] = 1.0
    image[358:364, 40:200] = 0.0
    if ticks:
        image[352:370, 40:46] = 0.0
        image[352:370, 194:200] = 0.0
    whole = [bar for bar in find_bars(image) if not bar.cut_off and bar.quality > 0.6]
    assert [bar.length_px for bar in whole] == pytest.approx([160], abs=0.5)


def test_the_edge_of_a_box_on_ground_of_nearly_the_bars_grey_is_not_taken_for_it() -> None:
    image = np.full((200, 400), 0.91, np.float32)
    image[80:126, 30:200] = 0.0
    image[108:118, 40:180] = 1.0
    (bar,) = [one for one in find_bars(image) if not one.cut_off and one.quality > 0.6]
    assert (bar.level, bar.length_px) == (1, pytest.approx(140, abs=0.3))


def test_a_bar_in_a_strip_below_the_picture() -> None:
    image = np.vstack([NOISY, np.ones((40, 600), np.float32)])
    image[417:423, 30:180] = 0
    bar = find_bars(image)[0]
    assert bar.length_px == pytest.approx(150, abs=0.3)
    assert bar.top == 417


def test_a_bar_that_runs_out_of_the_picture_says_so() -> None:
    image = NOISY.copy()
    image[350:356, 500:] = 0
    assert all(bar.cut_off for bar in find_bars(image) if bar.quality > 0.6)


def test_noise_and_particles_hold_no_good_bar(rendered) -> None:
    assert find_bars(NOISY) == []
    assert [bar for bar in find_bars(rendered(seed=3).image) if bar.quality > 0.6 and bar.length_px > 30] == []


def test_thin_end_ticks_belong_to_a_paler_bar() -> None:
    image = np.ones((200, 400), np.float32)
    image[100, 60:200] = 0.4
    image[96:105, 60] = image[96:105, 199] = 0.2
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.6), np.float32)
    bar = find_bars_near(image, (60, 70, 120, 88), 12, bright=False)[0]
    assert bar.length_px == pytest.approx(140, abs=1)
    assert not bar.cut_off


def test_the_lines_about_a_hollow_bar_are_not_its_length() -> None:
    image = np.full((200, 400), 0.5, np.float32)
    image[99:110, 59:161] = 1.0
    image[100:109, 60:160] = 0.0
    box = (70.0, 60.0, 150.0, 90.0)
    lines = [bar for bar in find_bars_near(image, box, 20, bright=True) if bar.thickness_px <= 2]
    assert all(bar.cut_off for bar in lines)
    (inside,) = [bar for bar in find_bars_near(image, box, 20, bright=False) if bar.quality > 0.6]
    assert inside.length_px == pytest.approx(100, abs=0.3)
    assert not inside.cut_off


@pytest.mark.parametrize("aslant", [False, True])
def test_an_end_that_lies_elsewhere_in_the_upper_half_than_in_the_lower_is_in_doubt(aslant: bool) -> None:
    image = np.full((200, 400), 0.6, np.float32)
    image[100:108, 60:160] = 0.0
    if aslant:  # a dark particle's outline crosses the end
        image[100:104, 160:163] = 0.0
    (bar,) = find_bars(image)
    assert bar.cut_off is aslant
