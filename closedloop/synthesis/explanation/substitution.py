"""Recipes between a recipe and a precedent: each of its parts is either its own or what the precedent has instead.

Parts that belong together are exchanged for each other (a cadmium salt for a cadmium salt, a ligand for a ligand), so
that nearly every recipe in between is one that could be made, and the size of the batch is a part of its own, so that
one recipe's ligand never meets another's tenfold cadmium. See docs/decisions/0027. What the model says of them is
`contributions`'s part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedloop.chemistry import canonical_name, usual_role
from closedloop.recipes import Reagent, Recipe, Role
from closedloop.synthesis.tokens import CONDITIONS

CONDITION, BATCH, PRODUCT, OTHERS = "condition", "batch size", "product", "other"
UNITS = dict(zip(CONDITIONS, ("°C", "°C", "°C/min", "min"), strict=True))
LABELS = dict(
    zip(CONDITIONS, ("injection temperature", "reaction temperature", "heating rate", "reaction time"), strict=True)
)
_PRECURSORS = (Role.CATION_PRECURSOR, Role.ANION_PRECURSOR)


@dataclass(frozen=True)
class Part:
    """One part of a recipe. ``kind``: condition, batch size, product, other (chemicals that only precedents use), a
    role, or "chemical" where the role is unknown. ``field``: the condition's. ``places``: its reagents'."""

    name: str
    kind: str
    field: str | None = None
    places: tuple[int, ...] = ()


def parts_of(recipe: Recipe, *, same_product: bool) -> tuple[Part, ...]:
    """The players. ``same_product``: whether every precedent is of the recipe's product; where one is not, product and
    precursors are one part, for cadmium in a recipe for lead selenide would explain nothing."""
    parts = [Part(LABELS[field], CONDITION, field) for field in CONDITIONS]
    parts.append(Part("batch size", BATCH))
    joined = () if same_product else tuple(i for i, r in enumerate(recipe.reagents) if role_of(r) in _PRECURSORS)
    if not same_product:
        parts.append(Part("product and its precursors", PRODUCT, None, joined))
    names = [canonical_name(reagent.name) for reagent in recipe.reagents]
    for i, reagent in enumerate(recipe.reagents):
        if i not in joined:
            vessel = f" ({reagent.vessel})" if names.count(names[i]) > 1 and reagent.vessel else ""
            role = role_of(reagent)
            parts.append(Part(reagent.name + vessel, role.value if role else "chemical", None, (i,)))
    return (*parts, Part("other chemicals", OTHERS))


def role_of(reagent: Reagent) -> Role | None:
    return reagent.role or usual_role(canonical_name(reagent.name))


class Substitution:
    """One precedent against the recipe. ``instead``: for each part what the precedent has there, at the recipe's
    batch size; ``differing``: the parts that are not alike."""

    def __init__(self, recipe: Recipe, precedent: Recipe, parts: Sequence[Part]) -> None:
        self._recipe, self._precedent, self._parts = recipe, precedent, tuple(parts)
        self._places = _counterparts(recipe, precedent, self._parts)
        self.batch_mmol = cations_mmol(precedent)
        yours = cations_mmol(recipe)
        # How much larger the precedent's batch is; where one of them does not tell, they are taken to be of one size.
        ratio = self.batch_mmol / yours if self.batch_mmol and yours else 1.0
        # All reagents at the recipe's batch size, and at the precedent's.
        self._yours = (recipe.reagents, _scaled(recipe.reagents, ratio))
        self._theirs = (_scaled(precedent.reagents, 1 / ratio), precedent.reagents)
        self._same_batch = round(ratio, 4) == 1
        self.instead = tuple(tuple(self._theirs[0][j] for j in places) for places in self._places)
        self.differing = tuple(i for i, part in enumerate(self._parts) if self._differs(i, part))

    def theirs(self, part: Part) -> float | None:
        """The precedent's value of a condition."""
        value: float | None = getattr(self._precedent, part.field or "")
        return value

    def _differs(self, i: int, part: Part) -> bool:
        if part.kind == CONDITION:
            return bool(getattr(self._recipe, part.field or "") != self.theirs(part))
        if part.kind == BATCH:
            return not self._same_batch
        if part.kind == PRODUCT and self._recipe.product != self._precedent.product:
            return True
        return _alike([self._recipe.reagents[j] for j in part.places]) != _alike(self.instead[i])

    def recipe(self, own: np.ndarray) -> Recipe:
        """``own`` (number of differing parts,): which of them are the recipe's own."""
        keeps = dict(zip(self.differing, own.tolist(), strict=True))
        reagents: list[Reagent] = []
        conditions: dict[str, Any] = {}
        product, batch = self._recipe.product, 0
        for i, part in enumerate(self._parts):
            mine = keeps.get(i, True)
            if part.kind == BATCH:
                batch = 0 if mine else 1
            elif part.kind == CONDITION and part.field:
                conditions[part.field] = getattr(self._recipe if mine else self._precedent, part.field)
            elif mine:
                reagents += [self._yours[batch][j] for j in part.places]
            else:
                reagents += [self._theirs[batch][j] for j in self._places[i]]
                product = self._precedent.product if part.kind == PRODUCT else product
        # Both recipes were checked when they were made; a second check of thousands would take longer than the model.
        return Recipe.model_construct(product=product, reagents=tuple(reagents), **conditions)


def cations_mmol(recipe: Recipe) -> float | None:
    """All of the cation precursors, by which the size of a batch is told; ``None`` where an amount is unknown."""
    amounts = [r.amount_mmol for r in recipe.reagents if role_of(r) is Role.CATION_PRECURSOR]
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known and len(known) == len(amounts) else None


def _scaled(reagents: tuple[Reagent, ...], factor: float) -> tuple[Reagent, ...]:
    if factor == 1:
        return reagents
    return tuple(
        r if r.amount_mmol is None else r.model_copy(update={"amount_mmol": r.amount_mmol * factor}) for r in reagents
    )


def _counterparts(recipe: Recipe, precedent: Recipe, parts: tuple[Part, ...]) -> tuple[tuple[int, ...], ...]:
    """For each part the places of the precedent's reagents in its stead: the same chemical, else one of the same role,
    the larger amount for the larger; what finds no place is in the last part, what has no counterpart gets none.

    The same name in the same vessel is matched before all else, so that no recipe in between lists it twice.
    """
    found: list[tuple[int, ...]] = [() for _ in parts]
    theirs, left = precedent.reagents, set(range(len(precedent.reagents)))
    for i, part in enumerate(parts):
        if part.kind == PRODUCT:
            found[i] = tuple(j for j in sorted(left) if role_of(theirs[j]) in _PRECURSORS)
            left -= set(found[i])
    single = [i for i, part in enumerate(parts) if part.places and part.kind != PRODUCT]
    yours = {i: recipe.reagents[parts[i].places[0]] for i in single}
    single.sort(key=lambda i: -(yours[i].amount_mmol or 0.0))
    for matches in _MATCHES:
        for i in [i for i in single if not found[i]]:
            fitting = sorted(j for j in left if matches(yours[i], theirs[j]))
            if fitting:
                chosen = max(fitting, key=lambda j: theirs[j].amount_mmol or 0.0)
                found[i] = (chosen,)
                left.remove(chosen)
    found[-1] = tuple(sorted(left))
    return tuple(found)


_MATCHES: tuple[Callable[[Reagent, Reagent], bool], ...] = (
    lambda a, b: (a.name, a.vessel) == (b.name, b.vessel),
    lambda a, b: (canonical_name(a.name), a.vessel) == (canonical_name(b.name), b.vessel),
    lambda a, b: canonical_name(a.name) == canonical_name(b.name),
    lambda a, b: role_of(a) is not None and role_of(a) == role_of(b),
)


def _alike(reagents: Sequence[Reagent]) -> list[tuple[object, ...]]:
    """What the model can tell apart; two amounts that a balance cannot tell apart are one, and 0 mmol is nothing."""
    return sorted(
        (
            canonical_name(r.name),
            "" if r.amount_mmol is None else f"{r.amount_mmol:.4g}",
            str(role_of(r)),
            str(r.vessel),
        )
        for r in reagents
        if r.amount_mmol != 0
    )
