"""One chemical of a search space, and the words for its conditions."""

from typing import Any, ClassVar, Self

from pydantic import model_validator

from closedloop.propose.quantity import Quantity, Range, high_of, low_of
from closedloop.recipes import Reagent, Role, Vessel
from closedloop.recipes.fields import Frozen, Positive
from closedloop.recipes.recipe import Name

CONDITIONS = {
    "injection_temperature_c": "injection temperature",
    "reaction_temperature_c": "reaction temperature",
    "heating_rate_c_per_min": "heating rate",
    "reaction_time_min": "reaction time",
}
UNITS = {
    "injection_temperature_c": "°C",
    "reaction_temperature_c": "°C",
    "heating_rate_c_per_min": "°C/min",
    "reaction_time_min": "min",
}
# An entry of a stock list names the largest amount alone; the least that is worth weighing is this share of it.
_LEAST_SHARE = 0.01


class SpaceReagent(Frozen):
    """One chemical that recipes of the space may use.

    ``amount_mmol`` is fixed or ranged; a range that starts at 0 lets a recipe do without it, and ``optional`` makes
    whether it is there part of the search. ``max_mmol`` alone is an entry of a stock list: optional, from a hundredth
    of it upwards, by ratio. ``fill_to_ml`` makes up the contents of its vessel to that volume; a ranged ``amount_mmol``
    then only bounds what that may take.
    """

    # Keys that may be written and are no fields.
    shorthands: ClassVar[tuple[str, ...]] = ("max_mmol",)

    name: Name
    amount_mmol: Quantity | None = None
    role: Role | None = None
    vessel: Vessel | None = None
    optional: bool = False
    fill_to_ml: Positive | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_stock_list(cls, written: Any) -> Any:
        if not isinstance(written, dict) or "max_mmol" not in written:
            return written
        written = dict(written)
        most = written.pop("max_mmol")
        if "amount_mmol" in written or "fill_to_ml" in written:
            raise ValueError("max_mmol is for an entry of a stock list; give it or amount_mmol or fill_to_ml")
        if isinstance(most, bool) or not isinstance(most, int | float) or not 0 < most < float("inf"):
            raise ValueError(f"max_mmol {most!r} is not a largest amount; write a number above zero")
        return (
            {"optional": True} | written | {"amount_mmol": {"low": most * _LEAST_SHARE, "high": most, "scale": "log"}}
        )

    @model_validator(mode="after")
    def _is_an_amount(self) -> Self:
        if self.amount_mmol is None and self.fill_to_ml is None:
            raise ValueError(f"{self.name}: no amount; give amount_mmol, max_mmol or fill_to_ml")
        if self.fill_to_ml is not None and isinstance(self.amount_mmol, float):
            raise ValueError(
                f"{self.name}: amount_mmol {self.amount_mmol:g} and fill_to_ml {self.fill_to_ml:g} both say how much "
                "of it there is; give one of them (a range of amount_mmol bounds what fills the vessel)"
            )
        if self.amount_mmol is not None and low_of(self.amount_mmol) < 0:
            raise ValueError(f"{self.name}: an amount cannot be negative ({low_of(self.amount_mmol):g} mmol)")
        if self.optional and self.fill_to_ml is not None:
            raise ValueError(f"{self.name}: what fills a vessel is always there; leave 'optional' out")
        if self.optional and self.amount_mmol is not None and low_of(self.amount_mmol) == 0:
            if high_of(self.amount_mmol) == 0:
                raise ValueError(f"{self.name}: an optional amount of 0 mmol is never there; leave the chemical out")
            raise ValueError(
                f"{self.name}: an optional amount starts above 0 mmol, the least that is used where it is there"
            )
        return self

    @property
    def label(self) -> str:
        return f"{self.name} ({self.vessel})" if self.vessel else self.name

    @property
    def filling(self) -> str | None:
        """What it asks of its vessel, as a person says it; ``None`` for a chemical that fills none."""
        if self.fill_to_ml is None:
            return None
        said = f"{self.name} fills the {self.vessel or 'vessel'} to {self.fill_to_ml:g} mL"
        if self.amount_mmol is None:
            return said
        return f"{said} with {low_of(self.amount_mmol):g} to {high_of(self.amount_mmol):g} mmol"

    @property
    def varies(self) -> bool:
        """Whether it has a coordinate of its own."""
        return self.fill_to_ml is None and (self.optional or isinstance(self.amount_mmol, Range))

    def shares_vessel(self, other: "SpaceReagent | Reagent") -> bool:
        """Whether the other may be in the vessel that this one fills."""
        return self.vessel is None or other.vessel in (self.vessel, None)
