"""Which scale is believed, from the picture to the error message; the OCR itself included."""

import csv
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageDraw, ImageFont
from scalebar_hard import generate_hard
from scalebar_pictures import STYLES, generate

from closedloop.tem import label_views
from closedloop.tem.errors import DiffractionPattern, NotAnImage, ScaleConflict, UnreadableScale
from closedloop.tem.label_reading import read_label
from closedloop.tem.label_views import HIGH_CONFIDENCE
from closedloop.tem.reading import read_picture
from closedloop.tem.scale import look_at_scale, read_scale
from closedloop.tem.scale_text import parse_label
from sim.render import render_scene


def _font(size: int) -> ImageFont.FreeTypeFont:
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def _with_bar(field: np.ndarray, text: str, length: int, size: int = 26) -> np.ndarray:
    """A black bar with its text above it in the lower left corner, each with a white rim."""
    picture = Image.fromarray(np.rint(255 * field).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    bottom = picture.height - 20
    if length:
        pen.rectangle((19, bottom - 9, 20 + length, bottom), fill=255)
        pen.rectangle((20, bottom - 8, 19 + length, bottom - 1), fill=0)
    pen.text((22, bottom - 14), text, fill=0, font=_font(size), anchor="lb", stroke_width=2, stroke_fill=255)
    return np.array(picture)


@pytest.mark.parametrize(("text", "nm"), [("20 nm", 20), ("100 nm", 100), ("5 nm", 5), ("50 nm", 50), ("200 nm", 200)])
def test_a_bar_over_particles_is_read_at_high_confidence(rendered, text: str, nm: float) -> None:
    image = _with_bar(rendered(seed=int(nm), count=90).image, text, 140)
    scale = read_scale(image)
    assert scale.bar_nm == nm
    assert scale.bar_px == pytest.approx(140, abs=0.3)
    assert scale.nm_per_px == pytest.approx(nm / 140, rel=0.003)
    assert scale.confidence >= HIGH_CONFIDENCE
    assert scale.source == "scale_bar"
    assert set(scale.to_json()) >= {"text", "bar_nm", "bar_px", "nm_per_px", "confidence"}


@pytest.mark.parametrize("what", ["nothing", "a bar without a label", "a label without a bar", "a bar cut off"])
def test_no_scale_is_no_scale(rendered, what: str) -> None:
    field = rendered(seed=7, count=60).image
    if what == "a bar without a label":
        field = _with_bar(field, "", 140)
    elif what == "a label without a bar":
        field = _with_bar(field, "50 nm", 0)
    elif what == "a bar cut off":
        field = _with_bar(field, "50 nm", 140)[:, 60:]
    with pytest.raises(UnreadableScale, match="nm-per-px"):
        read_scale(field)


def _save(path: Path, image: np.ndarray, nm_per_px: float, unit: str = "nm") -> Path:
    per_px = 1 / nm_per_px
    tifffile.imwrite(path, image, imagej=True, resolution=(per_px, per_px), metadata={"unit": unit})
    return path


def test_metadata_and_bar_that_agree_make_it_surer(rendered, tmp_path: Path) -> None:
    field = rendered(seed=1).image
    plain = read_scale(_save(tmp_path / "plain.tif", np.rint(255 * field).astype(np.uint8), 0.5))
    both = read_scale(_save(tmp_path / "both.tif", _with_bar(field, "50 nm", 100), 0.505))
    assert (plain.source, plain.nm_per_px) == ("metadata", pytest.approx(0.5))
    assert (both.source, both.nm_per_px) == ("metadata", pytest.approx(0.505))
    assert both.confidence > plain.confidence
    assert both.bar_nm == 50


@pytest.mark.parametrize("number", [13, 16, 22])
def test_a_bar_that_is_sure_by_itself_contradicts_what_is_stated(number: int) -> None:
    """What is only compared is searched less; where the bar alone would be believed, that must be enough."""
    picture = read_picture(render_scene(np.random.default_rng([78, number]), 512)[0])
    alone = read_scale(picture)
    assert read_scale(picture, alone.nm_per_px).note is None
    assert "its scale bar" in (read_scale(picture, 1.5 * alone.nm_per_px).note or "")


def test_what_hardly_looks_like_a_label_is_read_only_where_the_scale_hangs_on_it(rendered, monkeypatch) -> None:
    asked = []
    read_line = label_views.read_line
    monkeypatch.setattr(label_views, "read_line", lambda picture: asked.append(picture) or read_line(picture))
    field = rendered(seed=1, count=90).image
    assert read_scale(field, 0.5).nm_per_px == 0.5
    assert not asked
    with pytest.raises(UnreadableScale):
        read_scale(field)
    assert asked


def test_metadata_and_bar_that_differ_are_both_shown_and_nothing_is_measured(rendered, tmp_path: Path) -> None:
    path = _save(tmp_path / "a.tif", _with_bar(rendered(seed=1).image, "50 nm", 100), 0.6)
    with pytest.raises(ScaleConflict) as caught:
        read_scale(path)
    assert "0.6 " in str(caught.value)
    assert "0.5" in str(caught.value)
    assert "--nm-per-px" in str(caught.value)


def test_what_the_user_states_stands_and_what_says_otherwise_is_noted(rendered, tmp_path: Path) -> None:
    path = _save(tmp_path / "a.tif", _with_bar(rendered(seed=1).image, "50 nm", 100), 0.5)
    agreeing = read_scale(path, 0.51)
    assert (agreeing.nm_per_px, agreeing.source, agreeing.note) == (0.51, "user", None)
    differing = read_scale(path, 0.7)
    assert (differing.nm_per_px, differing.source) == (0.7, "user")
    assert differing.note is not None
    assert "0.7" in differing.note
    assert "ImageJ unit say 0.5" in differing.note
    assert "50 nm" in differing.note


def test_a_label_without_a_bar_is_shown_and_gives_no_scale() -> None:
    crop = Image.new("L", (150, 50), 200)
    ImageDraw.Draw(crop).text((20, 10), "200 nm", fill=5, font=_font(28))
    seen = look_at_scale(np.array(crop))
    assert (seen["text"], seen["bar_nm"], seen["bar_px"], seen["nm_per_px"]) == ("200 nm", 200, None, None)
    assert seen["confidence"] >= HIGH_CONFIDENCE
    assert "no bar" in seen["doubt"]


def test_a_bar_that_is_cut_off_is_shown_with_its_doubt(rendered) -> None:
    seen = look_at_scale(_with_bar(rendered(seed=7, count=60).image, "50 nm", 140)[:, 22:])
    assert seen["nm_per_px"] is None
    assert seen["confidence"] < HIGH_CONFIDENCE
    assert "doubt" in seen


def test_a_picture_without_writing_shows_nothing(rendered) -> None:
    with pytest.raises(UnreadableScale, match="nm-per-px"):
        look_at_scale(rendered(seed=7, count=60).image)


@pytest.mark.parametrize(
    ("style", "seed"),
    [
        ("white", 1),
        ("yellow", 1),
        ("red", 0),
        ("label below", 1),
        ("label beside", 0),
        ("label in a gap", 1),
        ("box", 1),
        ("label on the bar", 4),
        ("black strip", 0),
        ("white strip", 1),
        ("shrunk JPEG", 3),
        ("panels, one scale", 0),
    ],
)
def test_bars_of_many_styles_are_read(style: str, seed: int) -> None:
    drawn = generate(style, seed)
    scale = read_scale(drawn.image)
    assert scale.bar_nm == pytest.approx(drawn.nm)
    assert scale.bar_px == pytest.approx(drawn.px, abs=1)


@pytest.mark.parametrize(
    ("style", "seed"),
    [
        ("panels, two scales", 3),
        ("panels, two scales", 1),
        ("no bar", 0),
    ],
)
def test_what_cannot_be_one_scale_is_none(style: str, seed: int) -> None:
    with pytest.raises(UnreadableScale):
        read_scale(generate(style, seed).image)


@pytest.mark.parametrize(
    ("style", "seed"),
    [
        ("tiny letters", 5003),
        ("low contrast", 1),
        ("opposite greys", 2),
        ("thin with ends", 1),
        ("strip, in a gap", 1),
        ("ruler", 1),
        ("hollow", 1),
        ("ruler", 9502),  # "00um" was found without its 2
    ],
)
def test_bars_of_harder_styles_are_read(style: str, seed: int) -> None:
    drawn = generate_hard(style, seed)
    seen = look_at_scale(drawn.image)
    assert seen["bar_nm"] == pytest.approx(drawn.nm)
    if seen["nm_per_px"]:
        assert seen["nm_per_px"] == pytest.approx(drawn.nm / drawn.px, rel=0.02)


@pytest.mark.parametrize(
    ("style", "seed"),
    [
        ("black with a rim", 6003),  # the lines of its rim are longer than the bar
        ("strokes", 6000),  # the first digit stands on a particle of nearly its grey
        ("rim", 7003),
        ("rim", 9304),
        ("hollow", 7021),  # the point has run into the zero
        ("strip, in a gap", 7016),  # one half of the bar
        ("opposite greys", 7003),  # white paper below the letters, ended by the tail of the µ
        ("opposite greys", 20009),  # ground between the label's box and the bar, ended by a particle
        ("opposite greys", 20025),  # the upper part of the label's box
        ("shrunk JPEG", 9503),  # a noisy particle of nearly its grey beyond its end
        ("panel letter", 20024),  # the same, and what lies beyond the particle taken for the ground
        ("panel letter", 20138),  # a particle that looks like an end tick
    ],
)
def test_what_was_once_read_wrongly_for_sure_is_right_or_in_doubt(style: str, seed: int) -> None:
    drawn = generate(style, seed) if style in STYLES else generate_hard(style, seed)
    seen = look_at_scale(drawn.image)
    assert seen["nm_per_px"] is None or seen["nm_per_px"] == pytest.approx(drawn.nm / drawn.px, rel=0.02)


@pytest.mark.parametrize(
    ("style", "seed"),
    [
        ("striped", 0),
        ("striped", 3),
        ("panels of two scales", 0),
        ("panels of two scales", 9307),
        ("panels of two scales", 9505),  # an end of the other scale's bar is not beyond doubt
    ],
)
def test_stripes_and_panels_of_two_scales_are_no_scale(style: str, seed: int) -> None:
    with pytest.raises(UnreadableScale):
        read_scale(generate_hard(style, seed).image)


def test_an_odd_picture_says_so_where_its_scale_cannot_be_read(rendered, tmp_path: Path) -> None:
    image = np.rint(255 * rendered(seed=7, count=60).image).astype(np.uint8)
    image[-image.shape[0] // 4 :] = 0
    Image.fromarray(image).save(tmp_path / "a.png")
    with pytest.raises(UnreadableScale, match="rows are all zero"):
        read_scale(tmp_path / "a.png")


@pytest.mark.parametrize("text", ["5 nm⁻¹", "10 nm⁻¹", "5 1/nm"])
def test_a_bar_of_a_reciprocal_length_is_that_of_a_diffraction_pattern(rendered, text: str) -> None:
    image = _with_bar(rendered(seed=5, count=60).image, text, 140)
    for read in (read_scale, look_at_scale):
        with pytest.raises(DiffractionPattern, match="says a reciprocal length"):
            read(image)
    assert read_scale(image, 0.3).note is None  # who states a scale knows better


def test_the_sign_of_a_power_is_at_least_a_doubt(rendered) -> None:
    with pytest.raises((UnreadableScale, DiffractionPattern)):
        read_scale(_with_bar(rendered(seed=5, count=60).image, "5 nm^-1", 140))


def test_a_raised_minus_one_of_smaller_letters_is_seen(rendered) -> None:
    picture = Image.fromarray(np.rint(255 * _with_bar(rendered(seed=5, count=60).image, "5 nm", 140)).astype(np.uint8))
    assert read_scale(np.asarray(picture)).bar_nm == 5
    _, top, right, _ = read_scale(np.asarray(picture)).label_box
    ImageDraw.Draw(picture).text((right - 3, top - 4), "-1", fill=0, font=_font(16), stroke_width=2, stroke_fill=255)
    with pytest.raises((UnreadableScale, DiffractionPattern)):
        read_scale(np.asarray(picture))


def test_a_diffraction_pattern_has_no_scale(rendered, tmp_path: Path) -> None:
    path = _save(tmp_path / "a.tif", np.rint(255 * rendered(seed=1).image).astype(np.uint8), 0.1, "1/nm")
    with pytest.raises(NotAnImage, match="diffraction"):
        read_scale(path)


def test_the_scale_of_a_real_picture_is_read_from_its_bar(shared_data: Path) -> None:
    scale = read_scale(shared_data / "tem" / "5-0011.tif")
    assert scale.text == "50 nm"
    assert scale.nm_per_px == pytest.approx(0.260417, rel=0.001)
    assert scale.source == "scale_bar"
    assert scale.confidence > 0.9


def test_real_labels_are_read_and_none_wrongly_for_sure(shared_data: Path) -> None:
    with (shared_data / "scalebars" / "crops.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::20]
    right, wrong_for_sure = 0, []
    for row in rows:
        true = parse_label(row["text"])
        reading = read_label(read_picture(shared_data / "scalebars" / "crops" / f"{row['crop']}.tif").grey)
        hit = reading is not None and true is not None and reading.label.nm == pytest.approx(true.nm)
        right += hit
        if reading is not None and not hit and reading.confidence >= HIGH_CONFIDENCE:
            wrong_for_sure.append((row, reading))
    assert wrong_for_sure == []
    assert right / len(rows) > 0.7  # of eight; benchmarks/scalebars.py reads them all


def test_easyocr_starts_without_a_warning_or_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    from closedloop.tem import ocr
    from closedloop.tem.scale_decoding import decode

    ocr._readers.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = np.full((64, 200), 255, np.uint8)
        image = Image.fromarray(picture)
        ImageDraw.Draw(image).text((10, 12), "50 nm", fill=0, font=_font(36))
        letters = ocr.read_line(np.array(image))
    assert decode(letters.probabilities, letters.alphabet).text == "50 nm"
    written = capfd.readouterr()
    assert written.out == ""
    assert written.err == ""


def test_damaged_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import easyocr_en_models

    from closedloop.tem.ocr import OcrUnavailable, weights_directory

    (tmp_path / "english_g2.pth").write_bytes(b"not these")
    monkeypatch.setattr(easyocr_en_models, "model_dir", lambda: str(tmp_path))
    with pytest.raises(OcrUnavailable, match=r"english_g2.*damaged"):
        weights_directory()
