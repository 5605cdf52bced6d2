"""Extra-trees: a global map from columns to sizes or shapes, fitted by scikit-learn and kept as plain arrays.

Geurts, Ernst and Wehenkel, "Extremely randomized trees", Mach. Learn. 2006, 63, 3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from closedloop.synthesis.trees import Trees

# Of the columns, the share that each split looks at (docs/decisions/0081).
_COLUMNS = 1.0
# Trees over at least this many recipes are grown on all cores; the trees are the same.
_MANY = 1000


@dataclass(frozen=True)
class Forest:
    """``trees`` of m nodes in all; ``values`` (m, k) float32: what the training recipes of a node average to."""

    trees: Trees
    values: np.ndarray

    @classmethod
    def of_values(cls, inputs: np.ndarray, values: np.ndarray, weights: np.ndarray, *, trees: int, seed: int) -> Self:
        """``inputs`` (n, d) float32, ``values`` (n,)."""
        from sklearn.ensemble import ExtraTreesRegressor

        forest = ExtraTreesRegressor(trees, max_features=_COLUMNS, random_state=seed, n_jobs=_jobs(inputs))
        return cls._of(forest, inputs, values, weights)

    @classmethod
    def of_classes(cls, inputs: np.ndarray, classes: np.ndarray, weights: np.ndarray, *, trees: int, seed: int) -> Self:
        """``classes`` (n,) from 0 without gaps: ``values`` are their probabilities."""
        from sklearn.ensemble import ExtraTreesClassifier

        forest = ExtraTreesClassifier(trees, max_features=_COLUMNS, random_state=seed, n_jobs=_jobs(inputs))
        return cls._of(forest, inputs, classes, weights)

    @classmethod
    def _of(cls, forest: Any, inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> Self:
        forest.fit(inputs, targets, weights)
        grown = [estimator.tree_ for estimator in forest.estimators_]
        starts = np.cumsum([0, *(tree.node_count for tree in grown)])[:-1]
        left, right, feature = [], [], []
        for start, tree in zip(starts, grown, strict=True):
            own = np.arange(tree.node_count)
            leaf = tree.children_left < 0
            left.append(start + np.where(leaf, own, tree.children_left))
            right.append(start + np.where(leaf, own, tree.children_right))
            feature.append(np.where(leaf, 0, tree.feature))
        values = np.concatenate([tree.value[:, 0, :] for tree in grown]).astype(np.float32)
        trees = Trees(
            feature=np.concatenate(feature).astype(np.int32),
            threshold=_rounded_down(np.concatenate([tree.threshold for tree in grown])),
            left=np.concatenate(left).astype(np.int32),
            right=np.concatenate(right).astype(np.int32),
            value=np.zeros(len(values), dtype=np.float32),
            roots=starts.astype(np.int32),
        )
        return cls(trees, values)

    def predict(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean over the trees (n, k), and the variance between them (n, k)."""
        each = self._each(inputs)
        return each.mean(1, dtype=float), each.var(1, dtype=float)

    def mean(self, inputs: np.ndarray) -> np.ndarray:
        """The mean alone, (n, k): of many classes, the variance takes longer than the trees."""
        mean: np.ndarray = self._each(inputs).mean(1, dtype=float)
        return mean

    def _each(self, inputs: np.ndarray) -> np.ndarray:
        """What each tree says, (n, t, k)."""
        return self.values[self.trees.leaves(inputs)]

    def state(self) -> dict[str, torch.Tensor]:
        """Everything as named tensors; `from_state` is the way back."""
        named = self.trees.state()
        del named["value"]
        return named | {"values": torch.as_tensor(self.values)}

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor]) -> Self:
        """Raises `ValueError` for arrays that are no trees."""
        values = state["values"].numpy()
        trees = Trees.from_state({**state, "value": torch.zeros(len(values))})
        if values.ndim != 2 or len(values) != len(trees.feature):
            raise ValueError("the trees' values do not fit their nodes")
        return cls(trees, values)


def _jobs(inputs: np.ndarray) -> int:
    return -1 if len(inputs) >= _MANY else 1


def _rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """In single precision; rounded up, one could let a number pass that is above it."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
