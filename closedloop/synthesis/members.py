"""Which experiments the model learns from, how they count, and which member of the ensemble leaves which of them
out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from closedloop.recipes import Experiment, FailureCause
from closedloop.synthesis.errors import TooFewExperiments
from closedloop.synthesis.network import SHAPES
from closedloop.synthesis.training import Labels

LEAST_EXPERIMENTS = 3
# Sizes closer together than this (standard deviation of ln size) are not stretched to unit scale.
_LEAST_SCALE = 0.05


@dataclass(frozen=True)
class Scale:
    """ln(size in nm) = centre + scale · standardised."""

    centre: float
    scale: float


def usable(experiments: Sequence[Experiment], weights: Sequence[float] | None) -> tuple[list[Experiment], np.ndarray]:
    """The experiments that say something of the chemistry, and a weight for each.

    Raises `TooFewExperiments`, and `ValueError` for weights that do not fit.
    """
    given = np.ones(len(experiments)) if weights is None else np.asarray(weights, dtype=float)
    if given.shape != (len(experiments),) or not np.isfinite(given).all() or (given <= 0).any():
        raise ValueError("weights must be finite and positive, one for each experiment")
    places = [
        i
        for i, e in enumerate(experiments)
        if _size(e) is not None or e.outcome.success is not None or e.outcome.shape is not None
    ]
    sizes = sum(_size(experiments[i]) is not None for i in places)
    if sizes < LEAST_EXPERIMENTS:
        raise TooFewExperiments(
            f"{sizes} of {len(experiments)} experiments have a size; at least {LEAST_EXPERIMENTS} are needed, "
            "so add literature (cdse2022 ships with the package) or start from SynthesisModel.default()"
        )
    return [experiments[i] for i in places], given[places]


def scale_of(experiments: Sequence[Experiment]) -> Scale:
    logs = np.log([size for e in experiments if (size := _size(e)) is not None])
    return Scale(float(logs.mean()), max(float(logs.std()), _LEAST_SCALE))


def labels(experiments: Sequence[Experiment], weights: np.ndarray, scale: Scale) -> Labels:
    """Standardised outcomes; NaN and -1 where nothing is known."""
    sizes = np.array([_size(e) or np.nan for e in experiments])
    shapes = [-1 if e.outcome.shape is None else SHAPES.index(e.outcome.shape) for e in experiments]
    success = [-1.0 if e.outcome.success is None else float(e.outcome.success) for e in experiments]
    return Labels(
        ((np.log(sizes) - scale.centre) / scale.scale).astype(np.float32),
        np.array(shapes, dtype=np.int64),
        np.array(success, dtype=np.float32),
        (weights / weights.mean()).astype(np.float32),
    )


def assign_folds(
    experiments: Sequence[Experiment], members: int, seed: int, known: Mapping[str, int]
) -> tuple[np.ndarray, dict[str, int]]:
    """Which member leaves out which experiment (n,), and the fold of each source.

    A source stays together, so that held-out errors are those on sources nobody has seen. What is new to a model that
    is trained further (``known``: the folds it was trained on) is spread over the folds, as its next experiments will
    have siblings among these; so is everything where there are too few sources to leave some out.
    """
    rng = np.random.default_rng(seed)
    sources = [e.source for e in experiments]
    counts = {source: sources.count(source) for source in dict.fromkeys(sources) if source is not None}
    folds = dict(known)
    if not known and len(counts) >= 2 * members:
        load = np.zeros(members)
        order = [list(counts)[i] for i in rng.permutation(len(counts))]
        for source in sorted(order, key=lambda name: -counts[name]):
            folds[source] = int(load.argmin())
            load[folds[source]] += counts[source]
    spread = [i for i, source in enumerate(sources) if source is None or source not in folds]
    assigned = np.array([folds.get(source, 0) if source is not None else 0 for source in sources], dtype=np.int64)
    assigned[spread] = rng.permutation(len(spread)) % members
    return assigned, folds


def _size(experiment: Experiment) -> float | None:
    """The size to learn from: not that of a product which is not the one that the recipe names."""
    if experiment.outcome.failure_cause is FailureCause.WRONG_PRODUCT:
        return None
    return experiment.outcome.size_nm
