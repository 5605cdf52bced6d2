"""What was done and what came out of it. Knows nothing of the other rooms."""

from closedloop.recipes.errors import ClosedloopError, NotListed, TargetMissed
from closedloop.recipes.experiment import Experiment
from closedloop.recipes.listed import listed
from closedloop.recipes.outcome import CauseKind, Evidence, FailureCause, Method, Outcome, Shape
from closedloop.recipes.recipe import Reagent, Recipe, Role, Vessel
from closedloop.recipes.target import Limits, Target

__all__ = [
    "CauseKind",
    "ClosedloopError",
    "Evidence",
    "Experiment",
    "FailureCause",
    "Limits",
    "Method",
    "NotListed",
    "Outcome",
    "Reagent",
    "Recipe",
    "Role",
    "Shape",
    "Target",
    "TargetMissed",
    "Vessel",
    "listed",
]
