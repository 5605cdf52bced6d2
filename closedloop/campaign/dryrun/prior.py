"""The literature's word on a pool: a model that was fitted without the pool, asked about all of its recipes.

Any model that `evaluate synthesis` compares can be asked. Extra-trees unless another is named: for products that were
never seen they err as much as the model that ships, and are fitted much sooner (docs/decisions/0074). What a model said
is kept in a file under a hash of what it learned from, what it was asked and the program; every seed shares it.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from closedloop.campaign.dryrun.holdout import Literature
from closedloop.campaign.dryrun.pool import SIZE, View
from closedloop.campaign.dryrun.strategies.base import Prior
from closedloop.program import program
from closedloop.synthesis import TooFewExperiments
from closedloop.synthesis.baselines import MODELS
from closedloop.whole_files import whole

Said = Callable[[str], None]

DEFAULT_MODEL = "extra-trees"
NO_MODEL = "none"
# The interval that is two standard deviations wide under a normal law.
_ONE_SD = 0.6827
_LEAST_SD = 0.03


def prior_of(
    view: View, literature: Literature, said: Said, shelf: Path | None = None, model: str = DEFAULT_MODEL
) -> Prior | None:
    """``None`` in a cold start, where too little is left to fit a model on, for the model "none", and where the goal is
    no size."""
    if model == NO_MODEL or literature.is_cold or view.goal.quantity != SIZE:
        return None
    path = shelf / f"literature-{model}-{_key(view, literature)}.npz" if shelf is not None else None
    if path is not None and (kept := _read(path)) is not None:
        return kept
    said(f"fitting {model} on {len(literature.experiments)} experiments of the literature; once, for all seeds")
    try:
        fitted = MODELS[model](literature.experiments, 0, None)
    except TooFewExperiments as error:
        said(f"no model of the literature: {error}")
        return None
    predictions = fitted.predict(view.recipes)
    ends = np.log([one.size_interval(_ONE_SD) for one in predictions])
    wanted = view.goal.shape
    shape = [1.0 if wanted is None else one.shape_probabilities[wanted] for one in predictions]
    # Where nothing ever failed, no model can tell what does.
    failures = any(one.outcome.is_negative_example for one in literature.experiments)
    success = [one.success_probability if failures else 1.0 for one in predictions]
    found = Prior(
        np.log([one.size_nm for one in predictions]),
        np.maximum((ends[:, 1] - ends[:, 0]) / 2, _LEAST_SD),
        np.array(success, dtype=np.float64),
        np.array(shape, dtype=np.float64),
    )
    if path is not None:
        _write(path, found)
    return found


def _key(view: View, literature: Literature) -> str:
    digest = hashlib.sha256(program(__name__) + str(view.goal.shape).encode())
    for recipe in view.recipes:
        digest.update(recipe.model_dump_json().encode())
    for one in literature.experiments:
        digest.update(one.model_dump_json().encode())
    return digest.hexdigest()[:24]


def _read(path: Path) -> Prior | None:
    """``None`` where the file is not there, or was cut short."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            return Prior(**found)
    except (OSError, ValueError, TypeError, EOFError, BadZipFile):
        return None


def _write(path: Path, prior: Prior) -> None:
    with whole(path) as draft, draft.open("wb") as file:
        np.savez(file, log_value=prior.log_value, sd=prior.sd, success=prior.success, shape=prior.shape)
