"""A value of the search space: a number, or a range to search. Knows nothing of what it is a value of."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Tag, model_validator

from closedloop.propose.errors import EmptySpaceError
from closedloop.recipes.fields import Finite, Frozen


class Range(Frozen):
    """Values from ``low`` to ``high``, also written ``[low, high]``; no ``scale`` means log for times, else linear."""

    low: Finite
    high: Finite
    scale: Literal["linear", "log"] | None = None

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"the range [{self.low:g}, {self.high:g}] must rise; write one number for a fixed value")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"a log scale cannot start at {self.low:g}; start above zero or leave the scale out")
        return self


def _read_quantity(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise ValueError(f"a range is [low, high], not a list of {len(value)} values")
        return {"low": value[0], "high": value[1]}
    return value


def _kind(value: Any) -> str:
    return "range" if isinstance(value, (dict, Range)) else "value"


# Told apart by what was written, so that a wrong range is one fault and not two.
Quantity = Annotated[
    Annotated[Finite, Tag("value")] | Annotated[Range, Tag("range")],
    Discriminator(_kind),
    BeforeValidator(_read_quantity),
]


def low_of(quantity: float | Range) -> float:
    return quantity.low if isinstance(quantity, Range) else quantity


def high_of(quantity: float | Range) -> float:
    return quantity.high if isinstance(quantity, Range) else quantity


def cut(label: str, quantity: float | Range, low: float | None, high: float | None, what: str) -> float | Range:
    """The quantity within [low, high]; a range of which one value is left becomes that value."""
    first, last = (quantity.low, quantity.high) if isinstance(quantity, Range) else (quantity, quantity)
    new_first = first if low is None else max(first, low)
    new_last = last if high is None else min(last, high)
    if new_first > new_last:
        written = f"{first:g}" if first == last else f"{first:g} to {last:g}"
        raise EmptySpaceError(
            f"{what} leaves no room for the {label} of the search space ({written}); change one of them"
        )
    if not isinstance(quantity, Range) or new_first == new_last:
        return new_first
    return Range(low=new_first, high=new_last, scale=quantity.scale)
