"""Splits: nothing that belongs together is on both sides, nothing is tested twice, the paper's folds are its own."""

from collections.abc import Hashable
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.chemistry.formula import without_phase
from closedloop.literature import SPLITS, DataError, Loaded, load_experiments, split
from closedloop.literature.splits import near_duplicates
from closedloop.literature.years import year_of
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
    if name == "rows":
        return list(range(len(experiments)))
    if name == "source":
        return [one.source for one in experiments]
    if name == "product":
        return [one.recipe.product for one in experiments]
    if name == "formula":
        return [one.recipe.product.removesuffix("-2") for one in experiments]
    return [(one.recipe.product, frozenset(reagent.name for reagent in one.recipe.reagents)) for one in experiments]


@pytest.mark.parametrize("name", ["random", "rows", "source", "product", "formula", "chemicals"])
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([None, "a", "b", "c"]),
            st.sampled_from(["CdSe", "CdSe-2", "PbS", "Ag"]),
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


def test_near_duplicates_under_other_names_stay_together() -> None:
    names = [("CdO", "ODE", "Se"), ("cadmium oxide", "1-octadecene", "selenium"), ("CdO", "octadecene", "Se powder")]
    recipes = [Recipe(product="CdSe", reagents=tuple(Reagent(name=one, amount_mmol=1) for one in n)) for n in names]
    same = [Experiment(recipe=recipe, outcome=Outcome(size_nm=3), source="a") for recipe in recipes]
    assert len(set(near_duplicates(same))) == 1
    others = [experiment("a", "CdSe", 2.0 + number, 5, 3.0) for number in range(6)]
    assert len(set(near_duplicates([*same, *others]))) == 7


def test_one_paper_under_two_spellings_is_on_one_side() -> None:
    papers = [f"10.1021/nl0{number}0001" for number in range(5)]
    experiments = [experiment(paper, "CdSe", 1, time, 3.0) for paper in papers for time in range(3)]
    links = [f"https://doi.org/{paper.upper()}" for paper in papers]
    experiments += [experiment(link, "CdSe", 1, time, 3.0) for link in links for time in (3, 4)]
    of_paper = [str(one.source).lower().removeprefix("https://doi.org/") for one in experiments]
    for name in ("source", "random"):
        for train, test in split(experiments, name, seed=3):
            assert not {of_paper[i] for i in train} & {of_paper[i] for i in test}


@pytest.mark.parametrize("name", ["product", "formula", "chemicals", "composition=CsPbBr₃"])
def test_a_product_whose_digits_were_pasted_small_is_no_other(name: str) -> None:
    products = ["CsPbBr3", "CsPbBr₃", "CsPbI3", "CsPbI₃"]
    experiments = [experiment(None, product, 1, time, 3.0) for product in products for time in range(3)]
    for train, test in split(experiments, name):
        sides = [{experiments[i].recipe.product.replace("₃", "3") for i in side.tolist()} for side in (train, test)]
        assert sorted(map(len, sides)) == [1, 1]
        assert sides[0] != sides[1]


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
    with pytest.raises(DataError, match=r"has 1 group with a known size, and needs two or more; use another split"):
        split(experiments, "source")
    with pytest.raises(DataError, match=r"has 1 group with a known size for 2 folds; use .*another split"):
        split(experiments, "source", folds=2)
    with pytest.raises(DataError, match="300 particles"):
        split(experiments, "paper")
    with pytest.raises(DataError, match="no split"):
        split(experiments, "composition=")
    with pytest.raises(DataError, match="leave the limit out"):
        split(experiments, "paper", max_size_nm=10)
    with pytest.raises(DataError, match="no experiment has a known size up to 2 nm"):
        split(experiments, "source", max_size_nm=2)
    assert SPLITS == ("paper", "random", "rows", "source", "product", "formula", "chemicals", "composition=X", "year")


def test_a_lab_with_few_sources_has_a_fold_for_each_unless_it_asks_for_more() -> None:
    experiments = [experiment(source, "CdSe", 1, time, 3.0) for source in "abc" for time in range(4)]
    pairs = split(experiments, "source")
    assert [{experiments[i].source for i in test} for _, test in pairs] in [
        [{x}, {y}, {z}] for x, y, z in permutations("abc")
    ]
    with pytest.raises(DataError, match="3 groups with a known size for 5 folds"):
        split(experiments, "source", folds=5)


def test_rows_parts_what_random_keeps_together() -> None:
    sampled = [experiment("a", "CdSe", 1, time, 3.0) for time in range(10)]
    for train, test in split(sampled, "rows"):
        assert len(train) == 8
        assert len(test) == 2
    with pytest.raises(DataError, match="1 group "):
        split(sampled, "random")


def test_failures_of_a_tested_group_are_tested_when_asked_for() -> None:
    made = [experiment(source, "CdSe", 1, 1, size) for source in "abcd" for size in (3.0, None)]
    stray = experiment("only failures", "CdSe", 1, 1, None)
    for (train, test), (train_too, with_failures) in zip(
        split([*made, stray], "source", folds=2),
        split([*made, stray], "source", folds=2, with_failures=True),
        strict=True,
    ):
        assert train.tolist() == train_too.tolist()
        assert 8 in train
        assert sorted(with_failures) == sorted([*test, *(test + 1)])
        assert not set(with_failures.tolist()) & set(train.tolist())


SPOILED = Outcome(failure_cause=FailureCause.INTERRUPTED, size_nm=9.0, particle_count=400)
ANOTHER = Outcome(success=False, failure_cause=FailureCause.WRONG_PRODUCT, size_nm=9.0, particle_count=400)


@pytest.mark.parametrize("outcome", [SPOILED, ANOTHER], ids=["spoiled", "wrong product"])
@pytest.mark.parametrize(
    "name", ["random", "rows", "source", "product", "formula", "chemicals", "composition=Ag", "year"]
)
def test_a_size_that_may_not_be_learned_is_not_tested(name: str, outcome: Outcome) -> None:
    made = [
        experiment(f"J. Test {2001 + i % 4} 1", product, 1 + i, 1, 3.0) for product in ("Ag", "Au") for i in range(6)
    ]
    odd = made[0].model_copy(update={"outcome": outcome})
    for (train, test), (train_too, test_too) in zip(
        split([*made, odd], name, with_failures=False),
        split([*made, experiment(odd.source, "Ag", 1, 1, None)], name, with_failures=False),
        strict=True,
    ):
        assert 12 not in test
        assert (train.tolist(), test.tolist()) == (train_too.tolist(), test_too.tolist())
    with pytest.raises(DataError, match=r"no experiment .*known size"):
        split([odd] * 8, name)


def test_the_paper_folds_hold_no_size_that_may_not_be_learned() -> None:
    counted = [
        one.model_copy(update={"outcome": one.outcome.model_copy(update={"particle_count": 400})})
        for one in (experiment("a", "CdSe", 1, i, 3.0) for i in range(6))
    ]
    odd = [counted[0].model_copy(update={"outcome": outcome}) for outcome in (SPOILED, ANOTHER)]
    pairs = split([*counted, *odd], "paper")
    assert sorted(i for _, test in pairs for i in test) == list(range(6))
    assert not {6, 7} & {i for train, _ in pairs for i in train}


def test_a_larger_size_of_another_product_does_not_leave_a_failure_out() -> None:
    failed = experiment("z", "CdSe", 1, 1, 3.0).model_copy(update={"outcome": ANOTHER})
    made = [experiment(str(number), "CdSe", 1, 1, 3.0) for number in range(4)]
    train, _ = split([*made, failed], "source", folds=2, max_size_nm=5)[0]
    assert 4 in train


def test_a_composition_is_tested_in_all_its_phases_and_never_learned_from() -> None:
    products = ["PbSe", "PbSe-1", "PbS", "PbSeO3", "CdSe-2", "PbSe"]
    made = [experiment("a", product, 1, 1, None if i == 5 else 3.0) for i, product in enumerate(products)]
    ((train, test),) = split(made, "composition=PbSe")
    assert (train.tolist(), test.tolist()) == ([2, 3, 4], [0, 1])
    ((train, test),) = split(made, "composition=PbSe", with_failures=True)
    assert (train.tolist(), test.tolist()) == ([2, 3, 4], [0, 1, 5])
    with pytest.raises(DataError, match="no experiment with a known size makes 'PbTe'; similar ones are PbSe"):
        split(made, "composition=PbTe")
    with pytest.raises(DataError, match="nothing is left to learn from"):
        split(made[:2], "composition=PbSe")


def test_phases_of_one_formula_stay_together_and_are_parted_by_product_as_published() -> None:
    products = [f"{formula}-{phase}" for formula in ("CdSe", "ZnS", "NiS", "CoO", "InSb") for phase in (1, 2)]
    made = [experiment("a", product, 1, 1, 3.0) for product in products]
    pairs = split(made, "formula")
    assert sorted(sorted(test.tolist()) for _, test in pairs) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert any(
        {2 * i, 2 * i + 1} & set(test.tolist()) == {2 * i} for i in range(5) for _, test in split(made, "product")
    )


def test_by_product_a_fifth_of_gu2025_has_another_phase_of_its_formula_in_training(gu2025: Loaded) -> None:
    """What docs/evaluation.md says of the two splits."""
    formulas = [without_phase(one.recipe.product) for one in gu2025.experiments]

    def learned_from(name: str, limit: float | None) -> tuple[int, int]:
        found = tested = 0
        for train, test in split(gu2025.experiments, name, max_size_nm=limit):
            known = {formulas[i] for i in train}
            found += sum(formulas[i] in known for i in test)
            tested += len(test)
        return found, tested

    assert learned_from("product", None) == (665, 3489)
    assert learned_from("product", 20) == (441, 2593)
    assert learned_from("formula", 20) == (0, 2593)


def test_the_latest_years_are_tested_and_what_has_no_year_is_in_neither_part() -> None:
    sources = ["10.1021/cm0711360", "10.1016/j.jlumin.2012.01.001", "Nano Lett. 2015 15 3692", "lab run", None]
    made = [experiment(source, "CdSe", 1, 1, 3.0) for source in sources for _ in range(3)]
    made.append(experiment(sources[2], "CdSe", 1, 1, None))
    ((train, test),) = split(made, "year")
    assert (train.tolist(), test.tolist()) == (list(range(6)), [6, 7, 8])
    ((_, with_failure),) = split(made, "year", with_failures=True)
    assert with_failure.tolist() == [6, 7, 8, 15]
    with pytest.raises(DataError, match="two years"):
        split(made[:3], "year")


def test_a_year_that_holds_most_is_tested_only_if_something_is_before_it() -> None:
    made = [experiment("J. Test 2001 1", "CdSe", 1, 1, 3.0)] * 9 + [experiment("J. Test 2002 1", "CdSe", 1, 1, 3.0)]
    ((train, test),) = split(made, "year")
    assert (len(train), test.tolist()) == (9, [9])
    ((train, test),) = split(made[8:] * 3 + made[9:] * 9, "year")
    assert (len(train), len(test)) == (3, 12)


# From gu2025's row_sources.csv; the year that the journal's page gives, or the year before where it was received then.
YEARS = {
    "10.1021/acs.analchem.1c00731": 2021,
    "10.1021/acs.chemmater.5b04521": 2015,
    "10.1021/acs.nanolett.6b05420": 2016,
    "10.1021/acsanm.0c02686": 2020,
    "10.1021/acsnano.5b08193": 2015,
    "10.1021/jacs.0c13433": 2020,
    "10.1021/cm0711360": 2007,
    "10.1021/ja074481z": 2007,
    "10.1021/jp709943x": 2007,
    "10.1021/cm703463s": 2007,
    "10.1021/jp800539x": 2008,
    "10.1021/cm901073k": 2009,
    "10.1021/nl100453x": 2010,
    "10.1021/ja3108017": 2012,
    "10.1021/cm303252q": 2012,
    "10.1021/nl504764m": 2014,
    "10.1021/jp052934l": 2005,
    "10.1021/la051196p": 2005,
    "10.1021/nl049519+": 2004,
    "10.1021/jp000238+": 2000,
    "10.1021/jp971091y": 1997,
    "10.1021/ja00072a025": None,
    "10.1039/A907532A": 1999,
    "10.1039/B412345A": 2004,
    "10.1039/C0CC05064D": 2010,
    "10.1039/C9CC07397C": 2019,
    "10.1039/D0NR06665F": 2020,
    "10.1039/D3TC02362A": 2023,
    "10.1039/a012345b": None,
    "10.1002/adfm.200304421": 2003,
    "10.1002/anie.201800660": 2018,
    "10.1002/smll.202006111": 2020,
    "10.1002/(SICI)1521-4095(199904)11:5<406::AID-ADMA406>3.0.CO;2-X": 1999,
    "10.1002/pip.2472": None,
    "10.1016/j.jallcom.2013.08.003": 2013,
    "10.1016/j.cej.2022.138413": 2022,
    "10.1016/S0022-0248(99)00123-4": 1999,
    "10.1016/s0022-0248(01)01234-5": 2001,
    "10.1038/s41467-017-01258-0": 2017,
    "10.1038/s41467-018-06294-y": 2018,
    "10.1038/s41586-019-1771-5": 2019,
    "10.1038/nphoton.2016.108": 2016,
    "10.1038/ncomms2181": None,
    "10.1038/srep24908": None,
    "10.1038/nmat1251": None,
    "10.1007/s10853-007-1712-9": 2007,
    "10.1186/s11671-015-0951-y": 2015,
    "10.1088/0957-4484/19/34/345602": None,
    "10.1088/1361-6528/ac7ed2": None,
    "10.3390/nano10081589": None,
    "10.3389/fchem.2020.00035": 2020,
    "10.1557/jmr.2006.0068": 2006,
    "10.1109/CLEO.2006.4628249": 2006,
    "10.1134/S0036023618040071": 2018,
    "10.1155/2023/4595819": 2023,
    "10.1515/zpch-2014-0584": 2014,
    "10.1073/pnas.1007524107": 2010,
    "10.1126/sciadv.adj8276": None,
    "10.1126/sciadv.1501234": 2015,
    "10.1063/1.4745844": None,
    "https://doi.org/10.1021/cm0711360": 2007,
    "doi: 10.1016/j.optmat.2014.10.023": 2014,
    "J. Phys. Chem. Lett. 2017 8 15 3576-3580": 2017,
    "International Journal of Photoenergy.2012. Article ID 952610": 2012,
    "J. Am. Chem. Soc. 2002 124 9 2049 - 2055": 2002,
    "self-synthesis": None,
    "gu2025 synthetic negative": None,
    "run 2023": 2023,
    "2019-08-11": None,
    "": None,
    None: None,
}


@pytest.mark.parametrize(("source", "year"), YEARS.items(), ids=str)
def test_the_year_of_a_source(source: str | None, year: int | None) -> None:
    assert year_of(source) == year


def test_most_of_gu2025_has_a_year(gu2025: Loaded) -> None:
    dois = {one.source for one in gu2025.experiments if one.source and one.source.startswith("10.")}
    told = [year for doi in dois if (year := year_of(doi)) is not None]
    assert len(told) / len(dois) > 0.96
    assert min(told) >= 1998
    assert max(told) <= 2024


def test_the_issue_measures_all_sizes_up_to_20_nm_and_no_failure_is_scored_by_source(gu2025: Loaded) -> None:
    for name in ("source", "product"):
        pairs = split(gu2025.experiments, name, max_size_nm=20, with_failures=True)
        tested = np.concatenate([test for _, test in pairs])
        sized = [i for i in tested if gu2025.experiments[i].outcome.size_nm is not None]
        assert len(set(sized)) == len(sized) == 2593
        assert (len(tested) == 2593) == (name == "source")
    # By product, synthetic negatives of the tested products are tested; by source, all are learned from.
    train, _ = split(gu2025.experiments, "source", max_size_nm=20)[0]
    assert sum(gu2025.experiments[i].outcome.size_nm is None for i in train) == 5245
