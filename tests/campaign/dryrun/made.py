"""Made-up experiments that the tests of dry runs share; sizes follow heat and time exactly."""

import math

import numpy as np

from closedloop.recipes import Experiment, FailureCause, Outcome, Reagent, Recipe, Shape


def size_of(temperature_c: float, time_min: float) -> float:
    return 3.0 * math.exp(0.006 * (temperature_c - 240) + 0.2 * math.log(time_min))


def experiment(
    temperature_c: float = 240.0,
    time_min: float = 10.0,
    *,
    size_nm: float | None = None,
    acid_mmol: float | None = 2.0,
    acid: str = "oleic acid",
    product: str = "CdSe",
    source: str | None = "lab",
    failed: bool = False,
    shape: Shape | None = None,
) -> Experiment:
    recipe = Recipe(
        product=product,
        reagents=(
            Reagent(name="cadmium oxide", amount_mmol=0.4),
            Reagent(name=acid, amount_mmol=acid_mmol),
            Reagent(name="selenium", amount_mmol=0.4),
        ),
        reaction_temperature_c=temperature_c,
        reaction_time_min=time_min,
    )
    if failed:
        outcome = Outcome(success=False, failure_cause=FailureCause.NOTHING_FORMED)
    else:
        outcome = Outcome(success=True, size_nm=size_nm or size_of(temperature_c, time_min), shape=shape)
    return Experiment(recipe=recipe, outcome=outcome, source=source)


def grid() -> list[Experiment]:
    """60 recipes: ten temperatures, six times."""
    return [experiment(float(t), float(m)) for t in np.linspace(180, 300, 10) for m in (0.5, 1, 3, 8, 20, 60)]
