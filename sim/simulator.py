"""The simulated flask as dry runs ask for it: a recipe in, what a microscope would measure out, without pictures.

The entry point `virtual` of the group ``closedloop.simulators``. What happens in the flask is `sim.reactor`.
"""

from collections import Counter
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

from closedloop.recipes import FailureCause, Outcome, Recipe
from sim.reactor import perform
from sim.reactor_chemistry import MATERIALS
from sim.reactor_product import Product

# Particles that two fields of view of the virtual microscope show whole.
PARTICLES = 200


class VirtualFlask:
    """``products`` are the formulas that it has constants for."""

    products = tuple(material.formula for material in MATERIALS)

    def space(self, product: str) -> dict[str, Any] | None:
        """What is usually varied to make the product, as under ``space:`` in a campaign's file."""
        spaces: dict[str, dict[str, Any]] = yaml.safe_load(files("sim").joinpath("spaces.yaml").read_text("utf-8"))
        return spaces.get(product)

    def make(self, recipe: Recipe, seed: int) -> Outcome:
        """The true distribution with the noise of counting 200 particles; a failure is the flask's own judgement."""
        product = perform(recipe, seed).sample()
        cause = product.cause_for(recipe.product)
        # Of crystals that differ too much the sizes are still seen.
        if cause not in (None, FailureCause.TOO_POLYDISPERSE):
            return Outcome(success=False, failure_cause=cause)
        return _counted(product, cause, np.random.default_rng([seed, PARTICLES]))


def _counted(product: Product, cause: FailureCause | None, rng: np.random.Generator) -> Outcome:
    diameters = product.draw_diameters_nm(PARTICLES, rng)
    shapes = list(product.shape_fractions)
    shares = np.array([product.shape_fractions[shape] for shape in shapes])
    seen = Counter(rng.choice(len(shapes), PARTICLES, p=shares / shares.sum()).tolist())
    fractions = {shapes[k]: count / PARTICLES for k, count in seen.most_common()}
    return Outcome(
        success=cause is None,
        failure_cause=cause,
        size_nm=float(diameters.mean()),
        size_std_nm=float(diameters.std(ddof=1)),
        particle_count=PARTICLES,
        shape=next(iter(fractions)),
        shape_fractions=fractions,
    )
