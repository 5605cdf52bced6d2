"""What is usual: learned from precedents with the same chemicals, at the scale of the amounts that are given."""

from collections.abc import Callable

import numpy as np
import pytest

from closedloop.recipes import Experiment, Recipe, Target
from closedloop.synthesis import SynthesisModel
from closedloop.synthesis.design import designs
from closedloop.synthesis.training import Schedule


def scaled(recipe: Recipe, factor: float) -> Recipe:
    return recipe.with_amounts({(r.name, r.vessel): factor * (r.amount_mmol or 0.0) for r in recipe.reagents})


def opened(recipe: Recipe, *places: int) -> Recipe:
    """With the amounts at these places unknown."""
    reagents = [
        reagent.model_copy(update={"amount_mmol": None}) if i in places else reagent
        for i, reagent in enumerate(recipe.reagents)
    ]
    return recipe.model_copy(update={"reagents": tuple(reagents)})


@pytest.fixture(scope="module")
def batches(run_lab: Callable[..., list[Experiment]]) -> list[Experiment]:
    """The same syntheses in a small flask and in one of ten times its volume."""
    small = run_lab(40, 7)
    return small + [
        e.model_copy(update={"recipe": scaled(e.recipe, 10.0), "source": f"large {e.source}", "id": f"large {e.id}"})
        for e in small
    ]


@pytest.fixture(scope="module")
def of_batches(batches: list[Experiment]) -> SynthesisModel:
    return SynthesisModel.fit(batches, seed=0, schedule=Schedule(steps=20))


@pytest.mark.parametrize("factor", [1.0, 10.0])
def test_an_open_amount_follows_the_scale_of_those_given(
    of_batches: SynthesisModel, batches: list[Experiment], factor: float
) -> None:
    known = batches[3]
    recipe = opened(scaled(known.recipe, factor), 2)
    target = Target(product="CdSe", size_nm=known.outcome.size_nm or 0.0)
    made = of_batches.design_amounts(recipe, target)
    assert made.reagents[2].amount_mmol == pytest.approx(factor * 30.0, rel=0.05)


def test_usual_amounts_stand_where_they_meet_the_target(of_batches: SynthesisModel, batches: list[Experiment]) -> None:
    recipe = opened(batches[3].recipe, 0, 1, 2, 3)
    somewhere = of_batches.design_amounts(recipe, Target(product="CdSe", size_nm=4.0))
    size_nm = of_batches.predict([somewhere])[0].size_nm
    wide = Target(product="CdSe", size_nm=size_nm, tolerance_nm=2.0)
    narrow = Target(product="CdSe", size_nm=size_nm, tolerance_nm=0.5)
    first = of_batches.design_amounts(recipe, wide)
    assert first == of_batches.design_amounts(recipe, wide, seed=5), "a search was made where none was needed"
    (alone,) = designs(of_batches, recipe, narrow, 1, seed=0)
    several = designs(of_batches, recipe, narrow, 3, seed=0)
    assert several[0].recipe == alone.recipe
    assert len({d.recipe for d in several}) == 3


def test_what_was_used_together_stays_together(of_batches: SynthesisModel, batches: list[Experiment]) -> None:
    """With all but the selenium given, the selenium of that very synthesis is the likeliest."""
    errors = []
    for known in batches[:8]:
        target = Target(product="CdSe", size_nm=known.outcome.size_nm or 0.0, tolerance_nm=3.0)
        made = of_batches.design_amounts(opened(known.recipe, 3), target)
        errors.append(abs(np.log((made.reagents[3].amount_mmol or 0.0) / (known.recipe.reagents[3].amount_mmol or 1))))
    assert float(np.median(errors)) < 0.01
