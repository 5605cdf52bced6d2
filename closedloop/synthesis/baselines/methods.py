"""The methods themselves, each a pair of learners over arrays: numbers -> ln(size), numbers -> class.

Sizes, shapes, success and amounts are put together from these by `baseline`; the networks are in `networks`.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from closedloop.synthesis.baselines.inputs import Sequences, Table


class Regressor(Protocol):
    def fit(self, x: np.ndarray, y: np.ndarray) -> Any: ...
    def predict(self, x: np.ndarray) -> np.ndarray: ...


@runtime_checkable
class Weighing(Protocol):
    """A regressor that can say how much each training value counts for a recipe."""

    def weigh(self, x: np.ndarray) -> np.ndarray:
        """(m, d) -> (m, n), rows of sum 1, columns in the order of training."""
        ...


class Classifier(Protocol):
    """``classes`` (k,) are the labels that were seen, two or more, rising; ``predict`` gives (m, k) of sum 1."""

    classes: np.ndarray

    def fit(self, x: np.ndarray, y: np.ndarray) -> Any: ...
    def predict(self, x: np.ndarray) -> np.ndarray: ...


@dataclass
class Median:
    """Every recipe gives the median, or the frequencies of the classes."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self._y = y

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.full(len(x), np.median(self._y))

    def weigh(self, x: np.ndarray) -> np.ndarray:
        return np.full((len(x), len(self._y)), 1 / len(self._y))


@dataclass
class Nearest:
    """The five nearest precedents by standardised inputs, nearer ones counting more.

    Each group of columns (``widths``) counts alike, however many columns it has; what comes after them is a group too.
    """

    widths: list[int]
    neighbours: int = 5

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self._y, self._x = y, x
        self._mean, spread = x.mean(0), x.std(0)
        ends = [0, *np.cumsum(self.widths).tolist(), x.shape[1]]
        for start, end in itertools.pairwise(ends):
            spread[start:end] *= np.sqrt(max((spread[start:end] > 1e-9).sum(), 1))
        self._scale = np.where(spread > 1e-9, spread, np.inf)

    def distances(self, x: np.ndarray) -> np.ndarray:
        """(m, n)"""
        a, b = (x - self._mean) / self._scale, (self._x - self._mean) / self._scale
        found: np.ndarray = np.sqrt(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0))
        return found

    def weigh(self, x: np.ndarray) -> np.ndarray:
        distance = self.distances(x)
        rank = distance.argsort(1, kind="stable").argsort(1, kind="stable")
        weights = np.where(rank < self.neighbours, 1 / (distance + 0.1), 0.0)
        total: np.ndarray = weights / weights.sum(1, keepdims=True)
        return total

    def predict(self, x: np.ndarray) -> np.ndarray:
        mean: np.ndarray = self.weigh(x) @ self._y
        return mean


@dataclass
class Forest:
    """A forest, with quantiles after Meinshausen, "Quantile Regression Forests", JMLR 2006, 7, 983.

    ``trees`` say the point. ``quantiles`` is a second forest with larger leaves: where each leaf holds one precedent,
    as is best for the point, the quantiles among siblings know nothing of how far these scatter.
    """

    trees: Any
    quantiles: Any

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.trees.fit(x, y)
        self.quantiles.fit(x, y)
        self._leaves = self.quantiles.apply(x)

    def predict(self, x: np.ndarray) -> np.ndarray:
        said: np.ndarray = self.trees.predict(x)
        return said

    def weigh(self, x: np.ndarray) -> np.ndarray:
        total = np.zeros((len(x), len(self._leaves)))
        for here, there in zip(self.quantiles.apply(x).T, self._leaves.T, strict=True):
            together = here[:, None] == there[None]
            total += together / together.sum(1, keepdims=True)
        return total / self._leaves.shape[1]


@dataclass
class Plain:
    """Any regressor, for its point alone."""

    model: Any

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.model.fit(x, y)

    def predict(self, x: np.ndarray) -> np.ndarray:
        said: np.ndarray = self.model.predict(x)
        return said


@dataclass
class Weighed:
    """A classifier from a method that weighs training rows."""

    method: Any

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.classes, codes = np.unique(y, return_inverse=True)
        self._each = np.eye(len(self.classes))[codes]
        self.method.fit(x, codes)

    def predict(self, x: np.ndarray) -> np.ndarray:
        said: np.ndarray = self.method.weigh(x) @ self._each
        return said


@dataclass
class Voting:
    """Any classifier of scikit-learn."""

    model: Any

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.model.fit(x, y)
        self.classes = self.model.classes_

    def predict(self, x: np.ndarray) -> np.ndarray:
        said: np.ndarray = self.model.predict_proba(x)
        return said


# Shared by the regression and the classification; one thread, so that a seed gives one result.
_BOOSTING = {
    "num_leaves": 31,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "feature_fraction": 0.3,
    "min_data_in_leaf": 5,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass
class Boosted:
    """LightGBM (Ke et al., NeurIPS 2017) with a Huber loss."""

    seed: int
    rounds: int = 800

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        import lightgbm

        settings = {**_BOOSTING, "objective": "huber", "alpha": 0.4, "learning_rate": 0.03, "seed": self.seed}
        self._centre = float(y.mean())
        self._trees = lightgbm.train(settings, lightgbm.Dataset(x, y - self._centre), self.rounds)

    def predict(self, x: np.ndarray) -> np.ndarray:
        said: np.ndarray = self._centre + np.asarray(self._trees.predict(x, num_threads=1))
        return said


@dataclass
class BoostedClasses:
    """LightGBM over classes."""

    seed: int
    rounds: int = 120

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        import lightgbm

        self.classes, codes = np.unique(y, return_inverse=True)
        settings = {**_BOOSTING, "objective": "multiclass", "num_class": len(self.classes), "learning_rate": 0.08}
        self._trees = lightgbm.train({**settings, "seed": self.seed}, lightgbm.Dataset(x, codes), self.rounds)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self._trees.predict(x, num_threads=1)).reshape(len(x), len(self.classes))


def _decision_tree(seed: int) -> Regressor:
    from sklearn.tree import DecisionTreeRegressor

    return Plain(DecisionTreeRegressor(random_state=seed))


def _decision_tree_classes(seed: int) -> Classifier:
    from sklearn.tree import DecisionTreeClassifier

    return Voting(DecisionTreeClassifier(random_state=seed))


# Trees in a forest, so that a fold of gu2025 takes less than a minute; amounts in reverse have a row for each slot of a
# recipe, a table six times as long.
_FOREST, _CLASS_FOREST, _SLOT_FOREST = 150, 100, 40
# Least number of precedents in a leaf that quantiles are taken from.
_LEAF = 5


def _random_forest(seed: int) -> Regressor:
    from sklearn.ensemble import RandomForestRegressor

    return Forest(
        RandomForestRegressor(_FOREST, max_features=0.25, random_state=seed),
        RandomForestRegressor(_CLASS_FOREST, max_features=0.25, min_samples_leaf=_LEAF, random_state=seed),
    )


def _random_forest_slots(seed: int) -> Regressor:
    from sklearn.ensemble import RandomForestRegressor

    return Plain(RandomForestRegressor(_SLOT_FOREST, max_features=0.1, min_samples_leaf=2, random_state=seed))


def _random_forest_classes(seed: int) -> Classifier:
    from sklearn.ensemble import RandomForestClassifier

    return Voting(RandomForestClassifier(_CLASS_FOREST, max_features=0.15, random_state=seed))


def _extra_trees(seed: int) -> Regressor:
    from sklearn.ensemble import ExtraTreesRegressor

    return Forest(
        ExtraTreesRegressor(_FOREST, max_features=0.4, random_state=seed),
        ExtraTreesRegressor(_CLASS_FOREST, max_features=0.4, min_samples_leaf=_LEAF, random_state=seed),
    )


def _extra_trees_slots(seed: int) -> Regressor:
    from sklearn.ensemble import ExtraTreesRegressor

    return Plain(ExtraTreesRegressor(_SLOT_FOREST, max_features=0.2, min_samples_leaf=2, random_state=seed))


def _extra_trees_classes(seed: int) -> Classifier:
    from sklearn.ensemble import ExtraTreesClassifier

    return Voting(ExtraTreesClassifier(_CLASS_FOREST, max_features=0.3, random_state=seed))


def _network(seed: int) -> Regressor:
    from closedloop.synthesis.baselines.networks import NetworkRegressor

    return NetworkRegressor(seed)


def _network_classes(seed: int) -> Classifier:
    from closedloop.synthesis.baselines.networks import NetworkClassifier

    return NetworkClassifier(seed)


@dataclass(frozen=True)
class Method:
    """``sizes`` and ``classes`` make a new learner from a seed and the inputs that it will be shown.

    ``slots`` makes the one for amounts in reverse; ``None`` where the method offers none.
    """

    inputs: type[Table] | type[Sequences]
    sizes: Callable[[int, list[int]], Regressor]
    classes: Callable[[int, list[int]], Classifier]
    slots: Callable[[int, list[int]], Regressor] | None = field(default=None)


def _on_rows(
    sizes: Callable[[int], Regressor],
    classes: Callable[[int], Classifier],
    slots: Callable[[int], Regressor] | None = None,
) -> Method:
    """A method over `Table`, whatever its columns; ``slots`` if amounts want other settings than sizes."""
    return Method(
        Table,
        lambda seed, widths: sizes(seed),
        lambda seed, widths: classes(seed),
        lambda seed, widths: (slots or sizes)(seed),
    )


METHODS: dict[str, Method] = {
    "median": _on_rows(lambda seed: Median(), lambda seed: Weighed(Median())),
    # Five sizes are too few for quantiles: the nearest precedents' intervals are conformal.
    "nearest": Method(
        Table,
        lambda seed, widths: Plain(Nearest(widths)),
        lambda seed, widths: Weighed(Nearest(widths)),
        lambda seed, widths: Nearest(widths),
    ),
    "decision-tree": _on_rows(_decision_tree, _decision_tree_classes),
    "random-forest": _on_rows(_random_forest, _random_forest_classes, _random_forest_slots),
    "extra-trees": _on_rows(_extra_trees, _extra_trees_classes, _extra_trees_slots),
    "lightgbm": _on_rows(Boosted, BoostedClasses),
    "plain-network": _on_rows(_network, _network_classes),
    "lstm": Method(Sequences, lambda seed, widths: _network(seed), lambda seed, widths: _network_classes(seed)),
}
