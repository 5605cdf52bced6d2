"""The search space: what a chemist writes, the cube that the proposer sees, and limits that are never left."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from closedloop.propose import EmptySpaceError, Range, RecipeOutsideSpace, SearchSpace
from closedloop.recipes import Limits, Reagent, Recipe, Vessel

WRITTEN = """
product: CdSe
reagents:
  - {name: cadmium oxide, amount_mmol: [0.1, 0.6], role: cation precursor, vessel: flask}
  - {name: oleic acid, amount_mmol: [1.6, 8.0], role: ligand, vessel: flask}
  - {name: 1-octadecene, amount_mmol: 40, role: solvent, vessel: flask}
  - {name: selenium, amount_mmol: {low: 0.1, high: 1.2, scale: log}, vessel: syringe}
injection_temperature_c: [220, 310]
reaction_temperature_c: [180, 290]
heating_rate_c_per_min: 10
reaction_time_min: [0.5, 45]
constraints:
  - oleic acid >= 4 * cadmium oxide
  - reaction_temperature_c <= injection_temperature_c
"""


def written(**changes: Any) -> SearchSpace:
    return SearchSpace.model_validate(yaml.safe_load(WRITTEN) | changes)


def simple(**changes: Any) -> SearchSpace:
    base: dict[str, Any] = {"product": "X", "reagents": [{"name": "a", "amount_mmol": [1, 2]}]}
    return SearchSpace.model_validate(base | changes)


def test_what_a_chemist_writes_is_what_varies() -> None:
    space = written()
    assert space.dimension == 6
    assert space.labels[:3] == ("cadmium oxide (flask)", "oleic acid (flask)", "selenium (syringe)")
    assert space.reagents[0].amount_mmol == Range(low=0.1, high=0.6)
    assert SearchSpace.model_validate_json(space.model_dump_json()) == space


def test_scales() -> None:
    """The middle of a log range is the geometric mean: times by default, amounts where asked; else the arithmetic."""
    recipe = written().decode(np.full(6, 0.5))
    assert recipe.reaction_time_min == pytest.approx((0.5 * 45) ** 0.5, rel=5e-3)
    assert recipe.amount_mmol("selenium") == pytest.approx((0.1 * 1.2) ** 0.5, rel=5e-3)
    assert recipe.amount_mmol("cadmium oxide") == pytest.approx(0.35)
    assert simple(reaction_time_min=[0, 60]).decode(np.array([0.5, 0.5])).reaction_time_min == pytest.approx(30)


def test_decode_rounds_to_three_digits_and_keeps_fixed_values() -> None:
    recipe = written().decode(np.array([0.123456, 0.7, 0.3, 0.9, 0.333, 0.2]))
    for reagent in recipe.reagents:
        assert reagent.amount_mmol == float(f"{reagent.amount_mmol:.3g}")
    assert recipe.amount_mmol("1-octadecene") == 40
    assert recipe.heating_rate_c_per_min == 10
    assert recipe.reagents[3].vessel is Vessel.SYRINGE


TIGHT = [
    "oleic acid >= 4 * cadmium oxide",
    "reaction_temperature_c <= injection_temperature_c - 0.5",
    "selenium + cadmium oxide <= 0.77",
    "selenium >= 0.9 * cadmium oxide",
]


@cache
def limited() -> tuple[SearchSpace, Limits]:
    limits = Limits(
        max_temperature_c=283.3,
        min_temperature_c=201.7,
        max_reaction_time_min=17.3,
        max_amounts_mmol={"oleic acid": 2.345},
    )
    return written(constraints=TIGHT).within(limits), limits


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_decoded_recipes_never_leave_the_limits(seed: int, far: bool) -> None:
    """32 points for each of 200 examples, half of them far outside the cube, in a space with tight couplings."""
    space, limits = limited()
    spread = 4.0 if far else 1.0
    x = np.random.default_rng(seed).uniform(0.5 - spread / 2, 0.5 + spread / 2, (32, space.dimension))
    for recipe in space.decode_many(x):
        assert limits.violations(recipe) == []
        assert space.contains(recipe)
        amount = {r.name: r.amount_mmol or 0.0 for r in recipe.reagents}
        assert amount["oleic acid"] >= 4 * amount["cadmium oxide"]
        assert amount["selenium"] + amount["cadmium oxide"] <= 0.77
        assert recipe.reaction_temperature_c is not None
        assert recipe.injection_temperature_c is not None
        assert recipe.reaction_temperature_c <= recipe.injection_temperature_c - 0.5


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_generated_spaces_hold_what_they_decode_and_encode_it_back(data: st.DataObject) -> None:
    def quantity(low: float, high: float) -> Any:
        ends = st.tuples(st.floats(low, high), st.floats(low, high)).map(sorted)
        return data.draw(st.one_of(st.floats(low, high), ends.filter(lambda e: e[1] - e[0] > 1e-3 + 0.01 * abs(e[0]))))

    space = simple(
        reagents=[
            {"name": "a", "amount_mmol": [0, 3]},
            {"name": "b", "amount_mmol": quantity(0.01, 90), "vessel": "flask"},
            {"name": "b", "amount_mmol": quantity(0, 5), "vessel": "syringe"},
        ],
        reaction_temperature_c=quantity(-50, 400),
        reaction_time_min=quantity(0, 500),
    )
    x = data.draw(st.lists(st.floats(0, 1), min_size=space.dimension, max_size=space.dimension))
    recipe = space.decode(np.array(x))
    assert space.contains(recipe)
    assert space.decode(space.encode(recipe)) == recipe


def test_thin_spaces_get_as_many_digits_as_they_need() -> None:
    space = simple(
        reagents=[{"name": "a", "amount_mmol": [1, 2]}, {"name": "b", "amount_mmol": [1, 2]}],
        constraints=["a >= 1.00001 * b", "a <= 1.00011 * b"],
    )
    for recipe in space.sample(64, seed=0):
        a, b = recipe.amount_mmol("a"), recipe.amount_mmol("b")
        assert a is not None
        assert b is not None
        assert 1.00001 * b <= a <= 1.00011 * b


def test_sampling_is_repeatable_and_fills_the_space() -> None:
    space = written()
    first = space.sample(128, seed=3)
    assert first == space.sample(128, seed=3)
    assert first != space.sample(128, seed=4)
    unit = np.array([space.encode(recipe) for recipe in first])
    assert unit.min(axis=0).max() < 0.1
    assert unit.max(axis=0).min() > 0.9


def test_sampling_reaches_a_small_feasible_corner() -> None:
    space = written(constraints=["cadmium oxide >= 0.59", "oleic acid <= 1.65", "selenium >= 1.19"])
    recipes = space.sample(64, seed=0)
    assert len(set(recipes)) > 32
    assert all(space.contains(recipe) for recipe in recipes)


def test_two_vessels_share_a_limit() -> None:
    space = simple(
        reagents=[
            {"name": "oleic acid", "amount_mmol": [0.5, 3], "vessel": "flask"},
            {"name": "oleic acid", "amount_mmol": [0.5, 3], "vessel": "syringe"},
        ]
    )
    limits = Limits(max_amounts_mmol={"oleic acid": 2.0})
    assert all(not limits.violations(recipe) for recipe in space.within(limits).sample(256, seed=0))


def test_a_chemical_of_zero_is_left_out_and_read_back_as_zero() -> None:
    space = simple(reagents=[{"name": "a", "amount_mmol": [1, 2]}, {"name": "b", "amount_mmol": [0, 1]}])
    recipe = space.decode(np.array([0.5, 0.0]))
    assert [reagent.name for reagent in recipe.reagents] == ["a"]
    assert space.encode(recipe)[1] == 0


def test_limits_narrow_the_space() -> None:
    narrowed = written().within(Limits(max_temperature_c=250, max_amounts_mmol={"selenium": 0.5}))
    assert narrowed.injection_temperature_c == Range(low=220, high=250)
    assert narrowed.reagents[3].amount_mmol == Range(low=0.1, high=0.5, scale="log")
    assert narrowed.geometry.axes[2].high == 0.5, "the arrays must be those of the narrowed space"


def test_limits_hold_for_a_substance_whatever_its_name() -> None:
    names = ("CdO", "OA", "ODE", "Se")
    narrowed = written().within(Limits(allowed_chemicals=names, max_amounts_mmol={"OA": 3.0}))
    assert narrowed.reagents[1].amount_mmol == Range(low=1.6, high=3.0)


def test_a_limit_that_leaves_one_value_fixes_it() -> None:
    narrowed = written().within(Limits(max_temperature_c=220))
    assert narrowed.injection_temperature_c == 220
    assert narrowed.dimension == 5


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(max_temperature_c=200), "max_temperature_c 200 leaves no room for the injection temperature"),
        (Limits(min_temperature_c=300), "min_temperature_c 300 leaves no room for the reaction temperature"),
        (Limits(max_reaction_time_min=0.1), "max_reaction_time_min 0.1 leaves no room for the reaction time"),
        (Limits(max_amounts_mmol={"1-octadecene": 30}), "limit of 30 mmol of 1-octadecene leaves no room"),
        (Limits(allowed_chemicals=("selenium",)), "cadmium oxide is in every recipe .* not among the allowed"),
        (Limits(max_amounts_mmol={"oleic acid": 1.7, "cadmium oxide": 0.6}, min_temperature_c=290), "reaction"),
    ],
)
def test_an_empty_space_names_the_limit(limits: Limits, message: str) -> None:
    space = written(reaction_temperature_c=[180, 289])
    with pytest.raises(EmptySpaceError, match=message):
        space.within(limits)


def test_a_limit_that_a_constraint_cannot_live_with_names_the_constraint() -> None:
    space = written(
        reagents=[{"name": "cadmium oxide", "amount_mmol": 0.6}, {"name": "oleic acid", "amount_mmol": [1, 8]}]
    )
    with pytest.raises(EmptySpaceError, match="oleic acid >= 4 \\* cadmium oxide"):
        space.within(Limits(max_amounts_mmol={"oleic acid": 2.0}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"injection_temperature_c": [310, 220]}, "must rise"),
        ({"injection_temperature_c": [220, 250, 310]}, "not a list of 3"),
        ({"reaction_time_min": {"low": 0, "high": 3, "scale": "log"}}, "log scale cannot start at 0"),
        ({"reaction_time_min": [-1, 3]}, "below 0 min"),
        ({"reaction_temperature_c": [-300, 100]}, "below -273.15"),
        ({"constraints": ["oleic acid >= 4 * zinc oxide"]}, "'zinc oxide' is not in this space .known: cadmium oxide"),
        ({"constraints": ["oleic acid >= 100 * cadmium oxide"]}, "cannot be met"),
        ({"constraints": ["selenium >= 1", "selenium <= 0.9"]}, "leave no recipe together"),
        ({"constraints": ["1-octadecene <= 30"]}, "broken by the fixed values"),
        ({"reagents": []}, "has no chemicals"),
        ({"reagents": [{"name": "a", "amount_mmol": [-1, 1]}]}, "cannot be negative"),
        ({"reagents": [{"name": "a", "amount_mmol": 1}, {"name": "a", "amount_mmol": 2}]}, "listed twice"),
        ({"temperature": 3}, "Extra inputs"),
        ({"reagents": [{"name": "a", "amount_mmol": float("nan")}]}, "finite"),
    ],
)
def test_faults_are_named_once(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        written(**changes)
    assert len(caught.value.errors()) == 1


def test_a_space_in_which_nothing_varies_is_refused() -> None:
    with pytest.raises(ValidationError, match="nothing varies"):
        SearchSpace.model_validate({"product": "X", "reagents": [{"name": "a", "amount_mmol": 1}]})


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(product="CdS"), "makes CdS"),
        (Recipe(product="X"), "has no a"),
        (Recipe(product="X", reagents=(Reagent(name="a", amount_mmol=1), Reagent(name="z"))), "has z"),
        (Recipe(product="X", reagents=(Reagent(name="a"),)), "does not say its a"),
    ],
)
def test_encode_refuses_other_recipes(recipe: Recipe, message: str) -> None:
    with pytest.raises(RecipeOutsideSpace, match=message):
        simple().encode(recipe)
    assert not simple().contains(recipe)


def test_a_recipe_outside_the_ranges_lies_outside_the_cube() -> None:
    recipe = Recipe(product="X", reagents=(Reagent(name="a", amount_mmol=3),))
    assert simple().encode(recipe)[0] == pytest.approx(2)
    assert not simple().contains(recipe)
