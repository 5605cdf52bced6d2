"""What the diameters of a sample say about its population: mean, spread, quantiles, log-normal fit, and how surely.

Intervals are of the counting alone: a scale that is wrong by 1% or an outline that is drawn half a pixel too wide moves
all particles together and is in none of them.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtr, stdtrit

LEVEL = 0.95
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
RESAMPLES = 2000
MOST_DRAWS = 10_000_000  # of numbers in all resamples together; above 5,000 particles there are fewer resamples
LEAST_TO_FIT = 8  # Anderson-Darling's correction for fitted parameters is given from n = 8 on

Array = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class LogNormal:
    """The log-normal distribution of greatest likelihood, and how well it describes the sample.

    p_value: of Anderson and Darling's test for fitted parameters; below 0.05 the population is hardly log-normal.
    largest_gap: largest distance between fitted and counted cumulative share (Kolmogorov), which says how much that
    matters: with some thousands of particles the test refuses a fit that no eye can tell from the histogram.
    """

    median_nm: float
    geometric_std: float
    p_value: float
    largest_gap: float

    def density(self, diameters_nm: ArrayLike) -> Array:
        """Probability density per nm at diameters in nm, (n,); 0 at and below 0."""
        at = np.asarray(diameters_nm, np.float64)
        sigma = math.log(self.geometric_std)
        safe = np.where(at > 0, at, 1.0)
        z = (np.log(safe) - math.log(self.median_nm)) / sigma
        return np.where(at > 0, np.exp(-0.5 * z**2) / (safe * sigma * math.sqrt(2 * math.pi)), 0.0)

    def to_json(self) -> dict[str, float]:
        return {
            "median_nm": round(self.median_nm, 5),
            "geometric_std": round(self.geometric_std, 5),
            "p_value": round(self.p_value, 5),
            "largest_gap": round(self.largest_gap, 5),
        }


@dataclass(frozen=True)
class Distribution:
    """Diameters in nm and what follows from them; `None` is what too few particles cannot say.

    Plain figures are of the sample as it is. `corrected_...` weigh each particle by how much likelier a small one is to
    lie whole within the frame (`closedloop.tem.edge_bias`). std is with n - 1. All intervals are at `level`.
    particles_to_halve: how many more particles would halve the interval of the mean.
    """

    diameters_nm: Array = field(repr=False, compare=False)
    mean_nm: float | None
    std_nm: float | None
    mean_interval_nm: Interval | None
    std_interval_nm: Interval | None
    quantiles_nm: dict[float, float]
    quantile_intervals_nm: dict[float, Interval]
    lognormal: LogNormal | None
    corrected_mean_nm: float | None
    corrected_std_nm: float | None
    corrected_mean_interval_nm: Interval | None
    particles_to_halve: int | None
    level: float = LEVEL

    @property
    def count(self) -> int:
        return len(self.diameters_nm)

    @property
    def edge_bias_nm(self) -> float | None:
        """Plain mean less corrected mean: below 0 where the edge has taken large particles away."""
        if self.mean_nm is None or self.corrected_mean_nm is None:
            return None
        return self.mean_nm - self.corrected_mean_nm

    def to_json(self) -> dict[str, Any]:
        """Keys of ``summary`` in ``closedloop tem measure --json``."""
        return {
            "interval_level": self.level,
            "mean_interval_nm": _rounded(self.mean_interval_nm),
            "std_interval_nm": _rounded(self.std_interval_nm),
            "quantiles_nm": {f"{share:g}": round(value, 5) for share, value in self.quantiles_nm.items()},
            "quantile_intervals_nm": {f"{at:g}": _rounded(pair) for at, pair in self.quantile_intervals_nm.items()},
            "lognormal": None if self.lognormal is None else self.lognormal.to_json(),
            "particles_to_halve": self.particles_to_halve,
            "edge_corrected_mean_nm": None if self.corrected_mean_nm is None else round(self.corrected_mean_nm, 5),
            "edge_corrected_std_nm": None if self.corrected_std_nm is None else round(self.corrected_std_nm, 5),
            "edge_corrected_mean_interval_nm": _rounded(self.corrected_mean_interval_nm),
            "edge_bias_nm": None if self.edge_bias_nm is None else round(self.edge_bias_nm, 5),
        }


def describe(
    diameters_nm: ArrayLike, weights: ArrayLike | None = None, *, level: float = LEVEL, seed: int = 0
) -> Distribution:
    """The distribution of diameters (n,) in nm, all above 0; weights (n,) of `edge_bias` (all alike where left out)."""
    sizes = np.asarray(diameters_nm, np.float64)
    count = len(sizes)
    weight = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if count == 0:
        return Distribution(sizes, None, None, None, None, {}, {}, None, None, None, None, None, level)
    mean = math.fsum(sizes) / count
    corrected_mean = float(np.average(sizes, weights=weight))
    if count == 1:
        quantiles = dict.fromkeys(QUANTILES, mean)
        return Distribution(sizes, mean, None, None, None, quantiles, {}, None, corrected_mean, None, None, None, level)
    means, stds, corrected = _resampled(sizes, weight, np.random.default_rng(seed))
    tails = _tails(count, level)
    ordered = np.sort(sizes)
    return Distribution(
        diameters_nm=sizes,
        mean_nm=mean,
        std_nm=float(np.std(sizes, ddof=1)),
        mean_interval_nm=_between(means, tails),
        std_interval_nm=_between(stds, tails),
        quantiles_nm={share: float(np.quantile(ordered, share)) for share in QUANTILES},
        quantile_intervals_nm={share: _quantile_interval(ordered, share, level) for share in QUANTILES},
        lognormal=fit_lognormal(sizes),
        corrected_mean_nm=corrected_mean,
        corrected_std_nm=_weighted_std(sizes, weight),
        corrected_mean_interval_nm=_between(corrected, tails),
        particles_to_halve=particles_to_halve(count, level),
        level=level,
    )


def _resampled(sizes: Array, weight: Array, generator: np.random.Generator) -> tuple[Array, Array, Array]:
    """Mean, standard deviation and weighted mean of samples drawn with replacement, each (resamples,)."""
    count = len(sizes)
    resamples = int(np.clip(MOST_DRAWS // count, 200, RESAMPLES))
    found = np.empty((3, resamples))
    weighted = weight * sizes
    step = max(1, 1_000_000 // count)
    for first in range(0, resamples, step):
        picks = generator.integers(count, size=(min(step, resamples - first), count), dtype=np.int32)
        drawn = sizes[picks]
        rows = slice(first, first + len(picks))
        found[0, rows] = drawn.mean(axis=1)
        found[1, rows] = drawn.std(axis=1, ddof=1)
        found[2, rows] = weighted[picks].sum(axis=1) / weight[picks].sum(axis=1)
    return found[0], found[1], found[2]


def _tails(count: int, level: float) -> Interval:
    """Shares of the resampled values below and above which the interval ends.

    Percentiles of a bootstrap are too narrow in small samples, by √((n - 1)/n) and by the normal quantile in place of
    Student's; they are widened by both (Hesterberg, Am. Stat. 2015, 69, 371, "expanded percentile").
    """
    below = float(ndtr(math.sqrt(count / (count - 1)) * stdtrit(count - 1, (1 - level) / 2)))
    return below, 1 - below


def _between(values: Array, tails: Interval) -> Interval:
    low, high = np.quantile(values, tails)
    return float(low), float(high)


def _quantile_interval(ordered: Array, share: float, level: float) -> Interval:
    """Bootstrap interval of a quantile without drawing.

    The k-th smallest of n draws from the sample is the sample's value at rank n·U, where U follows the beta
    distribution (k, n - k + 1) (Hutson and Ernst, J. R. Stat. Soc. B 2000, 62, 89).
    """
    count = len(ordered)
    k = share * (count - 1) + 1
    ends = betaincinv(k, count - k + 1, np.array([(1 - level) / 2, (1 + level) / 2]))
    low, high = ordered[np.minimum((count * ends).astype(int), count - 1)]
    return float(low), float(high)


def _weighted_std(sizes: Array, weight: Array) -> float:
    """Standard deviation of the population behind weighted particles; n - 1 as without weights, by (Σw)²/Σw²."""
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    variance = float(np.average((sizes - np.average(sizes, weights=weight)) ** 2, weights=weight))
    return math.sqrt(variance * effective / (effective - 1)) if effective > 1 else 0.0


def fit_lognormal(diameters_nm: ArrayLike) -> LogNormal | None:
    """The fit of greatest likelihood, (n,) in nm; `None` below eight particles or where all are alike."""
    logs = np.sort(np.log(np.asarray(diameters_nm, np.float64)))
    count = len(logs)
    sigma = float(logs.std()) if count else 0.0
    if count < LEAST_TO_FIT or sigma < 1e-9:
        return None
    z = (logs - logs.mean()) / logs.std(ddof=1)
    below, above = np.clip(ndtr(z), 1e-300, 1), np.clip(ndtr(-z), 1e-300, 1)
    rank = np.arange(1, count + 1)
    squared = -count - float(np.sum((2 * rank - 1) * (np.log(below) + np.log(above[::-1])))) / count
    gap = max(float((rank / count - below).max()), float((below - (rank - 1) / count).max()))
    return LogNormal(
        median_nm=float(np.exp(logs.mean())),
        geometric_std=math.exp(sigma),
        p_value=_normality_p_value(squared * (1 + 0.75 / count + 2.25 / count**2)),
        largest_gap=gap,
    )


def _normality_p_value(statistic: float) -> float:
    """Of Anderson and Darling's A*² with mean and variance estimated.

    D'Agostino and Stephens, Goodness-of-Fit Techniques, 1986, table 4.9.
    """
    a = statistic
    if a < 0.2:
        return 1 - math.exp(-13.436 + 101.14 * a - 223.73 * a**2)
    if a < 0.34:
        return 1 - math.exp(-8.318 + 42.796 * a - 59.938 * a**2)
    if a < 0.6:
        return math.exp(0.9177 - 4.279 * a - 1.38 * a**2)
    return math.exp(1.2937 - 5.709 * a + 0.0186 * a**2) if a < 13 else 0.0


def particles_to_halve(count: int, level: float = LEVEL) -> int:
    """How many particles must be added to `count` (2 or more) for an interval of the mean half as wide.

    Three times as many again where there are many; fewer where Student's quantile shrinks as well.
    """

    def width(n: int) -> float:
        return float(stdtrit(n - 1, (1 + level) / 2)) / math.sqrt(n)

    low, high = count, 4 * count
    goal = width(count) / 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if width(middle) <= goal else (middle, high)
    return high - count


def _rounded(pair: Interval | None) -> list[float] | None:
    return None if pair is None else [round(value, 5) for value in pair]
