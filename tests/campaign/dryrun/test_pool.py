"""What becomes of published experiments when a pool is made of them."""

import pytest

from closedloop.campaign.dryrun import SETTINGS, Aim, DryRunError, Goal, NoHitInPool, NoSuchPool, Pool, PoolTooSmall
from closedloop.campaign.dryrun.pool import Result, aim_of
from closedloop.literature import load_experiments
from closedloop.recipes import Experiment, FailureCause, Outcome, Shape
from tests.campaign.dryrun.made import experiment, grid


def test_hits_are_within_the_tolerance_and_its_ends() -> None:
    data = [experiment(time_min=m, size_nm=s) for m, s in ((1, 3.79), (2, 3.8), (3, 4.0), (4, 4.2), (5, 4.21))]
    assert Pool.of(data, "CdSe", Goal(4.0)).hits == {1, 2, 3}
    assert Pool.of(data, "CdSe", Goal(4.0, 0.01)).hits == {2}


def test_a_value_on_the_edge_is_a_hit_however_it_is_rounded() -> None:
    assert Goal(3.8, 0.05).is_met_by(Result(True, 3.99)), "3.8 * 1.05 is a little less than 3.99"
    for tenths in range(10, 300, 2):
        for side in (-1, 1):
            edge = round(tenths / 10 * (1 + side * 0.05), 3)
            assert Goal(tenths / 10, 0.05).is_met_by(Result(True, edge)), edge
            assert not Goal(tenths / 10, 0.05).is_met_by(Result(True, edge + side * 1e-4)), edge


def test_a_shape_that_is_asked_for_must_be_there() -> None:
    data = [
        experiment(time_min=1, size_nm=4, shape=Shape.ROD),
        experiment(time_min=2, size_nm=4, shape=Shape.SPHERE),
        experiment(time_min=3, size_nm=4),
    ]
    assert Pool.of(data, "CdSe", Goal(4.0, shape=Shape.SPHERE)).hits == {1}
    with pytest.raises(NoHitInPool, match=r"shape cube; the data have rod, sphere"):
        Pool.of(data, "CdSe", Goal(4.0, shape=Shape.CUBE))


def test_a_product_that_is_not_there_is_answered_with_those_that_are() -> None:
    data = [experiment(product="CdSe", time_min=1), experiment(product="CdSe", time_min=2), experiment(product="PbS")]
    with pytest.raises(NoSuchPool, match=r"makes 'ZnS'; did you mean PbS\? the data have CdSe, PbS$"):
        Pool.of(data, "ZnS", Goal(4.0))
    with pytest.raises(NoSuchPool, match=r"makes 'Au'; the data have CdSe, PbS$"):
        Pool.of(data, "Au", Goal(4.0))
    many = [experiment(product=f"Cd{n}Se") for n in range(2, 16)]
    with pytest.raises(NoSuchPool, match=r"Cd13Se and 2 more$"):
        Pool.of(many, "Au", Goal(4.0))


def test_repeats_are_one_recipe_and_contradictions_are_said() -> None:
    data = [experiment(size_nm=3.0), experiment(size_nm=5.0), experiment(time_min=20, size_nm=4.0)]
    data += [experiment(acid="OA", size_nm=4.0)]
    pool = Pool.of(data, "CdSe", Goal(4.0))
    assert len(pool) == 2
    assert pool.members == ((0, 1, 3), (2,))
    assert pool.results[0].value == pytest.approx(4.0)
    assert "4 experiments are 2 recipes" in pool.notes[0]
    assert "1 recipes have repeats that contradict" in pool.notes[0]


def test_a_recipe_that_mostly_failed_has_failed() -> None:
    data = [experiment(failed=True), experiment(failed=True), experiment(size_nm=4.0), experiment(time_min=1)]
    pool = Pool.of(data, "CdSe", Goal(experiment(time_min=1).outcome.size_nm or 0))
    assert pool.results[0] == Result(False, None)
    assert pool.hits == {1}


def test_what_says_nothing_is_left_out_and_said() -> None:
    blocked = experiment(time_min=2).model_copy(update={"outcome": Outcome(failure_cause=FailureCause.BLOCKED)})
    pool = Pool.of([*grid(), blocked], "CdSe", Goal(3.0))
    assert len(pool) == 60
    assert "1 experiments are left out" in pool.notes[0]


def test_an_unknown_product_names_what_looks_like_it() -> None:
    with pytest.raises(NoSuchPool, match="CdSe"):
        Pool.of(grid(), "CdS", Goal(3.0))


def test_one_recipe_is_no_choice() -> None:
    with pytest.raises(PoolTooSmall):
        Pool.of([experiment(), experiment()], "CdSe", Goal(3.0))


def test_two_recipes_are() -> None:
    assert len(Pool.of([experiment(size_nm=3), experiment(time_min=1)], "CdSe", Goal(3.0))) == 2


def test_nothing_to_find_is_said() -> None:
    with pytest.raises(NoHitInPool, match="all 2 recipes"):
        Pool.of([experiment(failed=True), experiment(time_min=1, failed=True)], "CdSe", Goal(3.0))
    with pytest.raises(NoHitInPool, match=r"the pool reaches from 1\.8.* to 9.*nearest is 9"):
        Pool.of(grid(), "CdSe", Goal(40.0))
    with pytest.raises(NoHitInPool, match=r"choose another target$"):
        Pool.of(grid(), "CdSe", Goal(0.5, aim=Aim.AT_MOST))


@pytest.mark.parametrize(("value", "tolerance"), [(0, 0.05), (-1, 0.05), (float("nan"), 0.05), (3, 0), (3, 1.5)])
def test_a_senseless_goal_is_refused(value: float, tolerance: float) -> None:
    with pytest.raises(DryRunError):
        Goal(value, tolerance)


def test_bounds_are_kept_not_matched() -> None:
    at_most, at_least = Goal(0.3, aim=Aim.AT_MOST), Goal(0.3, aim=Aim.AT_LEAST)
    low, high = Result(True, 0.2), Result(True, 0.6)
    assert at_most.is_met_by(low)
    assert not at_most.is_met_by(high)
    assert at_least.is_met_by(high)
    assert not at_least.is_met_by(low)
    assert at_most.regret(low) == 0
    assert at_most.regret(high) == pytest.approx(1.0)
    assert at_least.regret(low) == pytest.approx(1 / 3)
    assert aim_of(None, "spectral_loss") is Aim.AT_MOST
    with pytest.raises(DryRunError, match="at-least"):
        aim_of("nearly", "size_nm")


def test_unknown_chemicals_go_on_and_are_said_once() -> None:
    data = [experiment(acid="Wizard's grease", time_min=m, size_nm=s) for m, s in ((1, 3.0), (2, 4.0))]
    data.append(experiment(acid="Wizard's oil", time_min=1, size_nm=5.0))
    pool = Pool.of(data, "CdSe", Goal(3.0))
    assert len(pool) == 3
    (note,) = pool.notes
    assert note.startswith("2 chemicals are not in the registry")


def test_silver_is_told_by_its_flows() -> None:
    data = load_experiments("agnp2021")
    pool = Pool.of(data, "Ag", Goal(0.3, quantity="spectral_loss", aim=Aim.AT_MOST), SETTINGS["agnp2021"])
    assert len(pool) == 164
    assert sum(map(len, pool.members)) == len(data) == 3295


def test_a_view_holds_no_outcome() -> None:
    pool = Pool.of(grid(), "CdSe", Goal(3.0))
    assert not any(isinstance(value, Experiment | Outcome | Result) for value in vars(pool.view).values())
    assert set(vars(pool.view)) == {"recipes", "goal", "settings"}
    assert all(not own for own in pool.view.settings)
