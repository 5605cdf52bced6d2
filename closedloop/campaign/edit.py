"""A person's changes to a proposed recipe: read, checked against the campaign's limits, and never guessed at."""

import math
from collections.abc import Sequence

from closedloop.campaign.definition import CampaignDefinition, canonical
from closedloop.campaign.errors import EditNotReadable, RecipeBreaksLimits
from closedloop.chemistry import UnknownChemical
from closedloop.chemistry import limits_broken as target_limits_broken
from closedloop.propose import CONDITIONS, refilled
from closedloop.recipes import Reagent, Recipe
from closedloop.recipes.fields import ABSOLUTE_ZERO_C


def edited(recipe: Recipe, settings: Sequence[str], definition: CampaignDefinition) -> Recipe:
    """The recipe with ``NAME=VALUE`` settings: mmol of a chemical (``NAME@flask`` where two vessels have it; 0 leaves
    an optional one out), or a condition by its field name.

    A chemical that fills a vessel is made up again unless it is set. Raises `EditNotReadable`, or
    `RecipeBreaksLimits` with every limit that the result breaks.
    """
    if not settings:
        raise EditNotReadable('nothing to change; give --set "NAME=VALUE", such as --set "oleic acid=2.1"')
    reagents = {(r.name, r.vessel): r for r in recipe.reagents}
    conditions: dict[str, float] = {}
    named: set[str] = set()
    for setting in settings:
        name, value = _read(setting)
        if name in CONDITIONS:
            if name in conditions:
                raise EditNotReadable(f"{name} is set twice; give it once")
            if name.endswith("temperature_c") and value < ABSOLUTE_ZERO_C:
                raise EditNotReadable(f"{setting!r}: {value:g} °C is below absolute zero; mend the value")
            conditions[name] = value
            continue
        reagent = _find(name, recipe, definition)
        if (label := f"{reagent.name}@{reagent.vessel}") in named:
            raise EditNotReadable(f"{name} is set twice; give it once")
        named.add(label)
        key = (reagent.name, reagent.vessel)
        if value == 0:
            reagents.pop(key, None)
        else:
            reagents[key] = reagent.model_copy(update={"amount_mmol": value})
    space = definition.search_space
    order = {(r.name, r.vessel): i for i, r in enumerate(space.reagents)}
    listed = sorted(reagents.values(), key=lambda r: order.get((r.name, r.vessel), len(order)))
    content = recipe.model_dump() | {"reagents": [r.model_dump() for r in listed]} | conditions
    if any(value < 0 for field, value in conditions.items() if not field.endswith("temperature_c")):
        raise EditNotReadable("a time or rate cannot be negative; mend the value")
    changed = Recipe.model_validate(content)
    touched = {label.partition("@")[0] for label in named}
    changed = refilled(space, changed, keep=touched)
    if broken := limits_broken(changed, definition):
        raise RecipeBreaksLimits(f"the edited recipe is outside the campaign's limits: {'; '.join(broken)}")
    return changed


def limits_broken(recipe: Recipe, definition: CampaignDefinition) -> list[str]:
    """One sentence for each limit of the campaign that the recipe breaks."""
    return [*target_limits_broken(recipe, definition.target.limits), *definition.space.violations(recipe)]


def changes(before: Recipe, after: Recipe) -> list[str]:
    """What was changed, in words."""
    said = []
    old = {(r.name, r.vessel): r.amount_mmol for r in before.reagents}
    new = {(r.name, r.vessel): r.amount_mmol for r in after.reagents}
    for key in dict.fromkeys([*old, *new]):
        a, b = old.get(key, 0.0), new.get(key, 0.0)
        if a != b:
            said.append(f"{key[0]} {_number(b)} mmol instead of {_number(a)}")
    for field, label in CONDITIONS.items():
        a, b = getattr(before, field), getattr(after, field)
        if a != b:
            said.append(f"{label} {_number(b)} instead of {_number(a)}")
    return said


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"


def _read(setting: str) -> tuple[str, float]:
    name, equals, text = setting.rpartition("=")
    name = name.strip()
    if not equals or not name:
        raise EditNotReadable(f"{setting!r} is not NAME=VALUE; write it as in 'oleic acid=2.1'")
    try:
        value = float(text)
    except ValueError:
        raise EditNotReadable(f"{setting!r}: {text.strip()!r} is not a number; give mmol, °C, °C/min or min") from None
    if not math.isfinite(value) or (value < 0 and name not in CONDITIONS):
        raise EditNotReadable(f"{setting!r}: {text.strip()} is not an amount; give a number that is not negative")
    return name, value


def _find(name: str, recipe: Recipe, definition: CampaignDefinition) -> Reagent:
    """The chemical of the recipe, or else of the campaign, that a setting means."""
    chemical, _, vessel = name.partition("@")
    try:
        chemical = canonical(chemical.strip())
    except UnknownChemical as error:
        known = ", ".join([*dict.fromkeys(r.name for r in definition.space.reagents), *CONDITIONS])
        raise EditNotReadable(f"{name!r} is neither a chemical nor a condition ({error}); known: {known}") from error
    for where in (
        recipe.reagents,
        [Reagent(name=r.name, role=r.role, vessel=r.vessel) for r in definition.space.reagents],
    ):
        found = [r for r in where if r.name == chemical and vessel.strip() in ("", str(r.vessel or ""))]
        if len(found) == 1:
            return found[0]
        if found:
            places = " or ".join(f"{chemical}@{r.vessel}" for r in found)
            raise EditNotReadable(f"{chemical} is in two vessels; say which: {places}")
    known = ", ".join([*dict.fromkeys(r.name for r in definition.space.reagents), *CONDITIONS])
    raise EditNotReadable(f"{name!r} is not in this campaign's space; known: {known}")
