"""What a proposal says, and what the proposer needs of a model; any object of this shape will do."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import Recipe, Target
from closedloop.recipes.fields import Finite, Fraction, Frozen, Positive


class Arrays(Protocol):
    """A model's predictions for n recipes, each (n,): natural logarithm of the size in nm, its standard deviation, and
    the logit of the chance of success."""

    @property
    def log_size_mean(self) -> NDArray[np.floating]: ...
    @property
    def log_size_sd(self) -> NDArray[np.floating]: ...
    @property
    def success_logit(self) -> NDArray[np.floating]: ...


class SizeModel(Protocol):
    """What `closedloop.propose.propose` asks of a model."""

    def predict_arrays(self, recipes: Sequence[Recipe]) -> Arrays: ...

    def design_amounts(self, recipe: Recipe, target: Target) -> Recipe:
        """The same chemicals and conditions with amounts that should give the target."""


class Proposal(Frozen):
    """A recipe and what is expected of it, as measured by TEM (the interval holds 90% and counts measurement noise).

    ``chance_of_hit`` is the chance that it succeeds *and* its mean size lies in the target's band;
    ``acquisition_value`` is the logarithm of the acquisition function, comparable within one batch position only.
    """

    recipe: Recipe
    predicted_size_nm: Positive
    predicted_interval_nm: tuple[Positive, Positive]
    success_probability: Fraction
    chance_of_hit: Fraction
    acquisition_value: Finite
    reason: str
