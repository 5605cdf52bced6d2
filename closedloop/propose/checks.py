"""What can be wrong with a search space, with limits laid on it, and with a recipe of it; all of it, not the first."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from closedloop.chemistry import canonical_limits, canonical_name, usual_role
from closedloop.propose.constraints import parse_comparison
from closedloop.propose.couplings import Coupling
from closedloop.propose.errors import EmptySpaceError, Place, RecipeOutsideSpace, SearchSpaceError
from closedloop.propose.linear import down
from closedloop.propose.quantity import Range, cut, high_of, low_of
from closedloop.propose.reagent import CONDITIONS, UNITS, SpaceReagent
from closedloop.propose.volumes import has_density, ml_per_mmol
from closedloop.recipes import Limits, Reagent, Recipe, Role
from closedloop.recipes.bounds import MOST_ML, MOST_MMOL, MOST_OF_CONDITIONS
from closedloop.recipes.fields import ABSOLUTE_ZERO_C

if TYPE_CHECKING:
    from closedloop.propose.space import SearchSpace

Fault = tuple[Place, str]
Cuttable = float | Range

_ROLES = {str(role) for role in Role}
# A vessel counts as filled within this share, for what fills it is measured to four digits.
_FILLED = 2e-3
_NEAR = 1e-9
# Choices of chemicals that are tried before one of these chemicals is called shut out.
_TRIED = 256


def space_faults(space: "SearchSpace") -> list[Fault]:
    """Everything that is wrong with the space, each fault with its place below it."""
    if not space.reagents:
        return [(("reagents",), "the space has no chemicals; list at least one under reagents")]
    faults = [*_reagent_faults(space.reagents), *_condition_faults(space)]
    names = [reagent.name for reagent in space.reagents]
    roles = {role for reagent in space.reagents if (role := _role(reagent))}
    faults += name_faults(space.constraints, space.couplings, names, roles)
    if faults:
        return faults
    for i, text in enumerate(space.constraints):
        try:
            comparison_of(space, text)
        except SearchSpaceError as error:
            faults.append((("constraints", i), str(error)))
    for i, coupling in enumerate(space.couplings):
        if coupling.ratio is None and coupling.least > len(space.members(coupling)):
            faults.append((("couplings", i), f"{coupling.text}: there are only {len(space.members(coupling))} of them"))
    if faults:
        return faults
    try:
        space.check_open()
    except SearchSpaceError as error:
        faults.append((error.place or _place_of(str(error), space), str(error)))
        return faults
    return shut_out(space)


def shut_out(space: "SearchSpace") -> list[Fault]:
    """Chemicals that may be left out and always are, for no choice of chemicals with them leaves a recipe: the space
    would be searched without them, and nobody told. One that a coupling allows none of was meant to be left out."""
    meant = {i for each in space.couplings if each.ratio is None and each.most == 0 for i in space.members(each)}
    # The fullest choice may open at once all that there is; of few chemicals fewer stand in each other's way.
    choices = space.patterns.known[np.argsort(space.patterns.known.sum(axis=1), kind="stable")]
    fullest = choices[-1]
    reached = fullest & space.subspace(fullest).is_open
    faults: list[Fault] = []
    for i, position in space.optional.items():
        if reached[position] or i in meant:
            continue
        with_it = choices[choices[:, position]][:_TRIED]
        opened = next((mask for mask in with_it if space.subspace(mask).is_open), None)
        if opened is not None:
            reached = reached | opened
            continue
        why = "the couplings leave it out of every choice of chemicals; change them, or take it out of the space"
        if len(with_it):
            try:
                _ = space.subspace(with_it[0]).geometry
            except EmptySpaceError as error:
                why = str(error)
        message = f"{space.label_of(i)} can be in no recipe: {why}"
        faults.append((_place_of(message, space) or ("reagents", i), message))
    return faults


def name_faults(
    constraints: Sequence[Any], couplings: Sequence[Any], names: Sequence[str], roles: Iterable[str]
) -> list[Fault]:
    """Constraints that cannot be read and names in them and in couplings that are neither a chemical of the space nor
    a role in it; needs nothing of the space but its names."""
    known = {name.casefold() for name in names} | set(roles)
    listed = ", ".join(dict.fromkeys([*names, *sorted(set(roles)), *CONDITIONS]))
    faults: list[Fault] = []
    for i, text in enumerate(constraints):
        if not isinstance(text, str):
            continue
        try:
            used = parse_comparison(text).coefficients
        except SearchSpaceError as error:
            faults.append((("constraints", i), str(error)))
            continue
        for name in used:
            if name.casefold() not in known and name not in CONDITIONS:
                message = f"constraint {text!r}: {name!r} is not in this space (known: {listed})"
                faults.append((("constraints", i), message))
    for i, coupling in enumerate(couplings):
        if isinstance(coupling, Coupling):
            for name in coupling.names:
                if name.casefold() not in known:
                    faults.append((("couplings", i), f"{name!r} is not in this space (known: {listed})"))
    return faults


def _role(reagent: SpaceReagent) -> str | None:
    role = reagent.role or usual_role(reagent.name)
    return str(role) if role else None


def _reagent_faults(reagents: Sequence[SpaceReagent]) -> list[Fault]:
    faults: list[Fault] = []
    seen: set[tuple[str, Any]] = set()
    filled: set[Any] = set()
    for i, reagent in enumerate(reagents):
        key = (reagent.name, reagent.vessel)
        if key in seen:
            faults.append((("reagents", i), f"{reagent.name!r} is listed twice for the same vessel; make it one entry"))
        seen.add(key)
        if reagent.amount_mmol is not None and high_of(reagent.amount_mmol) > MOST_MMOL:
            faults.append((("reagents", i), _beyond(reagent.name, high_of(reagent.amount_mmol), MOST_MMOL, "mmol")))
        if reagent.fill_to_ml is None:
            continue
        if reagent.fill_to_ml > MOST_ML:
            faults.append((("reagents", i), _beyond(reagent.name, reagent.fill_to_ml, MOST_ML, "mL")))
        if not has_density(reagent.name):
            message = f"{reagent.name} cannot fill a vessel: its density is not known; give amount_mmol instead"
            faults.append((("reagents", i), message))
        if reagent.vessel in filled or (filled and None in (*filled, reagent.vessel)):
            faults.append((("reagents", i), f"{reagent.name}: another chemical fills that vessel already"))
        filled.add(reagent.vessel)
    return faults


def _condition_faults(space: "SearchSpace") -> list[Fault]:
    faults: list[Fault] = []
    for field, label in CONDITIONS.items():
        least = ABSOLUTE_ZERO_C if field.endswith("temperature_c") else 0.0
        value = getattr(space, field)
        if value is not None and low_of(value) < least:
            message = f"{label} {low_of(value):g} {UNITS[field]} is below {least:g} {UNITS[field]}"
            faults.append(((field,), message))
        if value is not None and high_of(value) > MOST_OF_CONDITIONS[field]:
            faults.append(((field,), _beyond(label, high_of(value), MOST_OF_CONDITIONS[field], UNITS[field])))
    return faults


def _beyond(label: str, value: float, most: float, unit: str) -> str:
    return f"{label} {value:g} {unit} is more than {most:g} {unit}, which no flask can do; look at its unit"


def _place_of(message: str, space: "SearchSpace") -> Place:
    """Where the constraint or coupling stands that a message quotes, or what fills a vessel, if it quotes but one."""
    places: list[Place] = [("constraints", i) for i, text in enumerate(space.constraints) if repr(text) in message]
    places += [("couplings", i) for i, each in enumerate(space.couplings) if repr(each.text) in message]
    places += [
        ("reagents", i) for i, each in enumerate(space.reagents) if each.filling and repr(each.filling) in message
    ]
    if len(places) == 1:
        return places[0]
    return ("max_volume_ml",) if not places and "max_volume_ml" in message else ()


def comparison_of(space: "SearchSpace", text: str) -> tuple[dict[int | str, float], float]:
    """(weights, bound) of a constraint, by numbers of chemicals and fields of conditions. Raises `SearchSpaceError`."""
    comparison = parse_comparison(text)
    weights: dict[int | str, float] = {}
    for name, factor in comparison.coefficients.items():
        keys: list[int | str] = [name] if name in CONDITIONS else [*space.members(name)]
        if not keys:
            raise SearchSpaceError(f"constraint {text!r}: {name!r} is not in this space")
        if name in CONDITIONS and getattr(space, name) is None:
            raise SearchSpaceError(f"constraint {text!r}: this space sets no {name}")
        for key in keys:
            weights[key] = weights.get(key, 0.0) + factor
    return weights, comparison.bound


def violations(space: "SearchSpace", recipe: Recipe) -> list[str]:
    """One sentence for each thing of the space that a recipe breaks."""
    if recipe.product != space.product:
        return [f"the recipe makes {recipe.product}; this space makes {space.product}"]
    try:
        amounts = space.amounts_of(recipe)
    except RecipeOutsideSpace as error:
        return [str(error)]
    broken: list[str] = []
    for reagent, amount in zip(space.reagents, amounts, strict=True):
        if reagent.fill_to_ml is None and not (amount == 0 and reagent.optional):
            broken += _off(reagent.label, amount, reagent.amount_mmol, "mmol")
    for field, label in CONDITIONS.items():
        broken += _off(label, getattr(recipe, field), getattr(space, field), UNITS[field])
    if broken:
        return broken
    known = [amount or 0.0 for amount in amounts]
    mask = np.array([known[i] > 0 for i in space.optional], dtype=bool)
    for coupling in space.couplings:
        if coupling.ratio is None:
            there = sum(known[i] > 0 for i in space.members(coupling))
            if not coupling.least <= there <= coupling.most:
                broken.append(f"the coupling {coupling.text!r} is broken: there are {there}")
    values: dict[int | str, float] = dict(enumerate(known))
    values |= {field: value for field in CONDITIONS if (value := getattr(recipe, field)) is not None}
    for text, weights, bound in space.subspace(mask).comparisons:
        terms = [weight * values[key] for key, weight in weights.items()]
        if sum(terms) > bound + _NEAR * (abs(bound) + sum(map(abs, terms))):
            broken.append(f"the constraint {text!r} is broken")
    for i, reagent in enumerate(space.reagents):
        if reagent.fill_to_ml is not None:
            vessel = [i, *(j for j, r in enumerate(space.reagents) if j != i and reagent.shares_vessel(r))]
            volume = sum(known[j] * ml_per_mmol(space.reagents[j].name) for j in vessel)
            if abs(volume / reagent.fill_to_ml - 1) > _FILLED:
                broken.append(f"{reagent.name} should fill to {reagent.fill_to_ml:g} mL; this makes {volume:.2f} mL")
    return list(dict.fromkeys(broken))


def _off(label: str, value: float | None, allowed: float | Range | None, unit: str) -> list[str]:
    """What is wrong with one value; empty where nothing is."""
    if allowed is None:
        return [] if value is None else [f"{label} {value:g} {unit} is given, which this campaign leaves out"]
    if value is None:
        return [f"the {label} is not known"]
    low, high = low_of(allowed), high_of(allowed)
    room = _NEAR * max(1.0, abs(low), abs(high))
    if low - room <= value <= high + room:
        return []
    if low == high:
        return [f"{label} {value:g} {unit} differs from the campaign's fixed {low:g} {unit}"]
    return [f"{label} {value:g} {unit} is outside the campaign's {low:g} to {high:g} {unit}"]


def refilled(space: "SearchSpace", recipe: Recipe, keep: Iterable[str] = ()) -> Recipe:
    """The recipe with each chemical that fills a vessel made up to its volume again, but for those to ``keep``."""
    reagents = list(recipe.reagents)
    for filler in space.reagents:
        if filler.fill_to_ml is None or filler.name in set(keep):
            continue
        here = [r for r in reagents if r.name == filler.name and r.vessel == filler.vessel]
        beside = [r for r in reagents if r not in here and filler.shares_vessel(r)]
        room = filler.fill_to_ml - sum((r.amount_mmol or 0.0) * ml_per_mmol(r.name) for r in beside)
        amount = down(max(0.0, room / ml_per_mmol(filler.name)), 4)
        made_up = Reagent(name=filler.name, amount_mmol=amount, role=filler.role, vessel=filler.vessel)
        reagents = [made_up if r in here else r for r in reagents]
        if not here:
            reagents.append(made_up)
    return recipe.model_copy(update={"reagents": tuple(reagents)})


def near_limits(space: "SearchSpace", recipe: Recipe, share: float) -> list[str]:
    """What of a recipe lies within ``share`` of its range's width of a limit."""
    try:
        amounts = space.amounts_of(recipe)
    except RecipeOutsideSpace:
        return []
    near: list[str] = []
    values = [(r.label, amount, r.amount_mmol, "mmol") for r, amount in zip(space.reagents, amounts, strict=True)]
    values += [(label, getattr(recipe, f), getattr(space, f), UNITS[f]) for f, label in CONDITIONS.items()]
    for label, value, allowed, unit in values:
        if not isinstance(allowed, Range) or not value:
            continue
        for name, limit in (("lower", allowed.low), ("upper", allowed.high)):
            if abs(value - limit) <= share * (allowed.high - allowed.low):
                near.append(f"{label} {value:g} {unit} is at or near its {name} limit of {limit:g} {unit}")
    return near


def narrowed(space: "SearchSpace", limits: Limits) -> tuple["SearchSpace", list[Fault]]:
    """The part of the space that keeps the limits, and every limit that leaves nothing of it (place below ``target``).

    The space means something only where there are no faults.
    """
    faults: list[Fault] = []
    limits = canonical_limits(limits)

    def kept(place: Place, label: str, value: Cuttable, low: float | None, high: float | None, what: str) -> Cuttable:
        try:
            return cut(label, value, low, high, what)
        except EmptySpaceError as error:
            faults.append((("limits", *place), str(error)))
            return value

    reagents: list[SpaceReagent] = []
    constraints = list(space.constraints)
    names = [reagent.name for reagent in space.reagents]
    for reagent in space.reagents:
        known = canonical_name(reagent.name)
        allowed = limits.allowed_chemicals is None or known in limits.allowed_chemicals
        most = limits.max_amounts_mmol.get(known)
        least = low_of(reagent.amount_mmol) if reagent.amount_mmol is not None else 0.0
        if not allowed or (reagent.optional and most is not None and most < least):
            if (least > 0 or reagent.fill_to_ml is not None) and not reagent.optional:
                message = (
                    f"{reagent.name} is in every recipe of the search space but not among the allowed chemicals; "
                    "allow it, or take it out of the space"
                )
                faults.append((("limits", "allowed_chemicals"), message))
            changes: dict[str, Any] = {"amount_mmol": 0.0, "optional": False, "fill_to_ml": None}
            reagents.append(reagent.model_copy(update=changes))
            continue
        amount = reagent.amount_mmol
        if most is not None:
            what = f"the limit of {most:g} mmol of {reagent.name}"
            if amount is None:
                amount = Range(low=0.0, high=most) if most > 0 else 0.0
            else:
                place = ("max_amounts_mmol", reagent.name)
                amount = kept(place, reagent.label, amount, None, most, what)
            if names.count(reagent.name) > 1:
                constraints.append(f"{reagent.name} <= {most!r}")
        reagents.append(reagent.model_copy(update={"amount_mmol": amount}))
    conditions: dict[str, Any] = {}
    for field, label in CONDITIONS.items():
        value = getattr(space, field)
        for limit, low, high in _limits_of(field, limits):
            if value is not None:
                bound = low if high is None else high
                what = f"{limit} {bound:g}"
                value = kept((limit,), label, value, low, high, what)
        conditions[field] = value
    if faults:
        return space, faults
    updates = {"reagents": tuple(reagents), "constraints": tuple(dict.fromkeys(constraints)), **conditions}
    # Not a copy: that would carry the arrays which were computed for the wider space.
    within = type(space).model_construct(**(dict(space) | updates))
    try:
        within.check_open()
    except SearchSpaceError as error:
        return space, [(("limits",), str(error))]
    return within, []


def _limits_of(field: str, limits: Limits) -> list[tuple[str, float | None, float | None]]:
    """(name of the limit, least, most) for one condition."""
    if field.endswith("temperature_c"):
        return [
            ("min_temperature_c", limits.min_temperature_c, None),
            *([("max_temperature_c", None, limits.max_temperature_c)] if limits.max_temperature_c is not None else []),
        ]
    if field == "reaction_time_min" and limits.max_reaction_time_min is not None:
        return [("max_reaction_time_min", None, limits.max_reaction_time_min)]
    if field == "heating_rate_c_per_min" and limits.max_heating_rate_c_per_min is not None:
        return [("max_heating_rate_c_per_min", None, limits.max_heating_rate_c_per_min)]
    return []
