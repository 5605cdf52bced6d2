"""A person's corrections decide an outcome, and the report says so; mostly by the command line, as people do."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner, Result

from closedloop.campaign import Campaign, bring_images, correct_image, write_report
from closedloop.cli import main
from closedloop.cli.app import app
from closedloop.recipes import Evidence, Method, Outcome, Shape
from closedloop.store import State, StoreMissing, UnknownExperiment, UnknownImage
from closedloop.tem import NotAnImage, UnreadableScale, measure_image
from closedloop.tem.correction import UnusableCorrection, changes_between
from closedloop.tem.instance_maps import NotAnInstanceMap
from closedloop.tem.training_folder import TrainingFolderError
from sim.microscope import render
from sim.reactor import Product

runner = CliRunner()


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return Campaign.open("cdse", store=f"sqlite:///{tmp_path}/lab.db")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two fields of spheres of 4.0 nm, without a scale that could be read: a person states 0.1 nm per pixel."""
    folder = tmp_path_factory.mktemp("images")
    paths = [folder / f"field-{seed}.tif" for seed in (1, 2)]
    for seed, path in enumerate(paths, start=1):
        picture = render(Product.ideal(4.0, 0.08, Shape.SPHERE), seed, size_px=256, scale_bar="none")
        picture.save(path)
    return paths


@pytest.fixture(scope="module")
def found(images: list[Path]) -> list[np.ndarray]:
    return [measure_image(image, NM_PER_PX).labels for image in images]


NM_PER_PX = 0.1


@pytest.fixture
def experiment(campaign: Campaign, images: list[Path]) -> str:
    """Measured by the machine four days ago, and closed."""
    record = campaign.store.add_experiment(campaign.name, campaign.definition.space.sample(1, seed=0)[0])
    for state in (State.APPROVED, State.CHECKED, State.RUNNING, State.AWAITING_CHARACTERISATION):
        campaign.store.move(record.id, state)
    for image in images:
        campaign.store.add_image(record.id, image, NM_PER_PX)
    by_machine = Evidence(method=Method.TEM, recorded_at=campaign.store.now())
    measured = Outcome(size_nm=3.77, size_std_nm=0.3, particle_count=150, shape=Shape.SPHERE, evidence=by_machine)
    campaign.settle(record.id, measured)
    return record.id


def _without_smallest(labels: np.ndarray, count: int) -> np.ndarray:
    areas = np.bincount(labels.ravel())
    areas[0] = labels.size
    return np.where(np.isin(labels, np.argsort(areas)[:count]), 0, labels).astype(np.int32)


def _saved(path: Path, labels: np.ndarray) -> Path:
    tifffile.imwrite(path, labels.astype(np.uint16))
    return path


def _correct(*arguments: str | Path) -> Result:
    return runner.invoke(app, ["tem", "correct", *map(str, arguments)])


def test_corrected_particles_supersede_and_nothing_older_is_lost(
    campaign: Campaign, experiment: str, images: list[Path], found: list[np.ndarray], tmp_path: Path
) -> None:
    before = campaign.store.experiment(experiment).outcome
    masks = _saved(tmp_path / "c.tif", _without_smallest(found[0], 3))
    store = ("--store", campaign.store.url)
    result = _correct(images[0], "--masks", masks, "--experiment", experiment, *store, "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["changes"]["removed"] == 3
    assert content["changes"]["kept"] == len(np.unique(found[0])) - 4
    # The scale that the person stated when they brought the image holds.
    assert content["after"]["nm_per_px"] == NM_PER_PX
    outcome = campaign.store.experiment(experiment).outcome
    assert before is not None
    assert outcome is not None
    assert outcome.evidence is not None
    assert outcome.evidence.method is Method.TEM_CORRECTED
    assert outcome.evidence.note == "field-1.tif: 3 removed; field-2.tif: not corrected"
    # The other image counts as it did.
    other = measure_image(images[1], NM_PER_PX)
    assert outcome.particle_count == content["after"]["summary"]["count"] + other.count
    assert content["experiment"]["size_nm"] == pytest.approx(outcome.size_nm)
    assert content["experiment"]["evidence"] == "tem, corrected by a person"
    assert campaign.store.outcomes(experiment) == [before, outcome]
    # An image that is brought again counts as the person corrected it.
    again = bring_images(campaign.store, experiment, images[:1], nm_per_px=NM_PER_PX).outcome
    assert again is not None
    assert again.evidence is not None
    assert (again.size_nm, again.particle_count) == (outcome.size_nm, outcome.particle_count)
    assert again.evidence.method is Method.TEM_CORRECTED
    assert again.evidence.note == "field-1.tif: corrected before; field-2.tif: not corrected"


def test_an_image_that_is_brought_after_a_correction_joins_the_corrected_ones(
    campaign: Campaign, experiment: str, images: list[Path], found: list[np.ndarray], tmp_path: Path
) -> None:
    third = tmp_path / "field-3.tif"
    render(Product.ideal(4.0, 0.08, Shape.SPHERE), 3, size_px=256, scale_bar="none").save(third)
    drawn = _without_smallest(found[0], 3)
    corrected = correct_image(campaign.store, experiment, images[0], drawn, changes_between(found[0], drawn))
    outcome = bring_images(campaign.store, experiment, [third], nm_per_px=NM_PER_PX).outcome
    assert corrected.record.outcome is not None
    assert corrected.record.outcome.particle_count is not None
    assert outcome is not None
    before, new = corrected.record.outcome.particle_count, measure_image(third, NM_PER_PX).count
    assert outcome.particle_count == before + new


def test_each_image_counts_with_its_own_last_correction(
    campaign: Campaign, experiment: str, images: list[Path], found: list[np.ndarray]
) -> None:
    for image, labels, drop in ((images[0], found[0], 2), (images[1], found[1], 4), (images[0], found[0], 6)):
        drawn = _without_smallest(labels, drop)
        correct_image(campaign.store, experiment, image, drawn, changes_between(labels, drawn))
    outcome = campaign.store.experiment(experiment).outcome
    assert outcome is not None
    assert outcome.evidence is not None
    assert outcome.evidence.note == "field-1.tif: 6 removed; field-2.tif: corrected before"
    whole = [measure_image(image, NM_PER_PX).particles for image in images]
    expected = [
        particle.equivalent_diameter_nm
        for particles, labels, drop in zip(whole, found, (6, 4), strict=True)
        for particle in particles
        if not particle.touches_edge and (_without_smallest(labels, drop) == particle.label).any()
    ]
    assert outcome.particle_count == len(expected)
    assert outcome.size_nm == pytest.approx(np.mean(expected))


def test_a_scale_that_was_put_right_does_not_come_back_with_a_correction(
    campaign: Campaign, images: list[Path], found: list[np.ndarray], tmp_path: Path
) -> None:
    """Brought with a wrong scale, which is given up, so that what the file says itself holds: 0.2 nm."""
    field = tmp_path / "field.tif"
    tifffile.imwrite(field, tifffile.imread(images[0]), imagej=True, resolution=(5, 5), metadata={"unit": "nm"})
    by_machine = Outcome(size_nm=8.0, evidence=Evidence(method=Method.TEM, recorded_at=campaign.store.now()))
    record = campaign.record(campaign.definition.space.sample(1, seed=1)[0], by_machine)
    bring_images(campaign.store, record.id, [field], nm_per_px=0.52)
    bring_images(campaign.store, record.id, [field], own_scale=True)
    masks = _saved(tmp_path / "c.tif", _without_smallest(found[0], 3))
    store = ("--store", campaign.store.url)
    content = json.loads(_correct(field, "--masks", masks, "--experiment", record.id, *store, "--json").stdout)
    assert content["after"]["nm_per_px"] == pytest.approx(0.2)
    assert content["before"]["mean_diameter_nm"] == pytest.approx(8.0, rel=0.2)
    assert content["experiment"]["size_nm"] == pytest.approx(8.0, rel=0.2)
    # A wrong scale that is stated now is believed, and the evidence says what contradicts it.
    _correct(field, "--masks", masks, "--experiment", record.id, *store, "--nm-per-px", "0.52")
    outcome = campaign.store.experiment(record.id).outcome
    assert outcome
    assert outcome.evidence
    assert "3 removed (you state 0.52 nm per pixel, but the file's" in (outcome.evidence.note or "")


def test_the_report_shows_the_correction_and_its_outlines(
    campaign: Campaign, experiment: str, images: list[Path], found: list[np.ndarray], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    drawn = np.zeros_like(found[0])
    drawn[100:140, 100:140] = 1
    for index in range(40):  # particles enough for a size
        top, left = 10 + 12 * (index // 15), 10 + 16 * (index % 15)
        drawn[top : top + 10, left : left + 10] = 2 + index
    correct_image(campaign.store, experiment, images[0], drawn, changes_between(found[0], drawn))
    shown = []
    monkeypatch.setattr("closedloop.campaign.report.png_uri", lambda picture: shown.append(picture) or "data:,")
    monkeypatch.setattr(Campaign, "best", lambda self: self.store.experiment(experiment))
    page = write_report(campaign, None, "stopped", tmp_path / "report.html").read_text(encoding="utf-8")
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "corrected by a person (field-1.tif: " in text
    assert "; 3.77 nm before)" in text
    coloured = (shown[0][..., 0] != shown[0][..., 1]) | (shown[0][..., 1] != shown[0][..., 2])
    assert coloured[100, 100:140].all()
    assert not coloured[drawn == 0].any()


def test_without_an_experiment_sizes_are_told_and_a_set_to_learn_from_grows(
    images: list[Path], found: list[np.ndarray], tmp_path: Path
) -> None:
    drawn = _without_smallest(found[0], 1)
    masks, folder = _saved(tmp_path / "c.tif", drawn), tmp_path / "set"
    scale = ("--nm-per-px", "0.2")
    result = _correct(images[0], "--masks", masks, *scale, "--keep-for-training", folder, "--source", "lab 3")
    assert result.exit_code == 0, result.output
    assert "changes: 1 removed" in result.stdout
    (kept,) = (folder / "masks").iterdir()
    assert np.array_equal(tifffile.imread(kept), drawn)
    assert ",lab 3," in (folder / "sources.csv").read_text()
    # To learn from a picture no scale is needed, to state a size one is.
    unscaled = _correct(images[0], "--masks", masks, "--keep-for-training", folder)
    assert unscaled.exit_code == 0
    assert "after: unknown" in unscaled.stdout
    assert "no sizes" in unscaled.stderr
    assert isinstance(_correct(images[0], "--masks", masks).exception, UnreadableScale)


def test_what_the_person_began_with_can_be_named(images: list[Path], found: list[np.ndarray], tmp_path: Path) -> None:
    start, end = _saved(tmp_path / "b.tif", found[0]), _saved(tmp_path / "c.tif", _without_smallest(found[0], 5))
    scale = ("--nm-per-px", "0.1", "--json")
    result = _correct(images[0], "--masks", end, "--before", end, *scale)
    assert json.loads(result.stdout)["changes"]["removed"] == 0
    result = _correct(images[0], "--masks", end, "--before", start, *scale)
    assert json.loads(result.stdout)["changes"]["removed"] == 5


def test_what_cannot_be_used_leaves_store_and_folder_as_they_were(
    campaign: Campaign, experiment: str, images: list[Path], found: list[np.ndarray], tmp_path: Path
) -> None:
    good = _saved(tmp_path / "good.tif", found[0])
    small = _saved(tmp_path / "small.tif", found[0][:-1])
    empty = _saved(tmp_path / "empty.tif", np.zeros_like(found[0]))
    real = tmp_path / "real.tif"
    tifffile.imwrite(real, found[0].astype(np.float32))
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.full((256, 256), 7, np.uint8))
    ours = ("--store", campaign.store.url, "--keep-for-training", tmp_path / "set")
    here = ("--experiment", experiment, *ours)
    for arguments, error in (
        ((images[0], "--masks", small, *here), UnusableCorrection),
        ((images[0], "--masks", empty, *here), UnusableCorrection),
        ((images[0], "--masks", real, *here), NotAnInstanceMap),
        ((images[0], "--masks", tmp_path / "none.tif", *here), NotAnInstanceMap),
        ((tmp_path / "none.tif", "--masks", good, "--nm-per-px", "1"), NotAnImage),
        ((other, "--masks", good, *here), UnknownImage),
        ((images[0], "--masks", good, "--experiment", "cdse-0099", *ours), UnknownExperiment),
        ((images[0], "--masks", good, *here[:4], "--keep-for-training", good), TrainingFolderError),
        ((images[0], "--masks", good, "--experiment", "x", "--store", f"sqlite:///{tmp_path}/no.db"), StoreMissing),
    ):
        assert isinstance(_correct(*arguments).exception, error), arguments
    assert len(campaign.store.outcomes(experiment)) == 1
    assert all(image.correction is None for image in campaign.store.image_records(experiment))
    assert not (tmp_path / "set").exists()


def test_the_command_line_names_the_fault_in_one_line(
    images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = _saved(tmp_path / "m.tif", np.zeros((256, 256)))
    monkeypatch.setattr(sys, "argv", ["closedloop", "tem", "correct", str(images[0]), "--masks", str(masks)])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert shown.out == ""
    assert shown.err.startswith("UnusableCorrection: ")
    assert shown.err.count("\n") == 1
