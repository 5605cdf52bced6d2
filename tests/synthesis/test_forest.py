"""A forest as arrays answers as scikit-learn's does, and damaged ones are refused."""

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from closedloop.synthesis.forest import _COLUMNS, Forest


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs with many ties (as amounts are), values, classes, weights."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(250, 7)).round(1).astype(np.float32)
    values = inputs[:, 0] - inputs[:, 1] ** 2 + 0.1 * rng.normal(size=250)
    return inputs, values, (inputs[:, 0] > 0) + 2 * (inputs[:, 2] > 0.5), rng.uniform(0.2, 3, 250)


def fresh() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(400, 7)).round(1).astype(np.float32)


def test_values_are_those_of_the_library(data: tuple[np.ndarray, ...]) -> None:
    inputs, values, _, weights = data
    theirs = ExtraTreesRegressor(20, max_features=_COLUMNS, random_state=3).fit(inputs, values, weights)
    asked = fresh()
    mean, between = Forest.of_values(inputs, values, weights, trees=20, seed=3).predict(asked)
    assert mean.shape == between.shape == (400, 1)
    np.testing.assert_allclose(mean[:, 0], theirs.predict(asked), atol=1e-6)
    each = np.stack([tree.predict(asked) for tree in theirs.estimators_])
    np.testing.assert_allclose(between[:, 0], each.var(0), atol=1e-5)


def test_probabilities_are_those_of_the_library(data: tuple[np.ndarray, ...]) -> None:
    inputs, _, classes, weights = data
    theirs = ExtraTreesClassifier(20, max_features=_COLUMNS, random_state=4).fit(inputs, classes, weights)
    asked = fresh()
    found, _ = Forest.of_classes(inputs, classes, weights, trees=20, seed=4).predict(asked)
    np.testing.assert_allclose(found, theirs.predict_proba(asked), atol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)


def test_numbers_a_rounding_apart_are_told_apart_as_the_library_does() -> None:
    """Thresholds are kept in single precision: none may be rounded up to the number above it."""
    inputs = np.full((60, 1), 70.0, dtype=np.float32)
    inputs[::2] = np.nextafter(np.float32(70), np.float32(100))
    values = (np.arange(60) % 2).astype(float)
    theirs = ExtraTreesRegressor(30, max_features=_COLUMNS, random_state=0).fit(inputs, values, np.ones(60))
    mean, _ = Forest.of_values(inputs, values, np.ones(60), trees=30, seed=0).predict(inputs)
    np.testing.assert_allclose(mean[:, 0], theirs.predict(inputs), atol=1e-6)


def test_what_weighs_more_counts_more() -> None:
    inputs = np.zeros((4, 2), dtype=np.float32)
    mean, _ = Forest.of_values(inputs, np.array([0.0, 0, 0, 1]), np.array([1.0, 1, 1, 9]), trees=3, seed=0).predict(
        inputs[:1]
    )
    assert mean[0, 0] == pytest.approx(9 / 12)


@pytest.mark.parametrize("kind", ["values", "classes"])
def test_a_state_holds_everything(data: tuple[np.ndarray, ...], kind: str) -> None:
    inputs, values, classes, weights = data
    grown = (
        Forest.of_values(inputs, values, weights, trees=5, seed=0)
        if kind == "values"
        else Forest.of_classes(inputs, classes, weights, trees=5, seed=0)
    )
    again = Forest.from_state(load(save(grown.state())))
    for a, b in zip(grown.predict(fresh()), again.predict(fresh()), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("values", lambda value: value[:-1]),
        ("values", lambda value: value[:, 0]),
        ("left", lambda value: torch.zeros_like(value)),
        ("right", lambda value: value + 10**6),
        ("feature", lambda value: value[:-1]),
        ("feature", lambda value: value - 50),
        ("roots", lambda value: value - 1),
    ],
)
def test_a_damaged_state_is_refused(data: tuple[np.ndarray, ...], name: str, damage: object) -> None:
    assert callable(damage)
    inputs, values, _, weights = data
    state = Forest.of_values(inputs, values, weights, trees=5, seed=0).state()
    with pytest.raises(ValueError, match="trees"):
        Forest.from_state({**state, name: damage(state[name])})
    with pytest.raises(KeyError):
        Forest.from_state({key: value for key, value in state.items() if key != name})
