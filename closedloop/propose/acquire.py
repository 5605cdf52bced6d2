"""Which of the candidates to make next: the chance that a recipe hits, and what its result would do for the next one.

Two BoTorch acquisition functions over the rows that `residual` describes, and the greedy choice of a batch by their
sum. Where candidates come from is the proposer's business. Imports torch; import it late.

The chance of a hit is an integral over the band, not over samples: ``Φ`` of the size's posterior, measurement noise
counted, times the chance of all else (success, spread, shape). Experiments under way enter through samples of what they
may turn out to be: a recipe is worth making where it hits in those worlds in which they miss. The second function is a
step of lookahead as in Jiang et al., "Efficient nonmyopic active search" (ICML 2017): how much the best chance of the
experiment after rises on average once this one has been measured.
"""

import math
import warnings
from dataclasses import dataclass, replace

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction
from botorch.exceptions import BotorchWarning
from botorch.sampling.qmc import NormalQMCEngine
from linear_operator.utils.warnings import NumericalWarning
from numpy.typing import NDArray
from torch import Tensor

from closedloop.propose.residual import Columns, ResidualGP

# Worlds in which the experiments under way are played through, and results that one experiment may have in lookahead.
_WORLDS, _RESULTS = 512, 15
# Candidates that lookahead is worked out for, and those among which the next experiment is then chosen.
_LOOKED_AT, _NEXT = 48, 160
# What a rise of the next chance is worth beside a chance now. A campaign has more than one experiment left, but a model
# whose errors are larger than it says learns less than it hopes.
_WORTH = 1.0
_ROWS_AT_ONCE = 4096
# Failures come in company: correlation of "all else is well" between recipes, the part that the lab shares and the
# reach of the rest, in root mean square distances of the cube.
_TOGETHER, _REACH = 0.3, 0.35


@dataclass(frozen=True)
class Question:
    """Everything that the choice depends on but the candidates: rows are (n, d + 3), sizes in nm.

    ``pending`` are the rows of experiments under way.
    """

    columns: Columns
    size_model: ResidualGP
    band_nm: tuple[float, float]
    pending: Tensor
    seed: int

    @property
    def log_band(self) -> tuple[float, float]:
        low, high = self.band_nm
        return (math.log(low) if low > 0 else -math.inf), math.log(high)


@dataclass(frozen=True)
class Choice:
    """One chosen candidate: its row's number, its chance of a hit, that chance in the worlds where all before it miss
    (``more``), and by how much its result is expected to raise the best chance of the next experiment (``gain``)."""

    index: int
    chance: float
    more: float
    gain: float

    @property
    def value(self) -> float:
        """The logarithm of what was maximised."""
        return math.log(max(self.more + _WORTH * self.gain, 1e-300))


class ChanceOfHit(AcquisitionFunction):
    """The chance that a recipe hits and that nothing under way does, (n,) for X of (n, 1, d + 3)."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.size_model)
        self.question = question
        self.set_X_pending(question.pending)

    def set_X_pending(self, X_pending: Tensor | None = None) -> None:
        """Plays through what the experiments under way may turn out to be."""
        q = self.question
        self.pending: Tensor = q.pending[:0] if X_pending is None else X_pending
        m = len(self.pending)
        if not m:
            return
        mean, _ = q.size_model.true_moments(self.pending)
        size = q.size_model.covariance(self.pending, self.pending) + q.size_model.noise * torch.eye(m)
        fine = _alike(self.pending, self.pending, q.columns) + 1e-6 * torch.eye(m)
        self.size_root, self.fine_root = _root(size), _root(fine)
        normal = NormalQMCEngine(2 * m, seed=q.seed, inv_transform=True).draw(_WORLDS, dtype=torch.double)
        assert normal is not None
        self.size_normal, self.fine_normal = normal[:, :m], normal[:, m:]
        sizes = mean + self.size_normal @ self.size_root.T
        well = self.fine_normal @ self.fine_root.T < _threshold(self.pending, q.columns)
        low, high = q.log_band
        hit = (sizes >= low) & (sizes <= high) & well
        self.missed = (~hit).all(dim=1).double()

    @property
    def all_miss(self) -> float:
        """The chance that nothing under way hits."""
        return float(self.missed.mean()) if len(self.pending) else 1.0

    def forward(self, X: Tensor) -> Tensor:
        q = self.question
        x = X.squeeze(-2)
        mean, variance = q.size_model.true_moments(x)
        variance = variance + q.size_model.noise
        threshold = _threshold(x, q.columns)
        if not len(self.pending):
            return _within(q.log_band, mean, variance.sqrt()) * _below(threshold)
        weights, left = self._given(q.size_model.covariance(x, self.pending), self.size_root)
        shift = self.size_normal @ weights.T
        sd = (variance - left).clamp_min(1e-10).sqrt()
        chance = _within(q.log_band, mean + shift, sd)
        weights, left = self._given(_alike(x, self.pending, q.columns), self.fine_root)
        shift = self.fine_normal @ weights.T
        chance = chance * _below((threshold - shift) / (1 - left).clamp_min(1e-6).sqrt())
        return (self.missed[:, None] * chance).mean(dim=0)

    @staticmethod
    def _given(across: Tensor, root: Tensor) -> tuple[Tensor, Tensor]:
        """What m standard normals (through ``root``, (m, m)) say of n others: weights (n, m), and the variance (n,)
        that they take away."""
        weights = torch.linalg.solve_triangular(root, across.T, upper=False).T
        return weights, (weights**2).sum(dim=1)


class NextChance(AcquisitionFunction):
    """By how much the result of a recipe raises, on average, the best chance of the experiment that follows.

    (n,) for X of (n, 1, d + 3); the experiment that follows is one of ``among`` (k, d + 3). Experiments under way are
    taken as measured, and as having confirmed the mean.
    """

    def __init__(self, question: Question, among: Tensor) -> None:
        super().__init__(question.size_model)
        self.question, self.among = question, among

    def forward(self, X: Tensor) -> Tensor:
        q, x, among = self.question, X.squeeze(-2), self.among
        n, k = len(x), len(among)
        every = torch.cat([x, among, q.pending])
        mean, covariance = q.size_model.together(every)
        if len(q.pending):
            known = covariance[n + k :, n + k :] + q.size_model.noise * torch.eye(len(q.pending))
            half = torch.linalg.solve_triangular(_root(known), covariance[n + k :], upper=False)
            covariance = covariance - half.T @ half
        noise = q.size_model.noise
        variance = covariance.diagonal().clamp_min(1e-10)
        measured = variance[:n] + noise
        across = covariance[:n, n : n + k]
        fine = _below(_threshold(among, q.columns))
        sd_now = (variance[n : n + k] + noise).sqrt()
        now = (_within(q.log_band, mean[n : n + k], sd_now) * fine).max()
        # Results at the middle of equal shares of what may be measured.
        shares = (torch.arange(_RESULTS, dtype=torch.double) + 0.5) / _RESULTS
        results = torch.special.ndtri(shares)
        shift = results[None, :, None] * (across / measured[:, None].sqrt())[:, None, :]
        left = (variance[n : n + k][None, :] - across**2 / measured[:, None]).clamp_min(1e-10) + noise
        chances = _within(q.log_band, mean[n : n + k] + shift, left.sqrt()[:, None, :]) * fine
        best = chances.amax(dim=2).mean(dim=1)
        return (best - now).clamp_min(0.0)


def values(question: Question, candidates: Tensor) -> NDArray[np.float64]:
    """The chance (n,) that each candidate (n, d + 3), on its own, hits where nothing under way does."""
    with _quiet():
        return _evaluate(ChanceOfHit(question), candidates).numpy()


def choose(question: Question, candidates: Tensor, count: int) -> list[Choice]:
    """``count`` distinct candidates (n, d + 3), each chosen as if those before it were under way; fewer where there are
    fewer."""
    chosen: list[Choice] = []
    with _quiet():
        waiting = question.pending
        alone = _evaluate(ChanceOfHit(replace(question, pending=waiting[:0])), candidates)
        free = torch.ones(len(candidates), dtype=torch.bool)
        for _ in range(min(count, len(candidates))):
            now = replace(question, pending=waiting)
            more = _evaluate(ChanceOfHit(now), candidates)
            gain = _gains(now, candidates, more)
            value = torch.where(free, more + _WORTH * gain, -1.0)
            best = int(value.argmax())
            chosen.append(Choice(best, float(alone[best]), float(more[best]), float(gain[best])))
            free[best] = False
            waiting = torch.cat([waiting, candidates[best : best + 1]])
    return chosen


def cumulative(question: Question, candidates: Tensor, count: int) -> list[float]:
    """The chance that one of the next 1, 2, … ``count`` experiments hits, were they all chosen now; a lower bound,
    since the later ones will know of the earlier. Experiments under way are counted as the first of them."""
    with _quiet():
        waiting = question.pending
        reached: list[float] = []
        for _ in range(min(count, len(candidates))):
            acquisition = ChanceOfHit(replace(question, pending=waiting))
            more = _evaluate(acquisition, candidates)
            best = int(more.argmax())
            reached.append(min(1.0, 1.0 - acquisition.all_miss + float(more[best])))
            waiting = torch.cat([waiting, candidates[best : best + 1]])
    return [max(reached[: i + 1]) for i in range(len(reached))]


def _gains(question: Question, candidates: Tensor, more: Tensor) -> Tensor:
    """`NextChance` of the candidates with the largest chances and of some that are spread over the rest; zero for the
    others, which are hardly worth an experiment."""
    order = torch.argsort(more, descending=True, stable=True)
    spread = order[_LOOKED_AT // 2 :: max(1, 2 * len(order) // _LOOKED_AT)]
    looked = torch.cat([order[: _LOOKED_AT // 2], spread])
    gain = torch.zeros_like(more)
    gain[looked] = _evaluate(NextChance(question, candidates[order[:_NEXT]]), candidates[looked])
    return gain


def _alike(a: Tensor, b: Tensor, columns: Columns) -> Tensor:
    """Correlation (n, m) of "all else is well" between rows ``a`` and ``b``."""
    d = columns.d
    squared = torch.cdist(a[:, :d], b[:, :d]) ** 2
    return _TOGETHER + (1 - _TOGETHER) * torch.exp(-0.5 * squared / (_REACH**2 * d / 6))


def _threshold(rows: Tensor, columns: Columns) -> Tensor:
    """The standard normal quantile (n,) of the chance that all but the size is well."""
    return torch.special.ndtri(torch.sigmoid(rows[:, columns.logit]).clamp(1e-9, 1 - 1e-9))


def _within(log_band: tuple[float, float], mean: Tensor, sd: Tensor) -> Tensor:
    low, high = log_band
    return _below((high - mean) / sd) - _below((low - mean) / sd)


def _below(z: Tensor) -> Tensor:
    return torch.special.ndtr(z)


def _root(matrix: Tensor) -> Tensor:
    """Lower Cholesky factor; near-equal rows get the jitter that they need."""
    size = float(matrix.diagonal().mean())
    for jitter in (0.0, 1e-10, 1e-8, 1e-6, 1e-4):
        factor, info = torch.linalg.cholesky_ex(matrix + jitter * size * torch.eye(len(matrix)))
        if not int(info):
            return factor
    return torch.diag(matrix.diagonal().clamp_min(1e-12).sqrt())


def _evaluate(acquisition: AcquisitionFunction, candidates: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([acquisition(part) for part in candidates.unsqueeze(-2).split(_ROWS_AT_ONCE)])


class _quiet(warnings.catch_warnings):
    """Without BoTorch's advice and the jitter that near-equal rows need; both are expected here."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore", BotorchWarning)
        warnings.simplefilter("ignore", NumericalWarning)
