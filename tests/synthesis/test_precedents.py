import numpy as np
import pytest
import torch

from closedloop.synthesis.precedents import GROUPS, Precedents


def some(n: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    features = {name: rng.normal(size=(n, 3)) for name in GROUPS}
    return features, np.sin(features["conditions"][:, 0]) + 0.3 * features["amounts"][:, 1]


def covariance(process: Precedents, features: dict[str, np.ndarray]) -> np.ndarray:
    return process.similarity(features) * float(process.log_scales.exp().sum())


def test_prediction_is_the_textbook_formula() -> None:
    features, values = some(25, 0)
    process = Precedents.fit(features, values, np.ones(25), steps=15)
    fresh, _ = some(4, 1)
    noise = np.eye(25) * (float(process.log_noise.exp()) + 1e-6)
    inverse = np.linalg.inv(covariance(process, features) + noise)
    cross = covariance(process, fresh)
    mean, variance, _ = process.predict(fresh)
    centre = float(process.mean)
    np.testing.assert_allclose(mean, centre + cross @ inverse @ (values - centre), atol=1e-6)
    prior = float(process.log_scales.exp().sum())
    np.testing.assert_allclose(variance, prior - np.einsum("ij,jk,ik->i", cross, inverse, cross), atol=1e-6)


def test_leaving_a_fold_out_is_the_same_as_never_having_seen_it() -> None:
    features, values = some(24, 2)
    process = Precedents.fit(features, values, np.ones(24), steps=15)
    folds = np.arange(24) % 3
    mean, variance = process.left_out(folds)
    for fold in range(3):
        inside = folds == fold
        state = process.state()
        kept = torch.as_tensor(np.flatnonzero(~inside))
        rest = ("values", "relative_noise", *(f"features.{name}" for name in GROUPS))
        smaller = Precedents.from_state(state | {name: state[name][kept] for name in rest})
        said, doubt, noise = smaller.predict({name: value[inside] for name, value in features.items()})
        np.testing.assert_allclose(mean[inside], said, atol=1e-5)
        np.testing.assert_allclose(variance[inside], doubt + noise, atol=1e-5)


def test_a_precedent_of_more_weight_is_followed_more_closely() -> None:
    features, _ = some(10, 3)
    twice = {name: np.concatenate([value, value]) for name, value in features.items()}
    values = np.repeat([0.0, 1.0], 10)
    process = Precedents.fit(twice, values, np.repeat([1.0, 9.0], 10), steps=10)
    assert process.predict(features)[0].mean() > 0.75


def test_a_lab_that_weighs_more_takes_the_others_offset_off() -> None:
    features, values = some(60, 5)
    own = np.arange(60) % 3 == 0
    process = Precedents.fit(features, np.where(own, values, values - 0.8), np.where(own, 5.0, 1.0), steps=40)
    assert process.offset * np.sqrt(0.8) == pytest.approx(-0.8, abs=0.2)
    fresh, true = some(100, 6)
    alike = Precedents.fit(features, np.where(own, values, values - 0.8), np.ones(60), steps=40)
    assert alike.offset == 0
    error, without = (np.abs(one.predict(fresh)[0] - true).mean() for one in (process, alike))
    assert error < 0.7 * without


def test_similarity_is_one_to_itself_and_less_to_others() -> None:
    features, values = some(12, 4)
    likeness = Precedents.fit(features, values, np.ones(12), steps=5).similarity(features)
    assert np.diag(likeness) == pytest.approx(np.ones(12), abs=1e-4)
    assert (likeness - np.eye(12)).max() < 0.999
