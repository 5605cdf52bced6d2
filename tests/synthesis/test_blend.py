"""Parts of known worth are blended on constructed data: who is right where, how sure, and how that is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from closedloop.synthesis.blend import PARTS, Blend, Said
from closedloop.synthesis.calibration import LEVELS

CENTRE, SCALE = np.log(4.0), 0.5
LAST = np.arange(len(PARTS)) == len(PARTS) - 1
AT_90 = int(np.flatnonzero(np.isclose(LEVELS, 0.9))[0])
# Likeness to the nearest precedent, precedents' variance, precedents of the product.
NEAR, FAR = (0.95, 0.02, 30), (0.4, 0.6, 0)


def say(
    truth: np.ndarray, errors: tuple[float, ...], regime: tuple[float, float, int], seed: int, spare: float = 1
) -> Said:
    """Parts that miss the truth by so much (standard deviations), as many as `PARTS`; NaN for a silent one.

    ``spare``: the share of experiments that the transformer did not learn from."""
    rng = np.random.default_rng(seed)
    n = len(truth)
    means = np.stack([truth + error * rng.normal(size=n) for error in errors], 1)
    means[rng.random(n) >= spare, -1] = np.nan
    nearest, variance, seen = regime
    return Said(
        means,
        variance * rng.uniform(0.5, 2, n),
        variance * rng.uniform(0.5, 2, n),
        np.full(n, 0.01),
        np.clip(nearest + 0.05 * rng.normal(size=n), 0, 1),
        rng.poisson(seen, n).astype(float),
    )


def truths(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(1000 + seed).normal(size=n)


def learn(*held_out: Said, truth: np.ndarray) -> Blend:
    return Blend.of(held_out, truth, np.ones(len(truth)), CENTRE, SCALE)


def missed_nm(blend: Blend, said: Said, truth: np.ndarray) -> float:
    return float(np.abs(np.exp(CENTRE + SCALE * blend(said).mean) - np.exp(CENTRE + SCALE * truth)).mean())


@pytest.mark.parametrize("right", range(len(PARTS)), ids=PARTS)
def test_the_part_that_is_right_gets_the_weight(right: int) -> None:
    truth = truths(400, right)
    errors = [1.5] * len(PARTS)
    errors[right] = 0.05
    blend = learn(say(truth, tuple(errors), NEAR, 0), truth=truth)
    weights = blend.weights[0, :-1]
    # The transformer is bound to leave the others something.
    assert weights[right] > (0.69 if right == len(PARTS) - 1 else 0.9)
    assert np.delete(weights, right).max() < 0.1
    asked = truths(400, 7)
    fresh = say(asked, tuple(errors), NEAR, 1)
    equal = replace(fresh, means=np.repeat(fresh.means.mean(1, keepdims=True), len(PARTS), 1))
    assert missed_nm(blend, fresh, asked) < 0.6 * missed_nm(Blend.unlearned(), equal, asked)


def test_parts_that_miss_independently_are_better_together() -> None:
    truth, asked = truths(500, 0), truths(2000, 1)
    blend = learn(say(truth, (0.4, 0.4, 0.4, 0.4, 0.4), NEAR, 0, 0.3), truth=truth)
    fresh = say(asked, (0.4, 0.4, 0.4, 0.4, 0.4), NEAR, 1)
    alone = np.abs(fresh.means - asked[:, None]).mean(0).min()
    assert np.abs(blend(fresh).mean - asked).mean() < 0.75 * alone
    assert blend.weights[0, :-1].min() > 0.15


def test_an_experiment_that_weighs_more_counts_more() -> None:
    """For a quarter of the experiments another part is right; they weigh thirty times as much."""
    truth = truths(400, 2)
    some = np.arange(400) % 4 == 0
    one, other = say(truth, (0.05, 1.5, 1.5, 1.5, 1.5), NEAR, 0), say(truth, (1.5, 0.05, 1.5, 1.5, 1.5), NEAR, 1)
    said = replace(one, means=np.where(some[:, None], other.means, one.means))
    light = Blend.of([said], truth, np.ones(400), CENTRE, SCALE).weights[0]
    heavy = Blend.of([said], truth, np.where(some, 30.0, 1.0), CENTRE, SCALE).weights[0]
    assert light[0] > light[1] + 0.2
    assert heavy[1] > heavy[0] + 0.2


@pytest.fixture(scope="module")
def two_regimes() -> Blend:
    """Near precedents know, far from them trees know."""
    truth = truths(300, 3)
    return learn(
        say(truth, (0.8, 0.1, 0.8, 0.8, 0.8), NEAR, 0, 0.3),
        say(truth, (0.4, 1.2, 0.9, 0.9, 0.9), FAR, 1, 0.3),
        truth=truth,
    )


def test_the_gate_tells_near_from_far(two_regimes: Blend) -> None:
    asked = truths(300, 4)
    near, far = say(asked, (0.8, 0.1, 0.8, 0.8, 0.8), NEAR, 2), say(asked, (0.4, 1.2, 0.9, 0.9, 0.9), FAR, 3)
    np.testing.assert_allclose(two_regimes.shares(near).sum(1), 1)
    assert two_regimes.shares(near)[:, 0].mean() > 0.9
    assert two_regimes.shares(far)[:, 1].mean() > 0.9
    used = two_regimes.weights
    assert used[0, 1] > 0.6
    assert used[1, 0] > used[1, 1] + 0.2
    swapped = replace(two_regimes, weights=used[::-1])
    assert missed_nm(two_regimes, near, asked) < 0.7 * missed_nm(swapped, near, asked)
    assert two_regimes(far).spread.mean() > 2 * two_regimes(near).spread.mean()


def test_a_gate_of_three(two_regimes: Blend) -> None:
    truth, asked = truths(200, 5), truths(200, 6)
    regimes = (NEAR, (0.7, 0.2, 10), FAR)
    errors = (0.5, 0.5, 0.5, 0.5, 0.5)
    blend = learn(*(say(truth, errors, regime, i, 0.3) for i, regime in enumerate(regimes)), truth=truth)
    likeliest = [blend.shares(say(asked, errors, regime, 10 + i)).argmax(1) for i, regime in enumerate(regimes)]
    assert [np.mean(found == i) > 0.8 for i, found in enumerate(likeliest)] == [True] * 3


def test_beyond_what_was_seen_the_gate_stays_sure_and_finite(two_regimes: Blend) -> None:
    said = say(truths(5, 0), (0.4, 1.2, 0.9, 0.9, 0.9), FAR, 0)
    farther = replace(said, variance=said.variance * 1e9, nearest=said.nearest * 0, between_trees=said.variance * 1e9)
    assert (two_regimes.shares(farther)[:, 1] > 0.9).all()
    assert np.isfinite(two_regimes(farther).spread).all()


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_intervals_hold_on_fresh_data_in_each_regime(two_regimes: Blend, coverage: float) -> None:
    asked = truths(2000, 8)
    column = int(np.flatnonzero(np.isclose(LEVELS, coverage))[0])
    for regime, errors in ((NEAR, (0.8, 0.1, 0.8, 0.8, 0.8)), (FAR, (0.4, 1.2, 0.9, 0.9, 0.9))):
        found = two_regimes(say(asked, errors, regime, 9, 0.3))
        held = np.mean(np.abs(found.mean - asked) <= found.spread * found.widths[:, column])
        # Binomial errors of 300 held-out and of 2000 fresh experiments, three deviations.
        allowed = 3 * np.sqrt(coverage * (1 - coverage) * (1 / 300 + 1 / 2000))
        assert held == pytest.approx(coverage, abs=allowed)


def test_doubt_is_followed_where_it_means_something() -> None:
    """Errors that grow with the precedents' variance: the spread tells the sure from the unsure."""
    rng = np.random.default_rng(0)
    truth = truths(600, 9)
    said = say(truth, (0.3, 0.3, 0.3, 0.3, 0.3), NEAR, 0)
    variance = np.exp(rng.uniform(-5, 0, 600))
    means = truth[:, None] + np.sqrt(variance)[:, None] * rng.normal(size=(600, len(PARTS)))
    blend = learn(replace(said, means=means, variance=variance), truth=truth)
    sure, unsure = (replace(say(truths(9, 0), (0, 0, 0, 0, 0), NEAR, 1), variance=np.full(9, v)) for v in (0.01, 1.0))
    assert blend(unsure).spread.mean() > 3 * blend(sure).spread.mean()


def test_noise_is_never_more_than_all_that_is_uncertain(two_regimes: Blend) -> None:
    said = replace(say(truths(50, 0), (0.8, 0.1, 0.8, 0.8, 0.8), NEAR, 0), noise=np.full(50, 1e4))
    found = two_regimes(said)
    assert (found.noise < found.spread).all()


def test_a_silent_part_leaves_its_weight_to_the_others(two_regimes: Blend) -> None:
    said = say(truths(40, 1), (0.8, 0.1, 0.8, 0.8, 0.8), NEAR, 0)
    silent = replace(said, means=np.where(LAST, np.nan, said.means))
    found = two_regimes(silent)
    assert np.isfinite(found.mean).all()
    weights = two_regimes.shares(silent) @ two_regimes.weights
    share = weights[:, :-2] * (weights[:, :-1].sum(1) / weights[:, :-2].sum(1))[:, None]
    np.testing.assert_allclose(found.mean, (share * said.means[:, :-1]).sum(1) + weights[:, -1])
    alike = replace(said, means=np.repeat(said.means[:, :1], len(PARTS), 1))
    quiet = replace(alike, means=np.where(LAST, np.nan, alike.means))
    np.testing.assert_allclose(two_regimes(quiet).mean, two_regimes(alike).mean)


def test_a_transformer_that_left_nothing_out_counts_like_each_other_part() -> None:
    truth = truths(200, 3)
    silent = say(truth, (0.1, 0.1, 0.1, 0.1, 0.1), NEAR, 0, spare=0)
    blend = learn(silent, truth=truth)
    assert blend.weights[0, -2] == pytest.approx(1 / len(PARTS))
    assert np.abs(blend(silent).mean - truth).mean() < 0.1


@pytest.mark.parametrize("n", [0, 9])
def test_too_few_leave_the_parts_equal_and_the_precedents_doubt(n: int) -> None:
    truth = truths(n, 0)
    said = say(truth, (0.1, 3.0, 3.0, 3.0, 3.0), NEAR, 0)
    blend = learn(said, truth=truth)
    asked = say(truths(20, 1), (0.1, 3.0, 3.0, 3.0, 3.0), NEAR, 1)
    found = blend(asked)
    np.testing.assert_allclose(found.mean, asked.means.mean(1))
    np.testing.assert_allclose(found.spread, np.sqrt(asked.variance + asked.noise), rtol=0.05)
    assert found.regimes.shape == (20, 1)
    # Nothing was tried, or errors that are far larger than the doubt.
    within = np.abs(asked.means.mean(1) - truths(20, 1)) <= found.widths[:, AT_90] * found.spread
    assert (n == 0 and found.widths[0, AT_90] == pytest.approx(1.645, abs=1e-3)) or within.mean() >= 0.9


def test_of_few_errors_none_is_of_a_blend_that_learned_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights and spread fit the few that they were learned from better than those that come."""
    few = [(truth, say(truth, (1.0, 1.0, 1.0, 1.0, 1.0), NEAR, i, 0.3)) for i in range(4) for truth in [truths(12, i)]]
    honest = [learn(said, truth=truth) for truth, said in few]
    monkeypatch.setattr("closedloop.synthesis.blend._FEW_HELD_OUT", 0)
    by_heart = [learn(said, truth=truth) for truth, said in few]
    for one, other in zip(honest, by_heart, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
    wider = [one.widths[0, AT_90] / other.widths[0, AT_90] for one, other in zip(honest, by_heart, strict=True)]
    assert np.mean(wider) > 1.1


def test_no_regime_at_all_is_too_few() -> None:
    assert learn(truth=truths(50, 0)).weights.tolist() == Blend.unlearned().weights.tolist()


def test_a_state_holds_everything(two_regimes: Blend) -> None:
    again = Blend.from_state(load(save({name: value.contiguous() for name, value in two_regimes.state().items()})))
    said = say(truths(30, 0), (0.5, 0.5, 0.5, 0.5, 0.5), FAR, 0)
    for name in ("mean", "spread", "noise", "regimes", "widths"):
        np.testing.assert_array_equal(getattr(again(said), name), getattr(two_regimes(said), name), err_msg=name)


@pytest.mark.parametrize("name", ["weights", "gate", "novelty_centre", "novelty_scale", "spread", "widths"])
def test_a_damaged_state_is_refused(two_regimes: Blend, name: str) -> None:
    state = two_regimes.state()
    broken = state[name].clone()
    broken.view(-1)[0] = float("nan")
    for damaged in (broken, torch.full_like(broken, float("inf")), state[name][..., :-1]):
        with pytest.raises(ValueError, match=name):
            Blend.from_state({**state, name: damaged})
    with pytest.raises(KeyError):
        Blend.from_state({key: value for key, value in state.items() if key != name})


def test_a_blend_of_no_regime_is_refused(two_regimes: Blend) -> None:
    state = two_regimes.state()
    none = {name: state[name][:0] for name in ("weights", "gate", "widths")}
    with pytest.raises(ValueError, match="weights"):
        Blend.from_state({**state, **none})
