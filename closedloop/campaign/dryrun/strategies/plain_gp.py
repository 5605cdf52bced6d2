"""A plain BoTorch ``SingleTaskGP`` on the encoded recipes, picking the largest chance to be within tolerance."""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from closedloop.campaign.dryrun.features import Array, Features
from closedloop.campaign.dryrun.pool import View
from closedloop.campaign.dryrun.strategies.base import Known, Scored, Session, log_band


class PlainGP:
    """Learns from this campaign alone; everything in the process is BoTorch's default."""

    def begin(self, view: View, known: Known, seed: int) -> Session:
        return _Session(view, seed)


class _Session(Scored):
    def __init__(self, view: View, seed: int) -> None:
        super().__init__(view, seed)
        plain = Features.of(view).plain
        low, width = plain.min(0, initial=np.inf), np.ptp(plain, axis=0)
        self._unit = (plain - low) / width
        self._seed = seed

    def scores(self, rest: NDArray[np.int64]) -> tuple[Array, Array, Array]:
        import torch
        from botorch.exceptions import BotorchWarning, ModelFittingError
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import SingleTaskGP
        from gpytorch.mlls import ExactMarginalLogLikelihood
        from linear_operator.utils.warnings import NumericalWarning

        places, values = self.sizes()
        x = torch.from_numpy(self._unit)
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore", BotorchWarning)
            warnings.simplefilter("ignore", NumericalWarning)
            torch.manual_seed(self._seed)
            model = SingleTaskGP(x[places], torch.from_numpy(values)[:, None])
            try:
                fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            except ModelFittingError:
                # The prior's own hyperparameters still order the recipes.
                model.eval()
            with torch.no_grad():
                posterior = model.posterior(x[rest], observation_noise=True)
                mean = posterior.mean[:, 0].numpy()
                sd = posterior.variance[:, 0].sqrt().numpy()
        low, high = log_band(self.view)
        chance = ndtr((high - mean) / sd) - ndtr((low - mean) / sd)
        # Where every chance rounds to nothing, the nearest in standard deviations is still the best.
        score = np.log(np.maximum(chance, 1e-300)) - 1e-9 * np.abs((mean - np.clip(mean, low, high)) / sd)
        return score, chance, np.exp(mean)
