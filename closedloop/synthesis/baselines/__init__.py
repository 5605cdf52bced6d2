"""What the model has to beat, under one interface: experiments in, a model with ``predict(recipes)`` out.

Every method sees the same inputs. `MODELS` holds the model that ships too, so that all are compared in one way.
"""

from closedloop.synthesis.baselines.baseline import SHAPES, Baseline, BaselinePrediction, known_size
from closedloop.synthesis.baselines.laws import Conformal, WeightedSizes
from closedloop.synthesis.baselines.methods import METHODS, Nearest
from closedloop.synthesis.baselines.models import MODELS, Fitted, Progress, Said, check_model, check_models

__all__ = [
    "METHODS",
    "MODELS",
    "SHAPES",
    "Baseline",
    "BaselinePrediction",
    "Conformal",
    "Fitted",
    "Nearest",
    "Progress",
    "Said",
    "WeightedSizes",
    "check_model",
    "check_models",
    "known_size",
]
