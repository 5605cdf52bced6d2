"""How alike recipes are: Matérn kernels (nu = 3/2), each over one group of inputs, and sums of their products.

Formulas: Rasmussen and Williams, "Gaussian Processes for Machine Learning", MIT Press 2006, chapter 4. Leaves what is
learned from likeness to `precedents`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

GROUPS = ("conditions", "amounts", "mixture", "product")
# Which groups are multiplied into each term of the sum.
TERMS = (
    ("conditions", "amounts", "product"),
    ("conditions", "mixture", "product"),
    ("product",),
    ("conditions", "mixture"),
    ("amounts",),
)
# The same for what is a source's own; () is a constant.
SOURCE_TERMS: tuple[tuple[str, ...], ...] = ((), ("conditions",), ("conditions", "amounts"))


@dataclass
class Near:
    """The precedents as predicting needs them, in single precision, which is several times as fast: inputs are moved to
    the precedents' mean, so that differences of large numbers do not take the digits away. Hyperparameters are learned,
    and equations solved, in double precision.

    ``rows``: group -> (n, d), over its lengths; ``squares``: group -> (n,); ``centre`` and ``shrink``: group -> (d,).
    """

    rows: dict[str, Tensor]
    squares: dict[str, Tensor]
    centre: dict[str, Tensor]
    shrink: dict[str, Tensor]
    scales: tuple[float, ...]

    @classmethod
    def of(cls, features: dict[str, Tensor], log_lengths: dict[str, Tensor], log_scales: Tensor) -> "Near":
        centre = {name: value.mean(0) for name, value in features.items()}
        shrink = {name: (-log_lengths[name]).exp() for name in GROUPS}
        rows = {name: ((features[name] - centre[name]) * shrink[name]).float() for name in GROUPS}
        squares = {name: value.square().sum(1) for name, value in rows.items()}
        return cls(rows, squares, centre, shrink, tuple(log_scales.exp().tolist()))

    def __call__(self, features: dict[str, np.ndarray]) -> Tensor:
        """Covariance (m, n)."""
        kernels = {}
        for name in GROUPS:
            asked = torch.as_tensor(features[name], dtype=torch.float64)
            moved = ((asked - self.centre[name]) * self.shrink[name]).float()
            # |a - b|² with the smallest number of passes over (m, n).
            square = torch.addmm(self.squares[name], moved, self.rows[name].T, alpha=-2)
            square.add_(moved.square().sum(1)[:, None]).clamp_min_(0)
            distance = square.mul_(3).sqrt_()
            kernels[name] = torch.exp(-distance).mul_(distance.add_(1))
        total = torch.zeros_like(kernels["conditions"])
        for scale, term in zip(self.scales, TERMS, strict=True):
            product = kernels[term[0]]
            for name in term[1:]:
                product = product * kernels[name]
            total.add_(product, alpha=scale)
        return total


def weighed(scales: Tensor, terms: Sequence[tuple[str, ...]], kernels: dict[str, Tensor]) -> Tensor:
    """The sum of products of kernels, each term with its scale (its logarithm is given), (n, m)."""
    total = torch.zeros_like(kernels["conditions"])
    for scale, term in zip(scales, terms, strict=True):
        product = scale.exp()
        for name in term:
            product = product * kernels[name]
        total = total + product
    return total


def squares(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances (n, m) of rows (n, d) and (m, d)."""
    return (a.square().sum(1)[:, None] + b.square().sum(1)[None] - 2 * a @ b.T).clamp_min(0)


def typical_log_distance(rows: Tensor) -> float:
    """Logarithm of the median distance of (n, d) among rows that differ; 0 where none do."""
    some = rows[:: max(1, len(rows) // 300)]
    apart = squares(some, some)
    apart = apart[apart > 1e-9]
    return math.log(float(apart.median())) / 2 if len(apart) else 0.0


def matern(square: Tensor) -> Tensor:
    # The root's slope at zero is infinite; a tiny offset keeps the gradient of coinciding precedents finite.
    distance = math.sqrt(3) * (square + 1e-12).sqrt()
    return (1 + distance) * (-distance).exp()
