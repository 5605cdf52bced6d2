"""The chance of success, corrected by this campaign's successes and failures."""

import numpy as np

from closedloop.propose.success import corrected_logit

HERE, FAR = np.array([[0.5, 0.5]]), np.array([[0.0, 1.0]])


def correct(at: np.ndarray, prior: float, *labels: bool) -> float:
    tried = np.repeat(HERE, len(labels), axis=0) if labels else np.zeros((0, 2))
    return float(
        corrected_logit(at, np.full(1, prior), tried, np.full(len(labels), prior), np.array(labels, dtype=bool))[0]
    )


def test_without_results_the_model_stands() -> None:
    assert correct(HERE, 1.3) == 1.3


def test_a_failure_counts_here_and_less_far_away() -> None:
    assert correct(HERE, 2.0, False) < 0.5
    assert 1.0 < correct(FAR, 2.0, False) < 2.0


def test_the_reach_of_a_failure_is_learned() -> None:
    """Where all that was hot failed, what is hot will, however far it is from what was tried; what is cold will not."""
    line = np.array([0.0, 0.2, 0.4])
    tried = np.vstack([np.c_[np.full(3, 0.9), line], np.c_[np.full(3, 0.1), line]])
    hot, cold = corrected_logit(
        np.array([[0.9, 1.0], [0.1, 1.0]]), np.full(2, 2.0), tried, np.full(6, 2.0), np.arange(6) >= 3
    )
    assert hot < 1.2
    assert cold > 1.8


def test_a_success_raises_a_doubting_model() -> None:
    assert correct(HERE, -2.0, True) > -0.5


def test_more_failures_lower_it_further_and_a_success_among_them_raises_it() -> None:
    one, three = correct(HERE, 2.0, False), correct(HERE, 2.0, False, False, False)
    assert three < one
    assert three < correct(HERE, 2.0, False, False, True) < correct(HERE, 2.0, True, True, True)


def test_the_latent_mode_solves_its_equation_even_for_a_model_that_was_sure_and_wrong() -> None:
    """At the mode the shift of the logit is the kernel times the labels' surprise (Rasmussen and Williams, 3.17)."""
    shift = correct(HERE, 50.0, False, False) - 4.0
    chance = 1 / (1 + np.exp(-(4.0 + shift)))
    assert np.isclose(shift, (0.5**2 + 2.5**2) * 2 * (0 - chance), atol=1e-6)
