"""Similarity to precedents: a Gaussian process on what was done, which interpolates among siblings where a network
trained on a few thousand recipes cannot, and knows how far from them a new recipe lies.

The kernel is a sum of products of Matérn kernels (nu = 3/2), each over one group of inputs: conditions, amounts by
chemical, the mixture that they make (so that a ligand never used before is like those that it resembles), product. Each
source (paper, lab) may differ from the others: by a constant, and by what changes smoothly with conditions and amounts.
A recipe whose source is not known is predicted twice: as if the precedents' differences were all chemistry, which is
right among siblings, and from what remains when each source's own is taken off, which is right for a new source
(docs/decisions/0080).
Formulas: Rasmussen and Williams, "Gaussian Processes for Machine Learning", MIT Press 2006, chapters 2, 4 and 5.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from closedloop.synthesis.kernel import (
    GROUPS,
    SOURCE_TERMS,
    TERMS,
    Near,
    matern,
    squares,
    typical_log_distance,
    weighed,
)
from closedloop.synthesis.tokens import AMOUNT_SLOPE, KNOWN, Arrays

_JITTER = 1e-6
_SINGLE = ("log_scales", "log_source_scales", "log_noise", "mean", "values", "relative_noise", "sources")
# Prior variance, in standardised units, of how much one lab's sizes differ from another's by a constant.
_OFFSET_VARIANCE = 0.5
# Hyperparameters are learned on at most so many experiments, drawn at random; all of them are precedents.
_MOST_FOR_LEARNING = 800
_STEPS = 45
_FASTEST = 0.3
# Where an unknown amount sits: at 1 mmol.
UNKNOWN_LEVEL = float(np.log1p(AMOUNT_SLOPE))


def group_features(arrays: Arrays, chemicals: int) -> dict[str, np.ndarray]:
    """The inputs of the kernel: conditions (n, 8), amounts (n, chemicals + 1), mixture (n, s), product (n, p + 1).

    An unknown condition or amount sits at the centre with a flag; a chemical that is new shares the last column.
    """
    known = (arrays.state == KNOWN) & (arrays.chemical > 0)
    unknown = (arrays.state != KNOWN) & (arrays.chemical > 0)
    level = np.where(known, np.log1p(AMOUNT_SLOPE * np.exp(arrays.log_amount)), np.where(unknown, UNKNOWN_LEVEL, 0.0))
    n = len(arrays)
    amounts = np.zeros((n, chemicals + 1))
    column = np.where(arrays.identity > 0, arrays.identity - 1, chemicals)
    np.add.at(amounts, (np.arange(n)[:, None], column), level)
    vectors = arrays.chemical_table[arrays.chemical]
    mixture = np.einsum("nr,nrs->ns", level, vectors) / np.maximum(level.sum(1, keepdims=True), 1e-9)
    conditions = np.where(arrays.condition_known, arrays.conditions, 0.0)
    product = np.c_[arrays.product_table, ~arrays.known_product][arrays.product]
    return {
        "conditions": np.c_[conditions, ~arrays.condition_known].astype(float),
        "amounts": amounts,
        "mixture": mixture.astype(float),
        "product": product.astype(float),
    }


@dataclass(frozen=True)
class Similar:
    """What the precedents say of n recipes, standardised: the mean, the ``consensus`` of the sources (the mean for a
    source that is new), the variance of the mean's error, the noise's variance, and how much the recipe resembles the
    nearest precedent (``nearest``: a correlation); (n,) each. ``also`` (n, k): what the same process says of other
    values."""

    mean: np.ndarray
    consensus: np.ndarray
    variance: np.ndarray
    noise: np.ndarray
    nearest: np.ndarray
    also: np.ndarray


@dataclass
class Precedents:
    """A fitted process over standardised values; every tensor is float64 on the CPU.

    ``features``: group -> (n, d). ``log_lengths``: group -> (d,) for conditions, (1,) for the others. ``log_scales``
    (terms,), ``log_source_scales`` (source terms,), ``log_noise`` (), ``mean`` (), ``values`` (n,), ``relative_noise``
    (n,): an experiment's doubt over its weight, ``sources`` (n,): numbers. ``offset`` is by how much the experiments
    that weigh least differ from those that weigh most (0 if all weigh alike); ``values`` are without it.
    """

    features: dict[str, Tensor]
    log_lengths: dict[str, Tensor]
    log_scales: Tensor
    log_source_scales: Tensor
    log_noise: Tensor
    mean: Tensor
    values: Tensor
    relative_noise: Tensor
    sources: Tensor
    offset: float = 0.0

    @classmethod
    def fit(
        cls,
        features: dict[str, np.ndarray],
        values: np.ndarray,
        weight: np.ndarray,
        doubt: np.ndarray | None = None,
        sources: np.ndarray | None = None,
        *,
        seed: int = 0,
    ) -> Self:
        """Hyperparameters by the marginal likelihood; a weak prior keeps lengths from running away.

        ``sources`` (n,) int: which experiments share a source; one for all unless given. ``doubt`` (n,), 1 unless
        given: how much more noise (variance) a value holds than one that was measured well.

        Experiments that weigh less than the rest (literature beside a lab's own) may differ from them by a constant, as
        calibrations and stirrers do: it is estimated together with everything else, and taken off ``values``.
        """
        tensors = {name: torch.as_tensor(value, dtype=torch.float64) for name, value in features.items()}
        process = cls(
            tensors,
            {
                name: torch.full(
                    (value.shape[1] if name == "conditions" else 1,),
                    0.0 if name == "conditions" else typical_log_distance(value) - 1,
                    dtype=torch.float64,
                )
                for name, value in tensors.items()
            },
            torch.full((len(TERMS),), math.log(0.3), dtype=torch.float64),
            torch.full((len(SOURCE_TERMS),), math.log(0.1), dtype=torch.float64),
            torch.tensor(math.log(0.05), dtype=torch.float64),
            torch.zeros((), dtype=torch.float64),
            torch.as_tensor(values, dtype=torch.float64),
            torch.as_tensor((1.0 if doubt is None else doubt) / weight, dtype=torch.float64),
            torch.zeros(len(values), dtype=torch.int64) if sources is None else torch.as_tensor(sources),
        )
        foreign = torch.as_tensor(np.sqrt(1 - weight / weight.max()), dtype=torch.float64)
        process._learn(foreign, seed)
        process._solve(foreign)
        if foreign.any():
            process.offset = float(_OFFSET_VARIANCE * foreign @ process._weights)
            process.values = process.values - process.offset * foreign
            process._solve()
        return process

    def _learn(self, foreign: Tensor, seed: int) -> None:
        n = len(self.values)
        drawn = np.random.default_rng(seed).permutation(n)[:_MOST_FOR_LEARNING]
        some = torch.as_tensor(np.sort(drawn))
        features = {name: value[some] for name, value in self.features.items()}
        y, relative = self.values[some], self.relative_noise[some]
        offset = _OFFSET_VARIANCE * torch.outer(foreign[some], foreign[some])
        same = self._same_source(some)
        free = [*self.log_lengths.values(), self.log_scales, self.log_noise, self.mean]
        if same is not None:
            free.append(self.log_source_scales)
        start = [value.clone() for value in free]
        for value in free:
            value.requires_grad_(True)
        fixed = {name: squares(value, value) for name, value in features.items() if name != "conditions"}
        optimiser = torch.optim.Adam(free, lr=_FASTEST, betas=(0.8, 0.98))
        for step in range(_STEPS):
            # Siblings are told apart on lengths far below the first ones: fast at first, then settling.
            optimiser.param_groups[0]["lr"] = _FASTEST * min(1.0, (_STEPS - step) / (0.4 * _STEPS))
            covariance = self._total(self._kernels(self._scaled(features, features, fixed)), same)
            covariance = covariance + torch.diag(self.log_noise.exp() * relative + _JITTER) + offset
            factor = torch.linalg.cholesky(covariance)
            error = (y - self.mean)[:, None]
            fit = (error * torch.cholesky_solve(error, factor)).sum() / 2 + factor.diagonal().log().sum()
            prior = sum(((value - first) / 2).square().sum() for value, first in zip(free, start, strict=True)) / 2
            optimiser.zero_grad()
            (fit + prior).backward()
            optimiser.step()
        for value in free:
            value.requires_grad_(False)

    def _scaled(
        self, a: dict[str, Tensor], b: dict[str, Tensor], fixed: dict[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Squared distances of each group in its lengths, (n, m); ``fixed`` are some that are known but for them."""
        scaled = {}
        for name in GROUPS:
            shrink = (-self.log_lengths[name]).exp()
            if name == "conditions":
                scaled[name] = squares(a[name] * shrink, b[name] * shrink)
            else:
                scaled[name] = (squares(a[name], b[name]) if fixed is None else fixed[name]) * shrink.square()
        return scaled

    @staticmethod
    def _kernels(scaled: dict[str, Tensor]) -> dict[str, Tensor]:
        """Scaled squared distances of each group, (n, m), -> correlations (n, m)."""
        return {name: matern(square) for name, square in scaled.items()}

    def _total(self, kernels: dict[str, Tensor], same: Tensor | None = None) -> Tensor:
        """Covariance (n, m) of what is chemistry, and of what is a source's own where ``same`` (n, m) is 1."""
        total = weighed(self.log_scales, TERMS, kernels)
        return total if same is None else total + same * weighed(self.log_source_scales, SOURCE_TERMS, kernels)

    def _noise(self) -> Tensor:
        """What each experiment's own value is in doubt by, (n, n)."""
        return torch.diag(self.log_noise.exp() * self.relative_noise + _JITTER)

    def _same_source(self, some: Tensor | slice = slice(None)) -> Tensor | None:
        """(n, n); ``None`` where there is but one source, from which nothing of its own can be told."""
        sources = self.sources[some]
        if (self.sources == self.sources[0]).all():
            return None
        return (sources[:, None] == sources[None]).double()

    def _covariance(self, features: dict[str, np.ndarray]) -> Tensor:
        """Between these recipes and the precedents, (m, n), in single precision: see `kernel.Near`."""
        return self._near(features)

    def _solve(self, foreign: Tensor | None = None) -> None:
        kernels = self._kernels(self._scaled(self.features, self.features))
        extra = self._noise()
        if foreign is not None:
            extra = extra + _OFFSET_VARIANCE * torch.outer(foreign, foreign)
        error = (self.values - self.mean)[:, None]
        self._factor = torch.linalg.cholesky(self._total(kernels) + extra)
        self._weights = torch.cholesky_solve(error, self._factor)[:, 0]
        same = self._same_source()
        self._of_sources = self._weights
        if same is not None:
            with_sources = torch.linalg.cholesky(self._total(kernels, same) + extra)
            self._of_sources = torch.cholesky_solve(error, with_sources)[:, 0]
        self._single = self._factor.float()
        self._near = Near.of(self.features, self.log_lengths, self.log_scales)

    def weights_for(self, values: np.ndarray) -> Tensor:
        """For `predict`: other values (n, k) of the precedents, each with a mean of zero, under the same process."""
        return torch.cholesky_solve(torch.as_tensor(values, dtype=torch.float64), self._factor)

    def predict(self, features: dict[str, np.ndarray], also: Tensor | None = None) -> "Similar":
        """For m recipes, in standardised units; ``also`` (n, k): see `weights_for`."""
        cross = self._covariance(features)
        # Variances are sums of squares, for which single precision is enough.
        # Solved from the right, which LAPACK does in place of a copy and in half the time.
        explained = (
            torch.linalg.solve_triangular(self._single.T, cross, upper=True, left=False).square().sum(1).double()
        )
        prior = float(self.log_scales.exp().sum())
        variance = (prior - explained).clamp_min(1e-9)
        correlation = cross / prior
        return Similar(
            (self.mean + cross @ self._weights.float()).double().numpy(),
            (self.mean + cross @ self._of_sources.float()).double().numpy(),
            variance.numpy(),
            np.full(len(cross), float(self.log_noise.exp())),
            correlation.amax(1).double().numpy(),
            (cross @ also.float()).double().numpy() if also is not None else np.zeros((len(cross), 0)),
        )

    def left_out(self, folds: np.ndarray) -> "Similar":
        """Each precedent, predicted without its whole fold (n,), its source unknown.

        Closed form for the mean: with A the inverse of the covariance, the error of fold F is A_FF⁻¹ (A (y - mean))_F
        and its covariance is A_FF⁻¹.
        """
        inverse = torch.cholesky_inverse(self._factor)
        kernels = self._kernels(self._scaled(self.features, self.features))
        chemistry, same = self._total(kernels), self._same_source()
        correlation = chemistry / self.log_scales.exp().sum()
        total = None
        if same is not None:
            total = self._total(kernels, same) + self._noise()
        error = self.values - self.mean
        noise = (self.log_noise.exp() * self.relative_noise).numpy()
        n = len(self.values)
        mean, consensus, variance, nearest = np.empty((4, n))
        for fold in np.unique(folds):
            places = np.flatnonzero(folds == fold)
            inside, outside = torch.as_tensor(places), torch.as_tensor(np.flatnonzero(folds != fold))
            block = torch.linalg.inv(inverse[inside][:, inside])
            mean[places] = (self.values[inside] - block @ self._weights[inside]).numpy()
            consensus[places] = mean[places]
            if total is not None and len(outside):
                factor = torch.linalg.cholesky(total[outside][:, outside])
                weights = torch.cholesky_solve(error[outside][:, None], factor)[:, 0]
                consensus[places] = (self.mean + chemistry[inside][:, outside] @ weights).numpy()
            variance[places] = (block.diagonal().numpy() - noise[places]).clip(1e-9)
            nearest[places] = correlation[inside][:, outside].amax(1).numpy() if len(outside) else 0.0
        return Similar(mean, consensus, variance, noise, nearest, np.zeros((n, 0)))

    def similarity(self, features: dict[str, np.ndarray]) -> np.ndarray:
        """Correlation (m, n) of each recipe with each precedent: 1 is the same recipe, 0 is unrelated."""
        correlation: np.ndarray = (self._covariance(features) / self.log_scales.exp().sum()).double().numpy()
        return correlation

    def state(self) -> dict[str, Tensor]:
        """Everything as named tensors; `from_state` is the way back."""
        named = {f"features.{name}": value for name, value in self.features.items()}
        named |= {f"log_lengths.{name}": value for name, value in self.log_lengths.items()}
        named |= {name: getattr(self, name).detach().clone() for name in _SINGLE}
        return named | {"offset": torch.tensor(self.offset, dtype=torch.float64)}

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> Self:
        process = cls(
            {name: state[f"features.{name}"] for name in GROUPS},
            {name: state[f"log_lengths.{name}"] for name in GROUPS},
            **{name: state[name] for name in _SINGLE},
            offset=float(state["offset"]),
        )
        process._solve()
        return process
