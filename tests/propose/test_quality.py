"""All that makes a hit but the mean size: what the model says, and what this lab saw."""

from dataclasses import dataclass

import numpy as np
import pytest

from closedloop.propose.quality import Judge
from closedloop.recipes import FailureCause, Outcome, Shape, Target

HERE, FAR = np.array([[0.5, 0.5]]), np.array([[0.0, 1.0]])
ASKING = Target(product="X", size_nm=4, shape=Shape.CUBE, min_shape_fraction=0.7, max_relative_spread=0.12)


@dataclass
class Said:
    log_size_mean: np.ndarray
    log_size_sd: np.ndarray
    success_logit: np.ndarray
    shape_probabilities: np.ndarray
    relative_spread: np.ndarray


def said(cube: float | None, spread: float, n: int = 1) -> Said:
    others = (1 - (cube or 1 / 11)) / 10
    shapes = np.full((n, 11), others)
    shapes[:, list(Shape).index(Shape.CUBE)] = cube or 1 / 11
    return Said(np.zeros(n), np.ones(n), np.full(n, 2.0), shapes, np.full(n, spread))


def judge(*outcomes: Outcome, target: Target = ASKING, **model: float | None) -> Judge:
    arrays = said(n=len(outcomes), **({"cube": 0.6, "spread": 0.1} | model)) if outcomes else None
    return Judge(target, np.repeat(HERE, len(outcomes), axis=0), arrays, outcomes)


def test_a_target_that_asks_for_size_alone_asks_nothing_here() -> None:
    quality = judge(target=Target(product="X", size_nm=4)).of(HERE, said(0.01, 0.9))
    assert quality.shape[0] == quality.spread[0] == 1
    assert quality.chance[0] == pytest.approx(1 / (1 + np.exp(-2.0)))


def test_likelier_shapes_and_larger_fractions() -> None:
    chances = [judge().of(HERE, said(p, 0.1)).shape[0] for p in (0.1, 0.5, 0.95)]
    assert chances == sorted(chances)
    assert chances[0] < 0.1 < 0.85 < chances[2]
    lenient = Judge(ASKING.model_copy(update={"min_shape_fraction": 0.0}), HERE[:0], None, [])
    assert lenient.of(HERE, said(0.6, 0.1)).shape[0] > judge().of(HERE, said(0.6, 0.1)).shape[0]


def test_a_model_that_never_saw_a_shape_leaves_even_odds_and_results_decide() -> None:
    assert judge().of(HERE, said(None, 0.1)).shape[0] == pytest.approx(0.5)
    cube = Outcome(success=True, shape=Shape.CUBE, shape_fractions={Shape.CUBE: 0.9})
    sphere = Outcome(success=True, shape=Shape.SPHERE)
    mixed = Outcome(success=True, shape=Shape.CUBE, shape_fractions={Shape.CUBE: 0.6})
    for outcome, expected in ((cube, True), (sphere, False), (mixed, False)):
        seen = judge(outcome, cube=None)
        assert bool(seen.of(HERE, said(None, 0.1)).shape[0] > 0.5) is expected
        assert abs(seen.of(HERE, said(None, 0.1)).shape[0] - 0.5) > abs(seen.of(FAR, said(None, 0.1)).shape[0] - 0.5)


def test_a_shape_without_its_fraction_teaches_nothing_where_a_fraction_is_asked_for() -> None:
    bare, unseen = Outcome(success=True, shape=Shape.CUBE), judge().of(HERE, said(0.6, 0.1)).shape[0]
    assert judge(bare).of(HERE, said(0.6, 0.1)).shape[0] == unseen
    lenient = ASKING.model_copy(update={"min_shape_fraction": 0.0})
    assert judge(bare, target=lenient).of(HERE, said(0.6, 0.1)).shape[0] > unseen
    by_fractions = Outcome(success=True, shape_fractions={Shape.CUBE: 0.9})
    stated = by_fractions.model_copy(update={"shape": Shape.CUBE})
    told = [judge(each).of(HERE, said(0.6, 0.1)).shape[0] for each in (by_fractions, stated)]
    assert told[0] == told[1] > unseen


def test_the_spread_is_the_models_or_the_usual_one_and_then_this_labs() -> None:
    assert judge().of(HERE, said(0.6, 0.06)).spread[0] > 0.9
    assert judge().of(HERE, said(0.6, 0.25)).spread[0] < 0.1
    assert judge().of(HERE, said(0.6, np.nan)).spread[0] == pytest.approx(0.5, abs=0.02)
    wide = [Outcome(success=True, size_nm=4, size_std_nm=1.0)] * 4
    corrected = judge(*wide).of(HERE, said(0.6, 0.1))
    assert np.exp(corrected.log_spread[0]) == pytest.approx(0.25, rel=0.25)
    assert corrected.spread[0] < 0.05
    assert corrected.log_spread_sd[0] < judge().of(HERE, said(0.6, 0.1)).log_spread_sd[0]


@pytest.mark.parametrize(
    ("success", "cause"),
    [(None, FailureCause.BLOCKED), (None, FailureCause.TOO_FEW_PARTICLES), (False, FailureCause.WRONG_PRODUCT)],
)
def test_what_is_not_of_the_recipe_says_nothing_of_shape_and_spread(success: bool | None, cause: FailureCause) -> None:
    spoiled = Outcome(success=success, failure_cause=cause, size_nm=4, size_std_nm=2, shape=Shape.SPHERE)
    seen, unseen = judge(spoiled).of(HERE, said(0.6, 0.1)), judge().of(HERE, said(0.6, 0.1))
    assert (seen.shape[0], seen.log_spread[0], seen.log_spread_sd[0]) == (
        unseen.shape[0], unseen.log_spread[0], unseen.log_spread_sd[0],
    )  # fmt: skip
    polydisperse = spoiled.model_copy(update={"success": False, "failure_cause": FailureCause.TOO_POLYDISPERSE})
    assert judge(polydisperse).of(HERE, said(0.6, 0.1)).log_spread[0] > unseen.log_spread[0]
