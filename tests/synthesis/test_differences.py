"""Differences in size on constructed papers: what within a paper is a law, and between papers is anybody's guess."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from closedloop.synthesis.differences import Differences

PAPERS = 40


def made(each: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recipes of some papers, as columns (n, 5), with their sizes and the paper's share of those (n,) each. Three
    columns are a paper's own and say nothing of its share; two are varied within it, and sizes follow them."""
    papers = np.random.default_rng(0)
    own, shares = papers.normal(size=(PAPERS, 3)), papers.normal(size=PAPERS)
    rng = np.random.default_rng(seed)
    paper = np.repeat(np.arange(PAPERS), each)
    varied = rng.normal(0, 0.3, size=(len(paper), 2))
    inputs = np.c_[own[paper], varied].astype(np.float32)
    return inputs, shares[paper] + 2 * varied[:, 0] - varied[:, 1], shares[paper]


@pytest.fixture(scope="module")
def learned() -> Differences:
    inputs, sizes, _ = made(8, 1)
    return Differences.fit(inputs, sizes, np.ones(len(sizes)), seed=0)


def test_a_sibling_tells_the_paper_and_pairs_tell_the_law(learned: Differences) -> None:
    asked, sizes, shares = made(5, 2)
    apart = ((asked[:, None] - learned.inputs) / learned.inputs.std(0)) ** 2
    nearest = learned.values[apart.sum(2).argmin(1)]
    missed = np.nanmean(np.abs(learned.predict(asked) - sizes))
    assert missed < 0.6 * np.abs(nearest - sizes).mean(), "the nearest's own size"
    assert missed < 0.6 * np.abs(shares - sizes).mean(), "the paper's mean, were it known"


def test_where_no_precedent_is_near_nothing_is_said(learned: Differences) -> None:
    """Within the papers nine recipes in ten are near; of other papers none is."""
    asked, _, _ = made(20, 2)
    assert 0.8 < np.isfinite(learned.predict(asked)).mean() < 1
    strangers = asked + np.array([3, 3, 3, 0, 0], dtype=np.float32)
    assert np.isnan(learned.predict(strangers)).all()


def test_a_precedent_in_doubt_counts_less() -> None:
    """Half of the sizes are wrong by much; once told so, the trees follow the others."""
    inputs, sizes, _ = made(8, 1)
    wrong = np.random.default_rng(3).random(len(sizes)) < 0.5
    measured = np.where(wrong, sizes - 4 * inputs[:, 3], sizes)
    asked, truth, _ = made(5, 2)
    trusting, told = (
        np.nanmean(
            np.abs(Differences.fit(inputs, measured, np.where(wrong, noise, 1.0), seed=0).predict(asked) - truth)
        )
        for noise in (1.0, 50.0)
    )
    assert told < 0.9 * trusting


def test_an_answer_depends_on_the_recipe_alone(learned: Differences) -> None:
    """Precedents that are as near as each other, and recipes asked one by one or together."""
    asked = np.r_[made(2, 4)[0], (learned.inputs[:20] + learned.inputs[1:21]) / 2]
    together = learned.predict(asked)
    np.testing.assert_array_equal(together, np.concatenate([learned.predict(one[None]) for one in asked]))
    assert learned.predict(asked[:0]).shape == (0,)


def test_of_equal_precedents_the_first_is_the_nearest() -> None:
    inputs = np.repeat(made(3, 1)[0], 2, axis=0)
    twice = Differences.fit(inputs, np.arange(len(inputs), dtype=float), np.ones(len(inputs)), seed=0)
    places = np.arange(0, len(inputs), 2)
    np.testing.assert_array_equal(twice._nearest(inputs[places], 2), np.stack([places, places + 1], 1))
    others = twice._nearest(inputs, 1, themselves=True)[:, 0]
    np.testing.assert_array_equal(others, np.arange(len(inputs)) ^ 1)


def test_too_few_precedents_teach_nothing() -> None:
    inputs, sizes, _ = made(2, 1)
    few = Differences.fit(inputs, sizes, np.ones(len(sizes)), seed=0)
    assert np.isnan(few.predict(inputs)).all()
    again = Differences.from_state(few.state(), sizes, np.ones(len(sizes)), 5)
    assert np.isnan(again.predict(inputs)).all()


def test_the_same_seed_gives_the_same_answers(learned: Differences) -> None:
    asked = made(2, 4)[0]
    again, other = (Differences.fit(learned.inputs, learned.values, learned.noise, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(again.predict(asked), learned.predict(asked))
    assert not np.array_equal(other.predict(asked), learned.predict(asked))


def test_a_state_holds_everything(learned: Differences) -> None:
    asked = made(2, 4)[0]
    again = Differences.from_state(learned.state(), learned.values, learned.noise, 5)
    np.testing.assert_array_equal(again.predict(asked), learned.predict(asked))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("inputs", lambda value: value[:-1]),
        ("inputs", lambda value: value[:, :-1]),
        ("inputs", lambda value: value.double()),
        ("feature", lambda value: value + 13),
        ("left", lambda value: value * 0),
    ],
)
def test_a_damaged_state_is_refused(
    learned: Differences, name: str, damage: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    state = learned.state()
    with pytest.raises(ValueError, match=r"."):
        Differences.from_state({**state, name: damage(state[name])}, learned.values, learned.noise, 5)
