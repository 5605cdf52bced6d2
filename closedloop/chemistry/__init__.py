"""A name on a bottle -> a substance -> what a model can learn from it."""

from closedloop.chemistry.errors import InvalidFormula, UnknownChemical
from closedloop.chemistry.formula import molar_mass_g_per_mol
from closedloop.chemistry.registry import composition, known_names, resolve
from closedloop.chemistry.substance import Substance

__all__ = [
    "InvalidFormula",
    "Substance",
    "UnknownChemical",
    "composition",
    "known_names",
    "molar_mass_g_per_mol",
    "resolve",
]
