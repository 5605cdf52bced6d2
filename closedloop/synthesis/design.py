"""Design in reverse: amounts that are usual for a wished size and shape (`amounts`) stand where the model predicts that
they meet the target; else a search on the model itself moves them, no more than it must, until they do."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logit

from closedloop.chemistry import canonical_limits, canonical_name, limits_broken
from closedloop.recipes import Limits, Recipe, Target
from closedloop.synthesis.amounts import usual_amounts
from closedloop.synthesis.errors import DesignError
from closedloop.synthesis.network import SHAPES
from closedloop.synthesis.prediction import Prediction
from closedloop.synthesis.tokens import LEAST_AMOUNT_MMOL, MASKED, UNKNOWN

if TYPE_CHECKING:
    from closedloop.synthesis.model import SynthesisModel

_ROUNDS = 5
# Standard deviation of ln(amount) that the search begins with at least: what is usual may not be enough.
_FIRST_STEP = 0.4
_CANDIDATES = 160
_KEPT = 24
# What a move of one usual deviation of every amount costs, in tolerances squared.
_PULL = 0.5
# What it costs to move as much (mmol) as all designed amounts together: a little ligand is moved rather than much
# solvent, for another volume is another experiment.
_MOVED = 60.0
# The usual amounts stand as they are if the model misses the size by no more than this (in tolerances) with them.
_ROOM = 0.5
# Chance of success that a design must have.
_LIKELY = 0.5
# Falling short of it by one (in logits) counts like missing the size by so many tolerances more: what is expected to
# fail cannot make up for it by its size.
_SHORT = 2.0
# How far (in ln mmol) a design may go beyond the amounts that the chemical was used in.
_BEYOND = 0.4
# Two designs are distinct if their amounts differ by this many usual deviations (root mean square).
_DISTINCT = 0.5


@dataclass(frozen=True)
class Design:
    """A recipe with designed amounts, what the model predicts of it, and whether that meets the target's size."""

    recipe: Recipe
    prediction: Prediction
    meets_size: bool


def designs(model: "SynthesisModel", recipe: Recipe, target: Target, count: int, *, seed: int) -> list[Design]:
    """See `SynthesisModel.designs`."""
    limits = canonical_limits(target.limits)
    _check(recipe, target, limits)
    wanted = _wanted(recipe)
    ceiling = _ceilings(recipe, limits, wanted)
    start = _start(model, recipe, target, target.size_nm, wanted, ceiling)
    (expected,) = model.predict([start.made])
    stands = _stands(target, expected)
    if stands and count == 1:
        chosen = [start.first]
    else:
        starts = [start]
        if expected.success_probability < _LIKELY:
            # What is usual for the wished size is expected to fail: what is usual for any may not.
            starts.append(_start(model, recipe, target, _usual_size(model, target.product), wanted, ceiling))
        found = [_search(model, recipe, target, one, wanted, ceiling, seed) for one in starts]
        tried, costs = (np.concatenate(of) for of in zip(*found, strict=True))
        chosen = _distinct(tried, costs, start.sd, count, [start.first] if stands else [])
    made = [_with(recipe, row, wanted, ceiling) for row in chosen]
    return [
        Design(one, said, target.holds_size(said.size_nm)) for one, said in zip(made, model.predict(made), strict=True)
    ]


@dataclass(frozen=True)
class _Start:
    """Where a search begins: ln(mmol) of the wanted reagents, their usual deviation, between what they may lie, (w,)
    each; ``made``: the recipe with them."""

    first: np.ndarray
    sd: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    made: Recipe


def _start(
    model: "SynthesisModel", recipe: Recipe, target: Target, size_nm: float, wanted: np.ndarray, ceiling: np.ndarray
) -> _Start:
    """From what is usual for this size."""
    highest = np.log(np.maximum(ceiling, LEAST_AMOUNT_MMOL))
    usual, sd, least, most = _usual(model, recipe, target.model_copy(update={"size_nm": size_nm}), wanted)
    # Far beyond what a chemical was ever used in, the model knows nothing, and a search would find its mistakes.
    highest = np.minimum(highest, np.maximum(most, usual) + _BEYOND)
    lowest = np.minimum(np.minimum(least, usual) - _BEYOND, highest)
    first = np.clip(usual, lowest, highest)
    return _Start(first, sd, lowest, highest, _with(recipe, first, wanted, ceiling))


def _usual_size(model: "SynthesisModel", product: str) -> float:
    """The middle of the sizes (nm) that the model knows of the product; of all, where it knows none."""
    origins = model.learned.origins
    own = [one.size_nm for one in origins if one.product == product]
    return float(np.median(own or [one.size_nm for one in origins]))


def _search(
    model: "SynthesisModel",
    recipe: Recipe,
    target: Target,
    start: _Start,
    wanted: np.ndarray,
    ceiling: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates (m, w) and what they cost (m,)."""
    first, sd = start.first, start.sd
    tried, costs = [first[None]], [_cost(model, target, [start.made])]
    rng = np.random.default_rng(seed)
    centre, step = first, np.maximum(sd, _FIRST_STEP)
    for _ in range(_ROUNDS):
        drawn = centre + step * rng.standard_normal((_CANDIDATES, len(first)))
        # Half of the candidates leave some amounts as usual, so that the search need not move what hardly matters.
        stay = rng.random(drawn.shape) < np.where(np.arange(_CANDIDATES) % 2, 0.6, 0.0)[:, None]
        drawn = np.clip(np.where(stay, first, drawn), start.lowest, start.highest)
        cost = _cost(model, target, [_with(recipe, row, wanted, ceiling) for row in drawn])
        cost = cost + _PULL * (((drawn - first) / sd) ** 2).mean(1)
        cost = cost + _MOVED * np.abs(np.exp(drawn) - np.exp(first)).sum(1) / np.exp(first).sum()
        tried.append(drawn)
        costs.append(cost)
        kept = drawn[np.argsort(cost, kind="stable")[:_KEPT]]
        centre, step = kept.mean(0), kept.std(0) + 0.05 * sd
    return np.concatenate(tried), np.concatenate(costs)


def shortfall(model: "SynthesisModel", recipe: Recipe, target: Target, best: Design) -> str:
    """In what the best design misses the target, and what to do; empty where it meets the size and is likely to
    succeed."""
    chance = _chance_if_low(best.prediction)
    if best.meets_size and not chance:
        return ""
    low, high = target.band_nm
    size = f"{best.prediction.size_nm:.2f} nm" + ("" if best.meets_size else f", not {low:.2f} to {high:.2f} nm")
    return f"the designed amounts should give {size}{chance}; {_remedy(model, recipe, target, best)}"


def _remedy(model: "SynthesisModel", recipe: Recipe, target: Target, missed: Design) -> str:
    """A design does not depend on the amounts that it replaces (docs/decisions/0029); where these come nearer, whoever
    gave them is told."""
    all_given = all(reagent.amount_mmol is not None for reagent in recipe.reagents)
    if all_given and not limits_broken(recipe, target.limits):
        (said,) = model.predict([recipe])
        given, chance = said.size_nm, _chance_if_low(said)
        if target.holds_size(given) and not chance:
            return f"the amounts that were given should give {given:.2f} nm, so keep those"
        if abs(np.log(given / target.size_nm)) < abs(np.log(missed.prediction.size_nm / target.size_nm)):
            return (
                f"the amounts that were given come nearer with {given:.2f} nm{chance}, so start from those, or change "
                "the chemicals, the conditions or the limits"
            )
    return "no better ones were found, so change the chemicals, the conditions or the limits"


def _chance_if_low(said: Prediction) -> str:
    """Words on the chance of success where failure is likelier; else none."""
    chance = said.success_probability
    return f" with a chance of success of {chance:.2f}" if chance < _LIKELY else ""


def _distinct(
    tried: np.ndarray, costs: np.ndarray, sd: np.ndarray, count: int, chosen: list[np.ndarray]
) -> list[np.ndarray]:
    """``chosen`` and the cheapest of ``tried`` (m, w) that differ from all before them, up to ``count``."""
    for i in np.argsort(costs, kind="stable"):
        if len(chosen) == count:
            break
        if all(np.sqrt((((tried[i] - other) / sd) ** 2).mean()) >= _DISTINCT for other in chosen):
            chosen = [*chosen, tried[i]]
    return chosen


def _stands(target: Target, said: Prediction) -> bool:
    """Whether the recipe is predicted to meet the target as it is: size with room, success, shape, spread."""
    missed = abs(np.log(said.size_nm / target.size_nm)) * target.size_nm / target.half_width_nm
    shaped = target.shape is None or said.shape_probabilities[target.shape] >= max(said.shape_probabilities.values())
    narrow = (
        target.max_relative_spread is None
        or said.relative_spread is None
        or said.relative_spread <= target.max_relative_spread
    )
    return bool(missed <= _ROOM and said.success_probability >= _LIKELY and shaped and narrow)


def _check(recipe: Recipe, target: Target, limits: Limits) -> None:
    if not recipe.reagents:
        raise DesignError("the recipe lists no reagents; name the chemicals whose amounts are to be designed")
    if recipe.product != target.product:
        raise DesignError(
            f"the recipe makes {recipe.product} but the target is {target.product}; give a recipe for the target"
        )
    open_amounts = {(recipe.reagents[i].name, recipe.reagents[i].vessel): 0.0 for i in _wanted(recipe)}
    broken = limits_broken(recipe.with_amounts(open_amounts), limits)
    if broken:
        raise DesignError(f"no amounts can help: {'; '.join(broken)}; change the recipe or the limits")


def _wanted(recipe: Recipe) -> np.ndarray:
    """Which reagents are to be designed, (w,): those without an amount, or all where every amount is given."""
    unknown = [i for i, reagent in enumerate(recipe.reagents) if reagent.amount_mmol is None]
    return np.array(unknown or range(len(recipe.reagents)), dtype=np.int64)


def _ceilings(recipe: Recipe, limits: Limits, wanted: np.ndarray) -> np.ndarray:
    """Most mmol of the wanted reagents, (w,): of a limit on a chemical, what given amounts leave is shared out.

    ``limits`` are under the registry's names."""
    most = []
    names = [canonical_name(reagent.name) for reagent in recipe.reagents]
    for i in wanted.tolist():
        same = [j for j, other in enumerate(names) if other == names[i]]
        given = sum(recipe.reagents[j].amount_mmol or 0.0 for j in same if j not in wanted)
        limit = limits.max_amounts_mmol.get(names[i], np.inf)
        most.append(max(limit - given, 0.0) / sum(j in wanted for j in same))
    return np.array(most)


def _usual(
    model: "SynthesisModel", recipe: Recipe, target: Target, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """ln(mmol) of the wanted reagents, its deviation, and the least and most that was ever used, (w,) each."""
    reagents = list(recipe.reagents)
    for i in wanted.tolist():
        reagents[i] = reagents[i].model_copy(update={"amount_mmol": None})
    open_recipe = recipe.model_copy(update={"reagents": tuple(reagents)})
    arrays = model.vocabulary.encode([open_recipe])
    arrays = replace(arrays, state=np.where(arrays.state == UNKNOWN, MASKED, arrays.state))
    found = usual_amounts(model, arrays, target)
    # What is known to be absent is no token (`Vocabulary.encode`).
    listed = [i for i, reagent in enumerate(open_recipe.reagents) if reagent.amount_mmol != 0]
    places = np.array([listed.index(i) for i in wanted.tolist()], dtype=np.int64)
    return found.log_mmol[places], found.sd[places], found.least[places], found.most[places]


def _with(recipe: Recipe, log_amounts: np.ndarray, wanted: np.ndarray, ceiling: np.ndarray) -> Recipe:
    """The recipe with these amounts (w,) to four digits, rounded down where a limit stands."""
    amounts = np.minimum([float(f"{value:.4g}") for value in np.exp(log_amounts)], ceiling)
    named = [recipe.reagents[i] for i in wanted.tolist()]
    return recipe.with_amounts(
        {(reagent.name, reagent.vessel): float(amount) for reagent, amount in zip(named, amounts, strict=True)}
    )


def _cost(model: "SynthesisModel", target: Target, recipes: list[Recipe]) -> np.ndarray:
    """How badly each recipe is predicted to meet the target, in tolerances squared, (m,)."""
    said = model.predict_arrays(recipes)
    tolerance = target.half_width_nm / target.size_nm
    missed = np.abs(said.log_size_mean - np.log(target.size_nm)) / tolerance
    # There is room to stay where amounts are usual; beyond it each step costs.
    short = _SHORT * np.maximum(logit(_LIKELY) - said.success_logit, 0)
    cost = 4 * (np.maximum(missed - _ROOM, 0) + short) ** 2 + np.logaddexp(0, -said.success_logit)
    if target.shape is not None:
        cost = cost - np.log(said.shape_probabilities[:, SHAPES.index(target.shape)] + 1e-3)
    if target.max_relative_spread is not None:
        over = np.log(said.relative_spread / target.max_relative_spread)
        cost = cost + 4 * np.nan_to_num(np.maximum(over, 0)) ** 2
    return cost
