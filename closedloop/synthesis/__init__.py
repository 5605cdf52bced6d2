"""Recipe -> size, shape and chance of success, each with its uncertainty; target -> molar amounts."""

from closedloop.synthesis.errors import DesignError, ModelFileError, TooFewExperiments, UnknownModel
from closedloop.synthesis.model import SynthesisModel
from closedloop.synthesis.prediction import PredictedArrays, Prediction

__all__ = [
    "DesignError",
    "ModelFileError",
    "PredictedArrays",
    "Prediction",
    "SynthesisModel",
    "TooFewExperiments",
    "UnknownModel",
]
