"""What a person sees while the lab works: nothing that is not known."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from closedloop.campaign import Campaign
from closedloop.cli import live
from closedloop.recipes import Outcome, Shape


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal of 200 columns would show."""
    text = io.StringIO()
    monkeypatch.setattr(live, "STDERR", Console(file=text, force_terminal=True, width=200))
    return text


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(size_nm=4.0), "4.00 nm "),
        (Outcome(size_nm=4.0, size_std_nm=0.3), "4.00 ± 0.30 nm "),
        (Outcome(size_nm=4.0, size_std_nm=0.0, particle_count=30), "4.00 ± 0.00 nm from 30 particles"),
    ],
)
def test_a_spread_that_is_not_known_is_not_shown_as_none(
    tmp_path: Path, shown: io.StringIO, outcome: Outcome, words: str
) -> None:
    campaign = Campaign.open("cdse", store=f"sqlite:///{tmp_path}/lab.db")
    record = campaign.record(campaign.definition.space.sample(1, seed=0)[0], outcome)
    with live.LiveDisplay(campaign.definition.target, [record]):
        pass
    assert words in shown.getvalue()
    assert ("±" in shown.getvalue()) is ("±" in words)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(size_nm=4.0, size_std_nm=0.3), "4.00 nm, in the band; shape unknown"),
        (Outcome(size_nm=4.0, size_std_nm=0.3, shape=Shape.ROD), "4.00 nm, in the band; rod where sphere is wanted"),
        (Outcome(size_nm=4.0, shape=Shape.SPHERE), "4.00 nm, in the band; spread unknown"),
        (Outcome(size_nm=4.5, size_std_nm=0.3, shape=Shape.SPHERE), "4.50 nm, +0.50 nm off"),
        (Outcome(size_nm=4.0, size_std_nm=0.3, shape=Shape.SPHERE), "hit: 4.00 nm"),
    ],
)
def test_the_wish_that_a_result_does_not_meet_is_named(tmp_path: Path, outcome: Outcome, words: str) -> None:
    campaign = Campaign.open("cdse", store=f"sqlite:///{tmp_path}/lab.db")
    target = campaign.definition.target.model_copy(update={"max_relative_spread": 0.15})
    record = campaign.record(campaign.definition.space.sample(1, seed=0)[0], outcome)
    assert live.describe(record, target) == words
