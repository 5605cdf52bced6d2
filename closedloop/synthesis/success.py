"""The chance that a recipe works, learned from recipes that did, from failures, and from failures made on purpose.

Published recipes are those that worked, so every fit makes hard negatives from its own successes (`hard_negatives`) and
adds the failures that it is given. Leaves the questions asked of a recipe to `success_features`, and the learner to
`trees`. docs/decisions/0023 says why trees, 0024 what a chance means where few failures were ever seen.
"""

import math
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
from closedloop.synthesis.state import part_of
from closedloop.synthesis.success_features import features, names, typical_amounts
from closedloop.synthesis.trees import Trees
from closedloop.synthesis.typical_amounts import TypicalAmounts

# The share of failures among recipes that a chemist would try: nobody publishes it, so this is stated, not learned.
PRIOR_FAILURES = 0.3
# Of the failures' weight, what the made ones keep however many are given: they teach what no lab would try.
LEAST_CONSTRUCTED_SHARE = 0.5
# How many failures of sources that report no success are used, as a share of the successes: nothing tells whether the
# recipe or the source makes the difference. More are not weighed less but left out: a crowd of light failures would
# still fill the space between the successes.
MOST_UNCONTRASTED_SHARE = 0.1
# Of this share of the successes a copy is learned from in which one chemical has a name that says nothing: what nobody
# knows may bring what seems to be missing.
ANONYMOUS_SHARE = 0.1
ANONYMOUS = "(a chemical that is not named)"
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
        rng = np.random.default_rng(seed)
        used = _contrasted(good, bad, sources, rng)
        made = make([recipes[i] for i in good], kinds=kinds, seed=seed, each=EACH, leave_out=leave_out)
        hidden, hides = _anonymous([recipes[i] for i in good], rng)
        own = [*good, *used]
        everything = [*(recipes[i] for i in own), *hidden, *(one.recipe for one in made)]
        origin = np.array([*range(len(own)), *hides, *(one.origin for one in made)], dtype=np.int64)
        label = np.concatenate([np.ones(len(good)), np.zeros(len(used)), np.ones(len(hidden)), np.zeros(len(made))])
        weight = _weights(given[own][origin[: len(own) + len(hidden)]], label, [one.kind for one in made])
        labels = _labels([recipes[i] for i in own], [sources[i] for i in own])
        fold = _folds(labels, seed)[origin]
        # Of all that is learned from, failures too: were only successes left out of the means that they are compared
        # with, this alone would tell them apart.
        typical = typical_amounts([recipes[i] for i in own], labels)
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
            held_out[out] = member.raw_scores(inputs[out])
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
        return np.clip(self.slope * self.trees.raw_scores(inputs) + self.offset, -MOST_LOGIT, MOST_LOGIT)

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
        found = part_of(state, "trees.")
        trees = Trees.from_state(found) if found else None
        if trees is not None and (trees.feature >= inputs).any():
            raise ValueError("a success model for other inputs")
        typical = TypicalAmounts.from_state(part_of(state, "typical."))
        return cls(trees, typical, slope, offset, int(failures))


def _inputs(
    recipes: Sequence[Recipe], typical: TypicalAmounts, without: Sequence[Hashable] | None = None
) -> np.ndarray:
    found = features(recipes, typical, without)
    return np.where(np.isnan(found), UNKNOWN, found)


def _monotone() -> list[int]:
    return [-1 if name in _ONLY_HARMS else 0 for name in names()]


# More of this can only lower the chance: an unknown stands below all, and so does no harm.
_ONLY_HARMS = frozenset({"supply: missing", "supply: missing, and nothing unknown", "supply: metals missing"})


def _contrasted(good: list[int], bad: list[int], sources: Sequence[Hashable], rng: np.random.Generator) -> list[int]:
    """The failures to use: those of unknown source or of one that succeeded too, and some of all others."""
    succeeding = {sources[i] for i in good}
    alone = [i for i in bad if sources[i] is not None and sources[i] not in succeeding]
    most = math.ceil(MOST_UNCONTRASTED_SHARE * len(good))
    dropped = set(rng.permutation(alone)[most:].tolist())
    return [i for i in bad if i not in dropped]


def _anonymous(recipes: Sequence[Recipe], rng: np.random.Generator) -> tuple[list[Recipe], list[int]]:
    """Copies in which one chemical's name says nothing, and the places of their originals."""
    chosen = [
        place
        for place in np.flatnonzero(rng.random(len(recipes)) < ANONYMOUS_SHARE).tolist()
        if recipes[place].reagents
    ]
    copies = []
    for place in chosen:
        reagents = list(recipes[place].reagents)
        number = int(rng.integers(len(reagents)))
        reagents[number] = reagents[number].model_copy(update={"name": ANONYMOUS})
        copies.append(recipes[place].model_copy(update={"reagents": tuple(reagents)}))
    return copies, chosen


def _weights(given: np.ndarray, label: np.ndarray, kinds: list[Kind]) -> np.ndarray:
    """(n,) with a mean of 1: those given, then those of the constructed failures, which are the last.

    Kinds of constructed failures weigh the same in total, whatever their number; together they fill up the stated share
    of failures, or half of it where so many failures were given.
    """
    worked = label[: len(given)] == 1
    prior = given[worked].sum() * PRIOR_FAILURES / (1 - PRIOR_FAILURES)
    constructed = max(prior - given[~worked].sum(), LEAST_CONSTRUCTED_SHARE * prior)
    counts = Counter(kinds)
    made = np.array([constructed / (len(counts) * counts[kind]) for kind in kinds])
    weight = np.concatenate([given, made])
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
