"""A synthetic lab with a known size law, and models small enough to be fitted in a test."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from closedloop.recipes import Experiment, FailureCause, Outcome, Reagent, Recipe, Role, Shape, Vessel
from closedloop.synthesis import SynthesisModel
from closedloop.synthesis.training import Schedule

QUICK = Schedule(steps=60)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def recipe(rng: np.random.Generator, ligand: str = "oleic acid") -> Recipe:
    """Hot-injection CdSe with random amounts and conditions."""
    return Recipe(
        product="CdSe",
        reagents=(
            Reagent(
                name="cadmium oxide",
                amount_mmol=float(rng.uniform(0.1, 1)),
                role=Role.CATION_PRECURSOR,
                vessel=Vessel.FLASK,
            ),
            Reagent(name=ligand, amount_mmol=float(rng.uniform(0.5, 8)), role=Role.LIGAND, vessel=Vessel.FLASK),
            Reagent(name="1-octadecene", amount_mmol=30.0, role=Role.SOLVENT, vessel=Vessel.FLASK),
            Reagent(
                name="selenium",
                amount_mmol=float(rng.uniform(0.1, 1)),
                role=Role.ANION_PRECURSOR,
                vessel=Vessel.SYRINGE,
            ),
        ),
        injection_temperature_c=float(rng.uniform(220, 300)),
        reaction_temperature_c=float(rng.uniform(220, 300)),
        reaction_time_min=float(np.exp(rng.uniform(-1, 3.5))),
    )


def true_size_nm(made: Recipe, factor: float = 1.0) -> float:
    """The lab's law: growth with temperature, time and ligand; ``factor`` tells one lab from another."""
    ligand = made.reagents[1].amount_mmol or 0.0
    temperature, time = made.reaction_temperature_c or 0.0, made.reaction_time_min or 0.0
    return factor * 3.0 * math.exp(0.006 * (temperature - 260) + 0.12 * math.log(time) + 0.15 * math.log(ligand / 2))


def succeeds(made: Recipe) -> bool:
    return (made.reagents[1].amount_mmol or 0.0) > 1.5


@pytest.fixture(scope="session")
def run_lab() -> Callable[..., list[Experiment]]:
    """``run_lab(n, seed, factor=…, failures=…)`` -> n experiments of six sources."""

    def run(
        n: int, seed: int, *, factor: float = 1.0, failures: bool = False, shapes: bool = False
    ) -> list[Experiment]:
        rng = np.random.default_rng(seed)
        done = []
        for i in range(n):
            made = recipe(rng)
            if failures and not succeeds(made):
                outcome = Outcome(success=False, failure_cause=FailureCause.BULK_PRECIPITATE)
            else:
                hot = (made.reaction_temperature_c or 0.0) > 260
                shape = (Shape.SPHERE if hot else Shape.ROD) if shapes else None
                size = true_size_nm(made, factor) * float(np.exp(rng.normal(0, 0.03)))
                outcome = Outcome(success=True, size_nm=size, shape=shape)
            done.append(Experiment(recipe=made, outcome=outcome, source=f"paper {i % 12}", id=str(i)))
        return done

    return run


@pytest.fixture(scope="session")
def literature(run_lab: Callable[..., list[Experiment]]) -> list[Experiment]:
    return run_lab(120, 0, failures=True, shapes=True)


@pytest.fixture(scope="session")
def model(literature: list[Experiment]) -> SynthesisModel:
    torch.set_num_threads(1)
    return SynthesisModel.fit(literature, seed=0, schedule=Schedule(steps=80))
