"""What was done: chemicals with amounts, and the conditions. ``None`` means unknown and is never read as zero."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from closedloop.recipes.fields import Frozen, NonNegative, TemperatureC, plain_digits


class Role(StrEnum):
    """What a chemical is there for."""

    CATION_PRECURSOR = "cation precursor"
    ANION_PRECURSOR = "anion precursor"
    LIGAND = "ligand"
    SOLVENT = "solvent"
    REDUCING_AGENT = "reducing agent"
    ADDITIVE = "additive"


class Vessel(StrEnum):
    """Where a chemical waits before the reaction: in the heated flask, or in the syringe that is injected."""

    FLASK = "flask"
    SYRINGE = "syringe"


Name = Annotated[str, Field(min_length=1, max_length=200)]
# One product however its digits are written: it is compared by name everywhere.
Product = Annotated[Name, AfterValidator(plain_digits)]


class Reagent(Frozen):
    """One chemical of a recipe, by the name that its source gave it."""

    name: Name
    amount_mmol: NonNegative | None = None
    role: Role | None = None
    vessel: Vessel | None = None


class Recipe(Frozen):
    """One synthesis as it is to be done or was done; temperatures in °C, rate in °C/min, time in min."""

    product: Product
    reagents: tuple[Reagent, ...] = ()
    injection_temperature_c: TemperatureC | None = None
    reaction_temperature_c: TemperatureC | None = None
    heating_rate_c_per_min: NonNegative | None = None
    reaction_time_min: NonNegative | None = None

    @model_validator(mode="after")
    def _one_entry_per_chemical_and_vessel(self) -> Self:
        seen = set()
        for reagent in self.reagents:
            key = (reagent.name, reagent.vessel)
            if key in seen:
                where = f" in the {reagent.vessel}" if reagent.vessel else ""
                raise ValueError(f"{reagent.name!r} is listed twice{where}; add the amounts up into one entry")
            seen.add(key)
        return self

    def amount_mmol(self, name: str) -> float | None:
        """Total of the chemical in mmol over both vessels; ``None`` where it is absent or an amount is unknown."""
        amounts = [reagent.amount_mmol for reagent in self.reagents if reagent.name == name]
        known = [amount for amount in amounts if amount is not None]
        return sum(known) if known and len(known) == len(amounts) else None

    def with_amounts(self, amounts_mmol: dict[tuple[str, Vessel | None], float]) -> "Recipe":
        """The same chemicals and conditions with new amounts; a key is (name, vessel), one not named stays as it is."""
        # Only what is new is validated: names, vessels and conditions stay, and a search asks for thousands.
        reagents = tuple(
            Reagent(
                name=reagent.name,
                amount_mmol=amounts_mmol[reagent.name, reagent.vessel],
                role=reagent.role,
                vessel=reagent.vessel,
            )
            if (reagent.name, reagent.vessel) in amounts_mmol
            else reagent
            for reagent in self.reagents
        )
        return self.model_copy(update={"reagents": reagents})
