"""Limits on chemicals, whatever they are called: a limit on oleic acid is one on OA."""

from closedloop.chemistry.registry import canonical_name
from closedloop.recipes import Limits


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
