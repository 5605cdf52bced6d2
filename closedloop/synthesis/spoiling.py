"""One recipe that worked -> one that cannot: each variant of each kind of failure as a small function of one recipe.

docs/hard-negatives.md says what a chemist would object to in each. A variant that cannot be applied to the recipe
answers ``None``, and never bends the recipe to fit. `hard_negatives` says which variants make which kind.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from closedloop.chemistry import known_names
from closedloop.recipes import Reagent, Recipe, Role
from closedloop.synthesis.functions import (
    ANIONS,
    SPECTATORS,
    Chemical,
    chemical,
    is_metal,
    key_elements,
    role_of,
    symbols_of,
)

# Degrees above the boiling point, and the factor between two amounts, from which on we call it wrong.
LEAST_OVERHEATING_C, MOST_OVERHEATING_C = 5.0, 120.0
LEAST_SWAP_RATIO = 3.0
# A solvent counts as one that boils if it makes up this share (by amount) of the solvents.
LEAST_SOLVENT_SHARE = 0.3
# Metals whose phosphides grow from phosphines; with all others a phosphine or a phosphonic acid is only a ligand.
PHOSPHINES_FEED = symbols_of("Ti V Cr Mn Fe Co Ni Cu Mo W Ru Rh Pd Ag Ir Pt Au")
_PHOSPHORUS_LIGANDS = frozenset({"phosphine", "phosphine oxide", "phosphonic acid"})
_ATTEMPTS = 8


@dataclass(frozen=True)
class Case:
    """One recipe to be spoilt, the products that others may lend, and its own source of chance."""

    recipe: Recipe
    reagents: tuple[Reagent, ...]
    products: Sequence[str]
    rng: np.random.Generator

    @property
    def chemicals(self) -> list[Chemical]:
        return [chemical(reagent.name) for reagent in self.reagents]

    def pick(self, choices: Sequence[str]) -> str:
        return choices[int(self.rng.integers(len(choices)))]

    def without(self, dropped: Callable[[Reagent], bool]) -> Recipe | None:
        """The recipe less some reagents; ``None`` where that takes none, or all of them."""
        kept = [reagent for reagent in self.reagents if not dropped(reagent)]
        return self.having(kept) if 0 < len(kept) < len(self.reagents) else None

    def having(self, reagents: Iterable[Reagent]) -> Recipe:
        return self.recipe.model_copy(update={"reagents": tuple(reagents)})


Variant = Callable[[Case], Recipe | None]


def element_removed(case: Case) -> Recipe | None:
    """Everything that brings one of the product's elements is left out."""
    brought = _brought(case)
    if not brought:
        return None
    element = case.pick(brought)
    return case.without(lambda reagent: chemical(reagent.name).brings(element))


def cations_removed(case: Case) -> Recipe | None:
    """Everything that brings one of the product's metals is left out: nothing is there to grow from."""
    metals = set(key_elements(case.recipe.product)) - ANIONS
    if not metals or not all(one.known for one in case.chemicals):
        return None
    return case.without(lambda reagent: bool(metals & set(chemical(reagent.name).elements)))


def precursor_exchanged(case: Case) -> Recipe | None:
    """The precursor of one of the product's elements is another element's, of the same kind: Cd acetate -> Zn acetate.

    What else brings the element (a ligand, a solvent) is left out.
    """
    brought = _brought(case)
    if not brought:
        return None
    element, reagents, exchanged = case.pick(brought), list[Reagent](), False
    names = {reagent.name for reagent in case.reagents}
    for reagent in case.reagents:
        one = chemical(reagent.name)
        if not one.brings(element):
            reagents.append(reagent)
            continue
        others = [name for name in _analogues(one.name, element) if name not in names]
        if others:
            name = case.pick(others)
            names.add(name)
            reagents.append(reagent.model_copy(update={"name": name}))
            exchanged = True
    return case.having(reagents) if exchanged else None


def product_exchanged(case: Case) -> Recipe | None:
    """The recipe as it is, for a product one of whose elements it does not hold."""
    if not all(one.known for one in case.chemicals):
        return None
    held = {element for one in case.chemicals for element in one.elements}
    for _ in range(_ATTEMPTS):
        product = case.pick(case.products)
        if set(key_elements(product)) - held and is_metal(product) == is_metal(case.recipe.product):
            return case.recipe.model_copy(update={"product": product})
    return None


def reaction_overheated(case: Case) -> Recipe | None:
    """The reaction is hotter than the main solvent's boiling point; the injection stays as it was."""
    hot = _too_hot(case)
    return case.recipe.model_copy(update={"reaction_temperature_c": hot}) if hot is not None else None


def all_overheated(case: Case) -> Recipe | None:
    """Injection and reaction are hotter than the main solvent's boiling point."""
    hot = _too_hot(case)
    if hot is None or case.recipe.injection_temperature_c is None:
        return None
    return case.recipe.model_copy(update={"reaction_temperature_c": hot, "injection_temperature_c": hot})


def solvent_exchanged(case: Case) -> Recipe | None:
    """The main solvent is one that boils well below the temperature of the reaction."""
    temperature, solvents = case.recipe.reaction_temperature_c, _solvents(case)
    if temperature is None or not solvents:
        return None
    names = {chemical(reagent.name).name for reagent in case.reagents}
    low = [
        name
        for name in _volatile_solvents()
        if name not in names and (chemical(name).boiling_point_c or 0) < temperature - LEAST_OVERHEATING_C
    ]
    if not low:
        return None
    main, name = solvents[0], case.pick(low)
    old, new = chemical(main.name).molar_volume_ml, chemical(name).molar_volume_ml
    amount = main.amount_mmol
    if amount is not None and old and new:
        amount *= old / new
    exchanged = main.model_copy(update={"name": name, "amount_mmol": amount})
    # Every other solvent goes, or what boils lower would be no more than an additive.
    others = [one for one in case.reagents if one is main or role_of(one) is not Role.SOLVENT]
    return case.having(exchanged if one is main else one for one in others)


def ligands_removed(case: Case) -> Recipe | None:
    """No ligand at all, whether or not it was the solvent too."""
    return case.without(_is_ligand) if _all_known(case) else None


def ligands_diluted(case: Case) -> Recipe | None:
    """Ligands give way to the same volume of the solvent, or of octadecene where there was none."""
    spoilt = case.without(_is_ligand) if _all_known(case) else None
    if spoilt is None:
        return None
    volumes = [
        (one.amount_mmol or 0) * (chemical(one.name).molar_volume_ml or 0) for one in case.reagents if _is_ligand(one)
    ]
    solvents = [one for one in _solvents(case) if not _is_ligand(one)]
    filler = solvents[0] if solvents else Reagent(name="1-octadecene", amount_mmol=0.0)
    molar = chemical(filler.name).molar_volume_ml
    if not molar or filler.amount_mmol is None or sum(volumes) == 0:
        return None
    filled = filler.model_copy(update={"amount_mmol": filler.amount_mmol + sum(volumes) / molar})
    return case.having([*(one for one in spoilt.reagents if one is not filler), filled])


def agents_removed(case: Case) -> Recipe | None:
    """A metal without its reducing agent by trade (borohydride, borane, hydrazine, ascorbic acid)."""
    return _without_reductants(case, 2)


def reductants_removed(case: Case) -> Recipe | None:
    """A metal without anything that reduces: no agent, amine, polyol, phosphine or aldehyde."""
    return _without_reductants(case, 1)


def anion_precursors_removed(case: Case) -> Recipe | None:
    """The anion precursors are left out, and nothing else there feeds the product's anion."""
    anions = set(key_elements(case.recipe.product)) & ANIONS
    if not anions or not _all_known(case):
        return None
    spoilt = case.without(lambda reagent: role_of(reagent) is Role.ANION_PRECURSOR)
    return spoilt if spoilt and not all(_feeds(spoilt, anion) for anion in anions) else None


def anion_sources_removed(case: Case) -> Recipe | None:
    """Everything that brings one of the product's anions is left out, but for a salt of its metals."""
    anions = [element for element in _brought(case) if element in ANIONS]
    if not anions:
        return None
    anion, metals = case.pick(anions), set(key_elements(case.recipe.product)) - ANIONS
    spoilt = case.without(
        lambda reagent: chemical(reagent.name).brings(anion) and not metals & set(chemical(reagent.name).elements)
    )
    return spoilt if spoilt and not _feeds(spoilt, anion) else None


def salts_exchanged(case: Case) -> Recipe | None:
    """The metals' salts bring none of the product's anion: lead bromide -> lead acetate; other sources are left out."""
    anions = [element for element in _brought(case) if element in ANIONS]
    if not anions:
        return None
    anion, metals, reagents, exchanged = case.pick(anions), set(key_elements(case.recipe.product)) - ANIONS, [], False
    names = {reagent.name for reagent in case.reagents}
    for reagent in case.reagents:
        one = chemical(reagent.name)
        own = metals & set(one.elements)
        if not one.brings(anion):
            reagents.append(reagent)
        elif own:
            others = [name for name in _salts(frozenset(own)) if anion not in chemical(name).elements]
            others = [name for name in others if name not in names]
            if not others:
                return None
            name = case.pick(others)
            names.add(name)
            reagents.append(reagent.model_copy(update={"name": name}))
            exchanged = True
    return case.having(reagents) if exchanged else None


def swap(first: Role, second: Role) -> Variant:
    """The main reagents of two roles have each other's amounts, which differ by a factor of 3 at least."""

    def swapped(case: Case) -> Recipe | None:
        one, other = _main(case, first), _main(case, second)
        if one is None or other is None or not _far_apart(one, other):
            return None
        amounts = {id(one): other.amount_mmol, id(other): one.amount_mmol}
        return case.having(
            reagent.model_copy(update={"amount_mmol": amounts.get(id(reagent), reagent.amount_mmol)})
            for reagent in case.reagents
        )

    return swapped


def totals_swapped(case: Case) -> Recipe | None:
    """All ligands together have the amount of all metal precursors together, and the other way round."""
    roles = [role_of(reagent) for reagent in case.reagents]
    amounts = np.array([reagent.amount_mmol or np.nan for reagent in case.reagents])
    ligands = np.array([role is Role.LIGAND for role in roles])
    cations = np.array([role is Role.CATION_PRECURSOR for role in roles])
    ligand, cation = amounts[ligands].sum(), amounts[cations].sum()
    if not (ligand > 0 and cation > 0) or max(ligand / cation, cation / ligand) < LEAST_SWAP_RATIO:
        return None
    factor = np.where(ligands, cation / ligand, np.where(cations, ligand / cation, 1.0))
    return case.having(
        reagent.model_copy(update={"amount_mmol": float(amount * scale) if np.isfinite(amount) else None})
        for reagent, amount, scale in zip(case.reagents, amounts, factor, strict=True)
    )


def roles_rotated(case: Case) -> Recipe | None:
    """The main reagents of all roles pass their amounts on in a circle, so that the metal's is far from what it was."""
    mains = [one for role in Role if (one := _main(case, role)) is not None]
    cation = _main(case, Role.CATION_PRECURSOR)
    if len(mains) < 3 or cation is None:
        return None
    for step in case.rng.permutation(np.arange(1, len(mains))).tolist():
        passed = mains[step:] + mains[:step]
        if _far_apart(cation, passed[mains.index(cation)]):
            amounts = {id(one): other.amount_mmol for one, other in zip(mains, passed, strict=True)}
            return case.having(
                reagent.model_copy(update={"amount_mmol": amounts.get(id(reagent), reagent.amount_mmol)})
                for reagent in case.reagents
            )
    return None


def _all_known(case: Case) -> bool:
    return all(one.known for one in case.chemicals)


def _is_ligand(reagent: Reagent) -> bool:
    role = role_of(reagent)
    return role is Role.LIGAND or (role is None and chemical(reagent.name).surface)


def _brought(case: Case) -> list[str]:
    """The product's elements that known reagents bring, and that no unknown chemical could bring instead."""
    if not _all_known(case):
        return []
    return [e for e in key_elements(case.recipe.product) if any(one.brings(e) for one in case.chemicals)]


def _feeds(recipe: Recipe, anion: str) -> bool:
    """Whether some reagent can give its ``anion`` to the product."""
    takes_phosphines = bool(set(key_elements(recipe.product)) & PHOSPHINES_FEED)
    return any(
        one.brings(anion) and (anion != "P" or takes_phosphines or not one.groups & _PHOSPHORUS_LIGANDS)
        for one in (chemical(reagent.name) for reagent in recipe.reagents)
    )


def _solvents(case: Case) -> list[Reagent]:
    """Solvents whose boiling point is known, the main one first; where none is listed, the ligand there is most of."""
    liquids = [one for one in case.reagents if one.amount_mmol and chemical(one.name).boiling_point_c is not None]
    liquids.sort(key=lambda one: -(one.amount_mmol or 0))
    solvents = [one for one in liquids if role_of(one) is Role.SOLVENT]
    if any(role_of(one) is Role.SOLVENT for one in case.reagents):
        total = sum(one.amount_mmol or 0 for one in case.reagents if role_of(one) is Role.SOLVENT)
        return [one for one in solvents if (one.amount_mmol or 0) >= LEAST_SOLVENT_SHARE * total]
    return [one for one in liquids if _is_ligand(one)][:1]


def _too_hot(case: Case) -> float | None:
    solvents = _solvents(case)
    if not solvents:
        return None
    one = solvents[int(case.rng.integers(len(solvents)))]
    temperature = chemical(one.name).boiling_point_c
    assert temperature is not None  # only such solvents are listed
    # A square, for a little too hot is harder to tell than much too hot.
    share = float(case.rng.uniform()) ** 2
    hot = round(temperature + LEAST_OVERHEATING_C + share * (MOST_OVERHEATING_C - LEAST_OVERHEATING_C), 1)
    return hot if hot > (case.recipe.reaction_temperature_c or 0.0) else None


def _without_reductants(case: Case, strength: int) -> Recipe | None:
    """Only for metals; a carbonyl complex needs no reducing agent, and without any reductant nothing can be removed."""
    if not is_metal(case.recipe.product) or not _all_known(case) or any(map(_is_carbonyl, case.chemicals)):
        return None
    return case.without(lambda reagent: chemical(reagent.name).reducing >= strength)


def _is_carbonyl(one: Chemical) -> bool:
    """A zero-valent complex of carbon monoxide (phosphines may be bound too)."""
    carbon, oxygen = one.elements.get("C", 0), one.elements.get("O", 0)
    return bool(one.metals - SPECTATORS) and oxygen > 0 and (carbon == oxygen or "P" in one.elements)


def _main(case: Case, role: Role) -> Reagent | None:
    """The reagent of this role that there is most of; a precursor counts if it brings an element of the product."""
    key = set(key_elements(case.recipe.product)) if role in (Role.CATION_PRECURSOR, Role.ANION_PRECURSOR) else None
    listed = [
        one
        for one in case.reagents
        if one.amount_mmol and role_of(one) is role and (key is None or key & set(chemical(one.name).elements))
    ]
    return max(listed, key=lambda one: one.amount_mmol or 0, default=None)


def _far_apart(one: Reagent, other: Reagent) -> bool:
    ratio = (one.amount_mmol or 1.0) / (other.amount_mmol or 1.0)
    return max(ratio, 1 / ratio) >= LEAST_SWAP_RATIO


@cache
def _volatile_solvents() -> tuple[str, ...]:
    return tuple(
        n for n in known_names() if chemical(n).role is Role.SOLVENT and chemical(n).boiling_point_c is not None
    )


@cache
def _analogues(name: str, element: str) -> tuple[str, ...]:
    """Chemicals of the same role that do not bring the element; those of the same composition otherwise, if any."""
    one = chemical(name)
    if one.role not in (Role.CATION_PRECURSOR, Role.ANION_PRECURSOR):
        return ()
    others = [other for other in map(chemical, known_names()) if other.role is one.role and not other.brings(element)]
    if one.metals:
        partner = frozenset(one.elements) - one.metals
        alike = [other for other in others if frozenset(other.elements) - other.metals == partner]
        others = alike or others
    return tuple(other.name for other in others)


@cache
def _salts(metals: frozenset[str]) -> tuple[str, ...]:
    """Precursors that hold exactly these metals."""
    return tuple(name for name in known_names() if chemical(name).metals == metals)
