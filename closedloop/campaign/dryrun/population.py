"""A population of Gaussian processes over a pool: every kernel that the results so far allow, each with its weight.

One fitted process is far too sure after five results; a weighted population is not, and its chances can be taken at
their word. Members are drawn from priors, weighted by the marginal likelihood of all results so far and, where few are
left that count, drawn again and moved (sequential Monte Carlo: Chopin, Biometrika 2002, 89, 539; formulas of the
process: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, chapters 2 and 5). No gradient is
needed, so that a recommendation takes hundredths of a second. Knows arrays only; docs/decisions/0075.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Places = NDArray[np.int64]

_JITTER = 1e-8
# Members that predict; all of them are weighted.
_PREDICTING = 32
# Below this share of members that count they are drawn again, and moved so many times.
_FEW = 0.5
_MOVES = 2
_STEP = 0.6
_LEAST_STEP = 0.05
_LEAST_DOUBT = 0.1


@dataclass(frozen=True)
class Space:
    """Where n recipes are: ``conditions`` (n, c), each of standard deviation 1, and squared distances (n, n), each of
    mean 1: ``amounts`` of every chemical, ``sums`` by role, ``identity`` (which chemicals, and it is not squared)."""

    conditions: Array
    amounts: Array
    sums: Array
    identity: Array

    def __len__(self) -> int:
        return len(self.conditions)


@dataclass(frozen=True)
class Priors:
    """Medians and standard deviations of the logarithm of what a member is made of; values are ln(quantity).

    ``length``: of conditions and distances, in typical distances. ``local``: standard deviation of what neither the
    mean nor a trend explains. ``noise``: of one result about another of the same recipe. ``level``: standard deviation
    of what all recipes have in common beyond the mean, ``slope`` that of a trend with one standard deviation of a
    condition. ``trust``: logit of the share in which another model's word replaces the plain mean; mostly not at all,
    for a product that the model has never seen, and now and then entirely, so that results can bear it out.
    """

    length: tuple[float, float] = (0.0, 0.6)
    local: tuple[float, float] = (float(np.log(0.45)), 0.35)
    noise: tuple[float, float] = (float(np.log(0.07)), 0.5)
    trust: tuple[float, float] = (-3.0, 3.0)
    level: float = 0.7
    slope: float = 0.15
    members: int = 96


class Population:
    """``mean`` (n,) is what is expected of each recipe before any result; ``word`` (2, n) what another model says of
    it, mean and standard deviation, believed as far as the results bear it out."""

    def __init__(
        self, space: Space, mean: Array, priors: Priors, rng: np.random.Generator, word: Array | None = None
    ) -> None:
        self._space, self._priors, self._rng = space, priors, rng
        self._mean, self._word = mean, None if word is None else word[0]
        # Where the other model is sure and is believed, there is less left to be wrong by.
        self._doubt = None if word is None else np.clip(word[1] / priors.level, _LEAST_DOUBT, 1.0)
        c = space.conditions.shape[1]
        centre = [*[priors.length] * (c + 3), *[(0.0, 1.0)] * 3, priors.local, priors.noise, priors.trust]
        self._centre = np.array([median for median, _ in centre])
        self._spread = np.array([spread for _, spread in centre])
        self._theta = self._centre + self._spread * rng.standard_normal((priors.members, len(centre)))
        self._log_weight = np.zeros(priors.members)
        self._likelihood = np.zeros(priors.members)
        self._places: list[int] = []
        self._values: list[float] = []

    def learn(self, place: int, value: float) -> None:
        """A result (natural logarithm) of the recipe at ``place``."""
        self._places.append(place)
        self._values.append(value)
        new = self._log_likelihood(self._theta)
        self._log_weight += new - self._likelihood
        self._likelihood = new
        if 1 / (self._weights**2).sum() < _FEW * len(new):
            self._draw_again()

    def predict(self, rest: Places) -> tuple[Array, Array, Array]:
        """Weights (k,), means (k, r) and standard deviations (k, r) of a further result at each of ``rest`` (r,)."""
        chosen = self._systematic(min(_PREDICTING, len(self._theta)))
        theta, weights = np.unique(self._theta[chosen], axis=0, return_counts=True)
        mean = self._means(theta)
        variance = self._variances(theta, rest)
        expected = mean[:, rest]
        if self._places:
            seen = np.array(self._places, dtype=np.int64)
            lower = np.linalg.cholesky(self._observed(theta))
            both = np.concatenate([self._kernel(theta, seen, rest), self._residuals(mean)[..., None]], -1)
            solved = np.linalg.solve(lower, both)
            expected = expected + (solved[..., :-1] * solved[..., -1:]).sum(1)
            variance = np.maximum(variance - (solved[..., :-1] ** 2).sum(1), 1e-6)
        noise = np.exp(2 * theta[:, self._at.noise])[:, None]
        return weights / weights.sum(), expected, np.sqrt(variance + noise)

    def likeness(self, rest: Places, seen: Places) -> Array:
        """How much the recipes ``rest`` resemble those of ``seen``, (r, s): correlations, averaged over members."""
        theta = self._theta[self._systematic(8)]
        total = self._local(theta, rest, seen).mean(0)
        return np.asarray(total)

    @cached_property
    def _at(self) -> "_Columns":
        return _Columns(self._space.conditions.shape[1])

    @property
    def _weights(self) -> Array:
        weight = np.exp(self._log_weight - self._log_weight.max())
        return np.asarray(weight / weight.sum())

    def _systematic(self, count: int) -> Places:
        """Members drawn by weight with as little chance as can be, (count,)."""
        steps = (self._rng.random() + np.arange(count)) / count
        drawn = np.searchsorted(np.cumsum(self._weights), steps)
        return np.minimum(drawn, len(self._theta) - 1).astype(np.int64)

    def _draw_again(self) -> None:
        weight = self._weights
        centre = weight @ self._theta
        width = np.maximum(np.sqrt(weight @ (self._theta - centre) ** 2), _LEAST_STEP * self._spread)
        chosen = self._systematic(len(weight))
        self._theta, self._likelihood = self._theta[chosen], self._likelihood[chosen]
        self._log_weight = np.zeros(len(weight))
        for _ in range(_MOVES):
            moved = self._theta + _STEP * width * self._rng.standard_normal(self._theta.shape)
            likelihood = self._log_likelihood(moved)
            gain = likelihood + self._log_prior(moved) - self._likelihood - self._log_prior(self._theta)
            taken = np.log(self._rng.random(len(gain))) < gain
            self._theta[taken], self._likelihood[taken] = moved[taken], likelihood[taken]

    def _log_prior(self, theta: Array) -> Array:
        return np.asarray(-0.5 * (((theta - self._centre) / self._spread) ** 2).sum(1))

    def _log_likelihood(self, theta: Array) -> Array:
        lower = np.linalg.cholesky(self._observed(theta))
        solved = np.linalg.solve(lower, self._residuals(self._means(theta))[..., None])[..., 0]
        return np.asarray(-0.5 * (solved**2).sum(1) - np.log(np.einsum("kii->ki", lower)).sum(1))

    def _residuals(self, mean: Array) -> Array:
        return np.asarray(np.array(self._values) - mean[:, self._places])

    def _means(self, theta: Array) -> Array:
        """(k, n)."""
        if self._word is None:
            return np.broadcast_to(self._mean, (len(theta), len(self._mean)))
        trust = self._trust(theta)
        return np.asarray((1 - trust) * self._mean + trust * self._word)

    def _trust(self, theta: Array) -> Array:
        """How far the other model is believed, (k, 1)."""
        return np.asarray(1 / (1 + np.exp(-theta[:, self._at.trust, None])))

    def _scales(self, theta: Array, a: Places) -> Array:
        """What is left to be wrong by, as a share of the prior's, (k, a)."""
        if self._doubt is None:
            return np.ones((len(theta), len(a)))
        trust = self._trust(theta)
        return np.asarray(1 - trust + trust * self._doubt[a])

    def _observed(self, theta: Array) -> Array:
        """Covariance of the results, (k, t, t)."""
        seen = np.array(self._places, dtype=np.int64)
        kernel = self._kernel(theta, seen, seen)
        diagonal = np.arange(len(seen))
        kernel[:, diagonal, diagonal] += np.exp(2 * theta[:, self._at.noise])[:, None] + _JITTER
        return kernel

    def _kernel(self, theta: Array, a: Places, b: Places) -> Array:
        """(k, a, b)."""
        x = self._space.conditions
        linear = self._priors.slope**2 * x[a] @ x[b].T + self._priors.level**2
        local = np.exp(2 * theta[:, self._at.local])[:, None, None]
        whole = local * self._local(theta, a, b) + linear
        if self._doubt is None:
            return np.asarray(whole)
        return np.asarray(whole * self._scales(theta, a)[:, :, None] * self._scales(theta, b)[:, None, :])

    def _variances(self, theta: Array, a: Places) -> Array:
        """The kernel of each with itself, (k, a)."""
        linear = self._priors.slope**2 * (self._space.conditions[a] ** 2).sum(1) + self._priors.level**2
        return np.asarray((np.exp(2 * theta[:, self._at.local])[:, None] + linear) * self._scales(theta, a) ** 2)

    def _local(self, theta: Array, a: Places, b: Places) -> Array:
        """Correlations (k, a, b): conditions with amounts, chemicals with sums, conditions with chemicals."""
        at, space = self._at, self._space
        length = np.exp(theta[:, : at.shares.start])
        share = np.exp(theta[:, at.shares])
        share /= share.sum(1, keepdims=True)
        c = at.conditions.stop
        # Written out, (x - y)² = x² + y² - 2xy with each member's lengths, to spare an array of (k, a, b, c).
        scaled = space.conditions / length[:, None, :c] / np.sqrt(max(c, 1))
        left, right = scaled[:, a], scaled[:, b]
        apart = (left**2).sum(2)[:, :, None] + (right**2).sum(2)[:, None, :] - 2 * left @ right.transpose(0, 2, 1)
        conditions = _matern(np.maximum(apart, 0.0))
        grid = np.ix_(a, b)
        amounts = _matern(space.amounts[grid] / length[:, c, None, None] ** 2)
        sums = _matern(space.sums[grid] / length[:, c + 1, None, None] ** 2)
        identity = np.exp(-space.identity[grid] / length[:, c + 2, None, None])
        together = share[:, 0, None, None] * conditions * amounts + share[:, 1, None, None] * identity * sums
        return np.asarray(together + share[:, 2, None, None] * conditions * identity)


class _Columns:
    """Where each number of a member stands, for ``c`` conditions."""

    def __init__(self, c: int) -> None:
        self.conditions = slice(0, c)
        self.shares = slice(c + 3, c + 6)
        self.local, self.noise, self.trust = c + 6, c + 7, c + 8


def _matern(squared: Array) -> Array:
    """Matérn kernel, nu = 3/2, of squared distances in lengths."""
    root = np.sqrt(3 * squared)
    return np.asarray((1 + root) * np.exp(-root))
