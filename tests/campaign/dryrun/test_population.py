"""The population of processes: it learns, it doubts, and its chances can be taken at their word."""

import numpy as np
import pytest
from scipy.special import ndtr

from closedloop.campaign.dryrun.population import Population, Priors, Space


def _space(n: int = 40, seed: int = 0) -> Space:
    x = np.random.default_rng(seed).uniform(-1.7, 1.7, (n, 2))
    nothing = np.zeros((n, n))
    return Space(x, nothing, nothing, nothing)


def _population(space: Space, seed: int = 0, word: np.ndarray | None = None) -> Population:
    return Population(space, np.full(len(space), np.log(5.0)), Priors(), np.random.default_rng(seed), word)


def test_without_results_the_mean_is_expected_with_all_of_the_doubt() -> None:
    _, mean, sd = _population(_space()).predict(np.arange(40))
    assert np.allclose(mean, np.log(5.0))
    assert sd.min() > 0.7


def test_results_are_learned_and_the_doubt_shrinks_beside_them() -> None:
    space = _space()
    truth = 1.2 + 0.4 * space.conditions[:, 0] + 0.2 * np.sin(2 * space.conditions[:, 1])
    population = _population(space)
    for place in range(20):
        population.learn(place, float(truth[place]))
    weights, mean, sd = population.predict(np.arange(40))
    assert weights.sum() == pytest.approx(1.0)
    assert np.abs(weights @ mean - truth)[20:].mean() < 0.1
    assert (weights @ sd)[:20].mean() < (weights @ sd)[20:].mean()


def test_chances_happen_as_often_as_stated() -> None:
    stated, happened = [], []
    for seed in range(12):
        space = _space(seed=seed)
        rng = np.random.default_rng(100 + seed)
        slopes = rng.normal(0, 0.25, 2)
        truth = rng.normal(1.6, 0.4) + space.conditions @ slopes + 0.07 * rng.standard_normal(40)
        population = _population(space, seed)
        for place in range(12):
            population.learn(place, float(truth[place]))
        rest = np.arange(12, 40)
        weights, mean, sd = population.predict(rest)
        middle = float(np.median(truth))
        stated += list(weights @ (ndtr((middle + 0.15 - mean) / sd) - ndtr((middle - 0.15 - mean) / sd)))
        happened += list(np.abs(truth[rest] - middle) < 0.15)
    likely = np.array(stated) > 0.4
    assert np.mean(stated) == pytest.approx(np.mean(happened), abs=0.06)
    assert np.array(stated)[likely].mean() == pytest.approx(np.array(happened)[likely].mean(), abs=0.12)


def test_another_models_word_is_believed_as_far_as_it_is_borne_out() -> None:
    space = _space()
    truth = np.log(3.0) + 0.8 * np.sign(space.conditions[:, 0] * space.conditions[:, 1])
    errors = []
    for word in (truth, -truth):
        population = _population(space, word=np.stack([word, np.full(40, 0.3)]))
        for place in range(10):
            population.learn(place, float(truth[place]))
        weights, mean, _ = population.predict(np.arange(10, 40))
        errors.append(float(np.abs(weights @ mean - truth[10:]).mean()))
    plain = _population(space)
    for place in range(10):
        plain.learn(place, float(truth[place]))
    weights, mean, _ = plain.predict(np.arange(10, 40))
    without = float(np.abs(weights @ mean - truth[10:]).mean())
    assert errors[0] < 0.6 * without
    assert errors[1] < 1.5 * without


def test_contradicting_repeats_are_noise() -> None:
    population = _population(_space())
    for value in (1.0, 1.6, 1.0, 1.6):
        population.learn(0, value)
    weights, mean, _ = population.predict(np.array([0]))
    assert float((weights @ mean)[0]) == pytest.approx(1.3, abs=0.1)


def test_the_same_seed_says_the_same() -> None:
    def said() -> np.ndarray:
        population = _population(_space(), 3)
        for place in range(8):
            population.learn(place, 1.0 + 0.1 * place)
        weights, mean, _ = population.predict(np.arange(8, 40))
        return np.asarray(weights @ mean)

    assert np.array_equal(said(), said())
