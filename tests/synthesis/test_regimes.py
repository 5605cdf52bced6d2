"""What is left out together, and that the same is left out every time."""

import os
import subprocess
import sys

import numpy as np
import pytest

from closedloop.recipes import Experiment, Outcome, Recipe
from closedloop.synthesis.regimes import FOLDS, PAIRS, LeftOut, folds_of, regimes_of, seen_before


def experiment(number: int, source: str | None, product: str = "CdSe") -> Experiment:
    recipe = Recipe(product=product, reaction_time_min=float(number))
    return Experiment(recipe=recipe, outcome=Outcome(success=True, size_nm=3.0 + number), source=source)


@pytest.fixture(scope="module")
def done() -> list[Experiment]:
    """120 experiments of 30 sources, of which some make several of 13 products."""
    rng = np.random.default_rng(0)
    return [experiment(i, f"paper {rng.integers(30)}", f"Cd{rng.integers(1, 14)}Se") for i in range(120)]


def test_a_regime_needs_enough_groups(done: list[Experiment]) -> None:
    assert regimes_of(done) == ("sibling", "source", "product")
    assert regimes_of([experiment(i, f"paper {i % 9}") for i in range(40)]) == ("sibling",)
    assert regimes_of([experiment(i, f"paper {i % 10}") for i in range(40)]) == ("sibling", "source")
    assert regimes_of([experiment(i, None) for i in range(9)]) == ()
    assert regimes_of([experiment(0, None)] * 50) == (), "the same experiment fifty times is one"


@pytest.mark.parametrize(("regime", "key"), [("source", lambda e: e.source), ("product", lambda e: e.recipe.product)])
def test_folds_keep_groups_together_and_are_about_equal(done: list[Experiment], regime: str, key: object) -> None:
    assert callable(key)
    folds = folds_of(done, regime)
    of_group: dict[str, set[int]] = {}
    for e, fold in zip(done, folds.tolist(), strict=True):
        of_group.setdefault(key(e), set()).add(fold)
    assert all(len(found) == 1 for found in of_group.values())
    counts = np.bincount(folds, minlength=FOLDS)
    assert len(counts) == FOLDS
    assert counts.max() - counts.min() <= 6


def test_one_paper_under_two_spellings_is_one_group(done: list[Experiment]) -> None:
    mixed = [
        e.model_copy(update={"source": f"{'https://doi.org/' * (i % 2)}10.1021/{e.source}"}) for i, e in enumerate(done)
    ]
    for parts in (folds_of(mixed, "source"), LeftOut(("source",), 3).pairs(mixed, "source")):
        papers = {(e.source, part) for e, part in zip(done, parts.tolist(), strict=True)}
        assert len(papers) == len({e.source for e in done})


def test_siblings_are_told_apart_by_experiment(done: list[Experiment]) -> None:
    folds = folds_of(done, "sibling")
    assert np.bincount(folds).tolist() == [24] * FOLDS
    twice = folds_of([*done, *done], "sibling")
    np.testing.assert_array_equal(twice[:120], twice[120:], "a copy of an experiment would give it away")


@pytest.mark.parametrize("regime", ["sibling", "source", "product"])
def test_order_does_not_matter(done: list[Experiment], regime: str) -> None:
    order = np.random.default_rng(1).permutation(len(done))
    turned = [done[i] for i in order]
    np.testing.assert_array_equal(folds_of(turned, regime), folds_of(done, regime)[order])
    left_out = LeftOut(("sibling", "source", "product"), 3)
    np.testing.assert_array_equal(left_out.pairs(turned, regime), left_out.pairs(done, regime)[order])


def test_another_process_leaves_the_same_out() -> None:
    """Nothing may rest on Python's own hashes, which differ from process to process."""
    code = (
        "from closedloop.recipes import Experiment, Outcome, Recipe\n"
        "from closedloop.synthesis.regimes import LeftOut, folds_of\n"
        "done = [Experiment(recipe=Recipe(product='CdSe'), outcome=Outcome(size_nm=3.0 + i), source=f'paper {i % 20}')"
        " for i in range(60)]\n"
        "said = [*(folds_of(done, regime).tolist() for regime in ('source', 'sibling')),"
        " LeftOut(('source',), 5).pairs(done, 'source').tolist()]\n"
    )
    here: dict[str, object] = {}
    exec(code, here)
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}print(said)"], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == str(here["said"])


@pytest.mark.parametrize("regime", ["sibling", "source", "product"])
def test_further_experiments_do_not_change_what_pairs_leave_out(done: list[Experiment], regime: str) -> None:
    left_out = LeftOut.of(done, 0)
    before = left_out.pairs(done, regime)
    further = [*(experiment(1000 + i, f"lab {i % 9}", f"Zn{1 + i % 9}S") for i in range(70)), *done]
    np.testing.assert_array_equal(left_out.pairs(further, regime)[70:], before)
    assert (before >= 0).any()
    assert set(before.tolist()) <= {-1, *range(PAIRS)}


def test_pairs_leave_out_about_a_tenth_of_the_groups_each() -> None:
    many = [experiment(i, f"paper {i}") for i in range(3000)]
    pairs = LeftOut.of(many, 1).pairs(many, "source")
    np.testing.assert_allclose(np.bincount(pairs + 1) / 3000, [0.7, 0.1, 0.1, 0.1], atol=0.025)
    assert (pairs != LeftOut.of(many, 2).pairs(many, "source")).mean() > 0.2, "another seed leaves others out"


def test_members_follow_in_pairs_and_leave_out_what_their_pair_does(done: list[Experiment]) -> None:
    left_out = LeftOut.of(done, 0)
    held_out = left_out.members(done, 6)
    np.testing.assert_array_equal(held_out[0::2], held_out[1::2])
    for pair in range(PAIRS):
        expected = np.any([left_out.pairs(done, regime) == pair for regime in left_out.regimes], axis=0)
        np.testing.assert_array_equal(held_out[2 * pair], expected)
        assert 0.05 < expected.mean() < 0.6


def test_nobody_leaves_everything_out() -> None:
    """One source: a pair whose hash says to leave it out would have nothing to learn from."""
    one = [experiment(i, "the only paper") for i in range(12)]
    bound = LeftOut(("source",), 0)
    seeds = [seed for seed in range(60) if (LeftOut(("source",), seed).pairs(one, "source") >= 0).all()]
    assert seeds, "no seed puts the hash to the test"
    for seed in seeds:
        assert not LeftOut(bound.regimes, seed).members(one, 6).any()


def test_how_many_of_a_product_were_seen_before() -> None:
    products = ["CdSe", "CdSe", "CdSe", "ZnS", "ZnS", "InP"]
    done = [experiment(i, None, product) for i, product in enumerate(products)]
    # Two of CdSe in fold 0, one in fold 1; ZnS in one fold of its own; InP alone.
    assert seen_before(done, np.array([0, 0, 1, 2, 2, 1])).tolist() == [1, 1, 2, 0, 0, 0]


def test_of_too_few_for_any_regime_each_is_left_out_by_itself() -> None:
    few = [experiment(i, None) for i in range(5)]
    left_out = LeftOut.of(few, 0)
    assert left_out.regimes == (), "no network has too little to learn from"
    assert left_out.tried(few) == ("sibling",)
    assert sorted(folds_of(few, "sibling").tolist()) == list(range(5))
    assert left_out.tried([*few[:2], *few[:2]]) == (), "two different ones leave one to learn from"
