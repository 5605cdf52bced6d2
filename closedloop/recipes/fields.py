"""Number types with units and limits, shared by the models of this room."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, WrapValidator

ABSOLUTE_ZERO_C = -273.15

Finite = Annotated[float, Field(allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
TemperatureC = Annotated[float, Field(ge=ABSOLUTE_ZERO_C, allow_inf_nan=False)]


def _unwrap(value: Any, handler: Any) -> Any:
    return handler(dict(value) if isinstance(value, MappingProxyType) else value)


def _freeze(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(dict(value))


# Put last in an ``Annotated[Mapping[K, V], *READ_ONLY]``: a mapping that a frozen model can safely hand out.
READ_ONLY = (WrapValidator(_unwrap), AfterValidator(_freeze), PlainSerializer(dict))


class Frozen(BaseModel):
    """Base of every value here: immutable, and an unknown field is an error rather than a silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
