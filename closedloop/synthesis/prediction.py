"""What the model says of a recipe."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from closedloop.recipes import Shape
from closedloop.synthesis.calibration import Calibration


@dataclass(frozen=True)
class Prediction:
    """``size_nm`` is the median of the predicted distribution of the mean diameter (a lognormal law, calibrated).

    ``log_size_sd`` is the calibrated standard deviation of ln(size), ``epistemic_log_sd`` the part of it that more data
    could remove. ``warnings`` say what the numbers do not rest on: unknown chemicals, or a prior instead of data.
    """

    size_nm: float
    log_size_sd: float
    epistemic_log_sd: float
    shape_probabilities: Mapping[Shape, float]
    success_probability: float
    warnings: tuple[str, ...]
    _calibration: Calibration

    def size_interval(self, coverage: float = 0.9) -> tuple[float, float]:
        """Lower and upper size in nm that hold the mean diameter with the given probability."""
        sd = self.log_size_sd / self._calibration.scale
        factor = math.exp(self._calibration.width(coverage) * sd)
        return self.size_nm / factor, self.size_nm * factor

    @property
    def size_std_nm(self) -> float:
        """Standard deviation of the prediction in nm (of what we know of the mean size, not of the particles)."""
        variance = self.log_size_sd**2
        return self.size_nm * math.sqrt(math.expm1(variance) * math.exp(variance))

    @property
    def shape(self) -> Shape:
        """The likeliest shape."""
        return max(self.shape_probabilities, key=lambda shape: self.shape_probabilities[shape])


@dataclass(frozen=True)
class PredictedArrays:
    """The same for n recipes without the trimmings, each (n,): natural logarithm of the size in nm, its calibrated
    standard deviation and the two parts of it, and the logit of the chance of success; shapes (n, 11)."""

    log_size_mean: np.ndarray
    log_size_sd: np.ndarray
    epistemic_log_sd: np.ndarray
    aleatoric_log_sd: np.ndarray
    success_logit: np.ndarray
    shape_probabilities: np.ndarray
