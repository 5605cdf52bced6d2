"""Every strategy: the same interface, no look at outcomes, repeatable, and better than blind where there is a law."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from closedloop.campaign.dryrun import (
    NAMES,
    Goal,
    Known,
    Pool,
    Prior,
    Result,
    StrategyNotInstalled,
    UnknownStrategy,
    check_strategies,
    replay,
)
from closedloop.campaign.dryrun.strategies import find
from closedloop.recipes import Experiment, FailureCause, Outcome, Reagent, Recipe, Role, Shape
from tests.campaign.dryrun.made import experiment, grid

PLAIN = ("closedloop", "random", "nearest", "gp", "extra-trees")


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool.of(grid(), "CdSe", Goal(5.0))


@pytest.mark.parametrize("name", PLAIN)
def test_each_recipe_is_picked_once_until_none_is_left(name: str) -> None:
    small = Pool.of(grid()[::7], "CdSe", Goal(grid()[0].outcome.size_nm or 0))
    session = find(name).begin(small.view, Known(), 0)
    seen: list[int] = []
    while picks := session.pick(3):
        seen += [pick.index for pick in picks]
        for pick in picks:
            session.learn(pick.index, small.results[pick.index])
    assert sorted(seen) == list(range(len(small)))


@pytest.mark.parametrize("name", PLAIN)
def test_recipes_that_plain_columns_cannot_tell_apart_are_picked_all_the_same(name: str) -> None:
    # One acid more, the other less: no condition varies, nor does the sum of the ligands.
    pairs = ((1.0, 3.0), (1.5, 2.5), (2.0, 2.0))
    recipes = [
        Recipe(
            product="CdSe",
            reagents=tuple(
                Reagent(name=acid, amount_mmol=mmol, role=Role.LIGAND)
                for acid, mmol in zip(("oleic acid", "stearic acid"), pair, strict=True)
            ),
        )
        for pair in pairs
    ]
    data = [
        Experiment(recipe=recipe, outcome=Outcome(success=True, size_nm=size), source=str(size))
        for recipe, size in zip(recipes, (3.0, 4.0, 5.0), strict=True)
    ]
    pool = Pool.of(data, "CdSe", Goal(4.0))
    run = replay(pool, name, find(name), Known(), 0, budget=len(pool), all_hits=True)
    assert sorted(step.index for step in run.steps) == [0, 1, 2]
    assert all(step.chance is None or np.isfinite(step.chance) for step in run.steps)


@pytest.mark.parametrize("name", PLAIN)
def test_picks_depend_on_what_was_learned_and_on_nothing_else(name: str, pool: Pool) -> None:
    run = replay(pool, name, find(name), Known(), 1, budget=4, all_hits=True)
    tried = {step.index for step in run.steps}
    other = tuple(
        one if i in tried else Result(True, float(np.random.default_rng(i).uniform(1, 9)))
        for i, one in enumerate(pool.results)
    )
    again = replay(replace(pool, results=other), name, find(name), Known(), 1, budget=4, all_hits=True)
    assert [step.index for step in again.steps] == [step.index for step in run.steps]
    assert [step.chance for step in again.steps] == [step.chance for step in run.steps]


@pytest.mark.parametrize("name", PLAIN)
def test_seeds_differ_and_repeat(name: str, pool: Pool) -> None:
    def first(seed: int) -> list[int]:
        return [s.index for s in replay(pool, name, find(name), Known(), seed, budget=3, all_hits=True).steps]

    assert first(0) == first(0)
    assert len({tuple(first(seed)) for seed in range(4)}) > 1


@pytest.mark.parametrize("name", ["closedloop", "gp", "extra-trees", "nearest"])
def test_a_law_is_found_sooner_than_blindly(name: str, pool: Pool) -> None:
    seeds = range(3 if name in ("gp", "extra-trees") else 8)
    counts = [replay(pool, name, find(name), Known(), seed).experiments_to_hit or 99 for seed in seeds]
    blind = (len(pool) + 1) / (len(pool.hits) + 1)
    assert np.mean(counts) < (1.0 if name == "nearest" else 0.7) * blind


def test_chances_are_stated_by_the_methods_that_know_one(pool: Pool) -> None:
    for name, states in (("closedloop", True), ("gp", True), ("random", False), ("nearest", False)):
        last = replay(pool, name, find(name), Known(), 0, budget=4, all_hits=True).steps[-1]
        assert (last.chance is not None) is states
        if last.chance is not None:
            assert 0 <= last.chance <= 1


def test_failures_teach_closedloop_where_not_to_go() -> None:
    data = [
        experiment(float(t), float(m), acid=acid, failed=acid != "oleic acid")
        for t in (200, 220, 240, 260)
        for m in (1, 3, 10, 30)
        for acid in ("oleic acid", "stearic acid", "lauric acid")
    ]
    pool = Pool.of(data, "CdSe", Goal(data[0].outcome.size_nm or 0, 0.6))
    session = find("closedloop").begin(pool.view, Known(), 0)
    tried = [index for index, one in enumerate(data[:24]) if one.outcome.success is False or index % 2]
    for index in tried:
        session.learn(index, pool.results[index])
    made = [data[pick.index].outcome.success for pick in session.pick(15) if pick.index not in tried]
    assert sum(made[:4]) == 4


def test_nothing_but_failures_so_far_is_no_end(pool: Pool) -> None:
    for name in PLAIN:
        session = find(name).begin(pool.view, Known(), 0)
        for _ in range(4):
            (pick,) = session.pick(1)
            session.learn(pick.index, Result(False, None))
        assert len(session.pick(2)) == 2


def test_a_shape_that_goes_with_a_ligand_is_found() -> None:
    data = [
        experiment(float(t), float(m), acid=acid, shape=Shape.ROD if acid == "stearic acid" else Shape.SPHERE)
        for t in (200, 220, 240, 260)
        for m in (1, 3, 10, 30)
        for acid in ("oleic acid", "stearic acid", "lauric acid")
    ]
    size = data[0].outcome.size_nm or 0
    with_shape = Pool.of(data, "CdSe", Goal(size, 0.3, shape=Shape.ROD))
    session = find("closedloop").begin(with_shape.view, Known(), 0)
    for index in range(0, 30, 4):
        session.learn(index, with_shape.results[index])
    chosen = [data[pick.index].outcome.shape for pick in session.pick(3)]
    assert chosen == [Shape.ROD] * 3


def test_a_models_word_is_used_where_the_rule_of_thumb_is_wrong() -> None:
    rng = np.random.default_rng(0)
    data = [
        experiment(float(t), float(m), size_nm=float(rng.uniform(2, 9))) for t in range(180, 300, 12) for m in range(6)
    ]
    pool = Pool.of(data, "CdSe", Goal(5.0))
    n = len(pool)
    values = np.log([result.value or np.nan for result in pool.results])
    prior = Prior(values, np.full(n, 0.05), np.full(n, 0.9), np.ones(n))
    counts = [
        np.mean([replay(pool, "x", find("closedloop"), known, seed).experiments_to_hit or 99 for seed in range(6)])
        for known in (Known((), prior), Known())
    ]
    assert counts[0] < 3.5
    assert counts[0] < 0.6 * counts[1]


def test_nearest_copies_the_precedent_nearest_to_the_target(pool: Pool) -> None:
    precedents = [
        experiment(180.0, 0.5, size_nm=9.0, source="other"),
        experiment(300.0, 60.0, size_nm=5.1, source="other"),
    ]
    (pick,) = find("nearest").begin(pool.view, Known(precedents), 0).pick(1)
    chosen = pool.view.recipes[pick.index]
    assert (chosen.reaction_temperature_c, chosen.reaction_time_min) == (300.0, 60.0)


def test_nearest_copies_no_recipe_that_gave_another_product(pool: Pool) -> None:
    wrong = Outcome(success=False, failure_cause=FailureCause.WRONG_PRODUCT, size_nm=5.0)
    precedents = [
        experiment(180.0, 0.5, source="other").model_copy(update={"outcome": wrong}),
        experiment(300.0, 60.0, size_nm=9.0, source="other"),
    ]
    (pick,) = find("nearest").begin(pool.view, Known(precedents), 0).pick(1)
    assert pool.view.recipes[pick.index].reaction_temperature_c == 300.0


def test_names_are_checked() -> None:
    assert check_strategies("random, closedloop,random") == ("random", "closedloop")
    with pytest.raises(UnknownStrategy, match="'extra-trees'"):
        check_strategies("extra-tree")
    with pytest.raises(UnknownStrategy):
        check_strategies(" , ")
    assert set(PLAIN) < set(NAMES)


@pytest.fixture
def without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        return None if name == "baybe" else find_spec(name)  # type: ignore[return-value]

    monkeypatch.setattr("closedloop.campaign.dryrun.strategies.registry.find_spec", nothing)


@pytest.mark.usefixtures("without_extras")
def test_an_extra_that_is_missing_says_what_to_install() -> None:
    with pytest.raises(StrategyNotInstalled, match="pip install baybe"):
        check_strategies("random,baybe")
