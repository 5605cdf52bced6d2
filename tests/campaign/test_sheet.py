"""The printable procedure: grams and millilitres that can be checked by hand."""

import pytest

from closedloop.campaign import describe_recipe, sheet_lines, sheet_steps
from closedloop.recipes import Reagent, Recipe, Vessel

RECIPE = Recipe(
    product="CdSe",
    reagents=(
        Reagent(name="Se", amount_mmol=1.0, vessel=Vessel.SYRINGE),
        Reagent(name="CdO", amount_mmol=0.5, vessel=Vessel.FLASK),
        Reagent(name="ODE", amount_mmol=40, vessel=Vessel.FLASK),
        Reagent(name="unobtainium", amount_mmol=1, vessel=Vessel.FLASK),
    ),
    injection_temperature_c=300,
    reaction_temperature_c=270,
    heating_rate_c_per_min=10,
    reaction_time_min=3,
)


def test_masses_and_volumes() -> None:
    """CdO 128.41 g/mol; 1-octadecene 252.48 g/mol and 0.789 g/mL; selenium 78.97 g/mol."""
    lines = {line.name: line for line in sheet_lines(RECIPE)}
    assert lines["cadmium oxide"].mass_g == pytest.approx(0.0642, abs=1e-4)
    assert lines["cadmium oxide"].volume_ml is None
    assert lines["1-octadecene"].mass_g == pytest.approx(10.10, abs=0.01)
    assert lines["1-octadecene"].volume_ml == pytest.approx(12.80, abs=0.03)
    assert lines["selenium"].mass_g == pytest.approx(0.0790, abs=1e-4)


def test_an_unknown_chemical_has_no_mass_instead_of_a_guess() -> None:
    line = next(line for line in sheet_lines(RECIPE) if line.name == "unobtainium")
    assert line.mass_g is None
    assert line.amount_mmol == 1


def test_the_flask_comes_before_the_syringe() -> None:
    assert [line.vessel for line in sheet_lines(RECIPE)] == ["flask", "flask", "flask", "syringe"]


def test_steps_say_temperatures_and_times_in_order() -> None:
    steps = " ".join(sheet_steps(RECIPE))
    assert steps.index("300 °C at 10 °C/min") < steps.index("inject") < steps.index("270 °C for 3 min")


def test_what_the_recipe_leaves_open_is_said() -> None:
    steps = " ".join(sheet_steps(RECIPE.model_copy(update={"reaction_time_min": None})))
    assert "leaves open" in steps
    assert "None" not in steps + describe_recipe(RECIPE)


def test_a_heat_up_recipe_speaks_of_no_injection() -> None:
    in_flask = tuple(reagent.model_copy(update={"vessel": Vessel.FLASK}) for reagent in RECIPE.reagents)
    heat_up = RECIPE.model_copy(update={"reagents": in_flask, "injection_temperature_c": None})
    said = " ".join(sheet_steps(heat_up)) + describe_recipe(heat_up)
    assert "inject" not in said
    assert "270 °C for 3 min, counted from when the flask reaches it" in said
    assert said.endswith("; 3 min at 270 °C")


def test_a_hot_injection_counts_from_the_injection() -> None:
    assert "for 3 min, counted from the injection." in " ".join(sheet_steps(RECIPE))
    assert describe_recipe(RECIPE).endswith("; injected at 300 °C, 3 min at 270 °C")
