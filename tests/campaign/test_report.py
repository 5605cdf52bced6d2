"""The report's words and figures, from a store that holds a little of everything."""

import re
from pathlib import Path

import numpy as np
import pytest

from closedloop.campaign import Campaign, ReportNotWritable, write_report
from closedloop.recipes import Evidence, FailureCause, Method, Outcome, Shape
from sim.microscope import render
from sim.reactor import Product

DOUBTED = Evidence(method=Method.TEM, note="field-1.tif: particles are hard to tell apart")


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    campaign = Campaign.open("cdse", store=f"sqlite:///{tmp_path}/lab.db")
    recipes = campaign.definition.space.sample(4, seed=0)
    for recipe in recipes:
        campaign.store.add_experiment(campaign.name, recipe, model_id="shipped", prediction={"size_nm": 3.5})
    outcomes = [
        Outcome(size_nm=4.05, size_std_nm=0.3, particle_count=210, shape="sphere"),
        Outcome(size_nm=3.1, size_std_nm=0.3, particle_count=180, shape="sphere", evidence=DOUBTED),
        Outcome(success=False, failure_cause=FailureCause.NOTHING_FORMED),
    ]
    for recipe, outcome in zip(recipes, outcomes, strict=False):
        campaign.record(recipe, outcome)
    campaign.abandon(f"{campaign.name}-0004", "the campaign ended")
    campaign.store.add_score(
        campaign.name,
        None,
        {"lab_runs": 8, "promoted": True, "size error in nm, last lab runs, before": 0.9,
         "size error in nm, last lab runs, after": 0.125},
    )  # fmt: skip
    return campaign


def _text(page: Path) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")).split())


def test_a_chemist_finds_the_result_the_recipe_and_every_experiment(campaign: Campaign, tmp_path: Path) -> None:
    text = _text(write_report(campaign, None, "target hit by cdse-0001", tmp_path / "report.html"))
    assert "Hit: target hit by cdse-0001" in text
    assert "cdse-0001, 4.05 ± 0.30 nm from 210 particles" in text
    best = campaign.best()
    assert best is not None
    cadmium = best.recipe.amount_mmol("cadmium oxide")
    assert cadmium is not None
    # CdO: 128.41 g/mol.
    assert f"cadmium oxide flask {cadmium:.3g} {cadmium * 0.12841:.4f}" in text
    assert "nothing formed" in text
    assert "field-1.tif: particles are hard to tell apart" in text
    assert "abandoned: the campaign ended" in text


def test_the_learning_is_shown_before_and_after(campaign: Campaign, tmp_path: Path) -> None:
    text = _text(write_report(campaign, None, "budget used up", tmp_path / "report.html"))
    assert "8 runs of this lab, took over" in text
    assert "size error in nm, last lab runs 0.900 0.125" in text


def test_what_is_not_known_of_the_best_is_not_shown_as_zero(tmp_path: Path) -> None:
    campaign = Campaign.open("cdse", store=f"sqlite:///{tmp_path}/lab.db")
    campaign.record(campaign.definition.space.sample(1, seed=0)[0], Outcome(size_nm=4.05))
    text = _text(write_report(campaign, None, "budget used up", tmp_path / "report.html"))
    assert "Best: cdse-0001, 4.05 nm." in text


def test_the_picture_is_the_first_that_shows_particles(
    campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = [render(Product.nothing(), 1, size_px=256), render(Product.ideal(4.0, 0.08, Shape.SPHERE), 1, size_px=256)]
    shown: list[np.ndarray] = []
    monkeypatch.setattr("closedloop.campaign.report.png_uri", lambda picture: shown.append(picture) or "data:,")
    for number, field in enumerate(fields):
        path = tmp_path / f"field-{number}.tif"
        field.save(path)
        campaign.store.add_image("cdse-0001", path)
        write_report(campaign, None, "stopped", tmp_path / "report.html")
        assert len(shown) == number
    coloured = (shown[0][..., 0] != shown[0][..., 1]) | (shown[0][..., 1] != shown[0][..., 2])
    assert coloured.any()


def test_a_campaign_without_a_success_says_so(tmp_path: Path) -> None:
    empty = Campaign.open("cdse", store=f"sqlite:///{tmp_path}/empty.db")
    text = _text(write_report(empty, None, "budget used up", tmp_path / "report.html"))
    assert "Not hit: budget used up" in text
    assert "No experiment gave a product that could be measured" in text


def test_a_report_takes_the_place_of_no_other_file(campaign: Campaign, tmp_path: Path) -> None:
    other = tmp_path / "report.html.part"
    other.write_text("mine")
    before = sorted(tmp_path.iterdir())
    page = write_report(campaign, None, "stopped", tmp_path / "report.html")
    assert other.read_text() == "mine"
    assert sorted(tmp_path.iterdir()) == sorted([*before, page])


def test_a_place_that_cannot_be_written_is_named(campaign: Campaign, tmp_path: Path) -> None:
    with pytest.raises(ReportNotWritable, match="choose another place"):
        write_report(campaign, None, "x", tmp_path / "no" / "report.html")
