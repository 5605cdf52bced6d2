"""How good a model's sizes are on experiments that it has not seen: one fit a fold, all folds scored together."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from closedloop.recipes import Experiment
from closedloop.synthesis.baselines import MODELS
from closedloop.synthesis.errors import UnknownModel
from closedloop.synthesis.training import Progress


@dataclass(frozen=True)
class Scores:
    """Errors in nm; coverage and mean width (nm) of the intervals that should hold 90%; n experiments scored.

    ``r2`` is ``None`` where all true sizes are equal.
    """

    n: int
    mae_nm: float
    rmse_nm: float
    r2: float | None
    coverage_90: float
    width_90_nm: float

    @classmethod
    def of(cls, true: np.ndarray, said: np.ndarray, low: np.ndarray, high: np.ndarray) -> "Scores":
        """All (n,), in nm."""
        error = said - true
        spread = float(((true - true.mean()) ** 2).sum())
        return cls(
            len(true),
            float(np.abs(error).mean()),
            float(np.sqrt((error**2).mean())),
            1 - float((error**2).sum()) / spread if spread > 0 else None,
            float(((true >= low) & (true <= high)).mean()),
            float((high - low).mean()),
        )


@dataclass(frozen=True)
class Evaluation:
    """``sizes`` (n, 4): true size, predicted size, lower and upper end of the 90% interval; ``tested`` (n,) indices."""

    model: str
    overall: Scores
    folds: tuple[Scores, ...]
    tested: np.ndarray
    sizes: np.ndarray

    def as_json(self) -> dict[str, object]:
        return {"model": self.model, **asdict(self.overall), "folds": [asdict(fold) for fold in self.folds]}


def check_model(name: str) -> None:
    """Raises `UnknownModel` for a name that `evaluate` does not know."""
    if name not in MODELS:
        raise UnknownModel(f"no model is called {name!r}; use one of {', '.join(MODELS)}")


def evaluate(
    experiments: Sequence[Experiment],
    folds: Iterable[tuple[np.ndarray, np.ndarray]],
    model: str = "transformer",
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Fit on the first indices of each fold and predict the second; nothing is chosen on what is predicted.

    Raises `UnknownModel`, and what fitting raises.
    """
    check_model(model)
    scores, rows, tested = [], [], []
    pairs = list(folds)
    for number, (train, test) in enumerate(pairs):

        def said(part: float, words: str, number: int = number) -> None:
            if progress:
                progress((number + part) / len(pairs), f"fold {number + 1} of {len(pairs)}: {words}")

        said(0.0, "fitting")
        fitted = MODELS[model]([experiments[i] for i in train], seed, said)
        sized = [int(i) for i in test if experiments[i].outcome.size_nm is not None]
        if not sized:
            continue
        predictions = fitted.predict([experiments[i].recipe for i in sized])
        values = np.array(
            [
                (experiments[i].outcome.size_nm, one.size_nm, *one.size_interval(0.9))
                for i, one in zip(sized, predictions, strict=True)
            ]
        )
        rows.append(values)
        tested += sized
        scores.append(Scores.of(*values.T))
    table = np.concatenate(rows)
    return Evaluation(model, Scores.of(*table.T), tuple(scores), np.array(tested), table)
