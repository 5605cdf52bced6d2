"""What the simulated reactor knows of chemicals: names, what each brings, and the constants of each product.

Parameters only. What they do is in `sim.reactor_kinetics`; where the numbers come from is in ``docs/simulator.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Brings(StrEnum):
    """What a chemical adds to the flask, as far as the kinetics care."""

    METAL_OXIDE = "metal oxide"
    METAL_SALT = "metal salt"
    ANION = "anion"
    SILYL_ANION = "silyl anion"
    PHOSPHINE_ANION = "phosphine anion"
    REACTIVE_PHOSPHINE_ANION = "reactive phosphine anion"
    ACID = "acid"
    PHOSPHONIC_ACID = "phosphonic acid"
    AMINE = "amine"
    PHOSPHINE = "phosphine"
    SOLVENT = "solvent"


@dataclass(frozen=True)
class Substance:
    """``volume_ml_per_mmol`` is the volume that one mmol takes up in a mixture (molar mass over density)."""

    name: str
    brings: Brings
    volume_ml_per_mmol: float
    element: str | None = None
    synonyms: tuple[str, ...] = ()


SUBSTANCES: tuple[Substance, ...] = (
    Substance("cadmium oxide", Brings.METAL_OXIDE, 0.0158, "Cd", ("CdO", "cadmium(II) oxide")),
    Substance(
        "cadmium acetate",
        Brings.METAL_SALT,
        0.0985,
        "Cd",
        ("Cd(OAc)2", "CdAc2", "cadmium acetate dihydrate", "Cd(Ac)2"),
    ),
    Substance("cadmium oleate", Brings.METAL_SALT, 0.70, "Cd", ("Cd(OA)2", "Cd oleate", "Cd-oleate")),
    Substance("cadmium stearate", Brings.METAL_SALT, 0.56, "Cd", ("Cd(SA)2", "Cd stearate")),
    Substance("cadmium myristate", Brings.METAL_SALT, 0.47, "Cd", ("Cd(MA)2", "Cd myristate")),
    Substance("lead oxide", Brings.METAL_OXIDE, 0.0234, "Pb", ("PbO", "lead(II) oxide")),
    Substance(
        "lead acetate", Brings.METAL_SALT, 0.100, "Pb", ("Pb(OAc)2", "lead acetate trihydrate", "lead(II) acetate")
    ),
    Substance("lead oleate", Brings.METAL_SALT, 0.70, "Pb", ("Pb(OA)2", "Pb oleate", "Pb-oleate")),
    Substance("selenium", Brings.ANION, 0.0164, "Se", ("Se", "Se powder", "selenium powder")),
    Substance("sulfur", Brings.ANION, 0.0155, "S", ("S", "sulphur", "S powder", "sulfur powder")),
    Substance(
        "bis(trimethylsilyl) sulfide",
        Brings.SILYL_ANION,
        0.211,
        "S",
        ("TMS", "TMS2S", "(TMS)2S", "bis(trimethylsilyl)sulfide", "hexamethyldisilathiane", "HMDS-S"),
    ),
    Substance(
        "trioctylphosphine selenide", Brings.PHOSPHINE_ANION, 0.48, "Se", ("TOPSe", "TOP-Se", "TOP=Se", "Se-TOP")
    ),
    Substance("trioctylphosphine sulfide", Brings.PHOSPHINE_ANION, 0.46, "S", ("TOPS", "TOP-S", "TOP=S")),
    Substance("oleic acid", Brings.ACID, 0.3156, None, ("OA", "cis-9-octadecenoic acid", "HOA")),
    Substance("stearic acid", Brings.ACID, 0.302, None, ("SA", "octadecanoic acid")),
    Substance("myristic acid", Brings.ACID, 0.265, None, ("MA", "tetradecanoic acid")),
    Substance("lauric acid", Brings.ACID, 0.228, None, ("LA", "dodecanoic acid")),
    Substance("octadecylphosphonic acid", Brings.PHOSPHONIC_ACID, 0.34, None, ("ODPA",)),
    Substance("tetradecylphosphonic acid", Brings.PHOSPHONIC_ACID, 0.28, None, ("TDPA",)),
    Substance("hexylphosphonic acid", Brings.PHOSPHONIC_ACID, 0.15, None, ("HPA",)),
    Substance("oleylamine", Brings.AMINE, 0.329, None, ("OLA", "OAm", "oleyl amine")),
    Substance("hexadecylamine", Brings.AMINE, 0.30, None, ("HDA",)),
    Substance("octadecylamine", Brings.AMINE, 0.313, None, ("ODA", "stearylamine")),
    Substance("dodecylamine", Brings.AMINE, 0.230, None, ("DDA",)),
    Substance("trioctylphosphine", Brings.PHOSPHINE, 0.4461, None, ("TOP", "tri-n-octylphosphine")),
    Substance("tributylphosphine", Brings.PHOSPHINE, 0.2498, None, ("TBP", "tri-n-butylphosphine")),
    Substance("1-octadecene", Brings.SOLVENT, 0.3200, None, ("ODE", "octadecene", "octadec-1-ene")),
    Substance("trioctylphosphine oxide", Brings.SOLVENT, 0.44, None, ("TOPO",)),
    Substance("diphenyl ether", Brings.SOLVENT, 0.159, None, ("phenyl ether", "DPE")),
    Substance("toluene", Brings.SOLVENT, 0.1064),
    Substance("hexane", Brings.SOLVENT, 0.1316, None, ("n-hexane", "hexanes")),
)

# Share of a technical trialkylphosphine that is secondary phosphine, whose chalcogenide is the one that reacts at once
# (Evans, Evans and Krauss, J. Am. Chem. Soc. 2010, 132, 10973).
REACTIVE_SHARE = 0.05

_INERT_VOLUME_ML_PER_MMOL = 0.2


def _key(name: str) -> str:
    return " ".join(name.casefold().split())


_BY_NAME: Mapping[str, Substance] = {
    _key(label): substance for substance in SUBSTANCES for label in (substance.name, *substance.synonyms)
}


def find(name: str) -> Substance | None:
    """The substance of a canonical name or common synonym, whatever its case; ``None`` where it is not known."""
    return _BY_NAME.get(_key(name))


def volume_ml(name: str, amount_mmol: float) -> float:
    """Volume that the amount takes up in the mixture; an unknown chemical is given 0.2 mL/mmol."""
    substance = find(name)
    return amount_mmol * (substance.volume_ml_per_mmol if substance else _INERT_VOLUME_ML_PER_MMOL)


@dataclass(frozen=True)
class Material:
    """The constants of one product. Rates are stated at ``reference_c`` and follow Arrhenius from there.

    ``conversion_per_s`` is the first-order rate at which an anion of each kind turns into monomer with metal in
    excess; ``solubility_mm`` (mmol/L) is that of the flat crystal in 100 mmol/L of free acid;
    ``attachment_nm_per_s_mm`` is the growth rate of a facet per mmol/L of monomer in excess, which falls off from
    a radius of ``crowding_nm``; ``nucleation_per_m3_s`` is
    the prefactor of classical
    nucleation; energies are in kJ/mol, the surface energy in J/m2, the molar volume in m3/mol.
    """

    formula: str
    cation: str
    anion: str
    molar_volume_m3: float
    reference_c: float
    surface_energy: float
    conversion_per_s: Mapping[Brings, float]
    conversion_energy: float
    solubility_mm: float
    solubility_energy: float
    attachment_nm_per_s_mm: float
    attachment_energy: float
    crowding_nm: float
    nucleation_per_m3_s: float
    aggregation_per_s: float
    aggregation_energy: float
    cube_from_nm: float | None = None


MATERIALS: tuple[Material, ...] = (
    Material(
        formula="CdSe",
        cation="Cd",
        anion="Se",
        molar_volume_m3=3.29e-5,
        reference_c=250.0,
        surface_energy=0.165,
        conversion_per_s={
            Brings.REACTIVE_PHOSPHINE_ANION: 4e-2,
            Brings.PHOSPHINE_ANION: 1e-3,
            Brings.ANION: 4e-3,
            Brings.SILYL_ANION: 1.0,
        },
        conversion_energy=110.0,
        solubility_mm=2e-4,
        solubility_energy=75.0,
        attachment_nm_per_s_mm=1.2,
        attachment_energy=50.0,
        crowding_nm=0.75,
        nucleation_per_m3_s=1e31,
        aggregation_per_s=1.7e-3,
        aggregation_energy=130.0,
    ),
    Material(
        formula="CdS",
        cation="Cd",
        anion="S",
        molar_volume_m3=2.99e-5,
        reference_c=250.0,
        surface_energy=0.165,
        conversion_per_s={
            Brings.REACTIVE_PHOSPHINE_ANION: 1e-2,
            Brings.PHOSPHINE_ANION: 5e-4,
            Brings.ANION: 5e-3,
            Brings.SILYL_ANION: 1.0,
        },
        conversion_energy=110.0,
        solubility_mm=2e-4,
        solubility_energy=75.0,
        attachment_nm_per_s_mm=1.4,
        attachment_energy=50.0,
        crowding_nm=0.75,
        nucleation_per_m3_s=1e31,
        aggregation_per_s=1.7e-3,
        aggregation_energy=130.0,
    ),
    Material(
        formula="PbS",
        cation="Pb",
        anion="S",
        molar_volume_m3=3.15e-5,
        reference_c=120.0,
        surface_energy=0.11,
        conversion_per_s={
            Brings.REACTIVE_PHOSPHINE_ANION: 1e-2,
            Brings.PHOSPHINE_ANION: 5e-4,
            Brings.ANION: 3e-3,
            Brings.SILYL_ANION: 5e-2,
        },
        conversion_energy=60.0,
        solubility_mm=4e-4,
        solubility_energy=75.0,
        attachment_nm_per_s_mm=4.0,
        attachment_energy=45.0,
        crowding_nm=1.0,
        nucleation_per_m3_s=1e31,
        aggregation_per_s=1e-3,
        aggregation_energy=90.0,
        cube_from_nm=9.0,
    ),
    Material(
        formula="PbSe",
        cation="Pb",
        anion="Se",
        molar_volume_m3=3.53e-5,
        reference_c=150.0,
        surface_energy=0.11,
        conversion_per_s={
            Brings.REACTIVE_PHOSPHINE_ANION: 5e-2,
            Brings.PHOSPHINE_ANION: 1.5e-3,
            Brings.ANION: 2e-3,
            Brings.SILYL_ANION: 5e-2,
        },
        conversion_energy=65.0,
        solubility_mm=4e-4,
        solubility_energy=75.0,
        attachment_nm_per_s_mm=4.0,
        attachment_energy=45.0,
        crowding_nm=1.0,
        nucleation_per_m3_s=1e31,
        aggregation_per_s=1e-3,
        aggregation_energy=90.0,
        cube_from_nm=10.0,
    ),
)

_BY_IONS: Mapping[tuple[str, str], Material] = {(m.cation, m.anion): m for m in MATERIALS}
_BY_FORMULA: Mapping[str, Material] = {m.formula: m for m in MATERIALS}


def material(cation: str, anion: str) -> Material | None:
    """What the two ions make; ``None`` where the simulator has no constants for it."""
    return _BY_IONS.get((cation, anion))


def material_of(formula: str) -> Material | None:
    return _BY_FORMULA.get(formula)
