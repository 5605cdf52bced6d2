"""Shapley values of games whose answer is known, or can be had by walking every order."""

from itertools import permutations

import numpy as np
import pytest

from closedloop.synthesis.explanation.shapley import Plan


def game(table: np.ndarray, coalitions: np.ndarray) -> np.ndarray:
    """Worths (2^p,) by the number whose bits are the members."""
    return table[(coalitions * (1 << np.arange(coalitions.shape[1]))).sum(1)]


def by_every_order(table: np.ndarray, players: int) -> np.ndarray:
    values = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        members = 0
        for player in order:
            values[player] += table[members | 1 << player] - table[members]
            members |= 1 << player
    return values / len(orders)


def test_glove_game() -> None:
    """Players 0 and 1 have a left glove each, 2 the right one: 1/6, 1/6 and 4/6."""
    plan = Plan.of(3, np.random.default_rng(0))
    pairs = plan.coalitions[:, 2] & (plan.coalitions[:, 0] | plan.coalitions[:, 1])
    values, errors = plan.values(pairs.astype(float))
    assert values == pytest.approx([1 / 6, 1 / 6, 4 / 6])
    assert plan.exact
    assert not errors.any()


@pytest.mark.parametrize("players", [1, 2, 5])
def test_exact_values_are_means_over_every_order(players: int) -> None:
    table = np.random.default_rng(players).normal(size=2**players)
    plan = Plan.of(players, np.random.default_rng(0))
    assert plan.values(game(table, plan.coalitions))[0] == pytest.approx(by_every_order(table, players))


def test_nobody_plays() -> None:
    plan = Plan.of(0, np.random.default_rng(0))
    assert plan.coalitions.shape == (1, 0)
    assert plan.values(np.array([3.0]))[0].shape == (0,)


def test_walks_start_with_nobody_end_with_everybody_and_add_up() -> None:
    players = 12
    table = np.random.default_rng(1).normal(size=2**players)
    plan = Plan.of(players, np.random.default_rng(0), pairs=3)
    assert not plan.exact
    assert not plan.coalitions[0].any()
    assert plan.coalitions[-1].all()
    values, errors = plan.values(game(table, plan.coalitions))
    assert values.sum() == pytest.approx(table[-1] - table[0])
    assert (errors > 0).all()


def test_a_walk_and_its_reverse_are_exact_where_players_meet_in_pairs() -> None:
    players, rng = 11, np.random.default_rng(2)
    alone, together = rng.normal(size=players), np.triu(rng.normal(size=(players, players)), 1)
    plan = Plan.of(players, np.random.default_rng(3), pairs=2)
    own = plan.coalitions.astype(float)
    values, errors = plan.values(own @ alone + np.einsum("mi,ij,mj->m", own, together, own))
    assert values == pytest.approx(alone + (together.sum(0) + together.sum(1)) / 2)
    assert errors == pytest.approx(np.zeros(players), abs=1e-9)


def test_many_walks_come_near_the_exact_values_by_their_own_standard_error() -> None:
    players = 6
    table = np.random.default_rng(4).normal(size=2**players)
    exact = Plan.of(players, np.random.default_rng(0))
    wanted, _ = exact.values(game(table, exact.coalitions))
    walks = Plan.of(players, np.random.default_rng(5), exact_up_to=0, pairs=400)
    values, errors = walks.values(game(table, walks.coalitions))
    assert np.abs(values - wanted).max() < 0.12
    assert (np.abs(values - wanted) < 4 * errors).all()
    assert (errors < 0.1).all()


def test_the_same_seed_walks_the_same_way() -> None:
    one, other = (Plan.of(12, np.random.default_rng(7), pairs=4) for _ in range(2))
    assert np.array_equal(one.coalitions, other.coalitions)
    assert np.array_equal(one.orders, other.orders)
