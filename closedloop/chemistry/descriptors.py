"""A substance or a product as numbers that a model can learn from.

Molecules go through the graph encoder (`encoder`), everything goes by its composition (element fractions, and the
statistics of periodic-table properties over them), and bulk properties follow with a flag each for "unknown". A name
that the registry does not know has no vector: the caller is told so and must say "unknown", never zero.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from closedloop.chemistry.errors import InvalidFormula, UnknownChemical
from closedloop.chemistry.formula import atomic_masses, phase_of
from closedloop.chemistry.registry import composition, resolve
from closedloop.chemistry.substance import Substance
from closedloop.chemistry.vectors import GRAPH_SIZE, VectorTable

__all__ = [
    "COMPOSITION_SIZE",
    "GRAPH_SIZE",
    "SUBSTANCE_SIZE",
    "Descriptor",
    "VectorTable",
    "composition_vector",
    "describe_product",
    "describe_substance",
    "phase_of",
]

# Pauling electronegativities (CRC Handbook of Chemistry and Physics, 97th ed.), which RDKit's periodic table lacks;
# noble gases without a value are left out and count as unknown.
# fmt: off
_ELECTRONEGATIVITY = {
    "H": 2.20, "Li": 0.98, "Be": 1.57, "B": 2.04, "C": 2.55, "N": 3.04, "O": 3.44, "F": 3.98, "Na": 0.93,
    "Mg": 1.31, "Al": 1.61, "Si": 1.90, "P": 2.19, "S": 2.58, "Cl": 3.16, "K": 0.82, "Ca": 1.00, "Sc": 1.36,
    "Ti": 1.54, "V": 1.63, "Cr": 1.66, "Mn": 1.55, "Fe": 1.83, "Co": 1.88, "Ni": 1.91, "Cu": 1.90, "Zn": 1.65,
    "Ga": 1.81, "Ge": 2.01, "As": 2.18, "Se": 2.55, "Br": 2.96, "Rb": 0.82, "Sr": 0.95, "Y": 1.22, "Zr": 1.33,
    "Nb": 1.6, "Mo": 2.16, "Tc": 2.10, "Ru": 2.2, "Rh": 2.28, "Pd": 2.20, "Ag": 1.93, "Cd": 1.69, "In": 1.78,
    "Sn": 1.96, "Sb": 2.05, "Te": 2.1, "I": 2.66, "Xe": 2.60, "Cs": 0.79, "Ba": 0.89, "La": 1.10, "Ce": 1.12,
    "Pr": 1.13, "Nd": 1.14, "Sm": 1.17, "Gd": 1.20, "Dy": 1.22, "Ho": 1.23, "Er": 1.24, "Tm": 1.25, "Lu": 1.0,
    "Hf": 1.3, "Ta": 1.5, "W": 1.7, "Re": 1.9, "Os": 2.2, "Ir": 2.2, "Pt": 2.2, "Au": 2.4, "Hg": 1.9, "Tl": 1.8,
    "Pb": 1.8, "Bi": 1.9, "Th": 1.3, "U": 1.7,
}
# fmt: on
ELEMENTS = tuple(atomic_masses())
_BULK = ("molar_mass_g_per_mol", "density_g_per_ml", "melting_point_c", "boiling_point_c")
# Centre and scale of the bulk properties (the logarithm of the molar mass), so that each is of order one.
_BULK_SCALE = ((5.3, 0.6), (1.5, 1.5), (100.0, 250.0), (300.0, 150.0))
_PROPERTIES = 6

COMPOSITION_SIZE = len(ELEMENTS) + 2 * _PROPERTIES
SUBSTANCE_SIZE = 1 + GRAPH_SIZE + COMPOSITION_SIZE + 2 * len(_BULK)


@dataclass(frozen=True, eq=False)
class Descriptor:
    """``vector`` is (SUBSTANCE_SIZE,) or (COMPOSITION_SIZE,) float32; where ``known`` is false it holds zeros only."""

    vector: np.ndarray
    known: bool


@lru_cache(maxsize=20_000)
def describe_substance(name: str, table: VectorTable | None = None) -> Descriptor:
    """The chemical of this name: [is a molecule, graph vector, composition, bulk properties, whether each is known].

    With a ``table`` of the user's own vectors, its vector stands in place of the graph vector, and the leading 1 says
    that there is one. A chemical that is not in the table has zeros there: the encoder's numbers mean something else.
    A name that only the table knows is known by its vector, its composition (where it is a formula), and nothing else.
    """
    own = table.find(name) if table is not None else None
    try:
        substance = resolve(name)
    except UnknownChemical:
        if own is None:
            return Descriptor(_frozen(np.zeros(SUBSTANCE_SIZE)), known=False)
        parts = [np.ones(1), own, describe_product(name).vector, np.zeros(2 * len(_BULK))]
        return Descriptor(_frozen(np.concatenate(parts)), known=True)
    if table is None:
        molecule = _graph_vector(substance)
    else:
        molecule = np.zeros(1 + GRAPH_SIZE) if own is None else np.concatenate([[1.0], own])
    vector = np.concatenate([molecule, composition_vector(composition(substance.formula)), _bulk(substance)])
    return Descriptor(_frozen(vector), known=True)


@lru_cache(maxsize=20_000)
def describe_product(name: str) -> Descriptor:
    """The product of this name, by its composition; a name that is no formula is unknown."""
    try:
        return Descriptor(_frozen(composition_vector(composition(name))), known=True)
    except InvalidFormula:
        return Descriptor(_frozen(np.zeros(COMPOSITION_SIZE)), known=False)


def composition_vector(counts: Mapping[str, float]) -> np.ndarray:
    """(COMPOSITION_SIZE,): element fractions, then mean and range of the properties over the elements present."""
    total = sum(counts.values())
    fractions = np.zeros(len(ELEMENTS), dtype=np.float32)
    for symbol, count in counts.items():
        fractions[ELEMENTS.index(symbol)] = count / total
    table = np.array([_element_properties(symbol) for symbol in counts])
    mean = np.array([count / total for count in counts.values()]) @ table
    return np.concatenate([fractions, mean, np.ptp(table, axis=0)]).astype(np.float32)


@cache
def _element_properties(symbol: str) -> tuple[float, ...]:
    """Atomic number, mass, covalent and van der Waals radius (Å), outer electrons, electronegativity; of order one."""
    from rdkit.Chem import GetPeriodicTable

    table = GetPeriodicTable()
    return (
        table.GetAtomicNumber(symbol) / 50,
        table.GetAtomicWeight(symbol) / 100,
        table.GetRcovalent(symbol),
        table.GetRvdw(symbol) / 2,
        table.GetNOuterElecs(symbol) / 6,
        _ELECTRONEGATIVITY.get(symbol, 2.0) / 2,
    )


def atoms_per_formula(vectors: np.ndarray) -> np.ndarray:
    """Substance vectors (u, SUBSTANCE_SIZE) -> atoms of each of `ELEMENTS` in a formula unit, (u, elements).

    From the element fractions and the molar mass, so that a stored vector tells it too; zeros for an unknown substance.
    """
    start = 1 + GRAPH_SIZE
    fractions = vectors[:, start : start + len(ELEMENTS)].astype(float)
    mean_mass = fractions @ np.array(list(atomic_masses().values()))
    centre, scale = _BULK_SCALE[0]
    mass = np.exp(centre + scale * vectors[:, start + COMPOSITION_SIZE].astype(float))
    atoms = np.where(mean_mass > 0, mass / np.maximum(mean_mass, 1e-9), 0.0)
    return fractions * atoms[:, None]


def _graph_vector(substance: Substance) -> np.ndarray:
    """[1, vector] for what contains carbon and has a structure; zeros and a leading 0 for inorganic substances."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():  # RDKit remarks on every lone hydrogen
        molecule = Chem.MolFromSmiles(substance.smiles) if substance.smiles else None
    if molecule is None or not any(atom.GetSymbol() == "C" for atom in molecule.GetAtoms()):
        return np.zeros(1 + GRAPH_SIZE, dtype=np.float32)
    from closedloop.chemistry.encoder import load_encoder

    return np.concatenate([[1.0], load_encoder().encode([Chem.MolToSmiles(molecule)])[0]])


def _bulk(substance: Substance) -> np.ndarray:
    values = [getattr(substance, name) for name in _BULK]
    values[0] = math.log(values[0])
    scaled = [
        0.0 if value is None else (value - centre) / scale
        for value, (centre, scale) in zip(values, _BULK_SCALE, strict=True)
    ]
    return np.array([*scaled, *(value is not None for value in values)], dtype=np.float32)


def _frozen(vector: np.ndarray) -> np.ndarray:
    vector = vector.astype(np.float32)
    vector.setflags(write=False)
    return vector
