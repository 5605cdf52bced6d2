"""Figures of merit from sums over experiments, and their confidence intervals by bootstrap over sources.

Every figure but the area under ROC is a function of sums, so that resampling whole sources is one matrix product.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from closedloop.literature import source_key
from closedloop.recipes.fields import ROUNDING
from closedloop.synthesis.evaluation.predicting import LEVELS

# Those of `LEVELS` that become figures; all are plotted.
NAMED = (0.5, 0.8, 0.9)
RESAMPLES = 1000
CONFIDENCE = 0.95
_CHUNK = 512


@dataclass(frozen=True)
class Scores:
    """Errors in nm; coverage and mean width (nm) of the intervals that should hold 50, 80 and 90%; n sizes scored.

    ``None``: not defined (all true sizes equal, no shape known, no failure tested) or not offered by the model.
    """

    n: int
    mae_nm: float
    rmse_nm: float
    mape_percent: float
    r2: float | None
    coverage_50: float
    coverage_80: float
    coverage_90: float
    width_50_nm: float
    width_80_nm: float
    width_90_nm: float
    shape_accuracy: float | None = None
    shape_accuracy_given_size: float | None = None
    success_auc: float | None = None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Scored:
    """What is to be summed over m experiments. ``true``, ``said`` (m,) and ``ends`` (m, levels, 2) in nm; ``hits`` and
    ``hits_given_size`` (m,): whether the shape was right, NaN where it is not known or was not asked for."""

    true: np.ndarray
    said: np.ndarray
    ends: np.ndarray
    hits: np.ndarray
    hits_given_size: np.ndarray

    def inside(self) -> np.ndarray:
        """(m, levels): whether the interval holds the true size; one at its end is inside, rounding aside."""
        true = self.true[:, None]
        low, high = np.moveaxis(self.ends, -1, 0)
        at_an_end = np.isclose(low, true, rtol=ROUNDING, atol=0) | np.isclose(high, true, rtol=ROUNDING, atol=0)
        return ((true >= low) & (true <= high)) | at_an_end

    def terms(self) -> dict[str, np.ndarray]:
        """Name -> (m,)."""
        error = self.said - self.true
        terms = {
            "n": np.ones(len(error)),
            "absolute": np.abs(error),
            "square": error**2,
            "relative": np.abs(error) / self.true,
            "true": self.true,
            "true_square": self.true**2,
        }
        inside = self.inside()
        for level in NAMED:
            at = LEVELS.index(level)
            low, high = self.ends[:, at].T
            terms[f"inside_{level:.0%}"] = inside[:, at].astype(float)
            terms[f"width_{level:.0%}"] = high - low
        for name, hits in (("hits", self.hits), ("hits_given_size", self.hits_given_size)):
            terms[f"{name}_known"] = np.isfinite(hits).astype(float)
            terms[name] = np.nan_to_num(hits)
        return terms


def figures(sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sums of `Scored.terms`, each (...), -> figures of the names in `Scores`, each (...); NaN is not defined."""
    n = sums["n"]
    out = _errors(sums, "nm") | {"mape_percent": 100 * _ratio(sums["relative"], n)}
    for level in NAMED:
        out[f"coverage_{level:.0%}".rstrip("%")] = _ratio(sums[f"inside_{level:.0%}"], n)
        out[f"width_{level:.0%}".rstrip("%") + "_nm"] = _ratio(sums[f"width_{level:.0%}"], n)
    out["shape_accuracy"] = _ratio(sums["hits"], sums["hits_known"])
    out["shape_accuracy_given_size"] = _ratio(sums["hits_given_size"], sums["hits_given_size_known"])
    return out


def _errors(sums: Mapping[str, np.ndarray], unit: str) -> dict[str, np.ndarray]:
    n = sums["n"]
    spread = sums["true_square"] - _ratio(sums["true"] ** 2, n)
    # Equal values leave a rest of rounding errors, which is no spread.
    r2 = 1 - _ratio(sums["square"], np.where(spread > 1e-9 * sums["true_square"], spread, 0.0))
    return {
        f"mae_{unit}": _ratio(sums["absolute"], n),
        f"rmse_{unit}": np.sqrt(_ratio(sums["square"], n)),
        "r2": r2,
    }


def amount_figures(sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sums of `amount_terms` -> MAE and RMSE in mmol, R²."""
    return _errors(sums, "mmol")


def amount_terms(true: np.ndarray, said: np.ndarray) -> dict[str, np.ndarray]:
    """Amounts in mmol, (slots,) each -> name -> (slots,)."""
    error = said - true
    return {
        "n": np.ones(len(error)),
        "absolute": np.abs(error),
        "square": error**2,
        "true": true,
        "true_square": true**2,
    }


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    above, below = np.broadcast_arrays(np.asarray(above, float), np.asarray(below, float))
    return np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0)


def total(terms: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values.sum() for name, values in terms.items()}


def auc(chances: np.ndarray, success: np.ndarray) -> float | None:
    """Area under ROC: how often a success has the higher chance (n,) than a failure, a tie counting half."""
    table = _wins(chances, success, np.zeros(len(chances), dtype=np.int64), 1)
    pairs = float(success.sum()) * float((~success).sum())
    return float(table[0, 0]) / pairs if pairs else None


def _wins(chances: np.ndarray, success: np.ndarray, blocks: np.ndarray, count: int) -> np.ndarray:
    """(count, count): how many pairs (success of block i, failure of block j) are in the right order."""
    table = np.zeros((count, count))
    failed, failed_block = chances[~success], blocks[~success]
    of_failure = np.zeros((len(failed), count), dtype=np.float32)
    of_failure[np.arange(len(failed)), failed_block] = 1
    places = np.flatnonzero(success)
    for start in range(0, len(places), _CHUNK):
        some = places[start : start + _CHUNK]
        above = np.sign(chances[some, None] - failed[None]).astype(np.float32) * 0.5 + 0.5
        np.add.at(table, blocks[some], (above @ of_failure).astype(float))
    return table


class Resampling:
    """Sources drawn again with replacement, `RESAMPLES` times; each source is one block, as is what has none."""

    def __init__(self, sources: Sequence[str | None], seed: int) -> None:
        names = {key: place for place, key in enumerate(dict.fromkeys(map(source_key, sources)))}
        self._place, self.count = names, len(names)
        rng = np.random.default_rng(seed)
        self._drawn = rng.multinomial(self.count, np.full(self.count, 1 / self.count), RESAMPLES).astype(float)

    def blocks(self, sources: Sequence[str | None]) -> np.ndarray:
        return np.array([self._place[source_key(source)] for source in sources], dtype=np.int64)

    def sums(self, terms: Mapping[str, np.ndarray], blocks: np.ndarray) -> dict[str, np.ndarray]:
        """Name -> (resamples,)."""
        return {name: self._drawn @ np.bincount(blocks, values, self.count) for name, values in terms.items()}

    def aucs(self, chances: np.ndarray, success: np.ndarray, blocks: np.ndarray) -> np.ndarray:
        """(resamples,); NaN for a draw without a success or without a failure."""
        wins = ((self._drawn @ _wins(chances, success, blocks, self.count)) * self._drawn).sum(1)
        ups, downs = (np.bincount(blocks[of], minlength=self.count).astype(float) for of in (success, ~success))
        return _ratio(wins, (self._drawn @ ups) * (self._drawn @ downs))

    def interval(self, values: np.ndarray) -> tuple[float, float] | None:
        """The middle `CONFIDENCE` of the draws; ``None`` where there are fewer than two sources, or nothing finite."""
        finite = values[np.isfinite(values)]
        if self.count < 2 or not finite.size:
            return None
        low, high = np.quantile(finite, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        return float(low), float(high)


def to_scores(found: Mapping[str, np.ndarray], n: int, success_auc: float | None) -> Scores:
    known = {field.name for field in fields(Scores)} - {"n", "success_auc"}
    values = {name: float(found[name]) if np.isfinite(found[name]) else None for name in known}
    return Scores(n=n, success_auc=success_auc, **values)  # type: ignore[arg-type]
