"""What the model says of a recipe."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from closedloop.recipes import Shape
from closedloop.synthesis.calibration import Calibration


@dataclass(frozen=True)
class Precedent:
    """An experiment that the model learned from. ``likeness``: 1 is the same recipe, 0 is unrelated."""

    source: str | None
    product: str
    size_nm: float
    likeness: float


@dataclass(frozen=True)
class Prediction:
    """``size_nm`` is the median of the predicted distribution of the mean diameter, with calibrated intervals.

    ``log_size_sd`` is the calibrated standard deviation of ln(size), ``epistemic_log_sd`` the part of it that more data
    could remove. ``relative_spread`` is the particles' own, standard deviation over mean diameter; ``None`` where the
    data did not tell it. ``outside_experience``: the recipe is unlike all that the model learned from, or a number of
    it is far beyond that. ``warnings`` say what the numbers do not rest on: unknown chemicals, a prior instead of data,
    or very few experiments.
    """

    size_nm: float
    log_size_sd: float
    epistemic_log_sd: float
    shape_probabilities: Mapping[Shape, float]
    success_probability: float
    relative_spread: float | None
    outside_experience: bool
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
    standard deviation and the two parts of it, and the logit of the chance of success; shapes (n, 11);
    ``relative_spread`` is NaN where the data did not tell it."""

    log_size_mean: np.ndarray
    log_size_sd: np.ndarray
    epistemic_log_sd: np.ndarray
    aleatoric_log_sd: np.ndarray
    success_logit: np.ndarray
    shape_probabilities: np.ndarray
    relative_spread: np.ndarray

    @classmethod
    def together(cls, parts: "Sequence[PredictedArrays]") -> "PredictedArrays":
        """One after the other."""
        if not parts:
            nothing = np.zeros(0)
            return cls(nothing, nothing, nothing, nothing, nothing, np.zeros((0, len(Shape))), nothing)
        names = cls.__dataclass_fields__
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

    def rows(self, places: np.ndarray) -> "PredictedArrays":
        """Of the recipes at ``places``, in their order."""
        return PredictedArrays(**{name: getattr(self, name)[places] for name in self.__dataclass_fields__})
