"""The two methods that everybody tries first, on columns and logarithms of sizes, pool or no pool: a plain Gaussian
process and extra-trees. Both learn from this campaign alone.

Each is fitted once and then asked: rows (n, d) -> scores to sort by, chances of a hit, expected logarithms, (n,) each.
"""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]
Fitted = Callable[[Array], tuple[Array, Array, Array]]

_TREES = 100
# Added to either side of the band: a tree answers with one of the few values seen, and hardly ever inside it.
_SLACK = 0.03


def plain_gp(x: Array, y: Array, log_band: tuple[float, float], seed: int) -> Fitted:
    """BoTorch's ``SingleTaskGP`` with its defaults; the chance to be in the band. ``x`` (t, d), ``y`` (t,)."""
    import torch
    from botorch.exceptions import BotorchWarning, ModelFittingError
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood
    from linear_operator.utils.warnings import NumericalWarning

    low, high = log_band
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore", BotorchWarning)
        warnings.simplefilter("ignore", NumericalWarning)
        torch.manual_seed(seed)
        model = SingleTaskGP(torch.from_numpy(x), torch.from_numpy(y)[:, None])
        try:
            fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        except ModelFittingError:
            # The prior's own hyperparameters still order the recipes.
            model.eval()

    def ask(rows: Array) -> tuple[Array, Array, Array]:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore", BotorchWarning)
            warnings.simplefilter("ignore", NumericalWarning)
            posterior = model.posterior(torch.from_numpy(rows), observation_noise=True)
            mean = posterior.mean[:, 0].numpy()
            sd = posterior.variance[:, 0].sqrt().numpy()
        chance = ndtr((high - mean) / sd) - ndtr((low - mean) / sd)
        # Where every chance rounds to nothing, the nearest in standard deviations is still the best.
        score = np.log(np.maximum(chance, 1e-300)) - 1e-9 * np.abs((mean - np.clip(mean, low, high)) / sd)
        return score, chance, mean

    return ask


def extra_trees(x: Array, y: Array, log_band: tuple[float, float], seed: int) -> Fitted:
    """100 extra-trees; the share of them that put a row in the band."""
    from sklearn.ensemble import ExtraTreesRegressor

    low, high = log_band
    forest = ExtraTreesRegressor(_TREES, random_state=seed).fit(x, y)

    def ask(rows: Array) -> tuple[Array, Array, Array]:
        said = np.stack([tree.predict(rows) for tree in forest.estimators_])
        votes = ((said > low - _SLACK) & (said < high + _SLACK)).mean(0)
        return votes, votes, said.mean(0)

    return ask
