"""Splits: nothing that belongs together is on both sides, nothing is tested twice, the paper's folds are its own."""

from collections.abc import Hashable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.literature import SPLITS, DataError, Loaded, load_experiments, split
from closedloop.literature.splits import near_duplicates
from closedloop.recipes import Experiment, FailureCause, Outcome, Reagent, Recipe


def experiment(source: str | None, product: str, amount: float, time: float, size: float | None) -> Experiment:
    failure = {} if size else {"success": False, "failure_cause": FailureCause.NOTHING_FORMED}
    return Experiment(
        recipe=Recipe(product=product, reagents=(Reagent(name="ODE", amount_mmol=amount),), reaction_time_min=time),
        outcome=Outcome(size_nm=size, **failure),
        source=source,
    )


def groups_of(experiments: list[Experiment], name: str) -> list[Hashable]:
    if name == "random":
        return near_duplicates(experiments)
    if name == "source":
        return [one.source for one in experiments]
    if name == "product":
        return [one.recipe.product for one in experiments]
    return [(one.recipe.product, frozenset(reagent.name for reagent in one.recipe.reagents)) for one in experiments]


@pytest.mark.parametrize("name", ["random", "source", "product", "chemicals"])
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([None, "a", "b", "c"]),
            st.sampled_from(["CdSe", "PbS", "Ag"]),
            st.sampled_from([1.0, 2.0]),
            st.floats(0, 9),
            st.none() | st.floats(1, 9),
        ),
        min_size=8,
        max_size=40,
    ),
    seed=st.integers(0, 5),
)
@settings(max_examples=40, deadline=None)
def test_no_group_is_on_both_sides_and_all_sizes_are_tested_once(name: str, rows: list[tuple], seed: int) -> None:  # type: ignore[type-arg]
    experiments = [experiment(*row) for row in rows]
    groups = groups_of(experiments, name)
    try:
        pairs = split(experiments, name, folds=2, seed=seed)
    except DataError:
        assert len({group for group, one in zip(groups, experiments, strict=True) if one.outcome.size_nm}) < 2
        return
    tested = np.concatenate([test for _, test in pairs])
    assert sorted(tested) == [index for index, one in enumerate(experiments) if one.outcome.size_nm is not None]
    for train, test in pairs:
        assert not {groups[index] for index in train} & {groups[index] for index in test}
        outside = set(range(len(experiments))) - set(train) - set(test)
        assert all(experiments[index].outcome.size_nm is None for index in outside)


def test_one_synthesis_sampled_at_several_times_stays_together() -> None:
    sweep = [experiment("x", "CdSe", 1.0, time, 3.0) for time in range(6)]
    others = [experiment("x", "CdSe", 2.0 + number, 5, 3.0) for number in range(9)]
    for _, test in split(sweep + others, "random"):
        assert len({0, 1, 2, 3, 4, 5} & set(test.tolist())) in (0, 6)


def test_two_spellings_of_one_chemical_are_one_set() -> None:
    recipes = [Recipe(product="CdSe", reagents=(Reagent(name=name),)) for name in ("ODE", "1-octadecene", "TOP", "OA")]
    experiments = [Experiment(recipe=recipe, outcome=Outcome(size_nm=3)) for recipe in recipes]
    for train, test in split(experiments, "chemicals", folds=2):
        assert ({0, 1} <= set(train.tolist())) or ({0, 1} <= set(test.tolist()))


def test_a_split_repeats_with_its_seed_and_changes_with_it() -> None:
    experiments = load_experiments("cdse2022")
    first, again, other = (split(experiments, "source", seed=seed) for seed in (0, 0, 1))
    assert all((one[1] == two[1]).all() for one, two in zip(first, again, strict=True))
    assert any(set(one[1]) != set(two[1]) for one, two in zip(first, other, strict=True))
    sizes = [len(test) for _, test in first]
    assert sum(sizes) == 234
    assert max(sizes) - min(sizes) <= 15


def test_the_paper_folds_are_those_of_the_protocol(gu2025: Loaded, gu2025_folder: Path) -> None:
    from sklearn.model_selection import KFold

    raw = pd.read_csv(gu2025_folder / "0309_classification_and_reg-raw-v3.csv", keep_default_na=False)
    benchmark = np.flatnonzero((raw["Num"] >= 300) & (raw["Y1"] <= 20))
    joined = np.flatnonzero((raw["Num"] < 300) & (raw["Y1"] <= 20))
    assert len(benchmark) == 617
    expected = KFold(5, shuffle=True, random_state=0).split(benchmark)
    pairs = split(gu2025.experiments, "paper")
    for (train, test), (fold_train, fold_test) in zip(pairs, expected, strict=True):
        assert test.tolist() == benchmark[fold_test].tolist()
        assert sorted(train) == sorted([*benchmark[fold_train], *joined])


def test_larger_sizes_can_be_left_out() -> None:
    experiments = [experiment(str(number), "CdSe", 1, 1, size) for number, size in enumerate([3, 30, 4, 5, 60, 6])]
    pairs = split(experiments, "source", folds=2, max_size_nm=20)
    assert {int(index) for train, test in pairs for index in [*train, *test]} == {0, 2, 3, 5}


def test_what_cannot_be_split_is_refused() -> None:
    experiments = [experiment("a", "CdSe", 1, 1, 3.0)] * 6
    with pytest.raises(DataError, match="use one of paper, random"):
        split(experiments, "by luck")
    with pytest.raises(DataError, match="1 groups"):
        split(experiments, "source")
    with pytest.raises(DataError, match="300 particles"):
        split(experiments, "paper")
    assert SPLITS == ("paper", "random", "source", "product", "chemicals")
