"""Trees as arrays answer as LightGBM does, and damaged ones are refused."""

import lightgbm
import numpy as np
import pytest
import torch

from closedloop.synthesis.trees import Trees


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(400, 6)).round(1)
    return inputs, ((inputs[:, 0] > 0) ^ (inputs[:, 1] > 0.5)).astype(float)


def test_the_arrays_answer_as_the_library(data: tuple[np.ndarray, np.ndarray]) -> None:
    inputs, labels = data
    booster = lightgbm.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1, "use_missing": False, "num_leaves": 12},
        lightgbm.Dataset(inputs, labels),
        25,
    )
    trees = Trees._of([tree["tree_structure"] for tree in booster.dump_model()["tree_info"]])
    asked = np.random.default_rng(1).normal(size=(300, 6)).round(1)
    np.testing.assert_allclose(trees.raw_scores(asked), np.asarray(booster.predict(asked, raw_score=True)), atol=1e-5)
    assert trees.raw_scores(asked[:0]).shape == (0,)


def test_a_mean_of_forests(data: tuple[np.ndarray, np.ndarray]) -> None:
    inputs, labels = data
    forests = [Trees.fit(inputs, labels, np.ones(400), trees=5, seed=seed) for seed in (0, 1)]
    together = Trees.together(forests)
    np.testing.assert_allclose(
        together.raw_scores(inputs), np.mean([one.raw_scores(inputs) for one in forests], axis=0), atol=1e-5
    )
    Trees.from_state(together.state())


def test_a_constraint_holds_where_the_data_speak_against_it(data: tuple[np.ndarray, np.ndarray]) -> None:
    inputs = data[0]
    rising = (inputs[:, 2] > 0).astype(float)
    asked = np.zeros((50, 6))
    asked[:, 2] = np.linspace(-2, 2, 50)
    free = Trees.fit(inputs, rising, np.ones(400), trees=20, seed=0).raw_scores(asked)
    bound = Trees.fit(inputs, rising, np.ones(400), trees=20, seed=0, monotone=[0, 0, -1, 0, 0, 0]).raw_scores(asked)
    assert free[-1] > free[0] + 0.5
    assert (np.diff(bound) <= 1e-9).all()


def test_a_tree_without_a_split_is_a_constant() -> None:
    constant = Trees.fit(np.zeros((20, 2)), np.arange(20) % 2, np.ones(20), trees=2, seed=0)
    assert len(set(constant.raw_scores(np.random.default_rng(0).normal(size=(5, 2))).tolist())) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("left", 0), ("right", 10**6), ("roots", -1), ("feature", -2)],
)
def test_what_is_no_tree_is_refused(data: tuple[np.ndarray, np.ndarray], name: str, value: int) -> None:
    """A circle, a child or a root that is not there, a feature that is none: none of them may hang or read beyond."""
    state = Trees.fit(*data, np.ones(400), trees=3, seed=0).state()
    with pytest.raises(ValueError, match="trees"):
        Trees.from_state({**state, name: torch.full_like(state[name], value)})
    with pytest.raises(ValueError, match="length"):
        Trees.from_state({**state, "value": state["value"][:-1]})
