"""Limits on chemicals, whatever they are called: a limit on oleic acid is one on OA."""

from closedloop.chemistry.registry import canonical_name
from closedloop.recipes import Limits, Recipe


def canonical_limits(limits: Limits) -> Limits:
    """The limits under the registry's names; of several amounts for one substance the least stands."""
    allowed = limits.allowed_chemicals
    most: dict[str, float] = {}
    for name, amount in limits.max_amounts_mmol.items():
        known = canonical_name(name)
        most[known] = min(amount, most.get(known, amount))
    return Limits.model_validate(
        limits.model_dump()
        | {
            "allowed_chemicals": None if allowed is None else tuple(map(canonical_name, allowed)),
            "max_amounts_mmol": most,
        }
    )


def limits_broken(recipe: Recipe, limits: Limits) -> list[str]:
    """One sentence for each limit that the recipe breaks, whatever either of them calls its chemicals."""
    # Not validated: one substance under two names is then listed twice.
    named = tuple(r.model_copy(update={"name": canonical_name(r.name)}) for r in recipe.reagents)
    return canonical_limits(limits).violations(recipe.model_copy(update={"reagents": named}))
