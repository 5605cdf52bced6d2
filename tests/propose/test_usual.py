"""What is usual stands in for a size model as far as the model leaves the sizes of a space open."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.propose import SearchSpace
from closedloop.propose.usual import USUAL_NM, USUAL_SD, Informed
from closedloop.recipes import Recipe, Target

SPACE = SearchSpace.model_validate(
    {
        "product": "PbS",
        "reagents": [
            {"name": "lead oxide", "amount_mmol": [0.2, 2.0], "role": "cation precursor", "vessel": "flask"},
            {"name": "oleic acid", "amount_mmol": 10, "role": "ligand", "vessel": "flask"},
            {"name": "bis(trimethylsilyl) sulfide", "amount_mmol": 0.5, "vessel": "syringe"},
        ],
        "reaction_temperature_c": [80, 160],
        "reaction_time_min": [1, 100],
    }
)
TARGET = Target(product="PbS", size_nm=4.0)


@dataclass
class Answers:
    """A model that says the same of every recipe."""

    nm: float
    sd: float
    designed: list[Recipe] = field(default_factory=list)

    @dataclass
    class Arrays:
        log_size_mean: NDArray[np.float64]
        log_size_sd: NDArray[np.float64]
        success_logit: NDArray[np.float64]
        relative_spread: NDArray[np.float64]

    def predict_arrays(self, recipes: Sequence[Recipe]) -> "Answers.Arrays":
        n = len(recipes)
        return self.Arrays(np.full(n, math.log(self.nm)), np.full(n, self.sd), np.full(n, 1.0), np.full(n, 0.1))

    def design_amounts(self, recipe: Recipe, target: Target) -> Recipe:
        self.designed.append(recipe)
        return recipe


def at(temperature_c: float | None, minutes: float | None) -> Recipe:
    middle = SPACE.sample(1, 0)[0]
    return middle.model_copy(update={"reaction_temperature_c": temperature_c, "reaction_time_min": minutes})


def sizes(model: Answers, *recipes: Recipe, space: SearchSpace = SPACE) -> NDArray[np.float64]:
    return np.exp(np.asarray(Informed(model, space).predict_arrays(recipes).log_size_mean))


def test_where_all_is_left_open_five_nanometres_are_usual_and_hotter_and_longer_is_larger() -> None:
    middle, hotter, longer = sizes(Answers(2.2, 0.9), at(120, 10), at(150, 10), at(120, 40))
    assert middle == pytest.approx(USUAL_NM)
    assert hotter / middle == pytest.approx(math.exp(0.0088 * 30))
    assert longer / middle == pytest.approx(4**0.115)
    said = Informed(Answers(2.2, 0.9), SPACE).predict_arrays([at(120, 10)])
    assert said.log_size_sd == pytest.approx(USUAL_SD)


def test_a_model_that_knows_keeps_its_word() -> None:
    sure = sizes(Answers(12.0, 0.1), at(150, 10), at(120, 10))
    assert sure == pytest.approx(12.0, rel=0.001)


def test_a_model_that_knows_half_of_the_variance_says_three_quarters() -> None:
    half = Answers(9.0, USUAL_SD * math.sqrt(0.5))
    middle, hotter = sizes(half, at(120, 10), at(150, 10))
    assert math.log(hotter / middle) == pytest.approx(0.25 * 0.0088 * 30)
    assert math.log(middle) == pytest.approx(0.75 * math.log(9) + 0.25 * math.log(USUAL_NM))


def test_what_else_the_model_says_stays() -> None:
    said = Informed(Answers(2.2, 0.9), SPACE).predict_arrays([at(120, 10)])
    assert said.success_logit == pytest.approx(1.0)
    assert said.relative_spread == pytest.approx(0.1)  # type: ignore[attr-defined]
    assert not hasattr(said, "shape_probabilities")


@pytest.mark.parametrize(("temperature", "minutes"), [(None, 10.0), (120.0, None), (120.0, 0.0)])
def test_what_a_recipe_does_not_say_moves_nothing(temperature: float | None, minutes: float | None) -> None:
    assert sizes(Answers(2.2, 0.9), at(temperature, minutes)) == pytest.approx(USUAL_NM)


def test_fixed_and_open_conditions_have_a_middle_or_none() -> None:
    fixed = SPACE.model_copy(update={"reaction_temperature_c": 120.0, "reaction_time_min": None})
    assert sizes(Answers(2.2, 0.9), at(120, 10), at(120, 40), space=fixed) == pytest.approx(USUAL_NM)


def test_a_model_that_leaves_all_open_designs_nothing() -> None:
    ignorant, sure = Answers(2.2, 0.9), Answers(4.0, 0.2)
    recipe = at(120, 10)
    assert Informed(ignorant, SPACE).design_amounts(recipe, TARGET) == recipe
    assert not ignorant.designed
    Informed(sure, SPACE).design_amounts(recipe, TARGET)
    assert sure.designed == [recipe]
