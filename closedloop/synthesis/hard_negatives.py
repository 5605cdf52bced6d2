"""Recipes that look real and cannot work, made from recipes that did: what a success model must learn to tell apart.

Each kind of failure has several variants (`spoiling`); docs/hard-negatives.md says what a chemist would object to in
each. A recipe that a kind cannot be applied to is skipped.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from closedloop.recipes import Recipe, Role
from closedloop.synthesis.functions import key_elements
from closedloop.synthesis.spoiling import (
    Case,
    Variant,
    agents_removed,
    all_overheated,
    anion_precursors_removed,
    anion_sources_removed,
    cations_removed,
    element_removed,
    ligands_diluted,
    ligands_removed,
    precursor_exchanged,
    product_exchanged,
    reaction_overheated,
    reductants_removed,
    roles_rotated,
    salts_exchanged,
    solvent_exchanged,
    swap,
    totals_swapped,
)


class Kind(StrEnum):
    """What is wrong with the recipe."""

    MISSING_ELEMENT = "missing element"
    OVERHEATED = "overheated"
    NO_LIGAND = "no ligand"
    NO_REDUCTANT = "no reducing agent"
    NO_ANION_SOURCE = "no anion source"
    SWAPPED_AMOUNTS = "swapped amounts"


KINDS = tuple(Kind)


@dataclass(frozen=True)
class HardNegative:
    """A recipe made to fail; ``origin`` is the place of the recipe that it was made from."""

    recipe: Recipe
    kind: Kind
    variant: str
    origin: int


VARIANTS: Mapping[Kind, Mapping[str, Variant]] = {
    Kind.MISSING_ELEMENT: {
        "element removed": element_removed,
        "cations removed": cations_removed,
        "precursor exchanged": precursor_exchanged,
        "product exchanged": product_exchanged,
    },
    Kind.OVERHEATED: {
        "reaction overheated": reaction_overheated,
        "all overheated": all_overheated,
        "solvent exchanged": solvent_exchanged,
    },
    Kind.NO_LIGAND: {"ligands removed": ligands_removed, "ligands diluted": ligands_diluted},
    Kind.NO_REDUCTANT: {"agents removed": agents_removed, "reductants removed": reductants_removed},
    Kind.NO_ANION_SOURCE: {
        "anion precursors removed": anion_precursors_removed,
        "anion sources removed": anion_sources_removed,
        "salts exchanged": salts_exchanged,
    },
    Kind.SWAPPED_AMOUNTS: {
        "ligand and cation swapped": swap(Role.LIGAND, Role.CATION_PRECURSOR),
        "ligand and anion swapped": swap(Role.LIGAND, Role.ANION_PRECURSOR),
        "solvent and cation swapped": swap(Role.SOLVENT, Role.CATION_PRECURSOR),
        "cation and anion swapped": swap(Role.CATION_PRECURSOR, Role.ANION_PRECURSOR),
        "totals swapped": totals_swapped,
        "roles rotated": roles_rotated,
    },
}


def make(
    recipes: Sequence[Recipe],
    *,
    kinds: Collection[Kind] = KINDS,
    seed: int = 0,
    each: int = 1,
    leave_out: Collection[str] = (),
) -> list[HardNegative]:
    """Up to ``each`` hard negatives of each kind for each recipe, by variants drawn without repetition.

    ``leave_out`` names variants not to use. The same seed and list give the same negatives. What is drawn for a recipe
    depends on its place: another one before it changes it, one behind it only the variant "product exchanged", which
    borrows its products from the list.
    """
    products = tuple(dict.fromkeys(recipe.product for recipe in recipes))
    made = []
    for place, recipe in enumerate(recipes):
        reagents = tuple(reagent for reagent in recipe.reagents if reagent.amount_mmol != 0)
        if not reagents or not key_elements(recipe.product):
            continue
        for number, kind in enumerate(KINDS):
            if kind not in kinds:
                continue
            case = Case(recipe, reagents, products, np.random.default_rng([seed, number, place]))
            names = [name for name in VARIANTS[kind] if name not in leave_out]
            wanted = each
            for choice in case.rng.permutation(len(names)):
                spoilt = VARIANTS[kind][names[choice]](case) if wanted else None
                if spoilt is not None:
                    made.append(HardNegative(spoilt, kind, names[choice], place))
                    wanted -= 1
    return made
