"""A recipe as a chemist reads it at the bench: grams, millilitres, temperatures and times."""

from dataclasses import dataclass

from closedloop.chemistry import Substance, UnknownChemical, resolve
from closedloop.recipes import Reagent, Recipe, Vessel

ROOM_TEMPERATURE_C = 25.0


@dataclass(frozen=True)
class SheetLine:
    """One chemical: mass in g, and volume in mL where it is a liquid at room temperature of known density."""

    name: str
    vessel: str
    amount_mmol: float | None
    mass_g: float | None
    volume_ml: float | None


def sheet_lines(recipe: Recipe) -> list[SheetLine]:
    """The flask's chemicals first, then the syringe's; what the registry does not know has no mass, never a guess."""
    ordered = sorted(recipe.reagents, key=lambda reagent: reagent.vessel is Vessel.SYRINGE)
    return [_line(reagent) for reagent in ordered]


def _line(reagent: Reagent) -> SheetLine:
    vessel = str(reagent.vessel) if reagent.vessel else "flask or syringe"
    try:
        substance = resolve(reagent.name)
    except UnknownChemical:
        return SheetLine(reagent.name, vessel, reagent.amount_mmol, None, None)
    mass = volume = None
    if reagent.amount_mmol is not None and substance.molar_mass_g_per_mol:
        mass = reagent.amount_mmol * substance.molar_mass_g_per_mol / 1000.0
        if substance.density_g_per_ml and _is_liquid(substance):
            volume = mass / substance.density_g_per_ml
    return SheetLine(substance.name, vessel, reagent.amount_mmol, mass, volume)


def _is_liquid(substance: Substance) -> bool:
    melts, boils = substance.melting_point_c, substance.boiling_point_c
    return melts is not None and melts < ROOM_TEMPERATURE_C and (boils is None or boils > ROOM_TEMPERATURE_C)


def sheet_steps(recipe: Recipe) -> list[str]:
    """The synthesis as numbered sentences; a condition that the recipe leaves open is said to be open."""
    flask = [line.name for line in sheet_lines(recipe) if line.vessel != Vessel.SYRINGE]
    syringe = [line.name for line in sheet_lines(recipe) if line.vessel == Vessel.SYRINGE]
    injection = recipe.injection_temperature_c
    rate = recipe.heating_rate_c_per_min
    steps = [f"Put {_join(flask)} into the flask under inert gas and stir."] if flask else []
    hottest = injection if syringe and injection is not None else recipe.reaction_temperature_c
    at_rate = f" at {rate:g} °C/min" if rate else ""
    steps.append(f"Heat the flask to {_degrees(hottest)}{at_rate}.")
    if syringe:
        steps.append(f"Mix {_join(syringe)} in the syringe and inject it quickly at {_degrees(injection)}.")
    time = recipe.reaction_time_min
    kept = f"for {time:g} min" if time is not None else "for a time that the recipe leaves open"
    begins = "the injection" if syringe else "when the flask reaches it"
    steps.append(f"Keep {_degrees(recipe.reaction_temperature_c)} {kept}, counted from {begins}.")
    steps.append("Take the heater away, let the flask cool, and put a drop on a TEM grid.")
    return steps


def describe_recipe(recipe: Recipe) -> str:
    """A recipe in one line."""
    chemicals = ", ".join(
        f"{reagent.name} {'?' if reagent.amount_mmol is None else format(reagent.amount_mmol, 'g')} mmol"
        for reagent in recipe.reagents
    )
    time = "?" if recipe.reaction_time_min is None else f"{recipe.reaction_time_min:g}"
    injection = recipe.injection_temperature_c
    is_injected = injection is not None or any(reagent.vessel is Vessel.SYRINGE for reagent in recipe.reagents)
    injected = f"injected at {_degrees(injection)}, " if is_injected else ""
    return f"{recipe.product} from {chemicals}; {injected}{time} min at {_degrees(recipe.reaction_temperature_c)}"


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _degrees(value: float | None) -> str:
    return "a temperature that the recipe leaves open" if value is None else f"{value:g} °C"
