"""What was published beside what is proposed: recipes to start from, and how a recipe differs from a precedent."""

import math
from collections.abc import Sequence
from functools import lru_cache

from closedloop.campaign.definition import canonical_recipe
from closedloop.propose.reagent import CONDITIONS, UNITS
from closedloop.recipes import Experiment, Recipe, Target

EMBEDDED = "cdse2022"
# Precedents of sizes further off than this factor teach little about the target.
_SIZES_APART = 1.35
_MOST_PHRASES = 6
# Ratios nearer to one than this are the same to a chemist.
_SAME, _SCALE = 1.15, 1.25
_TEMPERATURES = {"injection_temperature_c": "injected", "reaction_temperature_c": "kept"}


@lru_cache(maxsize=1)
def embedded_literature() -> tuple[Experiment, ...]:
    """The literature that ships with the package, chemicals under the registry's names."""
    from closedloop.literature import load_experiments

    return tuple(e.model_copy(update={"recipe": canonical_recipe(e.recipe)}) for e in load_experiments(EMBEDDED))


def near_target(target: Target) -> list[Recipe]:
    """Published recipes of the product with sizes near the target's, the nearest first."""
    found = []
    for experiment in embedded_literature():
        size = experiment.outcome.size_nm
        if experiment.recipe.product == target.product and size:
            apart = abs(math.log(size / target.size_nm))
            if apart <= math.log(_SIZES_APART):
                found.append((apart, experiment.recipe))
    return [recipe for _, recipe in sorted(found, key=lambda pair: pair[0])]


def recipes_of(source: str | None, product: str, size_nm: float, known: Sequence[Experiment]) -> list[Recipe]:
    """The distinct recipes that a precedent may be, which is named by its source, product and size (nm) alone."""
    found = (
        e.recipe
        for e in known
        if e.source == source
        and e.recipe.product == product
        and e.outcome.size_nm is not None
        and math.isclose(e.outcome.size_nm, size_nm, rel_tol=1e-6)
    )
    return list(dict.fromkeys(found))


def differences(recipe: Recipe, precedent: Recipe) -> list[str]:
    """How the recipe differs from the precedent, the largest differences first, amounts once both have one scale; and
    last what is not known of either. Empty where amounts and times agree within 15% and temperatures within 1 °C."""
    mine, theirs = _there(recipe), _there(precedent)
    said = [f"with {name}" for name in mine if name not in theirs]
    said += [f"without {name}" for name in theirs if name not in mine]
    ratios = {name: a / b for name, a in mine.items() if a and (b := theirs.get(name))}
    scale = sorted(ratios.values())[len(ratios) // 2] if ratios else 1.0
    if max(scale, 1 / scale) > _SCALE:
        said.append(f"{scale:.2g} times the scale")
    else:
        scale = 1.0
    relative = {name: ratio / scale for name, ratio in ratios.items()}
    for name, ratio in sorted(relative.items(), key=lambda item: -abs(math.log(item[1]))):
        if max(ratio, 1 / ratio) > _SAME:
            said.append(f"{ratio:.2g} times the {name}")
    unknown = [f"its amount of {name} is unknown" for name in mine if name in theirs and theirs[name] is None]
    unknown += [f"the amount of {name} is unknown here" for name in theirs if name in mine and mine[name] is None]
    for field, label in CONDITIONS.items():
        a, b = getattr(recipe, field), getattr(precedent, field)
        if a is not None and b is not None:
            said += _apart(field, a, b)
        elif a is not None:
            unknown.append(f"its {label} is unknown")
        elif b is not None:
            unknown.append(f"no {label} is given here")
    return said + unknown


def shortened(said: list[str]) -> list[str]:
    """As much as a card has room for."""
    if len(said) <= _MOST_PHRASES:
        return said
    return [*said[:_MOST_PHRASES], f"and {len(said) - _MOST_PHRASES} more"]


def _there(recipe: Recipe) -> dict[str, float | None]:
    """Chemicals -> mmol, ``None`` where unknown; one of 0 mmol is not there."""
    amounts = {r.name: recipe.amount_mmol(r.name) for r in recipe.reagents}
    return {name: amount for name, amount in amounts.items() if amount != 0}


def _apart(field: str, a: float, b: float) -> list[str]:
    if field in _TEMPERATURES:
        more = "hotter" if a > b else "cooler"
        return [f"{_TEMPERATURES[field]} {abs(a - b):g} °C {more}"] if abs(a - b) >= 1 else []
    alike = a == b if a == 0 or b == 0 else max(a / b, b / a) <= _SAME
    return [] if alike else [f"{a:g} {UNITS[field]} instead of {b:g}"]
