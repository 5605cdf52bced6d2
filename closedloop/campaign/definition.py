"""What a campaign wants and may do: target, search space, budget and habits, checked as a whole.

Leaves the file that it is written in to `reading`.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from closedloop.campaign.errors import OneChemicalTwice
from closedloop.campaign.stopping import StoppingRules
from closedloop.chemistry import canonical_name, composition, resolve
from closedloop.propose import Coupling, Faults, Range, SearchSpace, SpaceReagent, narrowed, shut_out
from closedloop.recipes import ClosedloopError, Recipe, Target, Vessel
from closedloop.recipes.fields import Frozen, Positive, Whole

# Below a few unit cells nothing is a crystal; above a micrometre nothing is a colloid.
SMALLEST_NM, LARGEST_NM = 0.5, 1000.0
# No sample is more uniform, and no microscope tells mean sizes apart that differ by less (shares of the size).
LEAST_SPREAD, LEAST_TOLERANCE = 0.02, 0.002
# A distribution wider than its mean is no sample of one product: per cent were written for a share.
MOST_SPREAD = 1.0
# Elements that air, water or any organic chemical brings along.
UBIQUITOUS = {"C", "H", "O", "N"}


class Approval(StrEnum):
    """Whether a proposal waits for a person before it is made."""

    AUTOMATIC = "automatic"
    ASK = "ask"


def _plain(name: str) -> str:
    """A name that files and experiments can be called by."""
    if not re.fullmatch("[a-z0-9][a-z0-9-]*", name):
        letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        plain = re.sub("[^a-z0-9]+", "-", letters).strip("-")
        raise ValueError(
            f"{name!r} names files and experiments; write it in lower-case letters, digits and hyphens alone, such as "
            f"{plain or 'cdse-4-nm'}"
        )
    return name


class CampaignDefinition(Frozen):
    """What a campaign wants and may do. ``budget`` counts experiments, ``retrain_every`` counts outcomes."""

    name: Annotated[str, Field(max_length=60), AfterValidator(_plain)]
    description: str = ""
    target: Target
    space: SearchSpace
    budget: Annotated[Whole, Field(ge=1, le=100_000)] = 24
    batch_size: Annotated[Whole, Field(ge=1, le=64)] = 4
    hits_wanted: Annotated[Whole, Field(ge=1)] = 1
    retrain_every: Annotated[Whole, Field(ge=1)] = 8
    approval: Approval = Approval.AUTOMATIC
    lab: str = "virtual"
    smallest_particle_count: Annotated[Whole, Field(ge=1)] = 20
    largest_relative_spread: Positive = 0.35
    stop: StoppingRules = StoppingRules()

    @field_validator("target")
    @classmethod
    def _can_exist(cls, target: Target) -> Target:
        if faults := _target_faults(target):
            raise Faults(faults)
        return target

    @field_validator("largest_relative_spread")
    @classmethod
    def _is_a_share(cls, spread: float) -> float:
        if spread > MOST_SPREAD:
            raise ValueError(_no_share(spread))
        return spread

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        faults: list[tuple[tuple[int | str, ...], str]] = []
        if self.space.product != self.target.product:
            message = f"the space makes {self.space.product}, the target is {self.target.product}"
            faults.append((("space", "product"), message))
        else:
            missing = supply_faults(self.target.product, _used(self.space))
            faults += [(("space", "reagents"), message) for message in missing]
        faults += self._budget_faults()
        within, outside = narrowed(self.space, self.target.limits)
        faults += [(("target", *place), message) for place, message in outside]
        if not faults:
            missing = supply_faults(self.target.product, _used(within))
            faults += [(("target", "limits"), f"within the limits {message}") for message in missing]
        if not faults:
            try:
                # What the limits and the product's needs shut out is as silent as what the space itself does.
                where = f"within the limits, and with all that {self.target.product} needs, "
                faults += [(("space", *place), where + message) for place, message in shut_out(self.search_space)]
            except ClosedloopError as error:
                faults.append((("space",), str(error)))
        if faults:
            raise Faults(faults)
        return self

    def _budget_faults(self) -> list[tuple[tuple[int | str, ...], str]]:
        if (short := self.short_of(self.budget)) is None:
            return []
        place = ("stop", "confirmed_by") if self.stop.confirmed_by else ("hits_wanted",)
        return [(place, f"{short}, so change one of them")]

    def short_of(self, budget: int) -> str | None:
        """What the hits that are wanted need, with their repeats, where it is more than so many experiments."""
        repeats = self.stop.confirmed_by
        needed = self.hits_wanted * (1 + repeats)
        if needed <= budget:
            return None
        hits = f"{self.hits_wanted} hit{'s' if self.hits_wanted > 1 else ''}"
        if repeats:
            hits += f" with {repeats} repeat{'s' if repeats > 1 else ''}{' each' if self.hits_wanted > 1 else ''}"
        need = "need" if self.hits_wanted > 1 else "needs"
        return f"{hits} {need} {needed} experiments; the budget is {budget}"

    @cached_property
    def search_space(self) -> SearchSpace:
        """The space within the target's limits, in which every recipe can make the product: of chemicals that may be
        left out, at least one brings each element that it needs. Raises `EmptySpaceError`."""
        space = self.space.within(self.target.limits)
        if not space.optional:
            return space
        needs = []
        for element in _needed(self.target.product):
            brings = tuple(dict.fromkeys(name for name in _used(space) if element in _elements(name)))
            if all(r.optional for r in space.reagents if r.name in brings):
                needs.append(Coupling(at_least=1, of=brings))
        narrow = SearchSpace.model_construct(**(dict(space) | {"couplings": (*space.couplings, *needs)}))
        narrow.check_open()
        return narrow

    @property
    def digest(self) -> str:
        """Changes when anything in the definition does."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def _target_faults(target: Target) -> list[tuple[tuple[int | str, ...], str]]:
    """What is outside anything physical in a target, each with its place below it."""
    faults: list[tuple[tuple[int | str, ...], str]] = []
    if not SMALLEST_NM <= target.size_nm <= LARGEST_NM:
        message = (
            f"a nanocrystal of {target.size_nm:g} nm is impossible; "
            f"the size must lie between {SMALLEST_NM:g} and {LARGEST_NM:g} nm"
        )
        faults.append((("size_nm",), message))
    elif target.half_width_nm >= target.size_nm:
        message = (
            f"a tolerance of {target.half_width_nm:g} nm at {target.size_nm:g} nm would accept anything; narrow it"
        )
        faults.append((("tolerance_nm",), message))
    elif target.half_width_nm < LEAST_TOLERANCE * target.size_nm:
        message = f"no measurement tells sizes {target.half_width_nm:g} nm apart at {target.size_nm:g} nm; widen it"
        faults.append((("tolerance_nm",), message))
    if target.max_relative_spread is not None and target.max_relative_spread < LEAST_SPREAD:
        message = f"no sample is as uniform as {target.max_relative_spread:g}; ask for {LEAST_SPREAD:g} or more"
        faults.append((("max_relative_spread",), message))
    elif target.max_relative_spread is not None and target.max_relative_spread > MOST_SPREAD:
        faults.append((("max_relative_spread",), _no_share(target.max_relative_spread)))
    if target.min_shape_fraction and target.shape is None:
        message = "a least fraction of particles needs the shape that they should have; name it under shape"
        faults.append((("min_shape_fraction",), message))
    try:
        composition(target.product)
    except ClosedloopError as error:
        faults.append((("product",), str(error)))
    return faults


def _no_share(spread: float) -> str:
    return f"a spread is a share of the mean size, {MOST_SPREAD:g} at most; write {spread / 100:g} for {spread:g} %"


def _used(space: SearchSpace) -> list[str]:
    """The chemicals of which a recipe may hold anything at all."""
    return [reagent.name for reagent in space.reagents if reagent.fill_to_ml is not None or _most(reagent) > 0]


def _most(reagent: SpaceReagent) -> float:
    amount = reagent.amount_mmol
    return amount.high if isinstance(amount, Range) else amount or 0.0


def _needed(product: str) -> list[str]:
    """Elements of the product that do not come along with any organic chemical."""
    return sorted(set(composition(product)) - UBIQUITOUS)


def supply_faults(product: str, names: Iterable[str]) -> list[str]:
    """What the chemicals cannot bring of what the product needs; a name that is not known is no fault of this kind."""
    try:
        needed = _needed(product)
        supplied: set[str] = set().union(*(_elements(name) for name in names))
    except ClosedloopError:
        return []
    missing = [element for element in needed if element not in supplied]
    if not missing:
        return []
    return [f"no chemical of the space brings {' or '.join(missing)}, which {product} needs; add one"]


def canonical(name: str) -> str:
    """The registry's name for a chemical. Raises `UnknownChemical`."""
    return resolve(name).name


def canonical_recipe(recipe: Recipe) -> Recipe:
    """The recipe with every chemical under the registry's name; a name that is not known there stays as it is.

    Raises `OneChemicalTwice` where two names in one vessel are one chemical.
    """
    seen: dict[tuple[str, Vessel | None], str] = {}
    for reagent in recipe.reagents:
        known = canonical_name(reagent.name)
        first = seen.setdefault((known, reagent.vessel), reagent.name)
        if first != reagent.name:
            where = f" in the {reagent.vessel}" if reagent.vessel else ""
            raise OneChemicalTwice(
                f"{first!r} and {reagent.name!r}{where} are one chemical ({known}); add the amounts up into one entry"
            )
    reagents = tuple(reagent.model_copy(update={"name": canonical_name(reagent.name)}) for reagent in recipe.reagents)
    return Recipe.model_validate(recipe.model_dump() | {"reagents": [r.model_dump() for r in reagents]})


def _elements(name: str) -> set[str]:
    return set(composition(resolve(name).formula))
