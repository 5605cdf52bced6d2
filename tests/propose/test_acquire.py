"""The acquisition's values against the integral that they stand for."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from closedloop.propose import acquire
from closedloop.propose.residual import Columns, ResidualGP, rows

TARGET_NM, HALF_WIDTH_NM, LOGIT = 4.0, 0.2, 0.5


@pytest.mark.parametrize("seed", range(5))
def test_an_improvement_is_its_integral_whatever_the_seed(seed: int) -> None:
    """Before any result the size is log-normal, so the expected improvement is an integral over the band."""
    log_size = np.log(np.linspace(2.5, 5.5, 40))
    sd = np.full(40, 0.4)
    candidates = rows(np.full((40, 2), 0.5), log_size, sd, np.full(40, LOGIT))
    nothing = torch.zeros(0, candidates.shape[1], dtype=torch.double)
    model = ResidualGP(Columns(2)).eval()
    question = acquire.Question(
        Columns(2), model, TARGET_NM, HALF_WIDTH_NM, nothing, nothing, only_failures=False, seed=seed
    )
    sizes = np.linspace(TARGET_NM - HALF_WIDTH_NM, TARGET_NM + HALF_WIDTH_NM, 1001)
    density = norm.pdf(np.log(sizes)[:, None], log_size, sd) / sizes[:, None]
    gain = HALF_WIDTH_NM - np.abs(sizes - TARGET_NM)
    expected = np.trapezoid(gain[:, None] * density, sizes, axis=0) / (1 + np.exp(-LOGIT))
    assert np.exp(acquire.values(question, candidates)) == pytest.approx(expected, rel=0.06)
