"""How much room a chemical takes, so that a solvent can fill a flask and a flask does not overflow."""

from closedloop.chemistry import UnknownChemical, resolve

# Where no density is known: about that of the organic chemicals that most of a flask consists of.
_USUAL_DENSITY_G_PER_ML = 1.0


def ml_per_mmol(name: str) -> float:
    """Volumes are taken to add up; a chemical of unknown density counts as 1 g/mL, one that is not known not at all."""
    try:
        substance = resolve(name)
    except UnknownChemical:
        return 0.0
    return substance.molar_mass_g_per_mol / 1000.0 / (substance.density_g_per_ml or _USUAL_DENSITY_G_PER_ML)


def has_density(name: str) -> bool:
    try:
        return resolve(name).density_g_per_ml is not None
    except UnknownChemical:
        return False
