"""What a strategy may learn from literature: everything but the pool's own sources and whatever is nearly in the pool.

A near copy has the composition and the chemicals of a recipe of the pool, and every amount and condition within a few
per cent of its: one paper repeats another's recipe more often than it seems (docs/decisions/0074).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from closedloop.campaign.dryrun.pool import Pool
from closedloop.chemistry import InvalidFormula, chemical_key, composition
from closedloop.chemistry.formula import without_phase
from closedloop.literature import source_key
from closedloop.recipes import Experiment, Recipe

# Relative; and for temperatures in °C, where a ratio means nothing.
_NEAR = 0.05
_NEAR_C = 5.0


@dataclass(frozen=True)
class Literature:
    """``experiments`` may be learned from. How many were held out and why: ``own`` are in the pool itself,
    ``same_source`` stem from its sources, ``near_copies`` from others."""

    experiments: tuple[Experiment, ...]
    own: int
    same_source: int
    near_copies: int

    @property
    def is_cold(self) -> bool:
        """Whether nothing is left to learn from."""
        return not any(one.outcome.learnable_size_nm is not None for one in self.experiments)

    def as_json(self) -> dict[str, int]:
        return {
            "learned_from": len(self.experiments),
            "in_the_pool": self.own,
            "held_out_same_source": self.same_source,
            "held_out_near_copies": self.near_copies,
        }


def literature_without(pool: Pool, data: Sequence[Experiment]) -> Literature:
    """What is left of ``data``, of which the pool was made, or of other literature.

    An experiment of unknown source may stem from any: it is held out where the pool has one of unknown source too.
    """
    families: dict[object, list[Recipe]] = {}
    for recipe in pool.view.recipes:
        families.setdefault(_family(recipe), []).append(recipe)
    kept, own, same, near = [], 0, 0, 0
    for one in data:
        if one in pool.made_of:
            own += 1
        elif source_key(one.source) in pool.sources:
            same += 1
        elif any(is_near_copy(one.recipe, recipe) for recipe in families.get(_family(one.recipe), ())):
            near += 1
        else:
            kept.append(one)
    return Literature(tuple(kept), own, same, near)


def _family(recipe: Recipe) -> object:
    return _made(without_phase(recipe.product)), frozenset(chemical_key(r.name) for r in recipe.reagents)


@cache
def _made(product: str) -> object:
    """What is in a formula unit, so that CdSe and SeCd are one; the very name of a product that is no formula."""
    try:
        return frozenset(composition(product).items())
    except InvalidFormula:
        return product


def is_near_copy(one: Recipe, other: Recipe) -> bool:
    """Whether amounts and conditions are within a few per cent; a value that either does not tell may be anything."""
    if _family(one) != _family(other):
        return False
    mine, others = _totals(one), _totals(other)
    if not all(_near(mine[name], others[name]) for name in mine):
        return False
    temperatures = (
        (one.injection_temperature_c, other.injection_temperature_c),
        (one.reaction_temperature_c, other.reaction_temperature_c),
    )
    if any(a is not None and b is not None and abs(a - b) > _NEAR_C for a, b in temperatures):
        return False
    return _near(one.reaction_time_min, other.reaction_time_min) and _near(
        one.heating_rate_c_per_min, other.heating_rate_c_per_min
    )


def _totals(recipe: Recipe) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for reagent in recipe.reagents:
        name = chemical_key(reagent.name)
        before = found.get(name, 0.0)
        known = before is not None and reagent.amount_mmol is not None
        found[name] = before + reagent.amount_mmol if known else None  # type: ignore[operator]
    return found


def _near(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return True
    return math.isclose(a, b, rel_tol=_NEAR, abs_tol=1e-9)
