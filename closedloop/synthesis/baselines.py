"""What the model has to beat, under one interface: experiments in, a model with ``predict(recipes)`` out.

Every method here sees the same inputs: conditions, amounts by chemical, the mixture's mean descriptor, composition of
the product. Intervals come from the training sizes that a prediction rests on.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from closedloop.recipes import Experiment, Recipe
from closedloop.synthesis.members import usable
from closedloop.synthesis.precedents import GROUPS, group_features
from closedloop.synthesis.tokens import Vocabulary
from closedloop.synthesis.training import Progress


class SizePrediction(Protocol):
    """What is compared: a size in nm and its interval."""

    @property
    def size_nm(self) -> float: ...
    def size_interval(self, coverage: float = 0.9) -> tuple[float, float]: ...


class Fitted(Protocol):
    def predict(self, recipes: Sequence[Recipe]) -> Sequence[SizePrediction]: ...


@dataclass(frozen=True)
class WeightedSizes:
    """A prediction that is a weighting of known sizes: ``sizes`` (n,) in rising order, ``weights`` (n,) of sum 1."""

    size_nm: float
    sizes: np.ndarray
    weights: np.ndarray

    def size_interval(self, coverage: float = 0.9) -> tuple[float, float]:
        reached = np.cumsum(self.weights)
        ends = [int(np.searchsorted(reached, level - 1e-12)) for level in ((1 - coverage) / 2, (1 + coverage) / 2)]
        low, high = (float(self.sizes[min(end, len(self.sizes) - 1)]) for end in ends)
        return low, high


class _Features:
    """Recipes -> (n, d) in the vocabulary of the training recipes."""

    def __init__(self, recipes: Sequence[Recipe]) -> None:
        self.vocabulary = Vocabulary.of(recipes)

    def __call__(self, recipes: Sequence[Recipe]) -> np.ndarray:
        groups = group_features(self.vocabulary.encode(recipes), len(self.vocabulary.chemicals))
        self.widths = [groups[name].shape[1] for name in GROUPS]
        return np.concatenate([groups[name] for name in GROUPS], 1)

    def groups(self, width: int) -> list[slice]:
        """The columns of each group among ``width`` columns."""
        ends = [0, *np.cumsum(self.widths).tolist()]
        assert ends[-1] == width
        return [slice(start, end) for start, end in itertools.pairwise(ends)]


class _Baseline:
    """``weigh(x)`` (m, n): how much each training size counts for each recipe; the prediction is their log mean."""

    def __init__(self, experiments: Sequence[Experiment], seed: int) -> None:
        chosen, _ = usable(experiments, None)
        known = [(e.recipe, e.outcome.size_nm) for e in chosen if e.outcome.size_nm is not None]
        recipes = [recipe for recipe, _ in known]
        order = np.argsort([size for _, size in known], kind="stable")
        self.sizes = np.array([known[i][1] for i in order])
        self.features = _Features(recipes)
        self.x = self.features([recipes[i] for i in order])
        self.seed = seed
        self.learn()

    def learn(self) -> None:
        """Nothing to learn unless a method says so."""

    def weigh(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def centre(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.exp(weights @ np.log(self.sizes))

    def predict(self, recipes: Sequence[Recipe]) -> list[WeightedSizes]:
        x = self.features(recipes)
        weights = self.weigh(x)
        sizes = self.centre(x, weights)
        return [WeightedSizes(float(size), self.sizes, row) for size, row in zip(sizes, weights, strict=True)]


class Median(_Baseline):
    """Every recipe gives the median size."""

    def weigh(self, x: np.ndarray) -> np.ndarray:
        return np.full((len(x), len(self.sizes)), 1 / len(self.sizes))

    def centre(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.full(len(x), np.median(self.sizes))


class Nearest(_Baseline):
    """The five nearest precedents by standardised inputs, nearer ones counting more."""

    def learn(self) -> None:
        self.mean, spread = self.x.mean(0), self.x.std(0)
        # Each group of inputs counts alike, however many columns it has.
        for columns in self.features.groups(self.x.shape[1]):
            spread[columns] *= np.sqrt(max((spread[columns] > 1e-9).sum(), 1))
        self.scale = np.where(spread > 1e-9, spread, np.inf)

    def weigh(self, x: np.ndarray) -> np.ndarray:
        a, b = (x - self.mean) / self.scale, (self.x - self.mean) / self.scale
        distance = np.sqrt(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0))
        rank = distance.argsort(1, kind="stable").argsort(1, kind="stable")
        weights = np.where(rank < 5, 1 / (distance + 0.1), 0.0)
        total: np.ndarray = weights / weights.sum(1, keepdims=True)
        return total


class _Forest(_Baseline):
    """A forest on ln(size), with quantiles after Meinshausen, "Quantile Regression Forests", JMLR 2006, 7, 983."""

    def forest(self) -> Any:
        raise NotImplementedError

    def learn(self) -> None:
        self.trees = self.forest().fit(self.x, np.log(self.sizes))
        self.leaves = self.trees.apply(self.x)

    def weigh(self, x: np.ndarray) -> np.ndarray:
        total = np.zeros((len(x), len(self.sizes)))
        for here, there in zip(self.trees.apply(x).T, self.leaves.T, strict=True):
            together = here[:, None] == there[None]
            total += together / together.sum(1, keepdims=True)
        return total / self.leaves.shape[1]

    def centre(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        sizes: np.ndarray = np.exp(self.trees.predict(x))
        return sizes


class ExtraTrees(_Forest):
    def forest(self) -> Any:
        from sklearn.ensemble import ExtraTreesRegressor

        return ExtraTreesRegressor(500, max_features=0.5, random_state=self.seed)


class RandomForest(_Forest):
    def forest(self) -> Any:
        from sklearn.ensemble import RandomForestRegressor

        return RandomForestRegressor(500, max_features=0.5, random_state=self.seed)


def _transformer(experiments: Sequence[Experiment], seed: int, progress: Progress | None) -> Fitted:
    from closedloop.synthesis.model import SynthesisModel

    return SynthesisModel.fit(experiments, seed, progress=progress)


def _plain(kind: type[_Baseline]) -> Callable[[Sequence[Experiment], int, Progress | None], Fitted]:
    return lambda experiments, seed, progress: kind(experiments, seed)


MODELS: dict[str, Callable[[Sequence[Experiment], int, Progress | None], Fitted]] = {
    "transformer": _transformer,
    "median": _plain(Median),
    "nearest": _plain(Nearest),
    "extra-trees": _plain(ExtraTrees),
    "random-forest": _plain(RandomForest),
}
