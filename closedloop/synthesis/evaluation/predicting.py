"""One fold: fit, predict what is tested, and hold on to the numbers. Scores are made of them by `evaluate`."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from closedloop.recipes import Experiment, Recipe, Target, TargetMissed
from closedloop.synthesis.baselines import MODELS, SHAPES, Fitted, Progress, known_size
from closedloop.synthesis.errors import DesignError

# Nominal coverages of the intervals that are asked for.
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
# How much of a fold's time goes into fitting, for the progress alone.
_FIT_SHARE = 0.9
_FIT_SHARE_WITH_AMOUNTS = 0.4


@dataclass(frozen=True)
class FoldPredictions:
    """Indices are into the experiments. m sizes tested, k chances of success, s slots; what was not asked is empty.

    ``sized`` (m,); ``size_nm`` (m,); ``ends_nm`` (m, levels, 2); ``shapes`` (m, 11) and ``shapes_given_size`` (m, 11)
    or (0, 11); ``asked`` (k,), ``success`` (k,); ``slots`` (s,): whose reagent it is, ``slot_true_mmol``,
    ``slot_said_mmol`` (s,); ``refused`` (): recipes that the model would not design; ``seconds`` ().
    """

    sized: np.ndarray
    size_nm: np.ndarray
    ends_nm: np.ndarray
    shapes: np.ndarray
    shapes_given_size: np.ndarray
    asked: np.ndarray
    success: np.ndarray
    slots: np.ndarray
    slot_true_mmol: np.ndarray
    slot_said_mmol: np.ndarray
    refused: np.ndarray
    seconds: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def predict_fold(
    experiments: Sequence[Experiment],
    train: np.ndarray,
    test: np.ndarray,
    model: str,
    seed: int,
    *,
    amounts: bool,
    progress: Progress,
) -> FoldPredictions:
    """Nothing but ``train`` is shown to the model before it predicts ``test``."""
    started = time.perf_counter()
    share = _FIT_SHARE_WITH_AMOUNTS if amounts else _FIT_SHARE
    progress(0.0, "fitting")
    fitted = MODELS[model]([experiments[i] for i in train], seed, lambda part, words: progress(part * share, words))
    progress(share, "predicting")
    sized = np.array([i for i in test if known_size(experiments[i]) is not None], dtype=np.int64)
    # Of a recipe whose size and whose success are tested, both are asked at once.
    asked = np.array([i for i in test if experiments[i].outcome.success is not None], dtype=np.int64)
    places = list(dict.fromkeys((*sized.tolist(), *asked.tolist())))
    predictions = dict(zip(places, fitted.predict([experiments[i].recipe for i in places]), strict=True))
    recipes = [experiments[i].recipe for i in sized]
    said = [predictions[i] for i in sized.tolist()]
    slots = (np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), np.array(0))
    if amounts and getattr(fitted, "designs_amounts", hasattr(fitted, "design_amounts")):
        slots = _amounts(experiments, sized, fitted, lambda part, words: progress(share + (1 - share) * part, words))
    return FoldPredictions(
        sized,
        np.array([one.size_nm for one in said]),
        np.array([[one.size_interval(level) for level in LEVELS] for one in said]).reshape(-1, len(LEVELS), 2),
        np.array([[one.shape_probabilities.get(shape, 0.0) for shape in SHAPES] for one in said]),
        _shapes_given_size(experiments, sized, recipes, fitted),
        asked,
        np.array([predictions[i].success_probability for i in asked.tolist()], dtype=float),
        *slots,
        np.array(time.perf_counter() - started),
    )


def _shapes_given_size(
    experiments: Sequence[Experiment], sized: np.ndarray, recipes: Sequence[Recipe], fitted: Fitted
) -> np.ndarray:
    predict_shape = getattr(fitted, "predict_shape", None)
    if predict_shape is None or all(experiments[i].outcome.learnable_shape is None for i in sized):
        return np.zeros((0, len(SHAPES)))
    return np.asarray(predict_shape(recipes, [known_size(experiments[i]) for i in sized]), dtype=float)


def _amounts(
    experiments: Sequence[Experiment], sized: np.ndarray, fitted: Fitted, progress: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every amount is made unknown; the true size and shape are what is wished for."""
    wished = [i for i in sized if experiments[i].recipe.reagents]
    bare = [_without_amounts(experiments[i].recipe) for i in wished]
    targets = [
        Target(
            product=recipe.product,
            size_nm=known_size(experiments[i]) or 0.0,
            shape=experiments[i].outcome.learnable_shape,
        )
        for i, recipe in zip(wished, bare, strict=True)
    ]
    design_each = getattr(fitted, "design_each", None)
    designed: list[Recipe | None] = []
    if design_each is not None:
        designed = design_each(bare, targets)
    else:
        for done, (recipe, target) in enumerate(zip(bare, targets, strict=True)):
            if done % 20 == 0:
                progress(done / len(bare), f"designing amounts, {done} of {len(bare)} recipes")
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", TargetMissed)  # how far each is off is what is measured here
                    designed.append(fitted.design_amounts(recipe, target))  # type: ignore[attr-defined]
            except DesignError:
                designed.append(None)
    slots = [
        (i, old.amount_mmol, new.amount_mmol)
        for i, recipe in zip(wished, designed, strict=True)
        if recipe is not None
        for old, new in zip(experiments[i].recipe.reagents, recipe.reagents, strict=True)
        if old.amount_mmol is not None and new.amount_mmol is not None
    ]
    table = np.array(slots, float).reshape(-1, 3)
    return table[:, 0].astype(np.int64), table[:, 1], table[:, 2], np.array(sum(one is None for one in designed))


def _without_amounts(recipe: Recipe) -> Recipe:
    reagents = tuple(reagent.model_copy(update={"amount_mmol": None}) for reagent in recipe.reagents)
    return recipe.model_copy(update={"reagents": reagents})
