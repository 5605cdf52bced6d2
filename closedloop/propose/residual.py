"""A Gaussian process on what this lab's sizes differ from the model's: the model is its mean, the campaign its data.

Works with no observation (then it *is* the model), with one, and with hundreds. Imports torch; import it late.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from botorch.exceptions import BotorchWarning, ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models.gpytorch import GPyTorchModel
from botorch.optim.closures.core import ForwardBackwardClosure
from gpytorch.constraints import GreaterThan, Positive
from gpytorch.distributions import MultivariateNormal
from gpytorch.kernels import Kernel, MaternKernel
from gpytorch.likelihoods import FixedNoiseGaussianLikelihood
from gpytorch.means import Mean
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.models import ExactGP
from gpytorch.module import Module
from gpytorch.priors import LogNormalPrior
from linear_operator.utils.warnings import NumericalWarning
from numpy.typing import NDArray
from torch import Tensor

# TEM means of replicates scatter by 2 to 4%: the median of the prior on the noise of the logarithm of the size. To it
# each measurement adds what its own count of particles leaves open.
_NOISE_SD = 0.03
# An ensemble can agree and still be wrong: its standard deviation is never taken to be outside of these.
_SD_FLOOR, _SD_CEILING = 0.06, 0.7
# Where the literature's sizes reach too far or not far enough: variance of the slope by which this lab's differ.
_STRETCH, _FAR = 0.25, math.log(2)


@dataclass(frozen=True)
class Columns:
    """Where the columns of an input row are: d coordinates of the cube, then the model's three numbers.

    ``centre``: the logarithm of the size that is wanted, about which the model may be stretched or compressed."""

    d: int
    centre: float

    @property
    def log_size(self) -> int:
        return self.d

    @property
    def sd(self) -> int:
        return self.d + 1

    @property
    def logit(self) -> int:
        return self.d + 2


def rows(
    unit: NDArray[np.float64], log_size: NDArray[np.floating], sd: NDArray[np.floating], logit: NDArray[np.floating]
) -> Tensor:
    """Input rows (n, d + 3), double precision."""
    columns = [unit, log_size[:, None], np.clip(sd, _SD_FLOOR, _SD_CEILING)[:, None], logit[:, None]]
    return torch.from_numpy(np.hstack(columns).astype(np.float64))


class _ModelMean(Mean):
    """The model's log-size, read from its column."""

    def __init__(self, columns: Columns) -> None:
        super().__init__()
        self._column = columns.log_size

    def forward(self, x: Tensor) -> Tensor:
        return x[..., self._column]


class _ResidualKernel(Kernel):
    """``s(x) s(x') (shift + local * Matérn 5/2) + stretch * c(x) c(x')``, s being the model's own standard deviation
    and c how far its log-size is from the centre.

    ``shift`` is what the whole lab has in common (its thermometer, its octadecene); ``local`` differs over the space.
    With both at their prior medians the variance without data is about the model's own where it expects what is wanted.
    ``stretch`` is for a model whose sizes reach too far or not far enough; c ends at a factor of two.
    """

    def __init__(self, columns: Columns) -> None:
        super().__init__()
        self._columns = columns
        self.matern = MaternKernel(
            nu=2.5,
            ard_num_dims=columns.d,
            lengthscale_prior=LogNormalPrior(math.log(0.6 * math.sqrt(columns.d)), 0.7),
            lengthscale_constraint=GreaterThan(0.05),
        )
        self.matern.lengthscale = 0.6 * math.sqrt(columns.d)
        for name in ("shift", "local", "stretch"):
            self.register_parameter(f"raw_{name}", torch.nn.Parameter(torch.zeros(1, dtype=torch.double)))
            self.register_constraint(f"raw_{name}", Positive())
        self.register_prior("shift_prior", LogNormalPrior(math.log(0.5), 0.7), _get_shift, _set_shift)
        self.register_prior("local_prior", LogNormalPrior(math.log(0.5), 0.7), _get_local, _set_local)
        self.register_prior("stretch_prior", LogNormalPrior(math.log(_STRETCH), 0.7), _get_stretch, _set_stretch)
        _set_shift(self, 0.5)
        _set_local(self, 0.5)
        _set_stretch(self, _STRETCH)

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        d, sd = self._columns.d, self._columns.sd
        matern = self.matern.forward(x1[..., :d], x2[..., :d], diag=diag)
        off1, off2 = (x[..., self._columns.log_size] - self._columns.centre for x in (x1, x2))
        stretch = _get_stretch(self) * _products(off1.clamp(-_FAR, _FAR), off2.clamp(-_FAR, _FAR), diag)
        return _products(x1[..., sd], x2[..., sd], diag) * (_get_shift(self) + _get_local(self) * matern) + stretch


def _products(a: Tensor, b: Tensor, diag: bool) -> Tensor:
    return a * b if diag else a.unsqueeze(-1) * b.unsqueeze(-2)


def _get_shift(kernel: _ResidualKernel) -> Tensor:
    return kernel.raw_shift_constraint.transform(kernel.raw_shift)


def _get_local(kernel: _ResidualKernel) -> Tensor:
    return kernel.raw_local_constraint.transform(kernel.raw_local)


def _set_shift(kernel: _ResidualKernel, value: float | Tensor) -> None:
    tensor = torch.as_tensor(value, dtype=torch.double).expand(1)
    kernel.initialize(raw_shift=kernel.raw_shift_constraint.inverse_transform(tensor))


def _set_local(kernel: _ResidualKernel, value: float | Tensor) -> None:
    tensor = torch.as_tensor(value, dtype=torch.double).expand(1)
    kernel.initialize(raw_local=kernel.raw_local_constraint.inverse_transform(tensor))


def _get_stretch(kernel: _ResidualKernel) -> Tensor:
    return kernel.raw_stretch_constraint.transform(kernel.raw_stretch)


def _set_stretch(kernel: _ResidualKernel, value: float | Tensor) -> None:
    tensor = torch.as_tensor(value, dtype=torch.double).expand(1)
    kernel.initialize(raw_stretch=kernel.raw_stretch_constraint.inverse_transform(tensor))


def _get_noise(covar: Module) -> Tensor:
    return covar.noise


def _set_noise(covar: Module, value: Tensor) -> None:
    covar.noise = value


class ResidualGP(ExactGP, GPyTorchModel):
    """Natural logarithm of the size in nm at input rows (..., d + 3)."""

    _num_outputs = 1

    def __init__(
        self,
        columns: Columns,
        x: Tensor | None = None,
        log_sizes: Tensor | None = None,
        counting: Tensor | None = None,
        next_counting: float = 0.0,
    ) -> None:
        fixed = torch.zeros(1, dtype=torch.double) if counting is None else counting
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NumericalWarning)
            likelihood = FixedNoiseGaussianLikelihood(fixed, learn_additional_noise=True)
        likelihood.second_noise_covar.register_constraint("raw_noise", GreaterThan(1e-5))
        likelihood.second_noise_covar.register_prior(
            "noise_prior", LogNormalPrior(2 * math.log(_NOISE_SD), 0.8), _get_noise, _set_noise
        )
        super().__init__(x, log_sizes, likelihood)
        self.mean_module = _ModelMean(columns)
        self.covar_module = _ResidualKernel(columns)
        self.to(torch.double)
        self.likelihood.second_noise = _NOISE_SD**2
        self._next_counting = next_counting
        self._results = None if x is None or log_sizes is None or counting is None else (x, log_sizes, counting)

    @property
    def batch_shape(self) -> torch.Size:
        return torch.Size()

    def forward(self, x: Tensor) -> MultivariateNormal:
        return MultivariateNormal(self.mean_module(x), self.covar_module(x))

    @property
    def noise(self) -> float:
        """Variance that the next TEM measurement adds to the logarithm of the true size."""
        return float(self.likelihood.second_noise.detach()) + self._next_counting

    def true_moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (n,) and variance (n,) of the logarithm of the true size at rows ``x`` (n, d + 3)."""
        with torch.no_grad():
            mean, known = self._given(x)
            variance = self.covar_module.forward(x, x, diag=True) - known.square().sum(0)
        return mean, variance.clamp_min(1e-10)

    def moments(self, x: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation, (n,) each, of the log-size that a TEM measurement at rows ``x`` would give."""
        mean, variance = self.true_moments(x)
        return mean.numpy(), (variance + self.noise).sqrt().numpy()

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        """(n, m): between the logarithms of the true sizes at rows ``a`` (n, d + 3) and ``b`` (m, d + 3)."""
        return self.together(torch.cat([a, b]))[1][: len(a), len(a) :]

    def together(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (n,) and covariance (n, n) of the logarithms of the true sizes at rows ``x`` (n, d + 3)."""
        with torch.no_grad():
            mean, known = self._given(x)
            return mean, self.covar_module.forward(x, x) - known.T @ known

    def _given(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (n,) at rows ``x``, and the factor (t, n) of the covariance that the t results take from theirs.

        As gpytorch's posterior has them, without its lazy tensors (see `_loss`).
        """
        mean = self.mean_module(x)
        if self._results is None:
            return mean, x.new_zeros((0, len(x)))
        seen, sizes, counting = self._results
        root = _root(self, seen, counting + self.likelihood.second_noise)
        both = torch.cat([self.covar_module.forward(seen, x), (sizes - self.mean_module(seen)).unsqueeze(-1)], dim=1)
        half = torch.linalg.solve_triangular(root, both, upper=False)
        return mean + half[:, :-1].T @ half[:, -1], half[:, :-1]


def fit(columns: Columns, x: Tensor, log_sizes: Tensor, counting: Tensor, next_counting: float) -> ResidualGP:
    """The process after ``log_sizes`` (t,) were seen at rows ``x`` (t, d + 3); t may be 0.

    ``counting`` (t,) is the variance of each log-size that is left because only so many particles were measured, and
    ``next_counting`` what is expected of the next measurement.
    Hyperparameters are the maximum a posteriori; where the optimiser fails they stay at their prior medians. Draws
    nothing from the global generator unless the optimiser has to try again: call it inside ``torch.random.fork_rng``.
    """
    if not len(x):
        return ResidualGP(columns, next_counting=next_counting).eval()
    model = ResidualGP(columns, x, log_sizes, counting, next_counting)
    prior = {name: value.clone() for name, value in model.state_dict().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BotorchWarning)
        warnings.simplefilter("ignore", NumericalWarning)
        try:
            mll = ExactMarginalLogLikelihood(model.likelihood, model)
            wanted = {name: each for name, each in mll.named_parameters() if each.requires_grad}
            loss = ForwardBackwardClosure(lambda: _loss(model, x, log_sizes, counting), wanted)
            fit_gpytorch_mll(mll, closure=loss)
        except (ModelFittingError, ValueError):
            model.load_state_dict(prior)
    return model.eval()


def _loss(model: ResidualGP, x: Tensor, log_sizes: Tensor, counting: Tensor) -> Tensor:
    """The negative logarithm of what the mode maximises, over t: as gpytorch's marginal likelihood has it, without its
    lazy tensors, which take several times as long as the arithmetic for so few results."""
    noise = counting + model.likelihood.second_noise
    root = _root(model, x, noise)
    away = (log_sizes - model.mean_module(x)).unsqueeze(-1)
    half = torch.linalg.solve_triangular(root, away, upper=False)
    loss = 0.5 * half.square().sum() + root.diagonal().log().sum()
    # A mixin hides gpytorch's method from the type checker.
    for _, module, prior, value, _ in cast(Any, model).named_priors():
        loss = loss - prior.log_prob(value(module)).sum()
    return loss / len(x)


def _root(model: ResidualGP, x: Tensor, noise: Tensor) -> Tensor:
    """Lower Cholesky factor of what is seen at rows ``x`` (t, d + 3) with noise (t,)."""
    return torch.linalg.cholesky(model.covar_module.forward(x, x) + torch.diag(noise))
