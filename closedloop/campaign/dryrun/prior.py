"""The literature's word on a pool: a synthesis model that was fitted without the pool, asked about all of its recipes.

Fitted once for a pool and kept in a file under a hash of what it learned from; every seed shares it.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.special import expit

from closedloop.campaign.dryrun.holdout import Literature
from closedloop.campaign.dryrun.pool import SIZE, View
from closedloop.campaign.dryrun.strategies import Prior
from closedloop.recipes import Experiment
from closedloop.synthesis import ModelFileError, SynthesisModel, TooFewExperiments
from closedloop.synthesis.network import SHAPES

Said = Callable[[str], None]


def prior_of(view: View, literature: Literature, said: Said, shelf: Path | None = None) -> Prior | None:
    """``None`` in a cold start, and where the goal is no size. ``shelf``: folder to keep the fitted model in."""
    if literature.is_cold or view.goal.quantity != SIZE:
        return None
    try:
        model = _model(literature.experiments, said, shelf)
    except TooFewExperiments:
        return None
    arrays = model.predict_arrays(view.recipes)
    wanted = view.goal.shape
    shape = np.ones(len(view)) if wanted is None else arrays.shape_probabilities[:, SHAPES.index(wanted)]
    return Prior(
        np.asarray(arrays.log_size_mean, dtype=np.float64),
        np.asarray(arrays.log_size_sd, dtype=np.float64),
        np.asarray(expit(arrays.success_logit), dtype=np.float64),
        np.asarray(shape, dtype=np.float64),
    )


def _model(experiments: Sequence[Experiment], said: Said, shelf: Path | None) -> SynthesisModel:
    path = None
    if shelf is not None:
        digest = hashlib.sha256()
        for one in experiments:
            digest.update(one.model_dump_json().encode())
        path = shelf / f"literature-{digest.hexdigest()[:24]}.safetensors"
        if path.is_file():
            try:
                return SynthesisModel.load(path)
            except ModelFileError:
                said(f"{path.name} was written by another version, or is damaged; it is fitted again")
    said(f"fitting the model on {len(experiments)} experiments of the literature; once, for all seeds")
    model = SynthesisModel.fit(experiments, seed=0)
    if path is not None:
        model.save(path)
    return model
