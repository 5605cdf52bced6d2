"""What a chemist asks for, and the limits that a recipe must keep."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from closedloop.recipes.fields import (
    ABSOLUTE_ZERO_C,
    READ_ONLY,
    Fraction,
    Frozen,
    NonNegative,
    Positive,
    TemperatureC,
    exceeds,
)
from closedloop.recipes.outcome import Outcome, Shape
from closedloop.recipes.recipe import Name, Product, Recipe

DEFAULT_RELATIVE_TOLERANCE = 0.05


class Limits(Frozen):
    """What a recipe may use; empty means no limit. Amounts are totals per chemical in mmol, temperatures in °C."""

    allowed_chemicals: tuple[Name, ...] | None = None
    min_temperature_c: TemperatureC = ABSOLUTE_ZERO_C
    max_temperature_c: TemperatureC | None = None
    max_reaction_time_min: NonNegative | None = None
    max_heating_rate_c_per_min: NonNegative | None = None
    max_amounts_mmol: Annotated[Mapping[Name, NonNegative], *READ_ONLY] = Field(
        default_factory=dict, validate_default=True
    )

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if self.max_temperature_c is not None and self.max_temperature_c < self.min_temperature_c:
            raise ValueError(
                f"max_temperature_c {self.max_temperature_c} lies below min_temperature_c {self.min_temperature_c}"
            )
        return self

    def violations(self, recipe: Recipe) -> list[str]:
        """One sentence for each limit that the recipe breaks; unknown values break none."""
        broken = []
        for label, value in (
            ("injection temperature", recipe.injection_temperature_c),
            ("reaction temperature", recipe.reaction_temperature_c),
        ):
            if value is None:
                continue
            if exceeds(self.min_temperature_c, value):
                broken.append(f"{label} {value:g} °C is below the limit of {self.min_temperature_c:g} °C")
            if self.max_temperature_c is not None and exceeds(value, self.max_temperature_c):
                broken.append(f"{label} {value:g} °C is above the limit of {self.max_temperature_c:g} °C")
        time = recipe.reaction_time_min
        if time is not None and self.max_reaction_time_min is not None and exceeds(time, self.max_reaction_time_min):
            broken.append(f"reaction time {time:g} min is above the limit of {self.max_reaction_time_min:g} min")
        rate, fastest = recipe.heating_rate_c_per_min, self.max_heating_rate_c_per_min
        if rate is not None and fastest is not None and exceeds(rate, fastest):
            broken.append(f"heating rate {rate:g} °C/min is above the limit of {fastest:g} °C/min")
        for name in dict.fromkeys(reagent.name for reagent in recipe.reagents):
            if self.allowed_chemicals is not None and name not in self.allowed_chemicals:
                broken.append(f"{name} is not among the allowed chemicals")
            amount, largest = recipe.amount_mmol(name), self.max_amounts_mmol.get(name)
            if amount is not None and largest is not None and exceeds(amount, largest):
                broken.append(f"{amount:g} mmol of {name} is above the limit of {largest:g} mmol")
        return broken


class Target(Frozen):
    """A product of a size (equivalent circle diameter, nm), and what else it must satisfy.

    ``tolerance_nm`` left out means 5% of the size. ``max_relative_spread`` is standard deviation over mean;
    ``min_shape_fraction`` is the least fraction of particles of the shape, and 0 asks for no fraction.
    """

    product: Product
    size_nm: Positive
    tolerance_nm: Positive | None = None
    shape: Shape | None = None
    min_shape_fraction: Fraction = 0.0
    max_relative_spread: Positive | None = None
    limits: Limits = Limits()

    @property
    def half_width_nm(self) -> float:
        """The tolerance in nm, whether stated or the default."""
        return self.tolerance_nm if self.tolerance_nm is not None else DEFAULT_RELATIVE_TOLERANCE * self.size_nm

    @property
    def band_nm(self) -> tuple[float, float]:
        return self.size_nm - self.half_width_nm, self.size_nm + self.half_width_nm

    def holds_size(self, size_nm: float) -> bool:
        """Whether the size lies in the band; one on its edge does."""
        low, high = self.band_nm
        return not exceeds(low, size_nm) and not exceeds(size_nm, high)

    def has_shape(self, outcome: Outcome) -> bool | None:
        """Whether enough of the particles have the wished shape, ``None`` where that is not known; true where none is
        wished. Fractions without a shape stand for that of their majority."""
        if self.shape is None:
            return True
        if outcome.main_shape is not self.shape:
            return None if outcome.main_shape is None else False
        measured = outcome.shape_fractions.get(self.shape)
        if measured is not None or not self.min_shape_fraction:
            return not exceeds(self.min_shape_fraction, measured or 0.0)
        # Not even all particles whose shape is not told would be enough.
        too_few = exceeds(self.min_shape_fraction, 1 - sum(outcome.shape_fractions.values()))
        return False if too_few else None

    def unmet(self, outcome: Outcome) -> list[str]:
        """A few words for each stated wish that the outcome is not known to satisfy, the size first."""
        return [words for words, _ in self._unmet(outcome)]

    def is_missed_by(self, outcome: Outcome) -> bool:
        """Whether the outcome is known to fail, or not to satisfy a stated wish; an unknown value fails none."""
        return outcome.success is False or any(known for _, known in self._unmet(outcome))

    def _unmet(self, outcome: Outcome) -> list[tuple[str, bool]]:
        """As `unmet`, each with whether it is known not to be satisfied."""
        said = []
        if outcome.size_nm is None:
            said.append(("size unknown", False))
        elif not self.holds_size(outcome.size_nm):
            said.append((f"{outcome.size_nm - self.size_nm:+.2f} nm off", True))
        if self.max_relative_spread is not None:
            spread = outcome.relative_spread
            if spread is None:
                said.append(("spread unknown", False))
            elif exceeds(spread, self.max_relative_spread):
                said.append((f"spread {spread:.3g} where {self.max_relative_spread:g} is wanted", True))
        shaped = self.has_shape(outcome)
        if shaped is None:
            what = "shape" if outcome.main_shape is None else f"fraction of {self.shape}"
            said.append((f"{what} unknown", False))
        elif not shaped and outcome.main_shape is not self.shape:
            said.append((f"{outcome.main_shape} where {self.shape} is wanted", True))
        elif not shaped:
            share = outcome.shape_fractions.get(self.shape, 0.0) if self.shape else 0.0
            said.append((f"{share:.3g} {self.shape} where {self.min_shape_fraction:g} is wanted", True))
        return said

    def is_met_by(self, outcome: Outcome) -> bool:
        """Whether the outcome is known to satisfy every stated wish; an unknown value satisfies none."""
        return bool(outcome.success) and not self.unmet(outcome)
