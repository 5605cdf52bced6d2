import numpy as np
import pytest
from scipy.stats import norm

from closedloop.synthesis.calibration import LEVELS, Calibration, scales


def test_normal_errors_need_no_rescaling() -> None:
    errors = np.random.default_rng(0).normal(size=20_000)
    calibration = Calibration.of(errors)
    np.testing.assert_allclose(calibration.widths, norm.ppf((1 + LEVELS) / 2), atol=0.06)
    assert calibration.scale == pytest.approx(1, abs=0.03)


def test_deviations_that_are_too_small_are_widened() -> None:
    errors = 3 * np.random.default_rng(0).normal(size=20_000)
    assert Calibration.of(errors).scale == pytest.approx(3, abs=0.1)


def test_fresh_errors_fall_inside_as_often_as_promised() -> None:
    rng = np.random.default_rng(1)
    hits = []
    for _ in range(300):
        calibration = Calibration.of(rng.standard_t(3, size=40))
        hits.append(np.mean(np.abs(rng.standard_t(3, size=200)) <= calibration.width(0.9)))
    assert np.mean(hits) == pytest.approx(0.9, abs=0.02)


def test_no_errors_leave_the_normal_law() -> None:
    assert Calibration.of(np.zeros(0)).scale == pytest.approx(1)


@pytest.mark.parametrize("n", [3, 6, 12])
@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.95])
def test_few_errors_hold_what_they_promise_whatever_their_scale(n: int, coverage: float) -> None:
    rng = np.random.default_rng(n)
    held = []
    for _ in range(3000):
        width = Calibration.of(7 * rng.normal(size=n)).width(coverage)
        held.append(norm.cdf(width / 7) - norm.cdf(-width / 7))
    # Never fewer; more by what lies between one of the n errors and the next.
    assert coverage - 0.01 <= np.mean(held) <= coverage + 1 / (n + 1) + 0.05


def test_errors_of_nothing_still_have_a_shape() -> None:
    calibration = Calibration.of(np.zeros(30))
    assert calibration.scale > 0
    assert calibration.width(0.95) > calibration.width(0.9) > calibration.width(0.5) > 0


def test_beyond_the_errors_that_there_are_the_normal_law_goes_on() -> None:
    calibration = Calibration.of(np.linspace(-1, 1, 10))
    assert calibration.width(0.95) > calibration.width(0.9) >= calibration.width(0.8) > calibration.width(0.5)
    assert calibration.width(0.999) > calibration.width(0.975)


def test_scales_of_many_are_those_of_each() -> None:
    widths = np.stack([Calibration.of(factor * np.random.default_rng(2).normal(size=60)).widths for factor in (1, 2)])
    np.testing.assert_allclose(scales(widths), [Calibration(one).scale for one in widths])


def test_errors_of_few_sources_ask_for_wider_intervals() -> None:
    """Each of twenty sources has an offset; a new source is held as often as promised if sources are what counts."""
    rng = np.random.default_rng(5)
    held: dict[int | None, list[float]] = {None: [], 20: []}
    for _ in range(300):
        offsets = rng.normal(size=21)
        errors = (offsets[:, None] + 0.3 * rng.normal(size=(21, 10))).ravel()
        for groups, of in held.items():
            width = Calibration.of(errors[:200], groups).width(0.9)
            of.append(float(np.mean(np.abs(errors[200:]) <= width)))
    few, many = np.mean(held[20]), np.mean(held[None])
    assert many < few
    assert few == pytest.approx(0.9, abs=0.04)
