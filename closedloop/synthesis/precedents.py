"""Similarity to precedents: a Gaussian process on what was done, which interpolates among siblings where a network
trained on a few hundred recipes cannot, and knows how far from them a new recipe lies.

The kernel is a sum of products of Matérn kernels (nu = 3/2), each over one group of inputs: conditions, amounts by
chemical, the mixture that they make (so that a ligand never used before is like those that it resembles), product.
Formulas: Rasmussen and Williams, "Gaussian Processes for Machine Learning", MIT Press 2006, chapters 2, 4 and 5.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from closedloop.synthesis.tokens import KNOWN, Arrays

GROUPS = ("conditions", "amounts", "mixture", "product")
# Which groups are multiplied into each term of the sum.
_TERMS = (
    ("conditions", "amounts", "product"),
    ("conditions", "mixture", "product"),
    ("conditions", "product"),
    ("amounts", "product"),
)
# log(1 + 5 a): a tenth of a mmol still counts, forty mmol of solvent do not drown it.
_AMOUNT_SLOPE = 5.0
_JITTER = 1e-6
_SINGLE = ("log_scales", "log_noise", "mean", "values", "relative_noise")
# Prior variance, in standardised units, of how much one lab's sizes differ from another's by a constant.
_OFFSET_VARIANCE = 0.5
# Hyperparameters are learned on at most so many experiments, drawn evenly; all of them are precedents.
_MOST_FOR_LEARNING = 1200


def group_features(arrays: Arrays, chemicals: int) -> dict[str, np.ndarray]:
    """The inputs of the kernel: conditions (n, 8), amounts (n, chemicals + 1), mixture (n, s), product (n, p + 1).

    An unknown condition or amount sits at the centre with a flag; a chemical that is new shares the last column.
    """
    known = (arrays.state == KNOWN) & (arrays.chemical > 0)
    unknown = (arrays.state != KNOWN) & (arrays.chemical > 0)
    typical = np.log1p(_AMOUNT_SLOPE)
    level = np.where(known, np.log1p(_AMOUNT_SLOPE * np.exp(arrays.log_amount)), np.where(unknown, typical, 0.0))
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


@dataclass
class Precedents:
    """A fitted process over standardised values; every tensor is float64 on the CPU.

    ``features``: group -> (n, d). ``log_lengths``: group -> (d,) for conditions, (1,) for the others. ``log_scales``
    (terms,), ``log_noise`` (), ``mean`` (), ``values`` (n,), ``relative_noise`` (n,): 1 over an experiment's weight.
    ``offset`` is by how much the experiments that weigh least differ from those that weigh most (0 if all weigh alike);
    ``values`` are without it.
    """

    features: dict[str, Tensor]
    log_lengths: dict[str, Tensor]
    log_scales: Tensor
    log_noise: Tensor
    mean: Tensor
    values: Tensor
    relative_noise: Tensor
    offset: float = 0.0

    @classmethod
    def fit(
        cls,
        features: dict[str, np.ndarray],
        values: np.ndarray,
        weight: np.ndarray,
        folds: np.ndarray | None = None,
        *,
        steps: int = 80,
    ) -> "Precedents":
        """Hyperparameters by the mean of the marginal likelihood, which says how siblings resemble each other, and of
        the likelihood of each fold (n,) predicted without it, which says what is known of a new source; a weak prior
        keeps lengths from running away. Without ``folds``: by the former alone.

        Experiments that weigh less than the rest (literature beside a lab's own) may differ from them by a constant, as
        calibrations and stirrers do: it is estimated together with everything else, and taken off ``values``.
        """
        tensors = {name: torch.as_tensor(value, dtype=torch.float64) for name, value in features.items()}
        y = torch.as_tensor(values, dtype=torch.float64)
        process = cls(
            tensors,
            {
                name: torch.full((tensors[name].shape[1] if name == "conditions" else 1,), start, dtype=torch.float64)
                for name, start in zip(GROUPS, (0.0, 1.0, 0.0, 0.0), strict=True)
            },
            torch.full((len(_TERMS),), math.log(0.3), dtype=torch.float64),
            torch.tensor(math.log(0.05), dtype=torch.float64),
            torch.zeros((), dtype=torch.float64),
            y,
            torch.as_tensor(1 / weight, dtype=torch.float64),
        )
        foreign = torch.as_tensor(np.sqrt(1 - weight / weight.max()), dtype=torch.float64)
        process._learn(steps, foreign, folds)
        process._solve(foreign)
        if foreign.any():
            process.offset = float(_OFFSET_VARIANCE * foreign @ process._weights)
            process.values = process.values - process.offset * foreign
            process._solve()
        return process

    def _learn(self, steps: int, foreign: Tensor, folds: np.ndarray | None) -> None:
        n = len(self.values)
        some = torch.linspace(0, n - 1, min(n, _MOST_FOR_LEARNING)).round().long()
        features = {name: value[some] for name, value in self.features.items()}
        y, relative = self.values[some], self.relative_noise[some]
        offset = _OFFSET_VARIANCE * torch.outer(foreign[some], foreign[some])
        free = [*self.log_lengths.values(), self.log_scales, self.log_noise, self.mean]
        start = [value.clone() for value in free]
        for value in free:
            value.requires_grad_(True)
        squares = {name: _squares(features[name], features[name], split=name == "conditions") for name in GROUPS}
        blocks = []
        if folds is not None:
            blocks = [torch.as_tensor(np.flatnonzero(folds[some.numpy()] == fold)) for fold in np.unique(folds)]
        optimiser = torch.optim.Adam(free, lr=0.1)
        for _ in range(steps):
            covariance = self._sum(squares) + torch.diag(self.log_noise.exp() * relative + _JITTER) + offset
            factor = torch.linalg.cholesky(covariance)
            error = (y - self.mean)[:, None]
            weights = torch.cholesky_solve(error, factor)
            fit = (error * weights).sum() / 2 + factor.diagonal().log().sum()
            if blocks:
                inverse = torch.cholesky_inverse(factor)
                fit = (fit + sum(_left_out_loss(inverse, weights, block) for block in blocks)) / 2
            prior = sum(((value - first) / 2).square().sum() for value, first in zip(free, start, strict=True)) / 2
            optimiser.zero_grad()
            (fit + prior).backward()
            optimiser.step()
        for value in free:
            value.requires_grad_(False)

    def _sum(self, squares: dict[str, Tensor]) -> Tensor:
        """Squared distances of each group, (n, m) or (d, n, m), -> covariance (n, m)."""
        kernels = {}
        for name in GROUPS:
            scaled = squares[name] * (-2 * self.log_lengths[name]).exp().reshape(-1, 1, 1)
            kernels[name] = _matern(scaled.sum(0))
        total = torch.zeros_like(kernels["conditions"])
        for scale, term in zip(self.log_scales, _TERMS, strict=True):
            product = kernels[term[0]]
            for name in term[1:]:
                product = product * kernels[name]
            total = total + scale.exp() * product
        return total

    def _solve(self, foreign: Tensor | None = None) -> None:
        own = {name: _squares(value, value, split=name == "conditions") for name, value in self.features.items()}
        covariance = self._sum(own) + torch.diag(self.log_noise.exp() * self.relative_noise + _JITTER)
        if foreign is not None:
            covariance = covariance + _OFFSET_VARIANCE * torch.outer(foreign, foreign)
        self._factor = torch.linalg.cholesky(covariance)
        self._weights = torch.cholesky_solve((self.values - self.mean)[:, None], self._factor)[:, 0]

    def predict(self, features: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean (m,), variance of the mean's error (m,) and of the noise (m,), in standardised units."""
        tensors = {name: torch.as_tensor(value, dtype=torch.float64) for name, value in features.items()}
        cross = self._sum(
            {name: _squares(tensors[name], self.features[name], split=name == "conditions") for name in GROUPS}
        )
        mean = self.mean + cross @ self._weights
        explained = torch.linalg.solve_triangular(self._factor, cross.T, upper=False).square().sum(0)
        variance = (self.log_scales.exp().sum() - explained).clamp_min(1e-9)
        return mean.numpy(), variance.numpy(), np.full(len(mean), float(self.log_noise.exp()))

    def left_out(self, folds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance (noise included) of each precedent, predicted without its whole fold; (n,) each.

        Closed form: with A the inverse of the covariance, the error of fold F is A_FF⁻¹ (A (y - mean))_F and its
        covariance is A_FF⁻¹.
        """
        inverse = torch.cholesky_inverse(self._factor)
        mean, variance = np.empty(len(self.values)), np.empty(len(self.values))
        for fold in np.unique(folds):
            places = np.flatnonzero(folds == fold)
            inside = torch.as_tensor(places)
            block = torch.linalg.inv(inverse[inside][:, inside])
            mean[places] = (self.values[inside] - block @ self._weights[inside]).numpy()
            variance[places] = block.diagonal().clamp_min(1e-9).numpy()
        return mean, variance

    def similarity(self, features: dict[str, np.ndarray]) -> np.ndarray:
        """Correlation (m, n) of each recipe with each precedent: 1 is the same recipe, 0 is unrelated."""
        tensors = {name: torch.as_tensor(value, dtype=torch.float64) for name, value in features.items()}
        cross = self._sum(
            {name: _squares(tensors[name], self.features[name], split=name == "conditions") for name in GROUPS}
        )
        correlation: np.ndarray = (cross / self.log_scales.exp().sum()).numpy()
        return correlation

    def state(self) -> dict[str, Tensor]:
        """Everything as named tensors; `from_state` is the way back."""
        named = {f"features.{name}": value for name, value in self.features.items()}
        named |= {f"log_lengths.{name}": value for name, value in self.log_lengths.items()}
        named |= {name: getattr(self, name).detach().clone() for name in _SINGLE}
        return named | {"offset": torch.tensor(self.offset, dtype=torch.float64)}

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> "Precedents":
        log_scales, log_noise, mean, values, relative_noise = (state[name] for name in _SINGLE)
        process = cls(
            {name: state[f"features.{name}"] for name in GROUPS},
            {name: state[f"log_lengths.{name}"] for name in GROUPS},
            log_scales,
            log_noise,
            mean,
            values,
            relative_noise,
            float(state["offset"]),
        )
        process._solve()
        return process


def _left_out_loss(inverse: Tensor, weights: Tensor, block: Tensor) -> Tensor:
    """Negative log likelihood, up to a constant, of each experiment of the block predicted without the block."""
    covariance = torch.linalg.inv(inverse[block][:, block])
    variance = covariance.diagonal()
    error = (covariance @ weights[block])[:, 0]
    return (error.square() / variance + variance.log()).sum() / 2


def _squares(a: Tensor, b: Tensor, *, split: bool) -> Tensor:
    """Squared distances: (1, n, m) over all columns, or (d, n, m) for each on its own."""
    if split:
        return (a.T[:, :, None] - b.T[:, None, :]).square()
    cross = a @ b.T
    return (a.square().sum(1)[:, None] + b.square().sum(1)[None] - 2 * cross).clamp_min(0)[None]


def _matern(square: Tensor) -> Tensor:
    # The root's slope at zero is infinite; a tiny offset keeps the gradient of coinciding precedents finite.
    distance = math.sqrt(3) * (square + 1e-12).sqrt()
    return (1 + distance) * (-distance).exp()
