"""The pictures of the report say which experiment is which, by the number that its id has."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from closedloop.campaign import plots
from closedloop.campaign.campaign import Campaign
from closedloop.recipes import Outcome, Target
from closedloop.store import ExperimentRecord
from tests.campaign.fakes import size_of


@pytest.fixture
def records(tmp_path_factory: pytest.TempPathFactory) -> list[ExperimentRecord]:
    """Six: the first was given up, the third is still open, the fifth failed."""
    campaign = Campaign.open("cdse", store=f"sqlite:///{tmp_path_factory.mktemp('store')}/lab.db")
    for recipe in campaign.definition.space.sample(6, seed=0):
        said: dict[str, Any] = {"size_nm": size_of(recipe), "chance_of_hit": 0.2}
        campaign.store.add_experiment(campaign.name, recipe, prediction=said | {"outlook": {"chances": [0.2, 0.4]}})
    ids = [record.id for record in campaign.experiments()]
    campaign.abandon(ids[0], "no cadmium left")
    for id in (ids[1], ids[3], ids[5]):
        campaign.settle(id, Outcome(size_nm=3.0, size_std_nm=0.3, particle_count=100))
    campaign.settle(ids[4], Outcome(particle_count=0))
    return campaign.experiments()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], set[float]]:
    """Catches what is drawn; gives where a marker of the latest figure stands."""
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "svg", lambda figure: figures.append(figure) or "")

    def places(marker: str) -> set[float]:
        lines = figures[-1].axes[0].lines
        return {float(x) for line in lines if line.get_marker() == marker for x in np.atleast_1d(line.get_xdata())}

    return places


def test_every_plot_counts_experiments_as_their_ids_do(
    records: list[ExperimentRecord], drawn: Callable[[str], set[float]]
) -> None:
    made = records[1:]
    plots.size_plot(made, Target(product="CdSe", size_nm=4.0))
    assert drawn("o") == {2, 4, 6}
    assert drawn("x") == {5}
    assert drawn("_") == {2, 3, 4, 5, 6}
    plots.learning_curve(records)
    assert drawn("o") == {2, 4, 6}
    plots.promise_plot(made)
    assert drawn("o") == {2, 3, 4, 5, 6}
