"""What the model has beside the transformer: extra-trees over columns, the process over precedents, and differences
from the nearest of them.

Each is learned anew in seconds whenever the model is, so that all of them always know every experiment. Leaves the
network to `training`, the weights of the parts to `blend`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch

from closedloop.literature import one_spelling
from closedloop.recipes import Experiment
from closedloop.synthesis.blend import Said
from closedloop.synthesis.columns import Columns
from closedloop.synthesis.differences import Differences
from closedloop.synthesis.forest import Forest
from closedloop.synthesis.network import SHAPES
from closedloop.synthesis.precedents import Precedents, Similar, group_features
from closedloop.synthesis.regimes import SIBLING, LeftOut, folds_of, seen_before
from closedloop.synthesis.state import part_of
from closedloop.synthesis.tokens import Arrays, Vocabulary
from closedloop.synthesis.training import Labels, Progress

_TREES = 150
_SHAPE_TREES = 100
_GIVEN_SIZE_TREES = 60
_SPREAD_TREES = 50
# Trees that are grown without a fold, once for each regime and fold, to learn what they are worth.
_HELD_OUT_TREES = 40
_LEAST_SPREADS = 10


@dataclass(frozen=True)
class Parts:
    """``sizes``: standardised log size. ``shapes`` and, where size is known too, ``shapes_by_size`` (``None``: fewer
    than two shapes were seen): probabilities of the classes ``shape_classes`` (c,). ``spreads`` (``None``: hardly any
    was known): ln(relative spread). ``precedent_shapes``: the class of each precedent, -1 where it is unknown.
    ``products``: how many precedents make each product. ``vocabulary``: how many chemicals there are."""

    vocabulary: int
    columns: Columns
    sizes: Forest
    shapes: Forest | None
    shapes_by_size: Forest | None
    shape_classes: np.ndarray
    spreads: Forest | None
    precedents: Precedents
    differences: Differences
    precedent_shapes: np.ndarray
    products: Mapping[str, int]

    @classmethod
    def fit(
        cls,
        words: Vocabulary,
        arrays: Arrays,
        experiments: Sequence[Experiment],
        known: Labels,
        doubt: np.ndarray,
        seed: int,
        progress: Progress,
    ) -> Self:
        """``experiments`` (n,) with a size or a shape, their ``known`` outcomes and the ``doubt`` (n,) of the sizes."""
        chemicals = len(words.chemicals)
        columns = Columns.of(arrays, chemicals, float(np.exp(words.amount_centre)))
        inputs = columns(arrays)
        sized = np.flatnonzero(np.isfinite(known.size))
        progress(0.0, f"comparing {len(sized)} precedents")
        weight = known.weight.astype(float)
        precedents = Precedents.fit(
            group_features(arrays.rows(sized), chemicals),
            known.size[sized].astype(float),
            weight[sized],
            doubt[sized],
            _sources([experiments[i] for i in sized.tolist()]),
            seed=seed,
        )
        progress(0.5, f"growing trees over {len(inputs)} recipes")
        values, noise = precedents.values.numpy(), precedents.relative_noise.numpy()
        sizes = Forest.of_values(inputs[sized], values, weight[sized] / doubt[sized], trees=_TREES, seed=seed)
        differences = Differences.fit(inputs[sized], values, noise, seed=seed)
        shaped = np.flatnonzero(known.shape >= 0)
        classes, places = np.unique(known.shape[shaped], return_inverse=True)
        shapes = by_size = None
        if len(classes) > 1:
            shapes = Forest.of_classes(inputs[shaped], places, weight[shaped], trees=_SHAPE_TREES, seed=seed)
            both = shaped[np.isfinite(known.size[shaped])]
            if len(np.unique(known.shape[both])) == len(classes):
                with_size = np.c_[inputs[both], known.size[both]].astype(np.float32)
                own = places[np.isfinite(known.size[shaped])]
                by_size = Forest.of_classes(with_size, own, weight[both], trees=_GIVEN_SIZE_TREES, seed=seed)
        spread = np.flatnonzero(np.isfinite(known.log_spread))
        spreads = None
        if len(spread) >= _LEAST_SPREADS:
            spreads = Forest.of_values(
                inputs[spread], known.log_spread[spread], weight[spread], trees=_SPREAD_TREES, seed=seed
            )
        products = Counter(experiments[i].recipe.product for i in sized.tolist())
        return cls(
            chemicals,
            columns,
            sizes,
            shapes,
            by_size,
            classes,
            spreads,
            precedents,
            differences,
            known.shape[sized],
            products,
        )

    def said(
        self, arrays: Arrays, inputs: np.ndarray, products: Sequence[str], transformer: np.ndarray
    ) -> tuple[Said, np.ndarray | None]:
        """What the parts and the ``transformer`` (n,) say of these recipes; ``inputs``: their columns. Beside it shape
        probabilities (n, 11) by forest and precedents, or ``None`` where no two shapes were seen."""
        mean, between = self.sizes.predict(inputs)
        votes_of = None if self.shapes is None else self._shape_weights
        similar = self.precedents.predict(group_features(arrays, self.vocabulary), votes_of)
        seen = np.array([self.products.get(product, 0) for product in products], dtype=float)
        said = _said(mean[:, 0], between[:, 0], similar, self.differences.predict(inputs), transformer, seen)
        if self.shapes is None:
            return said, None
        votes = np.maximum(self._shape_shares + similar.also, 1e-3)
        votes /= votes.sum(1, keepdims=True)
        return said, (votes + self._by_forest(self.shapes, inputs)) / 2

    def shapes_given_size(self, inputs: np.ndarray, standardised: np.ndarray) -> np.ndarray | None:
        """Columns and true log sizes (n,) -> shape probabilities (n, 11)."""
        if self.shapes_by_size is None:
            return None
        return self._by_forest(self.shapes_by_size, np.c_[inputs, standardised].astype(np.float32))

    def _by_forest(self, forest: Forest, inputs: np.ndarray) -> np.ndarray:
        found = np.zeros((len(inputs), len(SHAPES)))
        found[:, self.shape_classes] = forest.mean(inputs)
        return found

    @cached_property
    def _shape_shares(self) -> np.ndarray:
        """(11,): how common each shape is among the precedents that tell it."""
        known = self.precedent_shapes[self.precedent_shapes >= 0]
        shares: np.ndarray = np.bincount(known, minlength=len(SHAPES)) / max(len(known), 1)
        return shares

    @cached_property
    def _shape_weights(self) -> torch.Tensor:
        """(n, 11): shapes as values of the process over precedents; one that is unknown has nothing to add."""
        told = self.precedent_shapes >= 0
        return self.precedents.weights_for(
            (np.eye(len(SHAPES))[self.precedent_shapes] - self._shape_shares) * told[:, None]
        )

    def log_spread(self, inputs: np.ndarray) -> np.ndarray | None:
        """Columns -> ln(relative spread), (n,), or ``None`` where it was hardly ever known."""
        return None if self.spreads is None else self.spreads.mean(inputs)[:, 0]

    def held_out(
        self,
        arrays: Arrays,
        experiments: Sequence[Experiment],
        doubt: np.ndarray,
        weight: np.ndarray,
        left_out: LeftOut,
        members: np.ndarray,
        learned: np.ndarray,
        seed: int,
        progress: Progress,
    ) -> list[Said]:
        """For each regime that can be tried what would have been said of the sized experiments (n,) had they been
        unknown. Differences are tried among siblings alone: a precedent from elsewhere is no measure of them.

        ``members`` (k, n): what the networks say, of which ``learned`` (k, n) tells who did not leave it out.
        """
        inputs, values = self.columns(arrays), self.precedents.values.numpy()
        noise = self.precedents.relative_noise.numpy()
        found, regimes = [], left_out.tried(experiments)
        for number, regime in enumerate(regimes):
            progress(number / len(regimes), f"trying the parts on what is new: {regime}")
            folds = folds_of(experiments, regime)
            mean, between, apart = np.full((3, len(values)), np.nan)
            for fold in np.unique(folds):
                out = folds == fold
                forest = Forest.of_values(
                    inputs[~out],
                    values[~out],
                    weight[~out] / doubt[~out],
                    trees=_HELD_OUT_TREES,
                    seed=seed + int(fold),
                )
                there, variance = forest.predict(inputs[out])
                mean[out], between[out] = there[:, 0], variance[:, 0]
                if regime == SIBLING:
                    differences = Differences.fit(inputs[~out], values[~out], noise[~out], seed=seed + int(fold))
                    apart[out] = differences.predict(inputs[out])
            pair = left_out.pairs(experiments, regime)
            networks = np.full(len(values), np.nan)
            # A network of fewer members has no such pair.
            for one in np.unique(pair[(pair >= 0) & (2 * pair + 1 < len(members))]):
                here = (pair == one) & ~learned[2 * one : 2 * one + 2].any(0)
                networks[here] = members[2 * one : 2 * one + 2, here].mean(0)
            seen = seen_before(experiments, folds)
            found.append(_said(mean, between, self.precedents.left_out(folds), apart, networks, seen))
        return found

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that is not a word as named tensors; `from_state` is the way back."""
        named = {
            "chemicals": torch.as_tensor(self.columns.chemicals),
            "kept": torch.as_tensor(self.columns.kept),
            "typical_mmol": torch.tensor(self.columns.typical_mmol, dtype=torch.float64),
            "shape_classes": torch.as_tensor(self.shape_classes),
            "precedent_shapes": torch.as_tensor(self.precedent_shapes),
        }
        forests = {"sizes": self.sizes, "shapes": self.shapes, "shapes_by_size": self.shapes_by_size}
        for name, forest in (forests | {"spreads": self.spreads}).items():
            if forest is not None:
                named |= {f"{name}.{key}": value for key, value in forest.state().items()}
        named |= {f"differences.{key}": value for key, value in self.differences.state().items()}
        # Single precision is enough for the inputs of a kernel; its hyperparameters are kept in double.
        kept = self.precedents.state().items()
        return named | {
            f"precedents.{key}": value.float() if key.startswith("features.") else value for key, value in kept
        }

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor], vocabulary: int, products: Mapping[str, int]) -> Self:
        """Raises `KeyError` or `ValueError` for tensors that are none of a model's parts."""

        def forest(name: str) -> Forest | None:
            own = part_of(state, f"{name}.")
            return Forest.from_state(own) if own else None

        if not all(value.isfinite().all() for value in state.values()):
            raise ValueError("numbers that are not finite")
        columns = Columns(state["chemicals"].numpy(), state["kept"].numpy(), float(state["typical_mmol"]))
        classes = state["shape_classes"].numpy()
        sizes, shapes, spreads = Forest.from_state(part_of(state, "sizes.")), forest("shapes"), forest("spreads")
        by_size, width = forest("shapes_by_size"), len(columns.kept)
        for grown, outputs, inputs in (
            (sizes, 1, width),
            (shapes, len(classes), width),
            (by_size, len(classes), width + 1),
            (spreads, 1, width),
        ):
            if grown is not None and (grown.values.shape[1] != outputs or (grown.trees.feature >= inputs).any()):
                raise ValueError("trees for other columns")
        if ((classes < 0) | (classes >= len(SHAPES))).any() or (columns.chemicals > vocabulary).any():
            raise ValueError("shapes or chemicals that there are none of")
        precedents = Precedents.from_state(
            {
                key: value.double() if value.is_floating_point() else value
                for key, value in part_of(state, "precedents.").items()
            }
        )
        values, noise = precedents.values.numpy(), precedents.relative_noise.numpy()
        return cls(
            vocabulary,
            columns,
            sizes,
            shapes,
            by_size,
            classes,
            spreads,
            precedents,
            Differences.from_state(part_of(state, "differences."), values, noise, width),
            state["precedent_shapes"].numpy(),
            products,
        )


def _sources(experiments: Sequence[Experiment]) -> np.ndarray:
    """(n,): the number of each experiment's source; those that name none are held for one lab's."""
    found: np.ndarray = np.unique(
        [source or "" for source in one_spelling([one.source for one in experiments])], return_inverse=True
    )[1]
    return found


def _said(
    mean: np.ndarray,
    between: np.ndarray,
    similar: Similar,
    differences: np.ndarray,
    networks: np.ndarray,
    seen: np.ndarray,
) -> Said:
    return Said(
        np.stack([mean, similar.mean, similar.consensus, differences, networks], 1),
        between,
        similar.variance,
        similar.noise,
        similar.nearest,
        seen,
    )
