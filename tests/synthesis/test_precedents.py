"""The process over precedents is the textbook's, its shortcuts are the long way round, and weights mean something."""

import numpy as np
import pytest
import torch

from closedloop.synthesis.precedents import GROUPS, Precedents

# What is said of new recipes is computed in single precision.
TOLERANCE = 1e-4


def some(n: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    features = {name: rng.normal(size=(n, 3)) for name in GROUPS}
    values = np.sin(features["conditions"][:, 0]) + 0.3 * features["amounts"][:, 1]
    return features, values + 0.05 * rng.normal(size=n)


def covariance(process: Precedents, features: dict[str, np.ndarray]) -> np.ndarray:
    return process.similarity(features) * float(process.log_scales.exp().sum())


def test_prediction_is_the_textbook_formula() -> None:
    features, values = some(25, 0)
    process = Precedents.fit(features, values, np.ones(25))
    fresh, _ = some(4, 1)
    noise = np.eye(25) * (float(process.log_noise.exp()) + 1e-6)
    inverse = np.linalg.inv(covariance(process, features) + noise)
    cross = covariance(process, fresh)
    said = process.predict(fresh)
    centre = float(process.mean)
    np.testing.assert_allclose(said.mean, centre + cross @ inverse @ (values - centre), atol=TOLERANCE)
    prior = float(process.log_scales.exp().sum())
    np.testing.assert_allclose(said.variance, prior - np.einsum("ij,jk,ik->i", cross, inverse, cross), atol=TOLERANCE)
    np.testing.assert_allclose(said.noise, float(process.log_noise.exp()))
    np.testing.assert_allclose(said.nearest, process.similarity(fresh).max(1), atol=TOLERANCE)


@pytest.mark.parametrize("weighed", [False, True], ids=["alike", "weighed and doubted"])
def test_leaving_a_fold_out_is_the_same_as_never_having_seen_it(weighed: bool) -> None:
    features, values = some(24, 2)
    weight = np.where(weighed & (np.arange(24) % 2 == 0), 4.0, 1.0)
    doubt = np.where(weighed & (np.arange(24) % 5 == 0), 3.0, 1.0)
    process = Precedents.fit(features, values, weight, doubt)
    folds = np.arange(24) % 3
    left_out = process.left_out(folds)
    for fold in range(3):
        inside = folds == fold
        state = process.state()
        kept = torch.as_tensor(np.flatnonzero(~inside))
        rest = ("values", "relative_noise", *(f"features.{name}" for name in GROUPS))
        smaller = Precedents.from_state(state | {name: state[name][kept] for name in rest})
        said = smaller.predict({name: value[inside] for name, value in features.items()})
        np.testing.assert_allclose(left_out.mean[inside], said.mean, atol=TOLERANCE)
        np.testing.assert_allclose(left_out.variance[inside], said.variance, atol=TOLERANCE)
        np.testing.assert_allclose(left_out.nearest[inside], said.nearest, atol=TOLERANCE)
    np.testing.assert_allclose(left_out.noise, float(process.log_noise.exp()) * doubt / weight)


def test_the_nearest_of_its_own_fold_does_not_count() -> None:
    """Ten recipes, each twice: with its copy in the same fold, a recipe's nearest is another one."""
    features, values = some(10, 3)
    twice = {name: np.concatenate([value, value]) for name, value in features.items()}
    process = Precedents.fit(twice, np.r_[values, values], np.ones(20))
    together = process.left_out(np.arange(20) % 10)
    apart = process.left_out(np.arange(20) // 10)
    likeness = process.similarity(features)[:, :10]
    likeness[np.eye(10, dtype=bool)] = -1
    np.testing.assert_allclose(together.nearest, np.tile(likeness.max(1), 2), atol=TOLERANCE)
    np.testing.assert_allclose(apart.nearest, 1, atol=1e-6)
    assert together.nearest.max() < 0.95
    assert process.left_out(np.zeros(20, dtype=int)).nearest.tolist() == [0.0] * 20


def test_a_precedent_of_more_weight_is_followed_more_closely() -> None:
    features, _ = some(10, 3)
    twice = {name: np.concatenate([value, value]) for name, value in features.items()}
    values = np.repeat([0.0, 1.0], 10)
    process = Precedents.fit(twice, values, np.repeat([1.0, 9.0], 10))
    assert process.predict(features).mean.mean() > 0.75


def test_a_doubtful_precedent_is_followed_less_closely() -> None:
    """Every recipe twice, once 0 and once 1, and the ones are nine times as uncertain."""
    features, _ = some(10, 3)
    twice = {name: np.concatenate([value, value]) for name, value in features.items()}
    values, doubt = np.repeat([0.0, 1.0], 10), np.repeat([1.0, 9.0], 10)
    even, doubted = (Precedents.fit(twice, values, np.ones(20), given) for given in (None, doubt))
    assert even.predict(features).mean.mean() == pytest.approx(0.5, abs=0.02)
    assert doubted.predict(features).mean.mean() < 0.25
    assert doubted.offset == 0, "doubt is noise, not another lab's calibration"


def test_a_lab_that_weighs_more_takes_the_others_offset_off() -> None:
    features, values = some(60, 5)
    own = np.arange(60) % 3 == 0
    process = Precedents.fit(features, np.where(own, values, values - 0.8), np.where(own, 5.0, 1.0))
    assert process.offset * np.sqrt(0.8) == pytest.approx(-0.8, abs=0.2)
    fresh, true = some(100, 6)
    alike = Precedents.fit(features, np.where(own, values, values - 0.8), np.ones(60))
    assert alike.offset == 0
    error, without = (np.abs(one.predict(fresh).mean - true).mean() for one in (process, alike))
    assert error < 0.7 * without


def from_papers(seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """One paper of forty recipes, twelve of five; each has an offset of its own, that of the large one is 2."""
    rng = np.random.default_rng(seed)
    papers = np.repeat(np.arange(13), [40, *[5] * 12])
    features, values = some(100, seed + 1)
    offsets = np.r_[2.0, 0.7 * rng.normal(size=12)]
    return features, values + offsets[papers], papers


def test_a_new_source_is_told_by_all_sources_and_not_by_the_largest() -> None:
    features, values, papers = from_papers(20)
    process = Precedents.fit(features, values, np.ones(100), sources=papers)
    fresh, true = some(200, 30)
    said = process.predict(fresh)
    across, plain = (np.abs(mean - true).mean() for mean in (said.consensus, said.mean))
    assert across < 0.8 * plain
    alike = Precedents.fit(features, values, np.ones(100)).predict(fresh)
    np.testing.assert_array_equal(alike.consensus, alike.mean)


def test_what_is_left_out_is_predicted_as_if_its_source_were_unknown() -> None:
    features, values, papers = from_papers(40)
    process = Precedents.fit(features, values, np.ones(100), sources=papers)
    folds = np.arange(100) % 4
    left_out = process.left_out(folds)
    state = process.state()
    for fold in range(4):
        inside = folds == fold
        kept = state | {f"features.{name}": state[f"features.{name}"][~inside] for name in GROUPS}
        kept |= {name: state[name][~inside] for name in ("values", "relative_noise", "sources")}
        without = Precedents.from_state(kept)
        asked = without.predict({name: value[inside] for name, value in features.items()})
        # Where papers contradict each other weights are large, and single precision loses a digit or two.
        np.testing.assert_allclose(left_out.consensus[inside], asked.consensus, atol=0.01)
        np.testing.assert_allclose(left_out.mean[inside], asked.mean, atol=0.01)


@pytest.fixture(scope="module")
def noisy() -> tuple[Precedents, dict[str, np.ndarray]]:
    features, values = some(40, 7)
    values = np.sin(features["conditions"][:, 0]) + 0.1 * np.random.default_rng(8).normal(size=40)
    return Precedents.fit(features, values, np.ones(40)), features


def test_doubt_grows_with_the_distance_to_all_precedents(noisy: tuple[Precedents, dict[str, np.ndarray]]) -> None:
    process, features = noisy
    far = {name: value[:5] + 30 for name, value in features.items()}
    known, unknown = process.predict({name: value[:5] for name, value in features.items()}), process.predict(far)
    assert unknown.variance.min() > 3 * known.variance.max()
    assert known.nearest.min() > 0.999
    assert unknown.nearest.max() < 0.7


def test_a_prediction_alone_is_that_in_a_batch(noisy: tuple[Precedents, dict[str, np.ndarray]]) -> None:
    process, _ = noisy
    fresh, _ = some(30, 9)
    together = process.predict(fresh)
    alone = [process.predict({name: value[i : i + 1] for name, value in fresh.items()}) for i in range(30)]
    for name in ("mean", "variance", "nearest"):
        np.testing.assert_allclose(getattr(together, name), [getattr(one, name)[0] for one in alone], atol=1e-5)


def test_a_seed_gives_one_process_and_a_state_holds_it() -> None:
    features, values = some(30, 10)
    first, second = (Precedents.fit(features, values, np.ones(30), seed=1) for _ in range(2))
    back = Precedents.from_state(first.state())
    fresh, _ = some(10, 11)
    for other in (second, back):
        np.testing.assert_array_equal(first.predict(fresh).mean, other.predict(fresh).mean)
        np.testing.assert_array_equal(first.predict(fresh).variance, other.predict(fresh).variance)


def test_similarity_is_one_to_itself_and_less_to_others() -> None:
    features, values = some(12, 4)
    likeness = Precedents.fit(features, values, np.ones(12)).similarity(features)
    assert np.diag(likeness) == pytest.approx(np.ones(12), abs=1e-4)
    assert (likeness - np.eye(12)).max() < 0.999
