"""One run: counting, the budget, batches, and a strategy that misbehaves."""

import pytest

from closedloop.campaign.dryrun import DryRunError, Goal, Known, Pick, Pool, Result, Run, Session, View, replay
from tests.campaign.dryrun.made import experiment


class Listed:
    """Picks in a given order, whatever happens."""

    def __init__(self, order: list[int]) -> None:
        self.order = order
        self.learned: list[tuple[int, Result]] = []

    def begin(self, view: View, known: Known, seed: int) -> Session:
        return self

    def pick(self, count: int) -> list[Pick]:
        found, self.order = self.order[:count], self.order[count:]
        return [Pick(index, 0.5, 3.0) for index in found]

    def learn(self, index: int, result: Result) -> None:
        self.learned.append((index, result))


def _pool() -> Pool:
    sizes = (2.0, 3.0, 4.0, 5.0, 4.1)
    return Pool.of([experiment(time_min=1.0 + i, size_nm=size) for i, size in enumerate(sizes)], "CdSe", Goal(4.0))


def test_the_count_is_that_of_the_first_hit() -> None:
    strategy = Listed([0, 3, 4, 1, 2])
    run = replay(_pool(), "listed", strategy, Known(), 0)
    assert run.experiments_to_hit == 3
    assert [step.value for step in run.steps] == [2.0, 5.0, 4.1]
    assert [index for index, _ in strategy.learned] == [0, 3]


def test_within_a_budget_there_may_be_no_hit() -> None:
    run = replay(_pool(), "listed", Listed([0, 1, 3, 2, 4]), Known(), 0, budget=3)
    assert run.experiments_to_hit is None
    assert len(run.steps) == 3


def test_all_hits_are_gone_after_if_asked() -> None:
    run = replay(_pool(), "listed", Listed([2, 0, 4, 1, 3]), Known(), 0, all_hits=True)
    assert len(run.steps) == 5
    assert [step.hit for step in run.steps] == [True, False, True, False, False]
    assert run.experiments_to_hit == 1


def test_of_a_batch_nothing_is_learned_before_it_is_chosen() -> None:
    strategy = Listed([0, 1, 3, 2, 4])
    run = replay(_pool(), "listed", strategy, Known(), 0, batch=2)
    assert run.experiments_to_hit == 4
    assert [index for index, _ in strategy.learned] == [0, 1]


@pytest.mark.parametrize("order", [[], [0, 0, 1], [0, 1, 0]])
def test_a_strategy_that_repeats_itself_or_stops_is_no_strategy(order: list[int]) -> None:
    with pytest.raises(DryRunError, match="'listed'"):
        replay(_pool(), "listed", Listed(order), Known(), 0)


def test_a_run_comes_back_from_its_json() -> None:
    run = replay(_pool(), "listed", Listed([0, 2]), Known(), 7)
    assert Run.from_json(run.as_json()) == run
