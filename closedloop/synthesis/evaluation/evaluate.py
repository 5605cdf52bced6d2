"""How good a model is on experiments that it has not seen: one fit a fold, all folds scored together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from closedloop.recipes import Experiment
from closedloop.synthesis.baselines import SHAPES, Progress, check_model, known_size
from closedloop.synthesis.errors import TooFewExperiments
from closedloop.synthesis.evaluation.predicting import LEVELS, FoldPredictions, predict_fold
from closedloop.synthesis.evaluation.scores import (
    Resampling,
    Scored,
    Scores,
    amount_figures,
    amount_terms,
    auc,
    figures,
    to_scores,
    total,
)
from closedloop.synthesis.evaluation.shelf import Shelf

Interval = tuple[float, float]


@dataclass(frozen=True)
class Amounts:
    """Amounts in reverse, over all slots with a known amount; ``refused`` recipes could not be designed."""

    slots: int
    mae_mmol: float
    rmse_mmol: float
    r2: float | None
    refused: int
    confidence_95: Mapping[str, Interval | None]

    def as_json(self) -> dict[str, object]:
        return {
            "slots": self.slots,
            "mae_mmol": self.mae_mmol,
            "rmse_mmol": self.rmse_mmol,
            "r2": self.r2,
            "refused": self.refused,
            "confidence_95": dict(self.confidence_95),
        }


@dataclass(frozen=True)
class Evaluation:
    """``tested`` (n,) indices of the experiments whose sizes are scored, ``scored`` their predictions in that order.

    ``confidence_95``: figure -> interval by bootstrap over sources, ``None`` where it cannot be told. ``failures``: how
    many failures were tested, in all folds. ``amounts`` is ``None`` where they were not asked for or the model gives
    none.
    """

    model: str
    overall: Scores
    folds: tuple[Scores, ...]
    confidence_95: Mapping[str, Interval | None]
    failures: int
    amounts: Amounts | None
    seconds: float
    tested: np.ndarray
    scored: Scored

    def coverage(self) -> dict[float, float]:
        """Nominal coverage -> share of the true sizes inside."""
        return dict(zip(LEVELS, self.scored.inside().mean(0).tolist(), strict=True))

    def as_json(self) -> dict[str, object]:
        return {
            "model": self.model,
            **self.overall.as_json(),
            "confidence_95": dict(self.confidence_95),
            "failures": self.failures,
            "coverage": {f"{level:g}": share for level, share in self.coverage().items()},
            "amounts": self.amounts.as_json() if self.amounts else None,
            "seconds": round(self.seconds, 2),
            "folds": [fold.as_json() for fold in self.folds],
        }


def evaluate(
    experiments: Sequence[Experiment],
    folds: Iterable[tuple[np.ndarray, np.ndarray]],
    model: str = "transformer",
    *,
    seed: int = 0,
    progress: Progress | None = None,
    amounts: bool = False,
    shelf: Shelf | None = None,
) -> Evaluation:
    """Fit on the first indices of each fold and predict the second; nothing is chosen on what is predicted.

    ``amounts`` designs them in reverse for everything tested, which takes time. Folds that are on the ``shelf`` are not
    made again; ``progress`` counts the others. Raises `UnknownModel`, what fitting raises, and `TooFewExperiments`
    where nothing that is tested has a size.
    """
    check_model(model)
    pairs = [(train, test) for train, test in folds if any(known_size(experiments[i]) is not None for i in test)]
    if not pairs:
        raise TooFewExperiments("no experiment that is to be tested has a size; nothing can be scored")
    keys = [shelf.key(experiments, *pair, model, seed, amounts=amounts) for pair in pairs] if shelf else []
    kept: list[FoldPredictions | None] = [shelf.get(key) for key in keys] if shelf else [None] * len(pairs)
    missing = [number for number, fold in enumerate(kept) if fold is None]
    for done, number in enumerate(missing):

        def said(part: float, words: str, done: int = done, number: int = number) -> None:
            if progress:
                progress((done + part) / len(missing), f"{model}, fold {number + 1} of {len(pairs)}: {words}")

        made = predict_fold(experiments, *pairs[number], model, seed, amounts=amounts, progress=said)
        kept[number] = made
        if shelf:
            shelf.put(keys[number], made)
    return score(experiments, [fold for fold in kept if fold is not None], model, seed)


def score(experiments: Sequence[Experiment], folds: Sequence[FoldPredictions], model: str, seed: int) -> Evaluation:
    """The figures of predictions that are at hand."""
    each = [_scored(experiments, fold) for fold in folds]
    together = Scored(*(np.concatenate([getattr(one, name) for one in each]) for name in Scored.__dataclass_fields__))
    tested = np.concatenate([fold.sized for fold in folds])
    asked = np.concatenate([fold.asked for fold in folds])
    slots = np.concatenate([fold.slots for fold in folds])
    draws = Resampling([experiments[i].source for i in (*tested, *asked)], seed)

    def blocks(places: np.ndarray) -> np.ndarray:
        return draws.blocks([experiments[i].source for i in places])

    drawn = figures(draws.sums(together.terms(), blocks(tested)))
    confidence = {name: draws.interval(values) for name, values in drawn.items()}
    aucs = [_auc(experiments, fold.asked, fold.success) for fold in folds]
    succeeded = _succeeded(experiments, asked)
    chances = np.concatenate([fold.success for fold in folds])
    confidence["success_auc"] = draws.interval(draws.aucs(chances, succeeded, blocks(asked))) if len(asked) else None
    return Evaluation(
        model,
        to_scores(figures(total(together.terms())), len(tested), _auc(experiments, asked, chances)),
        tuple(
            to_scores(figures(total(one.terms())), len(one.true), of_fold)
            for one, of_fold in zip(each, aucs, strict=True)
        ),
        confidence,
        int((~succeeded).sum()),
        _amounts(folds, slots, draws, blocks(slots)) if len(slots) else None,
        float(sum(fold.seconds for fold in folds)),
        tested,
        together,
    )


def _scored(experiments: Sequence[Experiment], fold: FoldPredictions) -> Scored:
    shapes = [experiments[i].outcome.learnable_shape for i in fold.sized]
    wanted = np.array([-1 if shape is None else SHAPES.index(shape) for shape in shapes], dtype=np.int64)

    def hits(said: np.ndarray) -> np.ndarray:
        if not len(said):
            return np.full(len(wanted), np.nan)
        return np.where(wanted >= 0, said.argmax(1) == wanted, np.nan)

    true = np.array([known_size(experiments[i]) for i in fold.sized], float)
    return Scored(true, fold.size_nm, fold.ends_nm, hits(fold.shapes), hits(fold.shapes_given_size))


def _succeeded(experiments: Sequence[Experiment], asked: np.ndarray) -> np.ndarray:
    return np.array([bool(experiments[i].outcome.success) for i in asked], dtype=bool)


def _auc(experiments: Sequence[Experiment], asked: np.ndarray, chances: np.ndarray) -> float | None:
    return auc(chances, _succeeded(experiments, asked)) if len(asked) else None


def _amounts(folds: Sequence[FoldPredictions], slots: np.ndarray, draws: Resampling, blocks: np.ndarray) -> Amounts:
    true, said = (
        np.concatenate([getattr(fold, name) for fold in folds]) for name in ("slot_true_mmol", "slot_said_mmol")
    )
    terms = amount_terms(true, said)
    found = {name: float(value) for name, value in amount_figures(total(terms)).items()}
    drawn = amount_figures(draws.sums(terms, blocks))
    return Amounts(
        len(slots),
        found["mae_mmol"],
        found["rmse_mmol"],
        found["r2"] if np.isfinite(found["r2"]) else None,
        int(sum(fold.refused for fold in folds)),
        {name: draws.interval(values) for name, values in drawn.items()},
    )
