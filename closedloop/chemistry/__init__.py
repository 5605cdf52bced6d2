"""A name on a bottle -> a substance -> what a model can learn from it."""

from closedloop.chemistry.errors import (
    AmbiguousChemical,
    DrawingError,
    InvalidFormula,
    InvalidVectors,
    UnknownChemical,
)
from closedloop.chemistry.formula import molar_mass_g_per_mol, phase_of
from closedloop.chemistry.limits import canonical_limits, limits_broken
from closedloop.chemistry.registry import (
    canonical_name,
    chemical_key,
    composition,
    known_names,
    resolve,
    substances,
    usual_role,
)
from closedloop.chemistry.substance import Substance

__all__ = [
    "AmbiguousChemical",
    "DrawingError",
    "InvalidFormula",
    "InvalidVectors",
    "Substance",
    "UnknownChemical",
    "canonical_limits",
    "canonical_name",
    "chemical_key",
    "composition",
    "known_names",
    "limits_broken",
    "molar_mass_g_per_mol",
    "phase_of",
    "resolve",
    "substances",
    "usual_role",
]
