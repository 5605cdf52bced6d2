"""Which experiments the model learns from, how they count, and what is learned of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from closedloop.recipes import Experiment, Outcome, listed
from closedloop.synthesis.errors import TooFewExperiments
from closedloop.synthesis.network import SHAPES
from closedloop.synthesis.training import Labels

LEAST_EXPERIMENTS = 3
# Sizes closer together than this (standard deviation of ln size) are not stretched to unit scale.
_LEAST_SCALE = 0.05
# The least standard deviation of ln(size) that is believed of a mean diameter: a microscope's own scale is not surer.
LEAST_LOG_SD = 0.02
# Gu et al. hold sizes from fewer particles than this for less certain.
MANY_PARTICLES = 300
FEW_PARTICLES_DOUBT = 3.0
# A standard error of this share of the size: that of a picture which is in doubt (docs/decisions/0106).
LARGE_ERROR = 0.12


@dataclass(frozen=True)
class Scale:
    """ln(size in nm) = centre + scale · standardised."""

    centre: float
    scale: float


def usable(experiments: Sequence[Experiment], weights: Sequence[float] | None) -> tuple[list[Experiment], np.ndarray]:
    """The experiments that say something of the chemistry, and a weight for each; spoiled ones never do.

    Raises `TooFewExperiments`, `NotListed`, and `ValueError` for weights that do not fit.
    """
    experiments = listed(Experiment, experiments)
    given = np.ones(len(experiments)) if weights is None else np.asarray(weights, dtype=float)
    if given.shape != (len(experiments),) or not np.isfinite(given).all() or (given <= 0).any():
        raise ValueError("weights must be finite and positive, one for each experiment")
    places = [
        i
        for i, o in enumerate(e.outcome for e in experiments)
        if o.learnable_size_nm is not None or o.success is not None or o.learnable_shape is not None
    ]
    sizes = sum(experiments[i].outcome.learnable_size_nm is not None for i in places)
    if sizes < LEAST_EXPERIMENTS:
        raise TooFewExperiments(
            f"{sizes} of {len(experiments)} experiments have a size; at least {LEAST_EXPERIMENTS} are needed, "
            "so add literature (cdse2022 ships with the package) or start from SynthesisModel.default()"
        )
    return [experiments[i] for i in places], given[places]


def scale_of(experiments: Sequence[Experiment]) -> Scale:
    logs = np.log([size for e in experiments if (size := e.outcome.learnable_size_nm) is not None])
    return Scale(float(logs.mean()), max(float(logs.std()), _LEAST_SCALE))


def labels(experiments: Sequence[Experiment], weights: np.ndarray, scale: Scale) -> Labels:
    """Standardised outcomes; NaN and -1 where nothing is known."""
    sizes = np.array([e.outcome.learnable_size_nm or np.nan for e in experiments])
    shapes = [-1 if (shape := e.outcome.learnable_shape) is None else SHAPES.index(shape) for e in experiments]
    success = [-1.0 if e.outcome.success is None else float(e.outcome.success) for e in experiments]
    spreads = np.array([_relative_spread(e) or np.nan for e in experiments])
    return Labels(
        ((np.log(sizes) - scale.centre) / scale.scale).astype(np.float32),
        np.array(shapes, dtype=np.int64),
        np.log(spreads).astype(np.float32),
        np.array(success, dtype=np.float32),
        (weights / weights.mean()).astype(np.float32),
    )


def doubts(experiments: Sequence[Experiment]) -> np.ndarray:
    """How much more noise (variance) a size holds than one from `MANY_PARTICLES` that were told apart well, (n,); 1
    where neither is known."""
    return np.array([FEW_PARTICLES_DOUBT if _is_doubtful(e.outcome) else 1.0 for e in experiments])


def _is_doubtful(outcome: Outcome) -> bool:
    few = outcome.particle_count is not None and outcome.particle_count < MANY_PARTICLES
    error, size = outcome.size_error_nm, outcome.size_nm
    return few or (error is not None and size is not None and error > LARGE_ERROR * size)


def _relative_spread(experiment: Experiment) -> float | None:
    size, spread = experiment.outcome.learnable_size_nm, experiment.outcome.size_std_nm
    return None if size is None or not spread else spread / size
