"""The columns of a user's own table: their names, their units, and what their numbers may be.

Leaves reading the cells to `tables`, and what one cell says beside another to `contradictions`.
"""

import unicodedata

from closedloop.recipes.bounds import MOST_OF_CONDITIONS
from closedloop.recipes.fields import ABSOLUTE_ZERO_C

CONDITIONS = (
    "injection_temperature_c",
    "reaction_temperature_c",
    "heating_rate_c_per_min",
    "reaction_time_min",
)
OBSERVABLES = ("absorbance_peak_nm", "photoluminescence_peak_nm", "first_exciton_nm")
COLUMNS = (
    "id",
    "source",
    "product",
    "reagents",
    *CONDITIONS,
    "size_nm",
    "size_std_nm",
    "size_error_nm",
    "particle_count",
    "shape",
    "success",
    "failure_cause",
    "method",
    *OBSERVABLES,
)
REQUIRED = ("product", "reagents")
NUMBERS = (*CONDITIONS, "size_nm", "size_std_nm", "size_error_nm", "particle_count", *OBSERVABLES)
LEAST = dict.fromkeys(NUMBERS, 0.0) | dict.fromkeys(CONDITIONS[:2], ABSOLUTE_ZERO_C)
# Beyond anything that a microscope can see, as the bounds of amounts and conditions are beyond any flask.
MOST = {
    **MOST_OF_CONDITIONS,
    **dict.fromkeys(("size_nm", "size_std_nm", "size_error_nm"), 1e4),
    "particle_count": 1e9,
    **dict.fromkeys(OBSERVABLES, 1e5),
}
_UNITS = {"c": "°C", "min": "min", "nm": "nm", "count": "particles"}
POSITIVE = ("size_nm", *OBSERVABLES)


# Signs that make another column of one, where others are brackets, marks, arrows and the like.
_MEANT = frozenset("%‰±∓+<>≤≥≈×÷√∑∆∂")


def column_name(written: str) -> str:
    """A header cell in the form of `COLUMNS`: "Reaction temperature (°C)" -> "reaction_temperature_c".

    Letters of any alphabet stay, and signs with a meaning: "size σ (nm)" -> "size_σ_nm".
    """
    # The masculine ordinal is typed for a degree sign, and would become the letter o.
    text = unicodedata.normalize("NFKC", written.replace("º", " ")).casefold().replace("/", " per ")
    return "_".join("".join(sign if sign.isalnum() or sign in _MEANT else " " for sign in text).split())


def unit_of(column: str) -> str:
    return "°C/min" if column.endswith("_c_per_min") else _UNITS[column.rpartition("_")[2]]
