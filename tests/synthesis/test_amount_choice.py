"""Which precedent's amount a recipe has: learned from sweeps, where two volumes of solvent give two sizes."""

from dataclasses import replace

import numpy as np
import pytest

from closedloop.synthesis.amount_choice import AmountChoice
from closedloop.synthesis.past_amounts import COMPARED, Candidates, PastAmounts, Wish
from closedloop.synthesis.tokens import AMOUNT_SLOPE

SOLVENT, PRECURSOR, LIGAND = 0, 1, 2
NONE = np.empty(0, dtype=np.int64)


def past_of(n: int) -> PastAmounts:
    """Sweeps over temperature and time in 20 or in 100 mmol of solvent, which gives particles half as large again."""
    rng = np.random.default_rng(3)
    large = rng.random(n) < 0.5
    mmol = np.stack([np.where(large, 100.0, 20.0), np.full(n, 2.0), rng.choice([5.0, 15.0], n)], 1)
    conditions = np.zeros((n, 4))
    conditions[:, 1], conditions[:, 3] = rng.choice(np.linspace(-1, 1, 7), n), rng.uniform(-1, 1, n)
    log_sizes = 1.5 + 0.6 * conditions[:, 1] + 0.3 * conditions[:, 3] + 0.4 * large + rng.normal(0, 0.02, n)
    return PastAmounts(
        np.log1p(AMOUNT_SLOPE * mmol), conditions, ["PbSe"] * n, np.zeros((n, 2)), log_sizes, np.full(n, -1)
    )


@pytest.fixture(scope="module")
def everything() -> PastAmounts:
    return past_of(260)


@pytest.fixture(scope="module")
def past(everything: PastAmounts) -> PastAmounts:
    return rows(everything, slice(200))


@pytest.fixture(scope="module")
def choice(past: PastAmounts) -> AmountChoice:
    return AmountChoice.fit(past, seed=0)


def rows(past: PastAmounts, some: slice) -> PastAmounts:
    arrays = {name: getattr(past, name)[some] for name in ("levels", "conditions", "vectors", "log_sizes", "shapes")}
    return replace(past, products=past.products[some], **arrays)


def asked(everything: PastAmounts, row: int, known: np.ndarray = NONE) -> Wish:
    return replace(everything.wish(row, known), row=None)


def only(past: PastAmounts, wish: Wish, column: int = SOLVENT) -> Candidates:
    (found,) = past.candidates(wish, [column])
    assert found is not None
    return found


def likeliest(found: Candidates, weight: np.ndarray) -> float:
    values = np.unique(np.round(found.log_mmol, 6))
    shares = [weight[np.isclose(found.log_mmol, value, atol=1e-5)].sum() for value in values]
    return float(values[int(np.argmax(shares))])


def test_the_size_tells_which_volume_it_was(everything: PastAmounts, past: PastAmounts, choice: AmountChoice) -> None:
    """By distance alone the conditions decide, which say nothing of it."""
    learned, distance = [], []
    for row in range(200, 260):
        true, found = everything.logs[row, SOLVENT], only(past, asked(everything, row))
        learned.append(likeliest(found, choice.weights(found)) == pytest.approx(true, abs=1e-3))
        distance.append(likeliest(found, found.weight) == pytest.approx(true, abs=1e-3))
    assert np.mean(learned) > 0.93
    assert np.mean(learned) > np.mean(distance) + 0.05


def test_a_precedent_does_not_tell_of_itself(past: PastAmounts) -> None:
    row, known = 7, np.array([PRECURSOR, LIGAND])
    levels = past.levels.copy()
    levels[row, SOLVENT] = np.log1p(AMOUNT_SLOPE * 55.0)
    other = replace(past, levels=levels)
    found = only(other, other.wish(row, known))
    assert not np.isclose(found.log_mmol, np.log(55.0), atol=1e-3).any()
    with_itself = only(other, replace(other.wish(row, known), row=None))
    assert np.isclose(with_itself.log_mmol, np.log(55.0), atol=1e-3).any()


def test_another_batch_is_a_candidate_at_its_own_scale(everything: PastAmounts, past: PastAmounts) -> None:
    wish = asked(everything, 200, np.array([PRECURSOR, LIGAND]))
    tenfold = replace(wish, logs=wish.logs + np.log(10))
    assert np.isclose(only(past, tenfold).log_mmol, np.log(1000.0), atol=1e-3).any()
    assert not np.isclose(only(past, wish).log_mmol, np.log(1000.0), atol=1e-3).any()


def test_a_chemical_that_no_precedent_uses_has_no_candidate(past: PastAmounts) -> None:
    unused = replace(past, levels=np.c_[past.levels, np.zeros(len(past.levels))])
    assert list(unused.candidates(unused.wish(0, NONE), [3])) == [None]


def test_few_precedents_teach_nothing_and_weigh_by_distance(past: PastAmounts) -> None:
    few = rows(past, slice(30))
    choice = AmountChoice.fit(few, seed=0)
    found = only(few, few.wish(0, NONE))
    assert choice.trees is None
    assert choice.weights(found) == pytest.approx(found.weight)
    assert AmountChoice.from_state(choice.state()).trees is None


def test_what_is_stored_weighs_the_same(past: PastAmounts, choice: AmountChoice) -> None:
    found = only(past, past.wish(5, NONE))
    state = choice.state()
    assert AmountChoice.from_state(state).weights(found) == pytest.approx(choice.weights(found))
    assert choice.trees is not None
    wrong = state | {"feature": state["feature"] + len(COMPARED)}
    with pytest.raises(ValueError, match="other comparisons"):
        AmountChoice.from_state(wrong)
