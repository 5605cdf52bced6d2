"""One chemical: what it is called, what it is made of, and how it is weighed and measured."""

from pydantic import Field

from closedloop.recipes import Role
from closedloop.recipes.fields import Finite, Frozen, Positive


class Substance(Frozen):
    """A chemical of the registry; ``None`` is unknown.

    ``nominal`` marks a mixture or polymer (liquid paraffin, polyvinylpyrrolidone): its formula and molar mass are a
    convention that turns a mass into an amount and back, not a claim about the molecule. Density is that of the liquid
    (or of the solid, where the melting point is above room temperature) near 20 °C, boiling point at 1 atm.
    ``structure_source`` says what formula and SMILES rest on, ``source`` where the bulk properties can be looked up.
    """

    name: str
    formula: str
    smiles: str | None = None
    molar_mass_g_per_mol: Positive
    density_g_per_ml: Positive | None = None
    melting_point_c: Finite | None = None
    boiling_point_c: Finite | None = None
    role: Role | None = None
    nominal: bool = False
    synonyms: tuple[str, ...] = Field(default=())
    structure_source: str | None = None
    source: str | None = None
