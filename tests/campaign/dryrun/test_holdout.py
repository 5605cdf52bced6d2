"""Nothing of a pool, of its sources, or nearly of the pool is left to learn from."""

import pytest

from closedloop.campaign.dryrun import Goal, Pool, literature_without
from closedloop.campaign.dryrun.holdout import is_near_copy
from closedloop.literature import load, source_key
from closedloop.recipes import Experiment, FailureCause, Outcome
from tests.campaign.dryrun.made import experiment, grid


def _pool(data: list[Experiment]) -> Pool:
    return Pool.of(data, "CdSe", Goal(3.0))


def test_sources_and_near_copies_are_held_out() -> None:
    data = grid()
    same_source = experiment(product="PbS")
    copy = experiment(temperature_c=182.0, acid_mmol=2.05, time_min=0.51, product="CdSe-1", source="other")
    sibling = experiment(temperature_c=240.0, acid_mmol=6.0, product="CdSe-1", source="other")
    foreign = experiment(product="PbS", source="other")
    found = literature_without(_pool(data), [*data, same_source, copy, sibling, foreign])
    assert found.experiments == (sibling, foreign)
    assert (found.own, found.same_source, found.near_copies) == (60, 1, 1)


def test_what_is_left_out_of_the_pool_is_held_out_and_not_counted_in_it() -> None:
    data = [experiment(time_min=m, source="other") for m in (1, 2)]
    untold = Experiment(recipe=data[0].recipe, outcome=Outcome(observables={"spectral_loss": 0.5}), source="other")
    copy = data[0].model_copy(update={"source": "another"})
    pool = Pool.of([*data, untold], "CdSe", Goal(data[0].outcome.size_nm or 0.0))
    assert pool.notes == ("1 experiments are left out: they do not tell size_nm",)
    found = literature_without(pool, [*data, untold, copy])
    assert (found.own, found.same_source, found.near_copies, found.experiments) == (2, 1, 1, ())


def test_unknown_chemicals_are_one_whatever_their_case_and_spaces() -> None:
    data = [experiment(acid="Wizard's grease", time_min=m) for m in (1, 9)]
    copy = experiment(acid="wizard’s  Grease", time_min=1, source="other")
    assert literature_without(_pool([*data, experiment(time_min=1, size_nm=3.0)]), [copy]).near_copies == 1


def test_one_paper_under_two_spellings_is_one_source() -> None:
    pool = _pool(
        [experiment(time_min=1, source="10.1021/nl1", size_nm=3.0), experiment(time_min=2, source="10.1021/NL1")]
    )
    assert pool.sources == {"10.1021/nl1"}
    others = [experiment(product="PbS", source=f"{prefix}10.1021/NL1") for prefix in ("https://doi.org/", "doi: ", " ")]
    assert literature_without(pool, others).same_source == 3


def test_a_product_whose_digits_were_pasted_small_is_in_the_pool() -> None:
    data = [experiment(time_min=1, product="CsPbBr3", size_nm=3.0), experiment(time_min=9, product="CsPbBr₃")]
    copy = experiment(time_min=9.2, product="CsPbBr₃", source="other")
    for asked in ("CsPbBr3", "CsPbBr₃"):
        pool = Pool.of(data, asked, Goal(3.0))
        assert (len(pool), pool.product) == (2, "CsPbBr3")
        found = literature_without(pool, [*data, copy])
        assert (found.own, found.near_copies) == (2, 1)


def test_a_near_copy_is_one_under_another_name_of_the_composition_too() -> None:
    copy = experiment(temperature_c=182.0, time_min=0.51, product="SeCd", source="other")
    assert literature_without(_pool(grid()), [copy]).near_copies == 1
    words = [experiment(time_min=m, product="quantum dots", size_nm=3.0) for m in (1, 9)]
    assert literature_without(Pool.of(words, "quantum dots", Goal(3.0)), [copy]).near_copies == 0


def test_an_unknown_source_may_be_any() -> None:
    data = [experiment(time_min=1, source=None, size_nm=3.0), experiment(time_min=2)]
    other = experiment(product="PbS", source=None)
    assert literature_without(_pool(data), [*data, other]).is_cold


def test_a_size_that_may_not_be_learned_is_no_literature() -> None:
    wrong = Outcome(success=False, failure_cause=FailureCause.WRONG_PRODUCT, size_nm=5.0)
    other = experiment(product="PbS", source="other").model_copy(update={"outcome": wrong})
    assert literature_without(_pool(grid()), [*grid(), other]).is_cold


@pytest.mark.parametrize(
    ("change", "near"),
    [
        ({"time_min": 10.4}, True),
        ({"time_min": 12.0}, False),
        ({"temperature_c": 244.0}, True),
        ({"temperature_c": 250.0}, False),
        ({"acid_mmol": 2.09}, True),
        ({"acid_mmol": 2.4}, False),
        ({"acid_mmol": None}, True),
        ({"acid": "OA"}, True),
        ({"acid": "stearic acid"}, False),
    ],
)
def test_near_means_a_few_per_cent_of_everything(change: dict[str, object], near: bool) -> None:
    assert is_near_copy(experiment(**change).recipe, experiment().recipe) is near  # type: ignore[arg-type]


def test_cdse2022_leaves_nothing() -> None:
    data = load("cdse2022").experiments
    found = literature_without(Pool.of(data, "CdSe", Goal(2.0)), data)
    assert found.is_cold
    assert found.own == len(data)


def test_no_source_of_a_gu2025_pool_is_learned_from(shared_data: object) -> None:
    data = load("gu2025", f"{shared_data}/gu2025", negatives=False).experiments
    pool = Pool.of(data, "InP", Goal(3.45))
    found = literature_without(pool, data)
    assert len(found.experiments) > 2000
    assert not {source_key(one.source) for one in found.experiments} & pool.sources
    assert "InP" not in {one.recipe.product for one in found.experiments}
    assert len(found.experiments) + found.own + found.same_source + found.near_copies == len(data)
