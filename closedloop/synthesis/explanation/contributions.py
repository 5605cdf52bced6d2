"""Why the model says this of a recipe and something else of its precedents: each part's share of the difference.

The shares are Shapley values against real precedents (docs/decisions/0027): they add up to the prediction minus the
mean prediction for these precedents. They explain the model, not the chemistry.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from closedloop.chemistry import canonical_name
from closedloop.recipes import Recipe, Shape
from closedloop.synthesis.explanation.errors import NoPrecedents, NothingToExplain
from closedloop.synthesis.explanation.shapley import EXACT_UP_TO, PAIRS, Plan
from closedloop.synthesis.explanation.substitution import (
    BATCH,
    CONDITION,
    OTHERS,
    UNITS,
    Part,
    Substitution,
    cations_mmol,
    parts_of,
)

if TYPE_CHECKING:
    from closedloop.synthesis.model import SynthesisModel

PRECEDENTS = 8
# How many precedents are predicted before some are chosen that span them.
_MOST_CANDIDATES = 500

Ask = Callable[[Sequence[Recipe]], np.ndarray]


class Quantity(StrEnum):
    """What is explained: the mean diameter in nm, or a chance."""

    SIZE = "size"
    SUCCESS = "success"
    SHAPE = "shape"


@dataclass(frozen=True)
class Contribution:
    """``value``: what this part adds to the reference, in the quantity's unit; ``low`` and ``high``: the least and the
    most that it adds to a single precedent; ``sampling_error``: the standard error of the walks, 0 where exact.

    ``yours`` and ``instead`` say what the recipe and the precedents have there.
    """

    name: str
    kind: str
    value: float
    low: float
    high: float
    sampling_error: float
    yours: str
    instead: str


@dataclass(frozen=True)
class Explanation:
    """``reference`` + the sum of all values = ``prediction``; ``unit`` is nm, or "" for a chance between 0 and 1.

    ``precedents`` were compared with, out of ``candidates``; ``predicted`` recipes were asked for.
    """

    quantity: str
    unit: str
    prediction: float
    reference: float
    contributions: tuple[Contribution, ...]
    precedents: int
    candidates: int
    exact: bool
    predicted: int
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def explain(
    model: "SynthesisModel",
    recipe: Recipe,
    precedents: Sequence[Recipe],
    quantity: Quantity | str = Quantity.SIZE,
    *,
    shape: Shape | None = None,
    at_most: int = PRECEDENTS,
    seed: int = 0,
    exact_up_to: int = EXACT_UP_TO,
    pairs: int = PAIRS,
) -> Explanation:
    """Shares of the recipe's parts in what the model says of it.

    ``precedents``: recipes that were made; those of the recipe's product are compared with if there are any, all of
    them otherwise, ``at_most`` that span what the model says of them. ``shape`` is the one whose chance is explained,
    the recipe's likeliest unless given. ``pairs`` of walks where more than ``exact_up_to`` parts differ.
    Raises `NoPrecedents`, `NothingToExplain`.
    """
    quantity = Quantity(quantity)
    label, unit, ask = _question(model, recipe, quantity, shape)
    candidates, notes = _candidates(recipe, precedents)
    rng = np.random.default_rng(seed)
    chosen = _spanning(candidates, ask, at_most, rng)
    parts = parts_of(recipe, same_product=all(other.product == recipe.product for other in chosen))
    pairings = [Substitution(recipe, other, parts) for other in chosen]
    plans = [Plan.of(len(one.differing), rng, exact_up_to=exact_up_to, pairs=pairs) for one in pairings]
    between = [one.recipe(own) for one, plan in zip(pairings, plans, strict=True) for own in plan.coalitions]
    distinct = list(dict.fromkeys(between))
    said = dict(zip(distinct, ask(distinct).tolist(), strict=True))
    worth = np.array([said[one] for one in between])
    values, errors = np.zeros((len(chosen), len(parts))), np.zeros((len(chosen), len(parts)))
    starts = np.cumsum([0, *(len(plan.coalitions) for plan in plans)])
    for row, (one, plan) in enumerate(zip(pairings, plans, strict=True)):
        differing = list(one.differing)
        values[row, differing], errors[row, differing] = plan.values(worth[starts[row] : starts[row + 1]])
    contributions = tuple(
        Contribution(
            part.name,
            part.kind,
            float(values[:, i].mean()),
            float(values[:, i].min()),
            float(values[:, i].max()),
            float(np.sqrt((errors[:, i] ** 2).sum()) / len(chosen)),
            _yours(recipe, part),
            _instead(pairings, i, part),
        )
        for i, part in enumerate(parts)
    )
    return Explanation(
        label,
        unit,
        float(ask([recipe])[0]),
        float(worth[starts[:-1]].mean()),
        contributions,
        len(chosen),
        len(candidates),
        all(plan.exact for plan in plans),
        len(distinct),
        (*notes, *_warnings(model, recipe)),
    )


def _question(model: "SynthesisModel", recipe: Recipe, quantity: Quantity, shape: Shape | None) -> tuple[str, str, Ask]:
    """What is explained, its unit, and how it is asked of many recipes -> (n,)."""
    if quantity is Quantity.SIZE:
        return "size", "nm", lambda recipes: np.exp(model.predict_arrays(recipes).log_size_mean)
    if quantity is Quantity.SUCCESS:
        if model.priors.success is not None:
            raise NothingToExplain(
                f"the chance of success is {model.priors.success:g} for every recipe, for this model has seen too few "
                "successes; give one that has seen more with --model"
            )
        return "chance of success", "", lambda recipes: expit(model.predict_arrays(recipes).success_logit)
    if model.priors.shape is not None:
        raise NothingToExplain(
            "the chances of the shapes are the same for every recipe, for what this model learned from names fewer "
            "than two shapes; give one that has seen several with --model"
        )
    shapes = list(Shape)
    wanted = shape or shapes[int(model.predict_arrays([recipe]).shape_probabilities[0].argmax())]
    column = shapes.index(wanted)
    return f"chance of {wanted}", "", lambda recipes: model.predict_arrays(recipes).shape_probabilities[:, column]


def _warnings(model: "SynthesisModel", recipe: Recipe) -> list[str]:
    """What the prediction does not rest on; a prior for shape or success is no matter of the size."""
    said = model.predict([recipe])[0].warnings
    return [warning for warning in said if not warning.startswith(("shape:", "success:"))]


def _candidates(recipe: Recipe, precedents: Sequence[Recipe]) -> tuple[list[Recipe], tuple[str, ...]]:
    """What to compare with, and what to say of it."""
    others = [other for other in dict.fromkeys(precedents) if other != recipe and other.reagents]
    if not others:
        raise NoPrecedents("there is no other recipe to compare with; give experiments that were made with --data")
    same = [other for other in others if other.product == recipe.product]
    if same:
        return same, ()
    return others, (f"no precedent is of {recipe.product}: compared with recipes for other products",)


def _spanning(candidates: list[Recipe], ask: Ask, at_most: int, rng: np.random.Generator) -> list[Recipe]:
    """Those at evenly spaced ranks of what the model says of them, so that few of them stand for all."""
    if len(candidates) > _MOST_CANDIDATES:
        picked = np.sort(rng.choice(len(candidates), _MOST_CANDIDATES, replace=False))
        candidates = [candidates[i] for i in picked]
    count = min(at_most, len(candidates))
    order = np.argsort(ask(candidates), kind="stable")
    ranks = ((np.arange(count) + 0.5) / count * len(candidates)).astype(int)
    return [candidates[order[rank]] for rank in ranks]


def _yours(recipe: Recipe, part: Part) -> str:
    if part.kind == CONDITION:
        value = getattr(recipe, part.field or "")
        return "unknown" if value is None else f"{value:g} {UNITS[part.field or '']}"
    if part.kind == BATCH:
        return _span([batch] if (batch := cations_mmol(recipe)) else [], "mmol of cation precursor")
    if part.kind == OTHERS:
        return "none"
    listed = [recipe.reagents[i] for i in part.places]
    if len(listed) == 1:
        return "amount unknown" if listed[0].amount_mmol is None else f"{listed[0].amount_mmol:.4g} mmol"
    return ", ".join([recipe.product, *(reagent.name for reagent in listed)])


def _instead(pairings: Sequence[Substitution], i: int, part: Part) -> str:
    """What the precedents have there: the range of a condition; the chemicals, the commonest first."""
    if part.kind == CONDITION:
        known = [value for one in pairings if (value := one.theirs(part)) is not None]
        return _span(known, UNITS[part.field or ""])
    if part.kind == BATCH:
        return _span([one.batch_mmol for one in pairings if one.batch_mmol], "mmol of cation precursor")
    counts: Counter[str] = Counter()
    amounts: dict[str, list[float]] = {}
    for one in pairings:
        for reagent in one.instead[i]:
            name = canonical_name(reagent.name)
            counts[name] += 1
            if reagent.amount_mmol is not None:
                amounts.setdefault(name, []).append(reagent.amount_mmol)
    said = []
    for name, count in counts.most_common(2):
        much = " " + _span(amounts[name], "mmol") if name in amounts else ""
        said.append(f"{name}{much} ({count} of {len(pairings)})")
    if len(counts) > 2:
        said.append(f"{len(counts) - 2} more")
    empty = sum(not one.instead[i] for one in pairings)
    if empty and part.kind != OTHERS:
        said.append(f"nothing ({empty} of {len(pairings)})")
    return ", ".join(said) or "none"


def _span(values: Sequence[float], unit: str) -> str:
    if not values:
        return "unknown"
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
