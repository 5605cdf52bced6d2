"""Recipes into volumes and steps, and every reason why a lab cannot make one."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.lab import ProcedureError, Stock, compile_recipe, stock_volumes_ml
from closedloop.recipes import Reagent, Recipe, Vessel
from tests.lab.world import CONFIG, RECIPE


def _recipe(**amounts: float) -> Recipe:
    reagents = tuple(
        Reagent(name=name, amount_mmol=amount, vessel=Vessel.SYRINGE if name in ("Se", "TOP") else Vessel.FLASK)
        for name, amount in amounts.items()
    )
    return RECIPE.model_copy(update={"reagents": reagents})


# The first example waits for SciPy.
@settings(deadline=None)
@given(st.floats(0.1, 30), st.floats(0.05, 10))
def test_the_volumes_give_back_the_amounts(cadmium_ml: float, selenium_ml: float) -> None:
    recipe = _recipe(CdO=0.2 * cadmium_ml, OA=0.8 * cadmium_ml, Se=selenium_ml, TOP=2 * selenium_ml)
    volumes = stock_volumes_ml(recipe, CONFIG)
    assert volumes == pytest.approx({"cadmium stock": cadmium_ml, "selenium stock": selenium_ml}, rel=0.011, abs=6e-4)


def test_an_amount_out_of_the_stocks_reach_is_named_with_what_is_possible() -> None:
    with pytest.raises(ProcedureError, match=r"OA 1 mmol asked"):
        stock_volumes_ml(_recipe(CdO=1.0, OA=1.0, Se=0.5, TOP=1.0), CONFIG)


def test_a_chemical_without_a_stock_is_named() -> None:
    with pytest.raises(ProcedureError, match="no stock of octylamine"):
        stock_volumes_ml(_recipe(CdO=1.0, OA=4.0, octylamine=1.0), CONFIG)


def test_a_stock_never_brings_a_chemical_that_the_recipe_does_not_name() -> None:
    with pytest.raises(ProcedureError):
        stock_volumes_ml(_recipe(CdO=1.0, OA=4.0, Se=0.5), CONFIG)


def test_a_neat_stock_fills_up_what_the_mixture_lacks() -> None:
    neat = Stock(name="neat acid", pump="acid", vessel=Vessel.FLASK, contains={"OA": 3.0})
    lab = CONFIG.model_copy(update={"stocks": (*CONFIG.stocks, neat)})
    volumes = stock_volumes_ml(_recipe(CdO=1.0, OA=10.0, Se=0.5, TOP=1.0), lab)
    assert volumes["neat acid"] == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reaction_time_min": None}, "reaction_time_min unknown"),
        ({"reaction_temperature_c": None}, "reaction_temperature_c unknown"),
        ({"injection_temperature_c": 400.0}, "400 °C is above"),
        ({"heating_rate_c_per_min": 0.0}, "heating rate of 0 °C/min"),
        ({"reagents": ()}, "names no reagents"),
        ({"reagents": (Reagent(name="CdO"),)}, "amount of CdO is unknown"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(changes: dict, message: str) -> None:
    with pytest.raises(ProcedureError, match=message):
        compile_recipe(RECIPE.model_copy(update=changes), CONFIG, "run")


def test_every_reason_is_named_at_once() -> None:
    wrong = _recipe(CdO=10.0, OA=40.0, Se=0.005, TOP=0.01).model_copy(
        update={"reaction_time_min": None, "heating_rate_c_per_min": 0.0, "injection_temperature_c": 400.0}
    )
    with pytest.raises(ProcedureError) as caught:
        compile_recipe(wrong, CONFIG, "run")
    said = str(caught.value)
    for reason in ("reaction_time_min unknown", "400 °C is above", "rate of 0 °C/min", "less than its pump can give"):
        assert reason in said
    assert "holds 50 mL" not in said  # the volumes are not what would be given

    unknown = (Reagent(name="CdO"), Reagent(name="OA"), Reagent(name="Se", amount_mmol=1.0))
    with pytest.raises(ProcedureError, match=r"amount of CdO is unknown.*amount of OA is unknown"):
        compile_recipe(RECIPE.model_copy(update={"reagents": unknown}), CONFIG, "run")


def test_a_recipe_larger_than_the_vessel_is_refused() -> None:
    with pytest.raises(ProcedureError, match="the vessel of test bench holds 50 mL"):
        compile_recipe(_recipe(CdO=10.0, OA=40.0, Se=5, TOP=10), CONFIG, "run")


def test_a_dose_below_what_the_pump_can_give_is_refused() -> None:
    with pytest.raises(ProcedureError, match="less than its pump can give"):
        stock_volumes_ml(_recipe(CdO=1.0, OA=4.0, Se=0.005, TOP=0.01), CONFIG)


def test_the_flask_is_filled_cold_and_the_injection_comes_hot() -> None:
    kinds = [step.kind for step in compile_recipe(RECIPE, CONFIG, "run").steps]
    assert kinds == ["new vessel", "stir", "dispense", "heat", "dispense", "react", "cool", "collect"]


def test_without_an_injection_the_flask_is_heated_to_its_reaction() -> None:
    heat_up = _recipe(CdO=1.0, OA=4.0)
    steps = compile_recipe(heat_up, CONFIG, "run").steps
    assert next(step.temperature_c for step in steps if step.kind == "heat") == 240


def _stock(**options: Any) -> Stock:
    return Stock.model_validate({"name": "s", "pump": "p", "contains": {"Se": 1.0}} | options)


def test_what_waits_in_the_syringe_is_injected_unless_the_lab_file_says_otherwise() -> None:
    assert _stock(vessel="syringe").injected
    assert not _stock(vessel="flask").injected
    assert not _stock(vessel="syringe", injected=False).injected
    assert _stock(vessel="flask", injected=True).injected


def test_an_injection_temperature_is_not_passed_over_where_nothing_is_injected() -> None:
    selenium = CONFIG.stocks[1].model_copy(update={"injected": False})
    lab = CONFIG.model_copy(update={"stocks": (CONFIG.stocks[0], selenium)})
    with pytest.raises(ProcedureError, match=r"injected at 260 °C but test bench pours selenium stock cold"):
        compile_recipe(RECIPE, lab, "run")
    cold = RECIPE.model_copy(update={"injection_temperature_c": None})
    assert [step.kind for step in compile_recipe(cold, lab, "run").steps].index("heat") == 4
