"""A whole synthesis in the simulated reactor: what a recipe truly gives, as the virtual lab would make it.

The names that the rest of the simulator needs are here too. The flask itself is `sim.reactor_flask`; equations, sources
and limits of validity are in ``docs/simulator.md``.
"""

import math
from collections.abc import Mapping

from closedloop.recipes import Recipe, Vessel
from sim import reactor_chemistry as chemistry
from sim.reactor_chemistry import Brings
from sim.reactor_flask import Reactor, RunFactors, UnknownChemicalWarning
from sim.reactor_product import Product, Truth
from sim.thermal import AMBIENT_C, ThermalModel

INJECTION_RATE_ML_PER_MIN = 60.0
DEFAULT_HEATING_RATE_C_PER_MIN = 10.0
REACHED_C = 2.0  # the injection starts when the flask is this near to its temperature
COLDEST_SAMPLE_C = 60.0
HOTTEST_PLATE_C = 365.0


def waits_in_syringe(name: str, vessel: Vessel | None) -> bool:
    """Where a chemical waits: as the recipe says, else anion sources and phosphines are the ones to be injected."""
    if vessel is not None:
        return vessel is Vessel.SYRINGE
    substance = chemistry.find(name)
    return substance is not None and substance.brings in (
        Brings.ANION,
        Brings.SILYL_ANION,
        Brings.PHOSPHINE_ANION,
        Brings.PHOSPHINE,
    )


def perform(recipe: Recipe, seed: int) -> Reactor:
    """The standard hot injection: heat the flask, inject, relax to the reaction temperature, hold, let cool to 60 °C.

    Unknown conditions take the usual ones: heating at 10 °C/min, injection at the reaction temperature (and the other
    way round), ten minutes. Unknown amounts count as nothing.
    """
    injection_c = _first(recipe.injection_temperature_c, recipe.reaction_temperature_c, 250.0)
    reaction_c = _first(recipe.reaction_temperature_c, injection_c)
    rate = recipe.heating_rate_c_per_min or DEFAULT_HEATING_RATE_C_PER_MIN
    hold_s = 60.0 * _first(recipe.reaction_time_min, 10.0)
    flask: dict[str, float] = {}
    syringe: dict[str, float] = {}
    for reagent in recipe.reagents:
        where = syringe if waits_in_syringe(reagent.name, reagent.vessel) else flask
        where[reagent.name] = where.get(reagent.name, 0.0) + (reagent.amount_mmol or 0.0)
    reactor, thermal = Reactor(seed), ThermalModel()

    def pour(amounts: Mapping[str, float], volume_ml: float) -> None:
        thermal.pour(volume_ml)
        reactor.add(amounts, volume_ml)

    def spend(seconds: float, set_c: float | None, pace_s: float = 4.0) -> None:
        while seconds > 1e-9:
            part = min(pace_s, seconds)
            thermal.advance(part, set_c, HOTTEST_PLATE_C)
            reactor.advance(part, thermal.flask_c)
            seconds -= part

    pour(flask, _volume(flask))
    ramp_s = 60.0 * max(0.0, injection_c - AMBIENT_C) / rate
    elapsed = 0.0
    while elapsed < ramp_s or (abs(thermal.flask_c - injection_c) > REACHED_C and elapsed < 2.0 * ramp_s + 1800.0):
        elapsed += 5.0
        spend(5.0, min(injection_c, AMBIENT_C + rate * elapsed / 60.0))
    if syringe:
        volume = _volume(syringe)
        seconds = 60.0 * volume / INJECTION_RATE_ML_PER_MIN
        parts = max(1, math.ceil(2.0 * seconds))
        for _ in range(parts):
            pour({name: amount / parts for name, amount in syringe.items()}, volume / parts)
            spend(seconds / parts, injection_c)
    spend(hold_s, reaction_c, 2.0)
    while thermal.flask_c > COLDEST_SAMPLE_C:
        spend(4.0, None, 2.0)
    return reactor


def run(recipe: Recipe, seed: int) -> Truth:
    """What the recipe truly gives in this run: `perform`, then look, with the recipe's product as what was wanted."""
    product = perform(recipe, seed).sample()
    return Truth(
        product=product.formula,
        mean_diameter_nm=product.mean_diameter_nm,
        std_diameter_nm=product.std_diameter_nm,
        shape=product.shape,
        shape_fractions=product.shape_fractions,
        failure_cause=product.cause_for(recipe.product),
    )


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def _volume(amounts: Mapping[str, float]) -> float:
    return sum(chemistry.volume_ml(name, amount) for name, amount in amounts.items())


__all__ = [
    "Product",
    "Reactor",
    "RunFactors",
    "Truth",
    "UnknownChemicalWarning",
    "perform",
    "run",
]
