"""What a chemical can do in a flask: which elements it brings, what binds to a surface, what reduces, where it boils.

Knowledge only, one `Chemical` per name, worked out once from the registry's formula, structure and role. Leaves the
judgement of a whole recipe to `success_features` and `hard_negatives`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from closedloop.chemistry import InvalidFormula, Substance, UnknownChemical, composition, resolve
from closedloop.chemistry.formula import atomic_masses
from closedloop.recipes import Reagent, Role

if TYPE_CHECKING:
    from rdkit.Chem import Mol


def symbols_of(text: str) -> frozenset[str]:
    """The words of the text, so that lists of elements stay readable."""
    return frozenset(text.split())


NONMETALS = symbols_of("H C N O F P S Cl Se Br I Te As Si B He Ne Ar Kr Xe")
# Elements that a product takes as its anion; oxygen is apart, for the air and most reagents can bring it.
ANIONS = symbols_of("N P As S Se Te F Cl Br I")
# Elements whose source cannot be told: nearly every reagent holds hydrogen and carbon, and air brings oxygen.
UBIQUITOUS = symbols_of("H C O")
# Metals that come along as counter-ions and do not grow into the product by themselves.
SPECTATORS = symbols_of("Li Na K Ca Mg Al")
# Standard potentials M(n+)/M in V against the hydrogen electrode (CRC Handbook of Chemistry and Physics, 97th ed.),
# of the ion that syntheses start from; what is not listed is hard to reduce and counts as -2.
POTENTIALS_V: Mapping[str, float] = {
    "Au": 1.50, "Pt": 1.18, "Ir": 1.16, "Pd": 0.95, "Hg": 0.85, "Ag": 0.80, "Rh": 0.76, "Ru": 0.46, "Cu": 0.34,
    "Re": 0.30, "Bi": 0.31, "Sb": 0.15, "Pb": -0.13, "Sn": -0.14, "Ni": -0.26, "Co": -0.28, "In": -0.34, "Tl": -0.34,
    "Cd": -0.40, "Fe": -0.45, "Ga": -0.55, "Cr": -0.74, "Zn": -0.76, "Ge": 0.10, "Mn": -1.19,
}  # fmt: skip
LEAST_POTENTIAL_V = -2.0

# Functional groups as SMARTS; a substance has the group where its structure matches.
GROUPS: Mapping[str, str] = {
    "acid": "[CX3](=O)[OX2H1]",
    "carboxylate": "[CX3](=O)[O-]",
    "primary amine": "[NX3;H2;!$(NC=[O,S,N])][#6]",
    "other amine": "[$([NX3;H1;!$(NC=[O,S,N])]([#6])[#6]),$([NX3;H0;!$(NC=[O,S,N])]([CX4])([CX4])[CX4]),$([nX2])]",
    "quaternary": "[NX4+;!$([NH4])]",
    "phosphine": "[PX3;!$(P[N,O,Si])][#6]",
    "phosphine oxide": "[PX4](=O)([#6])([#6])[#6]",
    "phosphonic acid": "[PX4](=O)[OX2H1]",
    "reactive phosphorus": "[PX3]([N,O,Si])",
    "thiol": "[SX2H1][#6]",
    "thio compound": "[$(C(=S)[N,C,S]),$([SX2]([#6])[#6]),$([S,Se,Te]([Si])),$([Se]~[#6])]",
    "alcohol": "[CX4][OX2H1]",
    "diol": "[OX2H1][CX4][CX4][OX2H1,OX2]",
    "aldehyde": "[CX3H1](=O)[#6]",
    "hydrazine": "[NX3;!$(N=*)][NX3;H2,H1]",
    "acyl or silyl halide": "[C,Si]([F,Cl,Br,I])",
    "ether": "[#6;!$(C=O)][OX2][#6;!$(C=O)]",
}
GROUP_NAMES = tuple(GROUPS)
_SURFACE = ("acid", "primary amine", "other amine", "quaternary", "phosphine", "phosphine oxide", "phosphonic acid",
            "thiol")  # fmt: skip
_MILD_REDUCTANTS = ("primary amine", "phosphine", "diol", "aldehyde", "thiol", "alcohol")
_SYMBOL = re.compile(r"[A-Z][a-z]?")


@dataclass(frozen=True)
class Chemical:
    """One chemical. ``elements`` are counts per formula unit, empty where the name says nothing.

    ``hinted`` are the element symbols that an unresolved name carries: it *may* bring them. ``role`` is the usual one,
    inferred from the structure where the registry has none. ``surface`` binds to a crystal; ``reducing``: 2 is a
    reducing agent by trade, 1 reduces when hot (amines, polyols, phosphines), 0 does not. Molar volume in mL/mmol.
    """

    name: str
    known: bool
    elements: Mapping[str, float] = field(default_factory=dict)
    hinted: frozenset[str] = frozenset()
    role: Role | None = None
    groups: frozenset[str] = frozenset()
    boiling_point_c: float | None = None
    molar_volume_ml: float | None = None
    surface: bool = False
    reducing: int = 0

    @property
    def metals(self) -> frozenset[str]:
        return frozenset(self.elements) - NONMETALS

    def brings(self, element: str) -> bool:
        return element in self.elements or element in self.hinted


@lru_cache(maxsize=20_000)
def chemical(name: str) -> Chemical:
    """What is known of the chemical of this name; nothing is known of a name that is no formula either."""
    try:
        return _from_registry(resolve(name))
    except UnknownChemical:
        pass
    try:
        elements = dict(composition(name))
    except InvalidFormula:
        symbols = frozenset(atomic_masses())
        found = {symbol if symbol in symbols else symbol[0] for symbol in _SYMBOL.findall(name)}
        return Chemical(name, known=False, hinted=frozenset(found & symbols) - UBIQUITOUS)
    made_of = frozenset(elements)
    return Chemical(
        name, True, elements, role=_inferred_role(made_of, frozenset()), reducing=_reducing(made_of, None, ())
    )


def _from_registry(substance: Substance) -> Chemical:
    elements = dict(composition(substance.formula))
    groups = functional_groups(substance.smiles) if substance.smiles else frozenset()
    made_of = frozenset(elements)
    role = substance.role or _inferred_role(made_of, groups)
    density = substance.density_g_per_ml
    # A precursor with a carboxylate or a phosphine inside does not count as a ligand: it is there for its metal.
    salt = bool(made_of - NONMETALS - SPECTATORS)
    surface = not salt and (role is Role.LIGAND or bool(groups & set(_SURFACE)))
    return Chemical(
        substance.name,
        True,
        elements,
        frozenset(),
        role,
        groups,
        substance.boiling_point_c,
        substance.molar_mass_g_per_mol / density / 1000 if density else None,
        surface,
        _reducing(made_of, role, groups),
    )


def functional_groups(smiles: str) -> frozenset[str]:
    """The names of `GROUPS` that the structure (a SMILES of the registry, so one that can be read) contains."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    return frozenset(name for name, pattern in _patterns().items() if molecule.HasSubstructMatch(pattern))


@cache
def _patterns() -> Mapping[str, "Mol"]:
    from rdkit import Chem

    return {name: Chem.MolFromSmarts(smarts) for name, smarts in GROUPS.items()}


def _inferred_role(elements: frozenset[str], groups: frozenset[str]) -> Role | None:
    if elements - NONMETALS - SPECTATORS:
        return Role.CATION_PRECURSOR
    if elements & {"S", "Se", "Te"} and "thiol" not in groups:
        return Role.ANION_PRECURSOR
    return Role.LIGAND if groups & set(_SURFACE) else None


def _reducing(elements: frozenset[str], role: Role | None, groups: frozenset[str] | tuple[()]) -> int:
    hydride = bool(elements & {"B", "Al"}) and "H" in elements and not elements & {"O", "F", "Cl", "Br", "I"}
    if role is Role.REDUCING_AGENT or hydride or "hydrazine" in groups:
        return 2
    return 1 if set(groups) & set(_MILD_REDUCTANTS) else 0


def role_of(reagent: Reagent) -> Role | None:
    """The stated role, else the usual one."""
    return reagent.role or chemical(reagent.name).role


@lru_cache(maxsize=20_000)
def product_elements(product: str) -> Mapping[str, float]:
    """Element -> count per formula unit; empty where the product's name is no formula."""
    try:
        return dict(composition(product))
    except InvalidFormula:
        return {}


def key_elements(product: str) -> tuple[str, ...]:
    """The product's elements that some reagent must bring: all but hydrogen, carbon and oxygen."""
    return tuple(element for element in product_elements(product) if element not in UBIQUITOUS)


def is_metal(product: str) -> bool:
    """Whether the product is a metal or an alloy."""
    elements = product_elements(product)
    return bool(elements) and not set(elements) & NONMETALS
