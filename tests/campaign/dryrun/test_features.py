"""Recipes as numbers: what varies, what is unknown, and chemicals under any of their names."""

from collections.abc import Callable

import numpy as np
import pytest

from closedloop.campaign.dryrun import Goal, View
from closedloop.campaign.dryrun.features import Features, standardised
from closedloop.campaign.dryrun.plain import Array, Fitted, extra_trees, plain_gp
from closedloop.recipes import Reagent, Recipe, Role, Vessel
from tests.campaign.dryrun.made import experiment


def _view(*recipes: Recipe) -> View:
    return View(recipes, Goal(3.0), tuple({} for _ in recipes))


def test_unknown_amounts_stand_at_the_median_and_absent_ones_at_zero() -> None:
    recipes = [experiment(acid_mmol=mmol).recipe for mmol in (1.0, 3.0, None)] + [experiment(acid="TOP").recipe]
    found = Features.of(_view(*recipes))
    acid = found.chemicals.index("oleic acid")
    assert found.mmol[:, acid].tolist() == [1.0, 3.0, 2.0, 0.0]
    assert found.present[:, acid].tolist() == [True, True, True, False]
    assert found.levels[3, acid] == 0.0


def test_names_of_one_chemical_are_one_column() -> None:
    found = Features.of(_view(experiment(acid="OA").recipe, experiment(acid="oleic acid").recipe))
    assert found.chemicals == ("cadmium oxide", "oleic acid", "selenium")


def test_a_chemical_in_both_vessels_has_a_column_for_each() -> None:
    both = Recipe(
        product="PbS",
        reagents=(
            Reagent(name="ODE", amount_mmol=40, vessel=Vessel.FLASK),
            Reagent(name="octadecene", amount_mmol=10, vessel=Vessel.SYRINGE),
        ),
    )
    one = Recipe(product="PbS", reagents=(Reagent(name="ODE", amount_mmol=30, vessel=Vessel.FLASK),))
    found = Features.of(_view(both, one))
    assert found.chemicals == ("1-octadecene (flask)", "1-octadecene (syringe)")
    assert found.mmol.tolist() == [[40.0, 10.0], [30.0, 0.0]]
    assert found.roles == (Role.SOLVENT,)
    assert found.role_mmol.tolist() == [[50.0], [30.0]]


def test_only_conditions_that_vary_count_and_unknown_ones_are_marked() -> None:
    known = experiment(time_min=1.0).recipe
    unknown = known.model_copy(update={"reaction_time_min": None})
    found = Features.of(_view(known, experiment(time_min=3.0).recipe, unknown))
    assert found.names == ("reaction_time_min", "reaction_time_min known")
    times = found.conditions[:, 0]
    assert times.tolist() == [np.log(2.0), np.log(4.0), (np.log(2.0) + np.log(4.0)) / 2]
    assert found.conditions[:, 1].tolist() == [1.0, 1.0, 0.0]


def test_equal_recipes_have_one_column_that_tells_nothing() -> None:
    found = Features.of(_view(experiment().recipe, experiment().recipe))
    assert found.plain.tolist() == [[0.0], [0.0]]
    assert standardised(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist() == [[-1.0], [1.0]]


def test_recipes_without_a_reagent_have_columns_of_conditions_alone() -> None:
    hot, cold = (Recipe(product="PbS", reaction_temperature_c=t) for t in (200.0, 100.0))
    found = Features.of(_view(hot, cold))
    assert (found.mmol.shape, found.role_mmol.shape, found.plain.shape) == ((2, 0), (2, 0), (2, 1))


@pytest.mark.parametrize("method", [plain_gp, extra_trees])
def test_where_nothing_plain_varies_no_recipe_is_better_than_another(
    method: Callable[[Array, Array, tuple[float, float], int], Fitted],
) -> None:
    # They differ in the vessel of one chemical, which plain columns do not have.
    flask, syringe = (
        Recipe(product="PbS", reagents=(Reagent(name="ODE", amount_mmol=30, vessel=vessel),)) for vessel in Vessel
    )
    rows = Features.of(_view(flask, syringe)).plain
    score, chance, _ = method(rows, np.log([3.0, 4.0]), (np.log(2.9), np.log(3.1)), 0)(rows)
    assert score[0] == score[1]
    assert np.isfinite(chance).all()
