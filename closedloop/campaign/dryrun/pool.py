"""Published experiments -> a pool of recipes to choose from, with the outcomes kept apart from what a strategy sees.

Leaves reading data to `literature`, numbers for kernels and trees to `features`, and choosing to `strategies`.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from typing import Self

import numpy as np

from closedloop.campaign.dryrun.blind import Counted
from closedloop.campaign.dryrun.errors import DryRunError, NoHitInPool, NoSuchPool, PoolTooSmall
from closedloop.chemistry import UnknownChemical, chemical_key, resolve
from closedloop.literature import source_key
from closedloop.recipes import CauseKind, Experiment, Outcome, Recipe, Shape
from closedloop.recipes.fields import exceeds, plain_digits
from closedloop.recipes.target import DEFAULT_RELATIVE_TOLERANCE

SIZE = "size_nm"
# Settings that two published data sets have beside their recipes: a flow or a dose whose chemical has no known amount.
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "agnp2021": (
        "agno3_flow_percent",
        "pva_flow_percent",
        "trisodium_citrate_flow_percent",
        "seed_flow_percent",
        "total_flow_ul_per_min",
    ),
    "pbs2019": ("outdoor_temperature_c", "additive_column_7_unit_unknown", "additive_column_8_unit_unknown"),
}
# What such a data set is about, and how one aims at it, unless another value is asked for.
_QUANTITIES = {"agnp2021": "spectral_loss", "pbs2019": "first_exciton_nm"}
_LEAST_RECIPES = 2
# So many products are named where the one asked for is not there.
_MOST_NAMED = 12
# Repeats of one recipe that differ by more than this, largest over smallest, are said to contradict each other.
_CONTRADICTION = 1.1


class Aim(StrEnum):
    """Whether a value is to be met within a tolerance, or a bound is to be kept."""

    MATCH = "match"
    AT_MOST = "at-most"
    AT_LEAST = "at-least"


@dataclass(frozen=True)
class Goal:
    """What counts as a hit: ``quantity`` (``size_nm`` or an observable) in its own unit, and a shape if one is asked
    for. ``tolerance`` is relative, and belongs to the aim "match" alone."""

    value: float
    tolerance: float = DEFAULT_RELATIVE_TOLERANCE
    shape: Shape | None = None
    quantity: str = SIZE
    aim: Aim = Aim.MATCH

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value > 0):
            raise DryRunError(f"the target is {self.value:g}; give a value above 0")
        if not (math.isfinite(self.tolerance) and 0 < self.tolerance < 1):
            raise DryRunError(f"the tolerance is {self.tolerance:g}; give a fraction of the target, such as 0.05")

    @property
    def band(self) -> tuple[float, float]:
        """Lowest and highest value that hits, both included."""
        if self.aim is Aim.AT_MOST:
            return 0.0, self.value
        if self.aim is Aim.AT_LEAST:
            return self.value, math.inf
        return self.value * (1 - self.tolerance), self.value * (1 + self.tolerance)

    def is_met_by(self, result: "Result") -> bool:
        low, high = self.band
        if not result.success or result.value is None or exceeds(low, result.value) or exceeds(result.value, high):
            return False
        return self.shape is None or result.shape is self.shape

    def regret(self, result: "Result") -> float | None:
        """How far a result is from the target, relative to it, 0 at the bound or the target itself; ``None`` where
        nothing was made or the shape is wrong."""
        if not result.success or result.value is None or (self.shape is not None and result.shape is not self.shape):
            return None
        away = result.value / self.value - 1
        if self.aim is Aim.AT_MOST:
            return max(away, 0.0)
        return max(-away, 0.0) if self.aim is Aim.AT_LEAST else abs(away)


@dataclass(frozen=True)
class Result:
    """What is learned when a recipe of the pool is tried; ``value`` is in the unit of the goal's quantity."""

    success: bool
    value: float | None
    shape: Shape | None = None


@dataclass(frozen=True)
class View:
    """All that a strategy sees of a pool: no outcome is in it. ``settings`` are numbers beside each recipe."""

    recipes: tuple[Recipe, ...]
    goal: Goal
    settings: tuple[Mapping[str, float], ...]

    def __len__(self) -> int:
        return len(self.recipes)


@dataclass(frozen=True)
class Pool:
    """``results[i]`` belongs to ``view.recipes[i]``; ``members[i]`` are the places of its experiments in ``data``.
    ``made_of`` are these. ``sources`` are keys (`source_key`) of all experiments that make the product."""

    product: str
    view: View
    results: tuple[Result, ...]
    members: tuple[tuple[int, ...], ...]
    made_of: frozenset[Experiment]
    sources: frozenset[str | None]
    notes: tuple[str, ...] = ()
    hits: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        goal = self.view.goal
        object.__setattr__(self, "hits", frozenset(i for i, one in enumerate(self.results) if goal.is_met_by(one)))

    def __len__(self) -> int:
        return len(self.view)

    @property
    def blind(self) -> Counted:
        """What a blind choice among the recipes needs."""
        return Counted(len(self), len(self.hits))

    @classmethod
    def of(cls, data: Sequence[Experiment], product: str, goal: Goal, settings: Sequence[str] = ()) -> Self:
        """The distinct recipes of ``product`` whose outcome is known. Raises a `DryRunError` that says what is wrong.

        Experiments that no strategy could tell apart are one recipe; its value is their mean, and it worked if at least
        half of them did. ``settings`` names observables that were set, not measured.
        """
        product = plain_digits(product.strip())
        chosen = [i for i, one in enumerate(data) if one.recipe.product == product]
        if not chosen:
            raise NoSuchPool(f"no experiment makes {product!r}; {_products(data, product)}")
        notes = []
        told = [i for i in chosen if _told(data[i].outcome, goal) is not None]
        if len(told) < len(chosen):
            notes.append(f"{len(chosen) - len(told)} experiments are left out: they do not tell {goal.quantity}")
        if len(told) < len(chosen) and not any(_told(data[i].outcome, goal) for i in told):
            known = sorted({name for i in chosen for name in _measured(data[i].outcome)} - set(settings))
            raise NoSuchPool(
                f"{len(chosen)} experiments make {product!r}, but none tells {goal.quantity}; they tell "
                f"{', '.join(known) or 'nothing'}: choose with --observable"
            )
        groups: dict[object, list[int]] = {}
        for i in told:
            groups.setdefault(_identity(data[i], settings), []).append(i)
        results = []
        contradictions = 0
        for members in groups.values():
            result, contradicts = _together([data[i].outcome for i in members], goal)
            results.append(result)
            contradictions += contradicts
        if len(groups) < len(told):
            notes.append(
                f"{len(told)} experiments are {len(groups)} recipes: repeats count as one, with their mean"
                + (f"; {contradictions} recipes have repeats that contradict each other" if contradictions else "")
            )
        if len(groups) < _LEAST_RECIPES:
            raise PoolTooSmall(f"{product!r} has one recipe; a choice needs {_LEAST_RECIPES} at least")
        if all(not result.success for result in results):
            raise NoHitInPool(f"all {len(results)} recipes of {product!r} failed; there is nothing to find")
        first = [data[members[0]] for members in groups.values()]
        reagents = (reagent for one in first for reagent in one.recipe.reagents)
        unknown = sorted({chemical_key(r.name): r.name for r in reagents if not is_known(r.name)}.values())
        if unknown:
            named = ", ".join(unknown[:5]) + (" and others" if len(unknown) > 5 else "")
            notes.append(f"{len(unknown)} chemicals are not in the registry and go on as distinct unknowns: {named}")
        view = View(tuple(one.recipe for one in first), goal, tuple(_settings(one.outcome, settings) for one in first))
        pool = cls(
            product,
            view,
            tuple(results),
            tuple(tuple(members) for members in groups.values()),
            frozenset(data[i] for i in told),
            frozenset(source_key(data[i].source) for i in chosen),
            tuple(notes),
        )
        if not pool.hits:
            raise NoHitInPool(_no_hit(product, goal, results))
        return pool


def quantity_of(data: str) -> str:
    """The measured value that a data set is about."""
    return _QUANTITIES.get(data, SIZE)


def aim_of(written: str | None, quantity: str) -> Aim:
    """A loss is kept below a bound, everything else is matched, unless the user says so. Raises `DryRunError`."""
    if written is None:
        return Aim.AT_MOST if quantity.endswith("loss") else Aim.MATCH
    try:
        return Aim(written)
    except ValueError:
        raise DryRunError(f"--aim is {written!r}; write {', '.join(Aim)}") from None


@cache
def is_known(name: str) -> bool:
    """Whether the registry knows the chemical."""
    try:
        resolve(name)
    except UnknownChemical:
        return False
    return True


def value_of(outcome: Outcome, quantity: str) -> float | None:
    return outcome.size_nm if quantity == SIZE else outcome.observables.get(quantity)


def _measured(outcome: Outcome) -> list[str]:
    """The names of what is known."""
    return [*([SIZE] if outcome.size_nm is not None else []), *outcome.observables]


def _told(outcome: Outcome, goal: Goal) -> bool | None:
    """Whether it worked; ``None`` where the outcome says nothing that could be learned."""
    if outcome.success is False:
        return False
    if outcome.failure_cause is not None and outcome.failure_cause.kind is not CauseKind.CHEMISTRY:
        return None
    return True if value_of(outcome, goal.quantity) is not None else None


def _identity(experiment: Experiment, settings: Sequence[str]) -> object:
    """Equal for experiments that no strategy could tell apart."""
    recipe = experiment.recipe
    amounts = sorted((chemical_key(r.name), str(r.vessel), _rounded(r.amount_mmol)) for r in recipe.reagents)
    conditions = (
        recipe.injection_temperature_c,
        recipe.reaction_temperature_c,
        recipe.heating_rate_c_per_min,
        recipe.reaction_time_min,
    )
    own = tuple(_rounded(experiment.outcome.observables.get(name)) for name in settings)
    return tuple(amounts), tuple(_rounded(value) for value in conditions), own


def _rounded(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.6g}"


def _settings(outcome: Outcome, settings: Sequence[str]) -> Mapping[str, float]:
    return {name: outcome.observables[name] for name in settings if name in outcome.observables}


def _together(outcomes: Sequence[Outcome], goal: Goal) -> tuple[Result, bool]:
    """One result for repeats of a recipe, and whether they contradict each other."""
    worked = [one for one in outcomes if _told(one, goal)]
    if 2 * len(worked) < len(outcomes):
        return Result(False, None), bool(worked)
    values = [value for one in worked if (value := value_of(one, goal.quantity)) is not None]
    shapes = Counter(shape for one in worked if (shape := one.main_shape) is not None)
    shape = shapes.most_common(1)[0][0] if shapes else None
    contradicts = len(worked) < len(outcomes) or max(values) > _CONTRADICTION * min(values)
    return Result(True, float(np.mean(values)), shape), contradicts


def _products(data: Sequence[Experiment], product: str) -> str:
    """What the data have in place of a product, the most frequent first, and what looks like it."""
    names = [name for name, _ in Counter(one.recipe.product for one in data).most_common()]
    near = get_close_matches(product, sorted(names), n=3, cutoff=0.3)
    listed = ", ".join(names[:_MOST_NAMED]) or "none at all"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (f"did you mean {' or '.join(near)}? " if near else "") + f"the data have {listed}{more}"


def _no_hit(product: str, goal: Goal, results: Sequence[Result]) -> str:
    made = [one for one in results if one.success and (goal.shape is None or one.shape is goal.shape)]
    low, high = goal.band
    wish = f"{low:.4g} to {high:.4g} ({goal.quantity})" if math.isfinite(high) else f"{low:.4g} or more"
    if not made:
        shapes = Counter(str(one.shape) for one in results if one.shape is not None)
        known = ", ".join(name for name, _ in shapes.most_common(4)) or "no shape at all"
        return f"no recipe of {product!r} gave the shape {goal.shape}; the data have {known}"
    values = sorted(one.value for one in made if one.value is not None)
    nearest = min(values, key=lambda value: abs(math.log(max(value, 1e-12) / goal.value)))
    return (
        f"no recipe of {product!r} hits {wish}; the pool reaches from {values[0]:.4g} to {values[-1]:.4g}, and the "
        f"nearest is {nearest:.4g}: choose another target{' or a wider --tolerance' * (goal.aim is Aim.MATCH)}"
    )
