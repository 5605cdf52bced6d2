"""The chance that a recipe works, learned from recipes that did, from failures, and from failures made on purpose.

Published recipes are those that worked, so every fit makes hard negatives from its own successes (`hard_negatives`) and
adds the failures that it is given. Leaves the questions asked of a recipe to `success_features`, and the learner to
`trees`. docs/decisions/0023 says why trees, 0024 what a chance means where few failures were ever seen.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit, logit

from closedloop.chemistry.formula import without_phase
from closedloop.recipes import Recipe
from closedloop.synthesis.hard_negatives import KINDS, Kind, make
from closedloop.synthesis.success_features import features, names, typical_amounts
from closedloop.synthesis.trees import Trees
from closedloop.synthesis.typical_amounts import TypicalAmounts

# The share of failures among recipes that a chemist would try: nobody publishes it, so this is stated, not learned.
PRIOR_FAILURES = 0.3
# Of the failures' weight, what the made ones keep however many are given: they teach what no lab would try.
LEAST_CONSTRUCTED_SHARE = 0.5
# What failures of sources that report no success may weigh together, as a share of the successes: nothing tells
# whether the recipe or the source makes the difference.
MOST_UNCONTRASTED_SHARE = 0.05
# Fewer recipes than this teach nothing of what works: the chance is then the prior.
LEAST_SUCCESSES = 3
FOLDS = 4
TREES = 150
# Hard negatives of each kind for each success.
EACH = 2
# What stands for an unknown input: far below all that occurs.
UNKNOWN = -1000.0
LEAST_SLOPE, MOST_SLOPE = 0.2, 1.5
MOST_LOGIT = 7.0
_ONLY_CONSTRUCTED = (
    "success: learned from published successes and from failures that were constructed from them, for the model has "
    "seen no real failure"
)


@dataclass(frozen=True)
class SuccessModel:
    """Calibrated logits of success. ``trees`` are the mean of forests that each left out one fold; none: the prior.

    ``given_failures`` counts the failures that were not made on purpose.
    """

    trees: Trees | None
    typical: TypicalAmounts
    slope: float
    offset: float
    given_failures: int

    @classmethod
    def fit(
        cls,
        recipes: Sequence[Recipe],
        success: Sequence[bool] | np.ndarray,
        weights: Sequence[float] | np.ndarray | None = None,
        groups: Sequence[Hashable] | None = None,
        seed: int = 0,
        *,
        kinds: Collection[Kind] = KINDS,
        leave_out: Collection[str] = (),
    ) -> Self:
        """Learn from recipes that worked and from those that did not (``success`` (n,)), and from hard negatives.

        ``weights`` (n,) say how much each counts: give a lab's own more. ``groups`` (n,) are the sources; ``None`` is
        an unknown one. ``kinds`` and ``leave_out`` (names of variants) narrow the hard negatives, to measure their
        worth. With fewer than `LEAST_SUCCESSES` successes the model is the prior.
        """
        worked = np.asarray(success).astype(bool)
        given = np.ones(len(recipes)) if weights is None else np.asarray(weights, dtype=float)
        sources: list[Hashable] = [None] * len(recipes) if groups is None else list(groups)
        if not len(recipes) == len(worked) == len(given) == len(sources):
            raise ValueError("success, weights and groups must be as many as the recipes")
        good, bad = np.flatnonzero(worked).tolist(), np.flatnonzero(~worked).tolist()
        prior = cls(None, TypicalAmounts({}), 1.0, float(logit(1 - PRIOR_FAILURES)), len(bad))
        if len(good) < LEAST_SUCCESSES:
            return prior
        made = make([recipes[i] for i in good], kinds=kinds, seed=seed, each=EACH, leave_out=leave_out)
        weight = _weights(given, worked, sources, np.array([one.kind for one in made]))
        everything = [recipes[i] for i in (*good, *bad)] + [one.recipe for one in made]
        label = np.concatenate([np.ones(len(good)), np.zeros(len(bad) + len(made))])
        origin = np.array([*range(len(good) + len(bad)), *(one.origin for one in made)])
        labels = _labels([recipes[i] for i in (*good, *bad)], [sources[i] for i in (*good, *bad)])
        fold = _folds(labels, seed)[origin]
        typical = typical_amounts([recipes[i] for i in good], labels[: len(good)])
        inputs = _inputs(everything, typical, [labels[i] for i in origin])
        members, held_out = list[Trees](), np.full(len(label), np.nan)
        for number in np.unique(fold):
            out = fold == number
            if len(np.unique(label[~out])) < 2:
                continue
            member = Trees.fit(
                inputs[~out], label[~out], weight[~out], trees=TREES, seed=seed + int(number), monotone=_monotone()
            )
            members.append(member)
            held_out[out] = member.logits(inputs[out])
        if not members:
            return prior
        scored = np.isfinite(held_out)
        slope, offset = _platt(held_out[scored], label[scored], weight[scored])
        return cls(Trees.together(members), replace(typical, parts={}), slope, offset, len(bad))

    def logits(self, recipes: Sequence[Recipe]) -> np.ndarray:
        """(n,): the calibrated logit of each recipe's success."""
        if self.trees is None or not recipes:
            return np.full(len(recipes), self.offset)
        inputs = _inputs(recipes, self.typical)
        return np.clip(self.slope * self.trees.logits(inputs) + self.offset, -MOST_LOGIT, MOST_LOGIT)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of a chance must know, if anything."""
        if self.trees is None:
            return (f"success: a prior of {expit(self.offset):g}, for there were too few successes to learn from",)
        if not self.given_failures:
            return (_ONLY_CONSTRUCTED,)
        return ()

    def state(self) -> dict[str, torch.Tensor]:
        """Everything as tensors."""
        state = {f"typical.{name}": value for name, value in self.typical.state().items()}
        if self.trees is not None:
            state |= {f"trees.{name}": value for name, value in self.trees.state().items()}
        numbers = [self.slope, self.offset, float(self.given_failures), float(len(names()))]
        return state | {"numbers": torch.tensor(numbers, dtype=torch.float64)}

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor]) -> Self:
        """Raises `ValueError` or `KeyError` for a state that is damaged or asks other questions of a recipe."""
        slope, offset, failures, inputs = state["numbers"].tolist()
        if not np.isfinite([slope, offset]).all() or inputs != len(names()):
            raise ValueError("a success model for other inputs")
        found = _part(state, "trees.")
        trees = Trees.from_state(found) if found else None
        if trees is not None and (trees.feature >= inputs).any():
            raise ValueError("a success model for other inputs")
        typical = TypicalAmounts.from_state(_part(state, "typical."))
        return cls(trees, typical, slope, offset, int(failures))


def _part(state: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _inputs(
    recipes: Sequence[Recipe], typical: TypicalAmounts, without: Sequence[Hashable] | None = None
) -> np.ndarray:
    found = features(recipes, typical, without)
    return np.where(np.isnan(found), UNKNOWN, found)


def _monotone() -> list[int]:
    return [-1 if name in _ONLY_HARMS else 0 for name in names()]


# More of this can only lower the chance: an unknown stands below all, and so does no harm.
_ONLY_HARMS = frozenset({"supply: missing", "supply: missing, and nothing unknown", "supply: metals missing"})


def _weights(given: np.ndarray, worked: np.ndarray, sources: list[Hashable], kinds: np.ndarray) -> np.ndarray:
    """Weights of the successes, the given failures and the made ones, in this order, with a mean of 1.

    Kinds of made failures weigh the same in total, whatever their number. Failures keep the weights they were given
    (as do their sources' successes), but those of sources without any success are capped.
    """
    good, bad = np.flatnonzero(worked), np.flatnonzero(~worked)
    total = given[good].sum()
    succeeding = {sources[i] for i in good}
    contrasted = np.array([sources[i] is None or sources[i] in succeeding for i in bad], dtype=bool)
    failures = given[bad].copy()
    alone = failures[~contrasted].sum()
    if alone > MOST_UNCONTRASTED_SHARE * total:
        failures[~contrasted] *= MOST_UNCONTRASTED_SHARE * total / alone
    prior = total * PRIOR_FAILURES / (1 - PRIOR_FAILURES)
    constructed = max(prior - failures.sum(), LEAST_CONSTRUCTED_SHARE * prior)
    counts = Counter(kinds.tolist())
    made = np.array([constructed / (len(counts) * counts[kind]) for kind in kinds.tolist()])
    weight = np.concatenate([given[good], failures, made])
    return np.asarray(weight / weight.mean())


def _labels(recipes: Sequence[Recipe], sources: Sequence[Hashable]) -> list[Hashable]:
    """(n,): what is left out together, so that each recipe is judged as one unlike those learned from: its product, or
    its source where there are few products, or itself where there are few of both."""
    products: list[Hashable] = [without_phase(recipe.product) for recipe in recipes]
    named: list[Hashable] = [("source", i if source is None else source) for i, source in enumerate(sources)]
    for labels in (products, named):
        if len(set(labels)) >= 3 * FOLDS:
            return labels
    return list(range(len(recipes)))


def _folds(labels: Sequence[Hashable], seed: int) -> np.ndarray:
    """(n,): which member leaves out which recipe; those of one label stay together."""
    rng = np.random.default_rng(seed)
    counts, load, place = Counter(labels), np.zeros(FOLDS), dict[Hashable, int]()
    order = [list(counts)[i] for i in rng.permutation(len(counts))]
    for label in sorted(order, key=lambda label: -counts[label]):
        place[label] = int(load.argmin())
        load[place[label]] += counts[label]
    return np.array([place[label] for label in labels], dtype=np.int64)


def _platt(raw: np.ndarray, label: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the logit with the highest likelihood (Platt 1999), the slope within sensible bounds."""

    def loss(values: np.ndarray) -> float:
        scaled = values[0] * raw + values[1]
        return float((weight * (np.logaddexp(0, scaled) - label * scaled)).sum() / weight.sum())

    found = minimize(loss, np.array([1.0, 0.0]), bounds=[(LEAST_SLOPE, MOST_SLOPE), (-5, 5)])
    return float(found.x[0]), float(found.x[1])
