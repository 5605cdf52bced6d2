"""How likely a recipe has the amount that a precedent has: boosted trees that learned it from pairs of precedents.

Each precedent is asked for as if it were new, with none, some or all of its other amounts known, and the trees learn
which of the candidates (`past_amounts`) are what it had. Too few precedents teach nothing: the distance alone decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from closedloop.synthesis.past_amounts import COMPARED, Candidates, PastAmounts
from closedloop.synthesis.trees import Trees

_TREES = 120
# So many precedents are asked for, drawn at random; with fewer than the least, nothing is learned.
_MOST_ASKED, _LEAST = 1200, 100
# How often none or all of the other amounts are known; else some.
_NONE, _ALL = 0.4, 0.4
# Two amounts are equal within this (in ln mmol).
_EQUAL = 0.05
# Up to so much (mmol) an amount counts the more, the larger it is: a wrong volume of solvent is what costs.
_LARGE_MMOL = 60.0
# The power of a chance that weighs a candidate. More brings the likeliest to the fore. Chosen outside the benchmark.
_SHARPNESS = 2.0


@dataclass(frozen=True)
class AmountChoice:
    """``trees`` over comparisons, or ``None`` where there was too little to learn from."""

    trees: Trees | None

    @classmethod
    def fit(cls, past: PastAmounts, seed: int) -> Self:
        rng = np.random.default_rng(seed)
        if len(past.levels) < _LEAST:
            return cls(None)
        inputs, labels, weights = [], [], []
        for row in np.sort(rng.permutation(len(past.levels))[:_MOST_ASKED]).tolist():
            listed = np.flatnonzero(past.used[row])
            drawn = rng.random()
            kept = 0.0 if drawn < _NONE else 1.0 if drawn < _NONE + _ALL else rng.random()
            # One amount at least is asked for; where all others are known, each in turn.
            known = listed[rng.random(len(listed)) < kept]
            for asked, given in _questions(listed, known):
                for column, found in zip(asked, past.candidates(past.wish(row, given), asked), strict=True):
                    if found is None:
                        continue
                    log_mmol = past.logs[row, column]
                    inputs.append(found.compared)
                    labels.append(np.abs(found.log_mmol - log_mmol) < _EQUAL)
                    counts = np.sqrt((min(np.exp(log_mmol), _LARGE_MMOL) + 1) / len(found.log_mmol))
                    weights.append(np.full(len(found.log_mmol), counts))
        told = np.concatenate(labels) if labels else np.zeros(0)
        if not 0 < told.sum() < len(told):
            return cls(None)
        weight = np.concatenate(weights)
        trees = Trees.fit(
            np.concatenate(inputs),
            told.astype(float),
            weight / weight.mean(),
            trees=_TREES,
            seed=seed,
            monotone=list(COMPARED.values()),
        )
        return cls(trees)

    def weights(self, found: Candidates) -> np.ndarray:
        """How much each candidate counts, (m,)."""
        if self.trees is None:
            return found.weight
        logits = self.trees.raw_scores(found.compared)
        log_chance = -np.logaddexp(0, -logits)
        weight: np.ndarray = np.exp(_SHARPNESS * (log_chance - log_chance.max()))
        return weight

    def state(self) -> dict[str, torch.Tensor]:
        return {} if self.trees is None else self.trees.state()

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor]) -> Self:
        """Raises `ValueError` or `KeyError` for tensors that are no trees over comparisons."""
        if not state:
            return cls(None)
        trees = Trees.from_state(state)
        if (trees.feature >= len(COMPARED)).any() or not np.isfinite(trees.value).all():
            raise ValueError("trees for other comparisons of amounts")
        return cls(trees)


def _questions(listed: np.ndarray, known: np.ndarray) -> list[tuple[list[int], np.ndarray]]:
    """Which columns are asked for, and which are then known: those not ``known``, or each where all are."""
    if len(known) < len(listed):
        return [(np.setdiff1d(listed, known).tolist(), known)]
    return [([column], listed[listed != column]) for column in listed.tolist()]
