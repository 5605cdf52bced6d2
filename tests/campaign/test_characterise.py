"""Images into outcomes: pooled, judged, and refused when a person brings something that cannot be measured."""

import json
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from closedloop.campaign import Campaign, NotWaiting, bring_images, bring_size, correct_image, find_picture
from closedloop.campaign.judge import judge
from closedloop.campaign.sample import Field, conclude, pooled
from closedloop.cli import main
from closedloop.cli.app import app
from closedloop.cli.ingest import NothingToIngest, ingest, say
from closedloop.recipes import Evidence, FailureCause, Method, Outcome, Shape
from closedloop.store import State, UnknownImage
from closedloop.tem import NotAnImage, UnreadableScale, measure_image
from closedloop.tem.correction import changes_between
from sim.microscope import render
from sim.reactor import Product


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return Campaign.open("cdse", store=f"sqlite:///{tmp_path}/lab.db")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two fields of spheres of 4.0 nm with a spread of 8%."""
    folder = tmp_path_factory.mktemp("images")
    product = Product.ideal(4.0, 0.08, Shape.SPHERE)
    paths = [folder / f"field-{seed}.tif" for seed in (1, 2)]
    for seed, path in enumerate(paths, start=1):
        render(product, seed, size_px=512).save(path)
    return paths


def _waiting(campaign: Campaign) -> str:
    record = campaign.store.add_experiment(campaign.name, campaign.definition.space.sample(1, seed=0)[0])
    for state in (State.APPROVED, State.CHECKED, State.RUNNING, State.AWAITING_CHARACTERISATION):
        campaign.store.move(record.id, state)
    return record.id


def look(images: list[Path], campaign: Campaign, nm_per_px: float | None = None, *, required: bool = False) -> Outcome:
    fields = [Field(path, path.name, nm_per_px, required=required) for path in images]
    return conclude(fields, campaign.definition, at=campaign.store.now())


def test_all_fields_are_one_distribution(campaign: Campaign, images: list[Path]) -> None:
    both = look(images, campaign)
    each = [look([image], campaign) for image in images]
    assert both.particle_count == sum(one.particle_count or 0 for one in each)
    assert both.size_nm == pytest.approx(4.0, rel=0.04)
    assert both.shape is Shape.SPHERE
    assert both.success is True
    assert 0 < (both.size_error_nm or 0) < 0.3


def test_fields_whose_particles_are_hard_to_tell_apart_are_named(
    campaign: Campaign, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = look(images, campaign)
    assert sure.evidence is not None
    assert sure.evidence.note is None
    monkeypatch.setattr("closedloop.tem.measurement.IN_DOUBT", 0.0)
    doubted = look(images, campaign)
    assert doubted.evidence is not None
    assert (doubted.evidence.note or "").count("hard to tell apart") == 2
    assert doubted.size_nm == sure.size_nm


def test_bringing_such_fields_says_so(
    campaign: Campaign, images: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("closedloop.tem.measurement.IN_DOUBT", 0.0)
    ingest(images=images, experiment=_waiting(campaign), store=campaign.store.url)
    assert "hard to tell apart" in capsys.readouterr().err


@pytest.fixture
def stating(images: list[Path], tmp_path: Path) -> Path:
    """The first field in a file that states 0.2 nm per pixel, without a scale bar."""
    path = tmp_path / "stating.tif"
    pixels = tifffile.imread(images[0])[:384, :384]
    tifffile.imwrite(path, pixels, imagej=True, resolution=(5, 5), metadata={"unit": "nm"})
    return path


def test_a_stated_scale_that_the_file_contradicts_is_said(
    campaign: Campaign, stating: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting, store = _waiting(campaign), campaign.store
    ingest(images=[stating], experiment=waiting, nm_per_px=0.52, store=store.url)
    said = f"note: {stating.name}: you state 0.52 nm per pixel, but the file's "
    assert said in capsys.readouterr().err
    outcome = store.experiment(waiting).outcome
    assert outcome
    assert outcome.evidence
    assert said.removeprefix("note: ") in (outcome.evidence.note or "")
    corrected = outcome.model_copy(update={"evidence": Evidence(method=Method.TEM_CORRECTED, recorded_at=store.now())})
    store.add_outcome(waiting, corrected)
    ingest(images=[stating], experiment=waiting, nm_per_px=0.52, store=store.url)
    err = capsys.readouterr().err
    assert "the images that a person put right hold" in err
    assert said in err  # for it is kept for the next correction
    ingest(images=[stating], experiment=waiting, nm_per_px=0.2, store=store.url)
    assert "note" not in capsys.readouterr().err


def test_a_stated_scale_stays_until_it_is_given_up(
    campaign: Campaign, stating: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting, store = _waiting(campaign), campaign.store

    def size(**said: float | bool) -> float:
        ingest(images=[stating], experiment=waiting, store=store.url, **said)  # type: ignore[arg-type]
        outcome = store.outcomes(waiting)[-1]
        return outcome.size_nm or 0.0

    stated = size(nm_per_px=0.4)
    assert size() == stated
    assert "stating.tif: keeps the 0.4 nm per pixel that were stated for it before" in capsys.readouterr().err
    assert size() == stated  # for it was kept in the store too
    capsys.readouterr()
    assert size(own_scale=True) == pytest.approx(stated / 2, rel=0.01)
    assert "keeps" not in capsys.readouterr().err
    with pytest.raises(UnreadableScale, match="0 is no pixel size"):
        size(nm_per_px=0.0)  # not taken for a scale that was left out
    for wrong in ({"own_scale": True, "nm_per_px": 0.4}, {"own_scale": True, "images": []}):
        with pytest.raises(NothingToIngest, match="--own-scale"):
            ingest(
                **{"images": [stating], "experiment": waiting, "store": store.url, "without": ["a"], "why": "b"} | wrong
            )


def test_what_is_too_large_to_be_a_colloid_is_not_told_as_a_size_alone(
    campaign: Campaign, stating: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ingest(images=[stating], experiment=_waiting(campaign), nm_per_px=520.0, store=campaign.store.url)
    assert "particles, bulk precipitate" in capsys.readouterr().err


def test_one_empty_field_is_bad_luck_and_two_mean_that_nothing_formed(campaign: Campaign, tmp_path: Path) -> None:
    empty = []
    for seed in (1, 2):
        path = tmp_path / f"empty-{seed}.tif"
        render(Product.nothing(), seed, size_px=512).save(path)
        empty.append(path)
    assert look(empty[:1], campaign).failure_cause is FailureCause.TOO_FEW_PARTICLES
    nothing = look(empty, campaign)
    assert nothing.failure_cause is FailureCause.NOTHING_FORMED
    assert nothing.success is False


def test_pictures_that_are_unclear_do_not_show_that_nothing_formed(campaign: Campaign, tmp_path: Path) -> None:
    flat = [tmp_path / f"flat-{grey}.tif" for grey in (7, 8)]
    for grey, path in enumerate(flat, start=7):
        tifffile.imwrite(path, np.full((128, 128), grey, np.uint8))
    random = np.random.default_rng(0)
    drowned = [tmp_path / f"drowned-{name}.tif" for name in "ab"]
    for path in drowned:
        pixels = random.normal(1500, 30, (128, 128)).astype(np.uint16)
        pixels[64, 10:40] = 65535
        tifffile.imwrite(path, pixels)
    for pair in (flat, drowned, [flat[0], drowned[0]]):
        outcome = look(pair, campaign, nm_per_px=0.1)
        assert (outcome.failure_cause, outcome.success) == (FailureCause.TOO_FEW_PARTICLES, None)


def test_particles_that_the_edge_cuts_are_too_few_and_not_nothing(campaign: Campaign, images: list[Path]) -> None:
    measured = measure_image(images[0])
    cut = replace(measured, particles=tuple(replace(each, touches_edge=True) for each in measured.particles[:3]))
    outcome = pooled([cut], Evidence(method=Method.TEM))
    assert (outcome.particle_count, outcome.failure_cause) == (0, FailureCause.TOO_FEW_PARTICLES)
    assert judge(outcome, campaign.definition).success is None


def test_a_damaged_file_does_not_spoil_the_sample(campaign: Campaign, images: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.tif"
    broken.write_bytes(images[0].read_bytes()[:500])
    outcome = look([broken, images[0]], campaign)
    assert outcome.success is True
    assert outcome.evidence is not None
    assert "broken.tif" in (outcome.evidence.note or "")


def test_without_any_scale_nothing_is_said_of_sizes(campaign: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "bare.tif"
    render(Product.ideal(4.0, 0.08, Shape.SPHERE), 1, size_px=512, scale_bar="none").save(path)
    outcome = look([path], campaign)
    assert outcome.failure_cause is FailureCause.UNREADABLE_SCALE
    assert outcome.size_nm is None
    with pytest.raises(UnreadableScale):
        look([path], campaign, required=True)


def test_images_brought_by_hand_close_the_experiment_that_waited(
    campaign: Campaign, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = _waiting(campaign)
    arguments = ["ingest", *map(str, images), "--experiment", waiting, "--store", campaign.store.url]
    monkeypatch.setattr(sys, "argv", ["closedloop", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    record = campaign.store.experiment(waiting)
    assert record.state is State.CLOSED
    assert record.outcome is not None
    assert record.outcome.size_nm == pytest.approx(4.0, rel=0.04)
    assert [path.read_bytes() for path in campaign.store.images(waiting)] == [path.read_bytes() for path in images]


def test_what_is_no_image_leaves_the_experiment_waiting(campaign: Campaign, images: list[Path], tmp_path: Path) -> None:
    waiting = _waiting(campaign)
    diary = tmp_path / "diary.tif"
    diary.write_text("dear diary")
    with pytest.raises(NotAnImage):
        bring_images(campaign.store, waiting, [images[0], diary])
    assert campaign.store.experiment(waiting).state is State.AWAITING_CHARACTERISATION
    assert campaign.store.images(waiting) == []
    assert campaign.store.outcomes(waiting) == []


def test_an_experiment_that_was_not_made_takes_no_images(campaign: Campaign, images: list[Path]) -> None:
    record = campaign.store.add_experiment(campaign.name, campaign.definition.space.sample(1, seed=0)[0])
    with pytest.raises(NotWaiting, match="has no sample yet"):
        bring_images(campaign.store, record.id, images)


def test_an_image_counts_once_however_often_it_is_brought(
    campaign: Campaign, stating: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = look([stating], campaign)
    copy = tmp_path / "copy.tif"
    copy.write_bytes(stating.read_bytes())
    waiting = _waiting(campaign)
    ingest(images=[stating, stating, copy], experiment=waiting, store=campaign.store.url)
    err = capsys.readouterr().err
    assert f"{stating}: is given twice and counts once" in err
    assert f"{copy}: is the same image as {stating} and counts once" in err
    outcome = campaign.store.experiment(waiting).outcome
    assert outcome
    assert outcome.evidence
    assert outcome.particle_count == alone.particle_count
    assert outcome.evidence.files == ("stating.tif",)
    assert len(campaign.store.images(waiting)) == 1
    # Brought again later, it takes its own place.
    again = bring_images(campaign.store, waiting, [copy])
    assert again.outcome
    assert again.outcome.particle_count == alone.particle_count
    # One empty field stays bad luck.
    empty, nothing = tmp_path / "empty.tif", _waiting(campaign)
    render(Product.nothing(), 1, size_px=512).save(empty)
    for images in ([empty, empty], [empty]):
        twice = bring_images(campaign.store, nothing, images).outcome
        assert twice
        assert twice.failure_cause is FailureCause.TOO_FEW_PARTICLES


def test_the_image_of_another_sample_is_said_to_be_one(
    campaign: Campaign, stating: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, first, second = campaign.store, _waiting(campaign), _waiting(campaign)
    bring_images(store, first, [stating])
    copy = tmp_path / "copy.tif"
    copy.write_bytes(stating.read_bytes())
    ingest(images=[copy], experiment=second, store=store.url)
    assert store.experiment(second).state is State.CLOSED
    assert f"is an image of {first} too, and one image shows one sample" in capsys.readouterr().err
    # Not of the experiment's own.
    ingest(images=[stating], experiment=first, store=store.url)
    err = capsys.readouterr().err
    assert f"is an image of {second} too" in err
    # The command that is advised works, as soon as there is a reason in it.
    advised = re.search(r"closedloop (ingest --without .*?) \(or", err)
    assert advised
    arguments = shlex.split(advised[1].replace("…", "of another grid"))
    result = CliRunner().invoke(app, [*arguments, "--store", store.url])
    assert result.exit_code == 0, result.output
    assert f"{second} rests on no image any more" in result.stderr
    ingest(images=[stating], experiment=first, store=store.url)
    assert "too" not in capsys.readouterr().err


def test_what_was_given_up_before_it_was_begun_has_no_sample(campaign: Campaign, images: list[Path]) -> None:
    for states in ((), (State.APPROVED, State.CHECKED)):
        record = campaign.store.add_experiment(campaign.name, campaign.definition.space.sample(1, seed=0)[0])
        for state in states:
            campaign.store.move(record.id, state)
        campaign.veto(record.id, "no cadmium left")
        with pytest.raises(NotWaiting, match=r"never made .*no cadmium left"):
            bring_images(campaign.store, record.id, images)
        with pytest.raises(NotWaiting):
            bring_size(campaign.store, record.id, Outcome(size_nm=4.0))
        with pytest.raises(NotWaiting):
            find_picture(campaign.store, record.id, images[0])
        assert campaign.store.images(record.id) == []
        assert len(campaign.store.outcomes(record.id)) == 1


@pytest.mark.parametrize(
    "told", [Outcome(size_nm=3.0), Outcome(), Outcome(failure_cause=FailureCause.NO_IMAGE), Outcome(particle_count=0)]
)
def test_what_a_lab_that_drives_itself_has_recorded_was_made(campaign: Campaign, told: Outcome) -> None:
    """Even where the first it said of it was a failure that needs no synthesis in our words."""
    record = campaign.record(campaign.definition.space.sample(1, seed=0)[0], told)
    by_tem = Outcome(size_nm=4.0, evidence=Evidence(method=Method.TEM, recorded_at=campaign.store.now()))
    brought = bring_size(campaign.store, record.id, by_tem)
    assert brought.outcome
    assert brought.outcome.size_nm == 4.0


def test_a_sample_that_was_made_and_then_given_up_may_turn_up_again(campaign: Campaign) -> None:
    waiting = _waiting(campaign)
    campaign.veto(waiting, "the grid is lost")
    brought = bring_size(campaign.store, waiting, Outcome(size_nm=4.0, evidence=Evidence(method=Method.TEM)))
    assert brought.outcome
    assert brought.outcome.size_nm == 4.0


def test_an_empty_field_takes_no_size_away(
    campaign: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = _waiting(campaign)
    bring_size(campaign.store, waiting, Outcome(size_nm=4.0, evidence=Evidence(method=Method.ABSORBANCE)))
    empty = tmp_path / "empty.tif"
    render(Product.nothing(), 1, size_px=512).save(empty)
    ingest(images=[empty], experiment=waiting, store=campaign.store.url)
    said = capsys.readouterr().err
    assert "4.00 nm; absorbance holds, for what was brought tells nothing of the sample (too few particles)" in said
    record = campaign.store.experiment(waiting)
    assert record.outcome
    assert (record.outcome.success, record.outcome.size_nm, record.teaches) == (True, 4.0, True)


def test_a_peak_is_believed_where_the_images_could_not_be_read(campaign: Campaign) -> None:
    waiting = _waiting(campaign)
    unreadable = Outcome(failure_cause=FailureCause.UNREADABLE_SCALE, evidence=Evidence(method=Method.TEM))
    assert campaign.settle(waiting, unreadable).state is State.FAILED
    peak = Outcome(size_nm=4.0, evidence=Evidence(method=Method.ABSORBANCE))
    record = bring_size(campaign.store, waiting, peak)
    assert record.outcome
    assert (record.outcome.size_nm, record.outcome.failure_cause) == (4.0, None)
    assert record.teaches  # though it is over since the images failed


def test_pixels_of_another_scale_give_another_size(campaign: Campaign, images: list[Path]) -> None:
    """The user's own scale is believed over the bar's."""
    said = look(images[:1], campaign)
    doubled = look(images[:1], campaign, nm_per_px=1.0)
    assert said.size_nm is not None
    assert doubled.size_nm is not None
    assert not np.isclose(said.size_nm, doubled.size_nm, rtol=0.5)


def _outcome(campaign: Campaign, experiment: str) -> Outcome:
    outcome = campaign.store.experiment(experiment).outcome
    assert outcome
    assert outcome.evidence
    return outcome


def test_images_that_are_brought_later_join_those_that_are_there(
    campaign: Campaign, images: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at_once, one_by_one = _waiting(campaign), _waiting(campaign)
    ingest(images=images, experiment=at_once, store=campaign.store.url)
    for image in images:
        ingest(images=[image], experiment=one_by_one, store=campaign.store.url)
    err = capsys.readouterr().err
    digests = [image.sha256[:8] for image in campaign.store.image_records(one_by_one)]
    assert f"{one_by_one} rests on 2 images: field-1.tif ({digests[0]}), field-2.tif ({digests[1]})\n" in err
    together, later = _outcome(campaign, at_once), _outcome(campaign, one_by_one)
    assert later.model_copy(update={"evidence": None}) == together.model_copy(update={"evidence": None})
    assert later.evidence
    assert later.evidence.files == ("field-1.tif", "field-2.tif")
    # An empty field beside them takes nothing away.
    empty = tmp_path / "empty.tif"
    render(Product.nothing(), 1, size_px=512).save(empty)
    ingest(images=[empty], experiment=one_by_one, store=campaign.store.url)
    assert _outcome(campaign, one_by_one).size_nm == together.size_nm
    assert "empty.tif: left out (no particles stand out" in capsys.readouterr().err


def test_a_wrong_image_is_taken_away_and_does_not_come_back(
    campaign: Campaign, images: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, waiting, wrong = campaign.store, _waiting(campaign), tmp_path / "wrong.tif"
    render(Product.ideal(7.0, 0.08, Shape.SPHERE), 3, size_px=512).save(wrong)
    bring_images(store, waiting, [wrong])
    assert _outcome(campaign, waiting).size_nm == pytest.approx(7.0, rel=0.06)
    shown = ["ingest", str(images[0]), "--experiment", waiting, "--store", store.url, "--json"]
    result = CliRunner().invoke(app, [*shown, "--without", "wrong.tif", "--why", "of another grid"])
    assert result.exit_code == 0, result.output
    alone = look(images[:1], campaign)
    assert json.loads(result.stdout)["size_nm"] == pytest.approx(alone.size_nm)
    assert "note: wrong.tif: taken away (of another grid); field-1.tif: not corrected" in result.stderr
    bring_images(store, waiting, images[1:])
    both = _outcome(campaign, waiting)
    assert both.size_nm == pytest.approx(look(images, campaign).size_nm)
    assert "taken away (of another grid)" in ((both.evidence and both.evidence.note) or "")
    # Nobody corrected an outline, so nothing is said to rest on that.
    peak = Outcome(size_nm=4.1, evidence=Evidence(method=Method.ABSORBANCE, recorded_at=store.now()))
    capsys.readouterr()
    say(store.experiment(waiting), peak)
    put_right = "; the images that a person put right hold (closedloop tem correct, closedloop ingest --without)"
    assert put_right in capsys.readouterr().err
    # Nor does it with a correction.
    labels = measure_image(images[0]).labels
    correct_image(store, waiting, images[0], labels, changes_between(labels, labels))
    assert _outcome(campaign, waiting).particle_count == both.particle_count
    assert store.images_taken_away(waiting)[0][0].path.read_bytes() == wrong.read_bytes()
    assert len(store.outcomes(waiting)) == 4
    # Whoever brings it again means it.
    capsys.readouterr()
    ingest(images=[wrong], experiment=waiting, store=store.url)
    err = capsys.readouterr().err
    assert "rests on 3 images" in err
    assert "taken away" not in err
    assert (_outcome(campaign, waiting).particle_count or 0) > (both.particle_count or 0)


def test_what_has_lost_its_only_image_has_no_size_from_it(
    campaign: Campaign, stating: Path, images: list[Path]
) -> None:
    store, waiting = campaign.store, _waiting(campaign)
    bring_images(store, waiting, [stating])
    away = bring_images(store, waiting, [], without=["stating.tif"], why="of another grid")
    assert away.outcome
    assert (away.outcome.failure_cause, away.outcome.size_nm, away.teaches) == (FailureCause.NO_IMAGE, None, False)
    peak = Outcome(size_nm=4.1, evidence=Evidence(method=Method.ABSORBANCE, recorded_at=store.now()))
    store.add_outcome(waiting, peak)
    assert _outcome(campaign, waiting).size_nm == 4.1
    bring_images(store, waiting, images[:1])
    assert _outcome(campaign, waiting).size_nm == pytest.approx(4.0, rel=0.05)


def test_what_cannot_be_taken_away_changes_nothing(campaign: Campaign, stating: Path, images: list[Path]) -> None:
    store, waiting = campaign.store, _waiting(campaign)
    bring_images(store, waiting, [stating])
    before = store.outcomes(waiting)
    at = {"experiment": waiting, "store": store.url}
    for arguments, error in (
        ({}, NothingToIngest),
        ({"without": ["stating.tif"]}, NothingToIngest),
        ({"images": images, "why": "of another grid"}, NothingToIngest),
        ({"without": ["stating.tif"], "why": "of another grid", "nm_per_px": 0.2}, NothingToIngest),
        ({"without": ["other.tif"], "why": "of another grid"}, UnknownImage),
        ({"images": [stating], "without": ["stating.tif"], "why": "of another grid"}, UnknownImage),
    ):
        with pytest.raises(error):
            ingest(**arguments, **at)  # type: ignore[arg-type]
    assert store.outcomes(waiting) == before
    assert len(store.images(waiting)) == 1
