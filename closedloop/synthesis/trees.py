"""Boosted trees as plain arrays: fitted by LightGBM, stored as tensors, evaluated with NumPy alone.

So a model's file holds nothing but numbers, and predicting needs neither LightGBM nor its threads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import torch

PARAMETERS: Mapping[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.08,
    "num_leaves": 24,
    "max_depth": 6,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    "min_sum_hessian_in_leaf": 1e-3,
    "use_missing": False,
    "verbosity": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
}
_CHUNK = 128
# After how many levels of the trees paths that have ended are left behind.
_LEVELS = 6
_TYPES = {"feature": np.int32, "threshold": np.float64, "left": np.int32, "right": np.int32, "value": np.float32,
          "roots": np.int32}  # fmt: skip


@dataclass(frozen=True)
class Trees:
    """t trees of m nodes in all: a row goes ``left`` where its feature is at most the threshold, else ``right``.

    (m,) each but ``roots`` (t,): ``left`` and ``right`` are nodes, a leaf is its own child; ``value`` is a leaf's share
    of the logit (or of what else was learned). Inputs must be finite.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    roots: np.ndarray

    @classmethod
    def fit(
        cls,
        inputs: np.ndarray,
        labels: np.ndarray,
        weights: np.ndarray,
        *,
        trees: int,
        seed: int,
        monotone: Sequence[int] = (),
        changed: Mapping[str, Any] = MappingProxyType({}),
    ) -> Self:
        """``inputs`` (n, d), ``labels`` (n,) of 0 and 1, ``weights`` (n,) with a mean near 1.

        ``monotone`` (d,): 1 where more of the input can only raise the logit, -1 where it can only lower it, else 0.
        ``changed``: settings in place of `PARAMETERS`; with the objective of a regression labels are any numbers, and
        leaves hold shares of such a number. The same seed gives the same trees.
        """
        import lightgbm

        # A leaf needs enough examples to mean something, and a small training set must be allowed to split at all.
        least = int(np.clip(len(labels) / 100, 3, 20))
        settings = {**PARAMETERS, "seed": seed, "min_data_in_leaf": least, "min_data_in_bin": 3}
        if any(monotone):
            settings |= {"monotone_constraints": list(monotone), "monotone_constraints_method": "intermediate"}
        settings |= changed
        data = lightgbm.Dataset(inputs, labels, weight=weights)
        booster = lightgbm.train(settings, data, trees)
        return cls._of([tree["tree_structure"] for tree in booster.dump_model()["tree_info"]])

    @classmethod
    def _of(cls, structures: Sequence[Mapping[str, Any]]) -> Self:
        nodes: list[list[float]] = []

        def add(node: Mapping[str, Any]) -> int:
            place = len(nodes)
            nodes.append([0.0, 0.0, place, place, float(node.get("leaf_value", 0.0))])
            if "split_feature" in node:
                left, right = add(node["left_child"]), add(node["right_child"])
                nodes[place] = [node["split_feature"], node["threshold"], left, right, 0.0]
            return place

        roots = [add(structure) for structure in structures]
        table = np.array(nodes, dtype=np.float64).reshape(-1, 5)
        columns = dict(zip(("feature", "threshold", "left", "right", "value"), table.T, strict=True))
        return cls(**{n: np.ascontiguousarray(c.astype(_TYPES[n])) for n, c in columns.items()},
                   roots=np.array(roots, dtype=_TYPES["roots"]))  # fmt: skip

    def raw_scores(self, inputs: np.ndarray) -> np.ndarray:
        """Sums of the leaves, logits unless another objective was given: (n, d) -> (n,)."""
        chunks = range(0, len(inputs), _CHUNK)
        sums = [self.value.take(self._leaves(inputs[start : start + _CHUNK])).sum(1, dtype=float) for start in chunks]
        return np.concatenate(sums) if sums else np.zeros(0)

    def leaves(self, inputs: np.ndarray) -> np.ndarray:
        """In which leaf of each tree a row ends: (n, d) -> nodes (n, t)."""
        chunks = range(0, len(inputs), _CHUNK)
        found = [self._leaves(inputs[start : start + _CHUNK]) for start in chunks]
        return np.concatenate(found) if found else np.zeros((0, len(self.roots)), dtype=np.int32)

    def _leaves(self, inputs: np.ndarray) -> np.ndarray:
        chunk = np.ascontiguousarray(inputs)
        width, trees = chunk.shape[1], len(self.roots)
        first = np.repeat(np.arange(len(chunk), dtype=np.int32) * np.int32(width), trees)
        flat = chunk.ravel()
        node = np.tile(self.roots, len(chunk))
        # Most paths end long before the deepest leaf: the rest goes on without them.
        going: np.ndarray | slice = slice(None)
        for level in range(self.depth):
            here = node[going]
            right = flat.take(first[going] + self.feature.take(here)) > self.threshold.take(here)
            node[going] = self._child.take(2 * here + right)
            if level % _LEVELS == _LEVELS - 1:
                going = np.flatnonzero(self.left.take(node) != node)
                if not len(going):
                    break
        return node.reshape(len(chunk), trees)

    @cached_property
    def _child(self) -> np.ndarray:
        return np.stack([self.left, self.right], axis=1).ravel()

    @cached_property
    def depth(self) -> int:
        """Steps from a root to the farthest leaf."""
        nodes, depth = self.roots, 0
        while (inner := nodes[self.left[nodes] != nodes]).size:
            nodes, depth = np.concatenate([self.left[inner], self.right[inner]]), depth + 1
        return depth

    @classmethod
    def together(cls, forests: Sequence[Self]) -> Self:
        """One set of trees whose logit is the mean of the forests'."""
        starts = np.cumsum([0, *(len(forest.feature) for forest in forests)])
        parts: dict[str, list[np.ndarray]] = {field.name: [] for field in fields(cls)}
        for start, forest in zip(starts.tolist(), forests, strict=False):
            for name, values in parts.items():
                moved = getattr(forest, name)
                values.append(moved + np.int32(start) if name in ("left", "right", "roots") else moved)
        parts["value"] = [values / np.float32(len(forests)) for values in parts["value"]]
        return cls(**{name: np.concatenate(values) for name, values in parts.items()})

    def state(self) -> dict[str, torch.Tensor]:
        return {field.name: torch.as_tensor(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor]) -> Self:
        """Raises `ValueError` for arrays that are no trees: another number of nodes, or children that are none."""
        arrays = {name: np.asarray(state[name]).astype(kind, copy=False) for name, kind in _TYPES.items()}
        nodes = len(arrays["feature"])
        if any(arrays[name].shape != (nodes,) for name in _TYPES if name != "roots") or arrays["roots"].ndim != 1:
            raise ValueError("the trees' arrays differ in length")
        places = np.arange(nodes)
        leaf = (arrays["left"] == places) & (arrays["right"] == places)
        forward = (arrays["left"] > places) & (arrays["right"] > places)
        inside = all(((arrays[name] >= 0) & (arrays[name] < nodes)).all() for name in ("left", "right", "roots"))
        # Children come after their parent, so that no path can run in a circle.
        if not inside or not (leaf | forward).all() or (arrays["feature"] < 0).any():
            raise ValueError("the trees' nodes do not form trees")
        return cls(**arrays)
