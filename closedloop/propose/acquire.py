"""Which of the candidates to make next: BoTorch's log expected improvement, weighted by the chance of success.

Chooses among rows that it is given; where they come from is the proposer's business. Imports torch; import it late.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.logei import (
    qLogExpectedImprovement,
    qLogNoisyExpectedImprovement,
    qLogProbabilityOfFeasibility,
)
from botorch.acquisition.objective import GenericMCObjective
from botorch.exceptions import BotorchWarning
from botorch.models.deterministic import GenericDeterministicModel
from botorch.models.model import ModelList
from botorch.sampling import ListSampler, SobolQMCNormalSampler
from botorch.sampling.index_sampler import IndexSampler
from linear_operator.utils.warnings import NumericalWarning
from numpy.typing import NDArray
from torch import Tensor

from closedloop.propose.residual import Columns, ResidualGP

# Samples of the posterior: enough to sort candidates by, and enough to choose among the best of them.
_ROUGH, _FINE = 128, 512
_ROWS_AT_ONCE = 512
# Log-odds of points that were made and succeeded, and the least of points that wait: both count as incumbents.
_KNOWN_SUCCESS = 10.0
_COUNTS = 1e-3


class Basis(StrEnum):
    """What an improvement is measured against."""

    BEST_MEASURED = "best measured"
    TOLERANCE = "tolerance"
    FEASIBILITY = "feasibility"


@dataclass(frozen=True)
class Question:
    """Everything that the choice depends on but the candidates: rows are (n, d + 3), sizes in nm.

    ``baseline`` are experiments of this campaign that succeeded and were measured, ``pending`` those under way;
    ``only_failures`` says that something was tried and nothing succeeded.
    """

    columns: Columns
    size_model: ResidualGP
    size_nm: float
    half_width_nm: float
    baseline: Tensor
    pending: Tensor
    only_failures: bool
    seed: int

    @property
    def basis(self) -> Basis:
        if len(self.baseline):
            return Basis.BEST_MEASURED
        return Basis.FEASIBILITY if self.only_failures else Basis.TOLERANCE


class _WithFeasibility(AcquisitionFunction):
    """Sum of two log acquisition functions; pending points concern the first alone."""

    def __init__(self, improvement: qLogExpectedImprovement, feasibility: qLogProbabilityOfFeasibility) -> None:
        super().__init__(improvement.model)
        self.improvement, self.feasibility = improvement, feasibility

    def forward(self, X: Tensor) -> Tensor:
        return self.improvement(X) + self.feasibility(X)

    def set_X_pending(self, X_pending: Tensor | None = None) -> None:
        self.improvement.set_X_pending(X_pending)


def values(question: Question, candidates: Tensor) -> NDArray[np.float64]:
    """The acquisition value of each candidate (n, d + 3) on its own, (n,); rough, to sort many by."""
    with _quiet():
        # Without a baseline samples are cheap, and a wide band of sizes meets a narrow tolerance: few would mislead.
        samples = _ROUGH if len(question.baseline) else _FINE
        return _evaluate(_build(question, samples), candidates).numpy()


def choose(question: Question, candidates: Tensor, count: int) -> list[tuple[int, float]]:
    """(index, acquisition value) of ``count`` distinct candidates, each chosen as if those before it were under way.

    Fewer where there are fewer candidates.

    Not BoTorch's ``optimize_acqf_discrete`` with q > 1, which forgets the pending points that an incremental noisy
    expected improvement was built with (0.18.1: its ``X_pending`` reads ``None``).
    """
    chosen: list[tuple[int, float]] = []
    with _quiet():
        acquisition = _build(question, _FINE)
        waiting = _incumbents(question, question.pending)
        free = torch.ones(len(candidates), dtype=torch.bool)
        for position in range(min(count, len(candidates))):
            if position:
                acquisition.set_X_pending(waiting)
            value = _evaluate(acquisition, candidates)
            value[~free] = -torch.inf
            best = int(value.argmax())
            chosen.append((best, float(value[best])))
            free[best] = False
            waiting = torch.cat([waiting, _incumbents(question, candidates[best : best + 1])])
    return chosen


def _build(question: Question, samples: int) -> AcquisitionFunction:
    columns, target, pending = question.columns, question.size_nm, question.pending
    logit = GenericDeterministicModel(lambda X: X[..., columns.logit : columns.logit + 1])
    model = ModelList(question.size_model, logit)
    constraints: list[Callable[[Tensor], Tensor]] = [lambda Y: -Y[..., 1]]

    def closeness(Y: Tensor, X: Tensor | None = None) -> Tensor:
        return -(Y[..., 0].exp() - target).abs()

    objective = GenericMCObjective(closeness)
    # BoTorch's choice for a list of posteriors is independent samples, because quasi-random ones of the same seed would
    # be correlated; but the logit is not random, and 512 independent samples misjudge an improvement by a third.
    shape = torch.Size([samples])
    sampler = ListSampler(SobolQMCNormalSampler(shape, seed=question.seed), IndexSampler(shape, seed=question.seed))
    waiting = _incumbents(question, pending) if len(pending) else None
    # With eta 1 and fat False the smooth indicator of "logit above zero" is sigmoid(logit): the chance itself.
    common: dict[str, Any] = {"sampler": sampler, "constraints": constraints, "eta": 1.0, "fat": False}
    if question.basis is Basis.BEST_MEASURED:
        baseline = question.baseline.clone()
        baseline[:, columns.logit] = _KNOWN_SUCCESS
        return qLogNoisyExpectedImprovement(
            model, baseline, objective=objective, X_pending=waiting, cache_root=False, **common
        )
    improvement = qLogExpectedImprovement(
        model, best_f=-question.half_width_nm, objective=objective, X_pending=waiting, **common
    )
    if question.basis is Basis.TOLERANCE:
        return improvement
    return _WithFeasibility(improvement, qLogProbabilityOfFeasibility(model, **common))


def _incumbents(question: Question, rows: Tensor) -> Tensor:
    """Points under way, as something that a further proposal must improve on even where their success is doubtful."""
    rows = rows.clone()
    rows[:, question.columns.logit] = rows[:, question.columns.logit].clamp_min(_COUNTS)
    return rows


def _evaluate(acquisition: AcquisitionFunction, candidates: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([acquisition(part) for part in candidates.unsqueeze(-2).split(_ROWS_AT_ONCE)])


class _quiet(warnings.catch_warnings):
    """Without BoTorch's advice and the jitter that near-equal rows need; both are expected here."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore", BotorchWarning)
        warnings.simplefilter("ignore", NumericalWarning)
