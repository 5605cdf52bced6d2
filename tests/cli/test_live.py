"""What a person sees while the lab works: nothing that is not known."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from closedloop.campaign import Campaign
from closedloop.cli import live
from closedloop.recipes import Outcome


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
