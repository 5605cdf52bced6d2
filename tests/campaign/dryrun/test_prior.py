"""What a model of the literature said is kept for every seed, and for no other program, data or pool."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from closedloop.campaign.dryrun import Goal, Literature, Pool, Prior, literature_without, prior_of
from closedloop.campaign.dryrun import prior as module
from closedloop.recipes import Experiment
from closedloop.synthesis.baselines import MODELS, Fitted, Progress
from tests.campaign.dryrun.made import experiment, grid


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool.of(grid(), "CdSe", Goal(5.0))


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many experiments each fit has learned from."""
    done: list[int] = []
    real = MODELS["median"]

    def counted(experiments: Sequence[Experiment], seed: int, progress: Progress | None) -> Fitted:
        done.append(len(experiments))
        return real(experiments, seed, progress)

    monkeypatch.setitem(MODELS, "median", counted)
    return done


def literature(pool: Pool, count: int) -> Literature:
    return literature_without(pool, [experiment(200.0 + i, product="PbS", source=f"paper {i}") for i in range(count)])


def test_a_prior_is_kept_for_the_same_program_and_made_anew_by_another(
    pool: Pool, fits: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(count: int = 8) -> Prior:
        found = prior_of(pool.view, literature(pool, count), lambda words: None, tmp_path, "median")
        assert found is not None
        return found

    first = asked()
    assert (asked().log_value == first.log_value).all()
    assert fits == [8]
    asked(9)
    assert fits == [8, 9]
    monkeypatch.setattr(module, "program", lambda *modules: b"another version")
    asked()
    assert fits == [8, 9, 8]
