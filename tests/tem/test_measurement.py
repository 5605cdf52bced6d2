"""From pixels to nanometres: the contract's keys, the summary's arithmetic, the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from closedloop.cli.evaluate_segmenter import NothingToEvaluate, segmenter
from closedloop.cli.tem import CannotWrite
from closedloop.cli.tem import app as tem_app
from closedloop.cli.tem_measure import describe, sizes_in_words
from closedloop.recipes import Shape
from closedloop.tem import NoParticles, NotAnImage, Segmenter, UnreadableScale, measure_image, overlay
from closedloop.tem.measurement import Measurement, standard_error_nm
from closedloop.tem.segmenter import Found

runner = CliRunner()


def test_sizes_are_those_of_the_whole_particles(rendered) -> None:
    field = rendered(seed=11, count=80, radius=14)
    found = measure_image(field.image, nm_per_px=0.25)
    whole = [particle for particle in found.particles if not particle.touches_edge]
    diameters = [particle.equivalent_diameter_nm for particle in whole]
    assert found.count == len(whole) < len(found.particles)
    assert found.mean_diameter_nm == pytest.approx(np.mean(diameters))
    assert found.std_diameter_nm == pytest.approx(np.std(diameters, ddof=1))
    inner = [
        radius
        for label, radius in enumerate(field.radii, 1)
        if not any(
            label in side for side in (field.labels[0], field.labels[-1], field.labels[:, 0], field.labels[:, -1])
        )
    ]
    assert found.mean_diameter_nm == pytest.approx(2 * 0.25 * np.mean(inner), rel=0.02)
    assert found.shape is Shape.SPHERE
    assert sum(found.shape_fractions.values()) == pytest.approx(1)
    particle = whole[0]
    assert particle.area_nm2 == pytest.approx(np.pi / 4 * particle.equivalent_diameter_nm**2)


def test_the_scale_only_scales(rendered) -> None:
    image = rendered(seed=3, count=30).image
    one, two = measure_image(image, nm_per_px=1.0), measure_image(image, nm_per_px=2.0)
    assert two.mean_diameter_nm == pytest.approx(2 * one.mean_diameter_nm)
    assert two.particles[0].area_nm2 == pytest.approx(4 * one.particles[0].area_nm2)
    assert two.particles[0].circularity == one.particles[0].circularity


def test_json_has_the_keys_of_the_contract(rendered) -> None:
    content = json.loads(json.dumps(measure_image(rendered(seed=3, count=30).image, nm_per_px=1.0).to_json()))
    assert set(content) >= {"nm_per_px", "scale_source", "scale_confidence", "particles", "summary"}
    assert content["scale_source"] == "user"
    assert set(content["summary"]) >= {"count", "mean_diameter_nm", "std_diameter_nm", "shape"}
    keys = {"label", "equivalent_diameter_nm", "area_nm2", "circularity", "solidity", "convexity", "eccentricity"}
    assert set(content["particles"][0]) >= keys | {"aspect_ratio", "confidence", "touches_edge"}


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_uniform_picture_shows_nothing(grey: int) -> None:
    with pytest.raises(NoParticles):
        measure_image(np.full((100, 100), grey, np.uint8), nm_per_px=1.0)


@pytest.mark.parametrize("nm_per_px", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_scale_is_refused(rendered, nm_per_px: float) -> None:
    with pytest.raises(UnreadableScale):
        measure_image(rendered(seed=3, count=30).image, nm_per_px=nm_per_px)


def test_a_segmenter_of_ones_own_is_used(rendered) -> None:
    class Corner(Segmenter):
        def find(self, image: np.ndarray, ignore: np.ndarray | None = None) -> Found:
            labels = np.zeros(image.shape[:2], np.int32)
            labels[10:20, 10:20] = 1
            return Found(labels)

    found = measure_image(rendered(seed=3).image, nm_per_px=1.0, segmenter=Corner())
    assert found.count == 1
    assert found.particles[0].area_nm2 == 100


def test_overlay_draws_outlines_and_leaves_the_rest(rendered) -> None:
    field = rendered(seed=3, count=30)
    picture = overlay(field.image, field.labels)
    coloured = (picture[..., 0] != picture[..., 1]) | (picture[..., 1] != picture[..., 2])
    assert coloured.any()
    assert not coloured[field.labels == 0].any()
    assert picture.shape == (*field.image.shape, 3)


def test_measure_command(rendered, tmp_path: Path) -> None:
    image = tmp_path / "a.tif"
    tifffile.imwrite(image, np.rint(255 * rendered(seed=3, count=60).image).astype(np.uint8))
    masks, drawn = tmp_path / "masks.tif", tmp_path / "drawn.png"
    arguments = ["measure", str(image), "--nm-per-px", "0.5", "--masks", str(masks), "--overlay", str(drawn), "--json"]
    result = runner.invoke(tem_app, arguments)
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    labels = tifffile.imread(masks)
    assert len(np.unique(labels)) - 1 == len(content["particles"])
    assert drawn.stat().st_size > 1000
    assert [path.name for path in tmp_path.iterdir() if ".part" in path.name] == []


def test_commands_refuse_by_name_and_write_nothing(tmp_path: Path) -> None:
    text = tmp_path / "a.tif"
    text.write_text("no image")
    result = runner.invoke(tem_app, ["measure", str(text), "--masks", str(tmp_path / "m.tif")])
    assert isinstance(result.exception, NotAnImage)
    assert isinstance(runner.invoke(tem_app, ["scale", str(tmp_path / "none.tif")]).exception, NotAnImage)
    wrong = runner.invoke(tem_app, ["measure", str(text), "--masks", str(tmp_path / "m.doc")])
    assert isinstance(wrong.exception, CannotWrite)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_evaluate_segmenter(rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for seed in (1, 2):
        field = rendered(seed=seed, count=40)
        Image.fromarray(np.rint(255 * field.image).astype(np.uint8)).save(tmp_path / "images" / f"{seed}.png")
        tifffile.imwrite(tmp_path / "masks" / f"{seed}.tif", field.labels.astype(np.uint16))
    (tmp_path / "images" / "without-mask.png").write_bytes((tmp_path / "images" / "1.png").read_bytes())
    segmenter(images=tmp_path / "images", masks=tmp_path / "masks", as_json=True)
    content = json.loads(capsys.readouterr().out)
    assert content["images"] == 2
    assert content["AP50"] > 0.95
    assert content["mIoU"] > 0.85
    assert set(content) >= {"images", "AP50", "AP75", "AP90", "mean_AP", "mIoU"}
    assert content["in_doubt"] == 0
    assert content["within_stated_error"] == 1
    assert content["worst_size_error_where_sure"] == content["worst_size_error"]
    with pytest.raises(NothingToEvaluate):
        segmenter(images=tmp_path / "images", masks=tmp_path, as_json=True)


def test_the_summary_says_how_sure_it_is(rendered) -> None:
    found = measure_image(rendered(seed=11, count=80, radius=14).image, nm_per_px=0.5)
    summary = json.loads(json.dumps(found.to_json(), allow_nan=False))["summary"]
    assert summary["mean_diameter_nm"] == pytest.approx(found.mean_diameter_nm, abs=1e-4)
    low, high = summary["mean_interval_nm"]
    assert low < summary["mean_diameter_nm"] < high
    # Half the width by Student's quantile, 1.99 standard errors.
    assert (high - low) / 2 == pytest.approx(1.99 * found.std_diameter_nm / np.sqrt(found.count), rel=0.15)
    assert summary["quantiles_nm"]["0.5"] == pytest.approx(
        np.median([particle.equivalent_diameter_nm for particle in found.whole]), abs=1e-4
    )
    assert summary["particles_to_halve"] == pytest.approx(3 * found.count, rel=0.05)
    assert summary["lognormal"]["median_nm"] == pytest.approx(summary["quantiles_nm"]["0.5"], rel=0.05)
    # Larger particles touch the edge more often, so the plain mean is too small.
    assert summary["edge_bias_nm"] < 0
    assert summary["edge_corrected_mean_nm"] == pytest.approx(summary["mean_diameter_nm"] - summary["edge_bias_nm"])
    assert summary["touching_edge"] + summary["count"] == len(found.particles)
    for shape, (lower, upper) in summary["shape_intervals"].items():
        assert lower <= summary["shape_fractions"][shape] <= upper


def test_the_table_has_a_row_per_particle_and_its_units(rendered) -> None:
    found = measure_image(rendered(seed=3, count=30).image, nm_per_px=0.5)
    table = found.to_frame()
    assert list(table["label"]) == [particle.label for particle in found.particles]
    whole = table[~table["touches_edge"]]
    assert whole["equivalent_diameter_nm"].mean() == pytest.approx(found.mean_diameter_nm, abs=1e-4)
    assert (whole["edge_weight"] > 1).all()
    assert (table.loc[table["touches_edge"], "edge_weight"] == 0).all()
    assert table["feret_min_nm"].between(0.85 * table["equivalent_diameter_nm"], table["feret_max_nm"]).all()
    row, column = int(whole["row_px"].iloc[0]), int(whole["column_px"].iloc[0])
    assert found.labels[row, column] == whole["label"].iloc[0]


def test_doubtful_particles_stay_in_the_mean_and_are_named() -> None:
    rows, columns = np.mgrid[:220, :220]
    labels = np.zeros((220, 220), np.int32)
    for label, centres in enumerate([[(60, 60), (60, 96)], [(150, 60)], [(150, 150)]], 1):
        for row, column in centres:
            labels[np.hypot(rows - row, columns - column) < 20] = label

    class Known(Segmenter):
        def find(self, image: np.ndarray, ignore: np.ndarray | None = None) -> Found:
            return Found(labels)

    grey = np.where(labels > 0, 0.3, 0.7) + np.random.default_rng(0).normal(0, 0.03, labels.shape)
    found = measure_image(grey.astype(np.float32), nm_per_px=1.0, segmenter=Known())
    merged, one, other = found.particles
    assert any("several particles" in reason for reason in merged.doubts)
    assert found.whole == (merged, one, other)
    assert found.trusted == (one, other)
    summary = found.to_json()["summary"]
    single = one.equivalent_diameter_nm
    assert summary["trusted_mean_diameter_nm"] == pytest.approx(single, abs=1e-4)
    assert summary["mean_diameter_nm"] == pytest.approx((merged.equivalent_diameter_nm + 2 * single) / 3, abs=1e-4)
    assert summary["doubtful"] == 1


def _squares(chance: float | None) -> Measurement:
    """Nine squares that a segmenter is so sure of."""
    labels = np.zeros((130, 130), np.int32)
    for index in range(9):
        row, column = 10 + 40 * (index // 3), 10 + 40 * (index % 3)
        labels[row : row + 20 + index % 2, column : column + 20] = index + 1

    class Sure(Segmenter):
        def __init__(self) -> None: ...

        def find(self, image: np.ndarray, ignore: np.ndarray | None = None) -> Found:
            return Found(labels, None if chance is None else np.full(9, chance, np.float32))

    grey = np.where(labels > 0, 0.3, 0.7) + np.random.default_rng(0).normal(0, 0.03, labels.shape)
    return measure_image(grey.astype(np.float32), nm_per_px=0.5, segmenter=Sure())


def test_a_picture_says_how_far_its_mean_may_be_off() -> None:
    sure, unsure = _squares(0.98), _squares(0.3)
    assert sure.size_error is not None
    assert unsure.size_error is not None
    assert sure.size_error < unsure.size_error
    assert (sure.in_doubt, unsure.in_doubt) == (False, True)
    assert (len(sure.trusted), len(unsure.trusted)) == (9, 0)
    assert all("rather no particle" in particle.doubts for particle in unsure.whole)
    summary = unsure.to_json()["summary"]
    assert summary["size_error"] == pytest.approx(unsure.size_error, abs=1e-5)
    assert summary["in_doubt"] is True
    assert unsure.to_json()["particles"][0]["chance"] == pytest.approx(0.3, abs=1e-5)
    error, size = standard_error_nm(unsure.whole), unsure.mean_diameter_nm
    assert error is not None
    assert size is not None
    assert error == pytest.approx(unsure.size_error * size / 1.645)


def test_of_what_a_person_drew_no_such_error_is_stated() -> None:
    drawn = _squares(None)
    assert drawn.size_error is None
    assert not drawn.in_doubt
    assert drawn.to_json()["summary"]["size_error"] is None
    assert standard_error_nm(drawn.whole) is None


def test_words_for_a_person_say_when_a_picture_is_in_doubt(capsys: pytest.CaptureFixture[str]) -> None:
    describe(_squares(0.98))
    assert "nine such pictures of ten" in capsys.readouterr().out
    describe(_squares(0.3))
    assert "in doubt: the mean may be off by" in capsys.readouterr().out
    assert "in doubt" in sizes_in_words(_squares(0.3))
    assert "in doubt" not in sizes_in_words(_squares(0.98))
