"""A recipe turned into the physical steps of one lab: which pump gives how much, what is heated when.

Knows the lab file but no instrument; `closedloop.lab.executor` carries the steps out.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from closedloop.lab.config import LabConfig, Stock
from closedloop.lab.errors import ProcedureError
from closedloop.recipes import Recipe, Vessel

DEFAULT_HEATING_RATE_C_PER_MIN = 10.0
# A recipe counts as made when every amount is within this fraction of what was asked; pumps do no better.
AMOUNT_TOLERANCE = 0.01
VOLUME_STEP_ML = 0.001


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewVessel(_Step):
    """A clean vessel under the condenser, known by this name from here on."""

    kind: Literal["new vessel"] = "new vessel"
    vessel_id: str


class Stir(_Step):
    kind: Literal["stir"] = "stir"
    speed_rpm: float


class Dispense(_Step):
    """A volume of one stock; ``injected`` marks the hot injection that starts the reaction."""

    kind: Literal["dispense"] = "dispense"
    pump: str
    stock: str
    volume_ml: float
    rate_ml_per_min: float
    injected: bool = False


class Heat(_Step):
    """Ramp to a temperature and stay there."""

    kind: Literal["heat"] = "heat"
    temperature_c: float
    rate_c_per_min: float


class React(_Step):
    """Keep the temperature for a time that counts from the end of the injection."""

    kind: Literal["react"] = "react"
    temperature_c: float
    minutes: float


class Cool(_Step):
    """Heater off, and wait until the vessel can be handled."""

    kind: Literal["cool"] = "cool"
    below_c: float


class Collect(_Step):
    """Take the sample that will be characterised."""

    kind: Literal["collect"] = "collect"
    sample_id: str


Step = Annotated[NewVessel | Stir | Dispense | Heat | React | Cool | Collect, Field(discriminator="kind")]
STEP: TypeAdapter[Step] = TypeAdapter(Step)


class Procedure(BaseModel):
    """The steps of one run in their order, and the volume in mL that each stock gives."""

    model_config = ConfigDict(frozen=True)
    run_id: str
    steps: tuple[Step, ...]
    volumes_ml: Mapping[str, float]


def compile_recipe(recipe: Recipe, lab: LabConfig, run_id: str) -> Procedure:
    """Raises `ProcedureError` where this lab cannot make the recipe, naming every reason.

    Amounts that the stocks cannot give hide only what would follow from their volumes.
    """
    faults = _condition_faults(recipe, lab)
    volumes: dict[str, float] = {}
    try:
        volumes = stock_volumes_ml(recipe, lab)
    except ProcedureError as error:
        faults.append(str(error))
    faults += _pouring_faults(recipe, lab, volumes)
    if faults:
        raise ProcedureError("; ".join(faults))
    stocks = {stock.name: stock for stock in lab.stocks}

    def pour(chosen: Callable[[Stock], bool]) -> list[Step]:
        return [
            Dispense(
                pump=stock.pump,
                stock=name,
                volume_ml=volume,
                rate_ml_per_min=stock.rate_ml_per_min,
                injected=stock.injected,
            )
            for name, volume in volumes.items()
            if chosen(stock := stocks[name])
        ]

    injected = pour(lambda stock: stock.injected)
    injection_c, reaction_c, rate, minutes = _conditions(recipe)
    steps: list[Step] = [
        NewVessel(vessel_id=run_id),
        Stir(speed_rpm=lab.stirring_rpm),
        *pour(lambda stock: not stock.injected),
        Heat(temperature_c=injection_c if injected else reaction_c, rate_c_per_min=rate),
        *injected,
        React(temperature_c=reaction_c, minutes=minutes),
        Cool(below_c=lab.cool_below_c),
        Collect(sample_id=run_id),
    ]
    return Procedure(run_id=run_id, steps=tuple(steps), volumes_ml=volumes)


def _condition_faults(recipe: Recipe, lab: LabConfig) -> list[str]:
    """What is not known of temperatures and times, or not allowed in this lab."""
    missing = [name for name in ("reaction_temperature_c", "reaction_time_min") if getattr(recipe, name) is None]
    faults = [f"the recipe leaves {name} unknown; state it before it can be made" for name in missing]
    asked = (recipe.reaction_temperature_c, recipe.injection_temperature_c)
    hottest = max((temperature for temperature in asked if temperature is not None), default=-math.inf)
    if hottest > lab.max_temperature_c:
        faults.append(
            f"{hottest:g} °C is above what {lab.name} allows ({lab.max_temperature_c:g} °C); lower the temperature"
        )
    if recipe.heating_rate_c_per_min == 0:
        faults.append("a heating rate of 0 °C/min heats nothing; raise it or leave it out")
    return faults


def _pouring_faults(recipe: Recipe, lab: LabConfig, volumes_ml: Mapping[str, float]) -> list[str]:
    """Whether the vessel holds the volumes, and whether what is to be injected is."""
    faults = []
    total = sum(volumes_ml.values())
    if total > lab.vessel_volume_ml:
        faults.append(
            f"the recipe fills {total:.1f} mL but the vessel of {lab.name} holds {lab.vessel_volume_ml:g} mL; "
            "scale the amounts down"
        )
    poured = [stock for stock in lab.stocks if stock.name in volumes_ml]
    cold = [stock.name for stock in poured if stock.vessel is Vessel.SYRINGE]
    if recipe.injection_temperature_c is not None and cold and not any(stock.injected for stock in poured):
        faults.append(
            f"the recipe is injected at {recipe.injection_temperature_c:g} °C but {lab.name} pours {', '.join(cold)} "
            "cold; write `injected: true` into the lab file or leave the injection temperature out"
        )
    return faults


def _conditions(recipe: Recipe) -> tuple[float, float, float, float]:
    """Injection and reaction temperature (°C), rate (°C/min) and time (min) of a recipe without faults."""
    reaction, minutes, rate = recipe.reaction_temperature_c, recipe.reaction_time_min, recipe.heating_rate_c_per_min
    assert reaction is not None
    assert minutes is not None
    injection = recipe.injection_temperature_c if recipe.injection_temperature_c is not None else reaction
    return injection, reaction, DEFAULT_HEATING_RATE_C_PER_MIN if rate is None else rate, minutes


def stock_volumes_ml(recipe: Recipe, lab: LabConfig) -> dict[str, float]:
    """Volume of each stock in mL that together give the recipe's amounts; stocks that are not needed are left out.

    Solved as a non-negative least-squares problem on relative amounts, since stocks may share chemicals (a metal
    stock brings its solvent along). Raises `ProcedureError` with every reason of one kind: unknown amounts, then
    missing stocks, then amounts out of reach, then volumes below what a pump can give.
    """
    # Drivers and simulators import this room; they should not wait for SciPy.
    from scipy.optimize import nnls

    demand = _demand(recipe, lab.stocks)
    keys = sorted(demand)
    supply = np.array([[_concentration(stock, key) for stock in lab.stocks] for key in keys]).reshape(
        len(keys), len(lab.stocks)
    )
    wanted = np.array([demand[key] for key in keys])
    absent = [key for key, row in zip(keys, supply, strict=True) if demand[key] > 0 and not row.any()]
    if absent:
        raise ProcedureError(
            f"{lab.name} has no stock of {', '.join(name for name, _ in absent)}; "
            "add one to the lab file or leave the chemical out of the campaign"
        )
    # A stock that brings a chemical which the recipe does not name must not be used at all.
    named = {name for name, _ in keys}
    usable = np.array([set(stock.contains) <= named for stock in lab.stocks])
    scale = np.where(wanted > 0, wanted, 1.0)
    volumes = np.zeros(len(lab.stocks))
    volumes[usable], _ = nnls(supply[:, usable] / scale[:, None], wanted / scale)
    volumes = np.round(volumes / VOLUME_STEP_ML) * VOLUME_STEP_ML
    given = supply @ volumes
    off = [
        f"{name} {amount:.4g} mmol asked, {got:.4g} possible"
        for (name, _), amount, got in zip(keys, wanted, given, strict=True)
        if abs(got - amount) > AMOUNT_TOLERANCE * amount + 1e-9
    ]
    if off:
        raise ProcedureError(f"the stocks of {lab.name} cannot give these amounts: {'; '.join(off)}")
    chosen = {stock.name: round(float(v), 3) for stock, v in zip(lab.stocks, volumes, strict=True) if v > 0}
    small = [
        f"{chosen[stock.name]:g} mL of {stock.name} is less than its pump can give ({stock.smallest_volume_ml:g} mL); "
        "raise the amount or thin the stock"
        for stock in lab.stocks
        if 0 < chosen.get(stock.name, 0) < stock.smallest_volume_ml
    ]
    if small:
        raise ProcedureError("; ".join(small))
    return chosen


def _concentration(stock: Stock, key: tuple[str, Vessel]) -> float:
    name, vessel = key
    return stock.contains.get(name, 0.0) if stock.vessel is vessel else 0.0


def _demand(recipe: Recipe, stocks: Sequence[Stock]) -> dict[tuple[str, Vessel], float]:
    """Amounts in mmol by chemical and vessel; a vessel left open is the one that the lab has a stock for."""
    demand: dict[tuple[str, Vessel], float] = {}
    faults = []
    for reagent in recipe.reagents:
        places = {stock.vessel for stock in stocks if reagent.name in stock.contains} or {Vessel.FLASK}
        if reagent.vessel is None and len(places) > 1:
            faults.append(f"{reagent.name} could go into flask or syringe; state its vessel")
        if reagent.amount_mmol is None:
            faults.append(f"the amount of {reagent.name} is unknown; state it before the recipe can be made")
        else:
            key = (reagent.name, reagent.vessel or places.pop())
            demand[key] = demand.get(key, 0.0) + reagent.amount_mmol
    if faults:
        raise ProcedureError("; ".join(faults))
    if not demand:
        raise ProcedureError("the recipe names no reagents; there is nothing to dispense")
    return demand
