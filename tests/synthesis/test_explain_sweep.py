"""Sweeps: the recipes that are asked for, and every way to write an axis wrongly."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from closedloop.recipes import Reagent, Recipe, Role, Shape, Vessel
from closedloop.synthesis import SynthesisModel
from closedloop.synthesis.explanation import UnknownAxis, axis, parse_axis, sweep
from closedloop.synthesis.learned import Priors

RECIPE = Recipe(
    product="PbSe",
    reagents=(
        Reagent(name="PbO", amount_mmol=4.0, role=Role.CATION_PRECURSOR),
        Reagent(name="OA", amount_mmol=5.0, vessel=Vessel.FLASK),
        Reagent(name="TOP", amount_mmol=1.0, vessel=Vessel.FLASK),
        Reagent(name="TOP", amount_mmol=3.0, vessel=Vessel.SYRINGE),
        Reagent(name="oleylamine"),
    ),
    injection_temperature_c=180.0,
    reaction_time_min=20.0,
)


class Said:
    """Size from oleic acid and time; a sphere where there is much acid."""

    warnings = ("a warning",)

    def __init__(self, recipe: Recipe) -> None:
        acid = recipe.amount_mmol("OA") or 0.0
        self.size_nm = 1 + acid + 100 * (recipe.reaction_time_min or 0)
        self.shape_probabilities = {shape: float(shape is (Shape.SPHERE if acid > 5 else Shape.ROD)) for shape in Shape}
        self.success_probability = 0.25

    def size_interval(self, coverage: float) -> tuple[float, float]:
        return self.size_nm / 2, self.size_nm * 2


class Model:
    def __init__(self, priors: Priors) -> None:
        self.priors = priors

    def predict(self, recipes: Sequence[Recipe]) -> list[Any]:
        return [Said(recipe) for recipe in recipes]


def test_a_grid_has_x_along_its_rows_and_y_down() -> None:
    found = sweep(
        Model(Priors(None, None)),  # type: ignore[arg-type]
        RECIPE,
        parse_axis("oleic acid=0:10:3", RECIPE),
        parse_axis("reaction time = 1:2:2", RECIPE),
    )
    assert found.size_nm.tolist() == [[101, 106, 111], [201, 206, 211]]
    assert found.low_nm[1, 2] == 105.5
    assert found.high_nm[1, 2] == 422
    assert found.success is not None
    assert found.success.tolist() == [[0.25] * 3] * 2
    assert found.likeliest is not None
    assert [list(Shape)[i] for i in found.likeliest[0]] == [Shape.ROD, Shape.ROD, Shape.SPHERE]
    assert (found.x.own, found.y.own if found.y else 0) == (5.0, 20.0)
    assert found.notes == ("a warning",)


def test_priors_are_no_map() -> None:
    found = sweep(Model(Priors((1.0,), 0.5)), RECIPE, parse_axis("OA=0:10", RECIPE))  # type: ignore[arg-type]
    assert found.size_nm.shape == (1, 21)
    assert found.success is None
    assert found.shapes is None
    assert found.to_json()["shapes"] is None


def test_an_amount_is_shared_as_the_recipe_shares_it() -> None:
    phosphine = axis(RECIPE, "trioctylphosphine", [8.0])
    made = phosphine.applied(RECIPE, 8.0)
    assert [r.amount_mmol for r in made.reagents] == [4.0, 5.0, 2.0, 6.0, None]
    assert phosphine.own == 4.0
    assert axis(RECIPE, "OLA", [1.0]).own is None
    assert axis(RECIPE, "OLA", [1.0]).applied(RECIPE, 1.5).reagents[4].amount_mmol == 1.5


@pytest.mark.parametrize("name", ["injection temperature", "injection_temperature_c", "Injection temperature"])
def test_a_condition_goes_by_its_name_in_words_and_in_the_table(name: str) -> None:
    found = parse_axis(f"{name}=-20:300:2", RECIPE)
    assert found.applied(RECIPE, 222.0).injection_temperature_c == 222.0
    assert found.label == "injection temperature, °C"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("oleic acid", "NAME=FROM:TO"),
        ("oleic acid=5", "NAME=FROM:TO"),
        ("oleic acid=a:b", "NAME=FROM:TO"),
        ("oleic acid=0:5:2.5", "NAME=FROM:TO"),
        ("=0:5", "NAME=FROM:TO"),
        ("oleic acid=5:5", "smaller to a larger"),
        ("oleic acid=0:inf", "finite"),
        ("oleic acid=nan:1", "smaller to a larger"),
        ("oleic acid=-1:5", "at least 0"),
        ("reaction temperature=-300:5", "at least -273.15"),
        ("oleic acid=0:5:1", "2 to 201"),
        ("oleic acid=0:5:1000", "2 to 201"),
        ("oleic acd=0:5", "neither a condition nor a chemical"),
        ("octadecene=0:5", "not in the recipe"),
        ("reaction temprature=0:5", "did you mean 'reaction temperature'"),
    ],
)
def test_a_faulty_axis_is_refused(text: str, words: str) -> None:
    with pytest.raises(UnknownAxis, match=words):
        parse_axis(text, RECIPE)


def test_two_names_of_one_chemical_are_one_axis() -> None:
    with pytest.raises(UnknownAxis, match="both axes"):
        sweep(Model(Priors(None, None)), RECIPE, parse_axis("OA=0:1", RECIPE), parse_axis("oleic acid=0:2", RECIPE))  # type: ignore[arg-type]


def test_the_recipe_itself_gets_its_own_prediction(model: SynthesisModel, literature: list[Any]) -> None:
    mine = literature[3].recipe
    ligand = mine.reagents[1].amount_mmol
    found = sweep(model, mine, axis(mine, "oleic acid", [ligand / 2, ligand, 2 * ligand]))
    said = model.predict([mine])[0]
    assert found.size_nm[0, 1] == pytest.approx(said.size_nm, rel=1e-5)
    assert (found.low_nm[0, 1], found.high_nm[0, 1]) == pytest.approx(said.size_interval(0.9), rel=1e-4)
    # The synthetic lab's law: more ligand, larger crystals.
    assert np.all(np.diff(found.size_nm[0]) > 0)
    assert all(math.isfinite(value) for value in found.size_nm[0])
