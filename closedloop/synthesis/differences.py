"""Differences in size: boosted trees that learned, from pairs of precedents, by how much two recipes' ln(size) differ.

A new recipe is compared with the precedent nearest to it, and gets that one's size with the difference added. Trees and
process average over many precedents; this stays with one, which a sibling is worth and a stranger is not: where no
precedent is near the part is silent (docs/decisions/0102). Leaves what a recipe's columns are to `columns`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch

from closedloop.synthesis.trees import Trees

_TREES = 100
# Each precedent is paired with so many of its nearest.
_PARTNERS = 6
# With fewer precedents nothing is learned.
_LEAST = 100
# Deep trees, as of all that was tried: an effect that one paper studied is a few pairs.
_SETTINGS: Mapping[str, Any] = {
    "objective": "huber",
    "alpha": 1.0,
    "learning_rate": 0.15,
    "max_depth": -1,
    "bagging_fraction": 0.7,
    "lambda_l2": 1.0,
    "min_data_in_leaf": 3,
}
# So many pairs for each leaf that a tree may have, and at most (and at least) so many leaves.
_PAIRS_PER_LEAF, _LEAVES = 50, (15, 255)
# Differences of standardised ln(size) beyond this are not learned from.
_MOST_APART = 3.0
# A column that hardly ever differs does not count the more for it.
_LEAST_DEVIATION = 0.05
# Distances are first found in single precision; so many precedents are then compared again, column by column, so that
# which of them is the nearest depends on the recipe alone.
_AGAIN = 3
# A precedent is near if it is as near as this share of the precedents have another.
_NEAR = 0.9


@dataclass(frozen=True)
class Differences:
    """n precedents: ``inputs`` (n, d) float32, their columns; ``values`` (n,), standardised ln(size); ``noise`` (n,),
    how much more a value is in doubt than a good one. ``trees``: `None` where there was too little to learn from;
    ``reach``: up to what distance a precedent is near."""

    inputs: np.ndarray
    values: np.ndarray
    noise: np.ndarray
    trees: Trees | None = None
    reach: float = 0.0

    @classmethod
    def fit(cls, inputs: np.ndarray, values: np.ndarray, noise: np.ndarray, *, seed: int) -> Self:
        untaught = cls(inputs, values, noise)
        if len(values) < _LEAST:
            return untaught
        partners = untaught._nearest(inputs, _PARTNERS, themselves=True)
        rows = np.repeat(np.arange(len(values)), _PARTNERS)
        apart = np.clip(values[rows] - values[partners.ravel()], -_MOST_APART, _MOST_APART)
        leaves = int(np.clip(len(rows) / _PAIRS_PER_LEAF, *_LEAVES))
        trees = Trees.fit(
            untaught._compared(inputs[rows], partners.ravel()),
            apart,
            (1 / noise / np.mean(1 / noise))[rows],
            trees=_TREES,
            seed=seed,
            changed={**_SETTINGS, "num_leaves": leaves},
        )
        reach = np.quantile(untaught._distance(inputs, partners[:, 0]), _NEAR)
        return cls(inputs, values, noise, trees, float(reach))

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Columns (m, d) -> standardised ln(size) (m,), NaN where no precedent is near or nothing was learned."""
        if self.trees is None:
            return np.full(len(inputs), np.nan)
        nearest = self._nearest(inputs, 1)[:, 0]
        near = np.flatnonzero(self._distance(inputs, nearest) <= self.reach)
        found = np.full(len(inputs), np.nan)
        found[near] = self.values[nearest[near]] + self.trees.raw_scores(self._compared(inputs[near], nearest[near]))
        return found

    def _compared(self, inputs: np.ndarray, partners: np.ndarray) -> np.ndarray:
        """What the trees see of recipes (m, d) and one precedent for each, (m,): (m, 2 d + 3) float32."""
        beside = [self.values[partners], self.noise[partners], self._distance(inputs, partners)]
        return np.concatenate([inputs - self.inputs[partners], inputs, np.stack(beside, 1).astype(np.float32)], 1)

    def _distance(self, inputs: np.ndarray, partners: np.ndarray) -> np.ndarray:
        """Of recipes (m, d) and one precedent for each, (m,), in units of the columns' deviations: (m,)."""
        apart = (inputs - self.inputs[partners]) / self._deviation
        distance: np.ndarray = np.sqrt(np.square(apart).sum(1))
        return distance

    @cached_property
    def _deviation(self) -> np.ndarray:
        """(d,) float32."""
        return np.maximum(self.inputs.std(0, dtype=float), _LEAST_DEVIATION).astype(np.float32)

    @cached_property
    def _centre(self) -> np.ndarray:
        """(d,) float32."""
        return self.inputs.mean(0, dtype=float).astype(np.float32)

    def _scaled(self, inputs: np.ndarray) -> torch.Tensor:
        return torch.as_tensor((inputs - self._centre) / self._deviation)

    @cached_property
    def _rows(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The precedents in units of the columns' deviations, (n, d), and their squares (n,)."""
        rows = self._scaled(self.inputs)
        return rows, rows.square().sum(1)

    def _nearest(self, inputs: np.ndarray, count: int, *, themselves: bool = False) -> np.ndarray:
        """Places (m, count) of the nearest precedents, the nearest first; those of equal distance in their own order.
        ``themselves``: the recipes are the precedents, and none is near to itself."""
        rows, squares = self._rows
        asked = self._scaled(inputs)
        square = torch.addmm(squares, asked, rows.T, alpha=-2)
        if themselves:
            square.fill_diagonal_(torch.inf)
        some = min(count + _AGAIN, len(rows) - themselves)
        near = np.sort(square.topk(some, largest=False, sorted=False).indices.numpy(), axis=1)
        exact = (rows[torch.as_tensor(near)] - asked[:, None]).square_().sum(2).numpy()
        order = np.argsort(exact, axis=1, kind="stable")[:, :count]
        return np.take_along_axis(near, order, 1)

    def state(self) -> dict[str, torch.Tensor]:
        """What is not also in the other parts; `from_state` is the way back."""
        if self.trees is None:
            return {}
        reach = torch.tensor(self.reach, dtype=torch.float64)
        return {"inputs": torch.as_tensor(self.inputs), "reach": reach, **self.trees.state()}

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor], values: np.ndarray, noise: np.ndarray, width: int) -> Self:
        """``width``: of a recipe's columns. Raises `KeyError` or `ValueError` for tensors that are none of these."""
        if not state:
            return cls(np.zeros((len(values), width), dtype=np.float32), values, noise)
        inputs, trees = state["inputs"].numpy(), Trees.from_state(state)
        if inputs.shape != (len(values), width) or inputs.dtype != np.float32:
            raise ValueError("columns of other precedents")
        if (trees.feature >= 2 * width + 3).any():
            raise ValueError("trees for other comparisons of sizes")
        return cls(inputs, values, noise, trees, float(state["reach"]))
