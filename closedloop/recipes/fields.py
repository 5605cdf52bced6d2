"""Number types with units and limits, shared by the models of this room; how numbers are held to a limit, digits."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

ABSOLUTE_ZERO_C = -273.15


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is no number (YAML reads yes, no, on and off so); write one")
    return value


# To pydantic and Python true is 1: a campaign that said "size_nm: yes" asked for 1 nm.
_NUMBER = BeforeValidator(_no_truth)

Whole = Annotated[int, _NUMBER]
Finite = Annotated[float, Field(allow_inf_nan=False), _NUMBER]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), _NUMBER]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), _NUMBER]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), _NUMBER]
TemperatureC = Annotated[float, Field(ge=ABSOLUTE_ZERO_C, allow_inf_nan=False), _NUMBER]


# So much of a number is rounding: 4.0 - 0.2 is a little less than 3.8.
ROUNDING = 1e-9


def exceeds(value: float, limit: float) -> bool:
    """Whether the value lies above the limit by more than rounding; a value at the limit does not."""
    return value > limit and not math.isclose(value, limit, rel_tol=ROUNDING)


_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹", 2 * "0123456789")


def plain_digits(text: str) -> str:
    """The text with ordinary digits for subscripts and superscripts: ``CsPbBr₃`` -> ``CsPbBr3``."""
    return text.translate(_DIGITS)


class ReadOnly(Mapping[Any, Any]):
    """A mapping that cannot be changed; hashable, and unlike ``MappingProxyType`` it can be copied and pickled."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[Any, Any]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: Any) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


# Put last in an ``Annotated[Mapping[K, V], *READ_ONLY]``: a mapping that a frozen model can safely hand out.
READ_ONLY = (AfterValidator(ReadOnly), PlainSerializer(dict))


class Frozen(BaseModel):
    """Base of every value here: immutable, and an unknown field is an error rather than a silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
