"""What holds before any literature is read: nanocrystals have about 5 nm, and grow with heat and with time.

A model that has not seen such recipes falls back to the mean of those that it has seen, with a wide interval. As far as
it leaves sizes open, what is usual takes its place (docs/decisions/0104).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from closedloop.propose.proposal import SizeModel
from closedloop.propose.quality import Arrays
from closedloop.propose.quantity import Range
from closedloop.propose.space import SearchSpace
from closedloop.recipes import Recipe, Target

# Sizes of gu2025 scatter by a factor of two about this.
USUAL_NM, USUAL_SD = 5.0, 0.7
# Slopes of ln(nm) within the papers of gu2025: per °C of the reaction, and per factor of e in its time.
_PER_DEGREE, _PER_LOG_TIME = 0.0088, 0.115
_ASKED = 64  # recipes all over the space


@dataclass(frozen=True)
class Usual:
    """``temperature_c`` and ``log_time`` (of minutes): the middle of the space, where 5 nm are expected; ``None`` where
    the space leaves them open."""

    temperature_c: float | None
    log_time: float | None

    @classmethod
    def of(cls, space: SearchSpace) -> Self:
        time = space.reaction_time_min
        ends = (time.low, time.high) if isinstance(time, Range) else (time, time)
        log_time = math.log(ends[0] * ends[1]) / 2 if ends[0] and ends[1] else None
        heat = space.reaction_temperature_c
        return cls((heat.low + heat.high) / 2 if isinstance(heat, Range) else heat, log_time)

    def trend(self, recipes: Sequence[Recipe]) -> NDArray[np.float64]:
        """How much larger than in the middle of the space a crystal usually becomes, (n,) in ln(nm)."""
        return np.array([self._hotter(recipe) + self._longer(recipe) for recipe in recipes], dtype=np.float64)

    def _hotter(self, recipe: Recipe) -> float:
        if self.temperature_c is None or recipe.reaction_temperature_c is None:
            return 0.0
        return _PER_DEGREE * (recipe.reaction_temperature_c - self.temperature_c)

    def _longer(self, recipe: Recipe) -> float:
        if self.log_time is None or not recipe.reaction_time_min:
            return 0.0
        return _PER_LOG_TIME * (math.log(recipe.reaction_time_min) - self.log_time)


class Informed:
    """A `SizeModel` that says what is usual as far as another one leaves the sizes of a space open.

    How far that is, is asked once for the whole space: where a model knows next to nothing, it is by chance where it
    claims to know a little more, and a search would end up there.
    """

    def __init__(self, model: SizeModel, space: SearchSpace) -> None:
        self._model, self._space, self._usual = model, space, Usual.of(space)

    @cached_property
    def left_open(self) -> float:
        """How far what is usual stands in, 0 to 1: the square of that share of the usual variance of ln(nm) which the
        model leaves open for the space's recipes, in the median. One that knows half of it says three quarters."""
        said = self._model.predict_arrays(_all_over(self._space))
        return min(1.0, float(np.median(said.log_size_sd)) / USUAL_SD) ** 4

    @property
    def is_silent(self) -> bool:
        """Whether what is usual says more than the model does."""
        return self.left_open > 0.5

    def predict_arrays(self, recipes: Sequence[Recipe]) -> Arrays:
        """The model's arrays, ln(nm) and its standard deviation moved towards the usual ones."""
        said = self._model.predict_arrays(recipes)
        log_size, sd = (np.asarray(each, np.float64) for each in (said.log_size_mean, said.log_size_sd))
        usual = math.log(USUAL_NM) + self._usual.trend(recipes)
        return _Said(said, log_size + self.left_open * (usual - log_size), sd + self.left_open * (USUAL_SD - sd))

    def design_amounts(self, recipe: Recipe, target: Target) -> Recipe:
        """The model's design; of one that leaves all open, the recipe itself."""
        return recipe if self.left_open == 1 else self._model.design_amounts(recipe, target)


@lru_cache(maxsize=8)
def _all_over(space: SearchSpace) -> list[Recipe]:
    """Recipes all over the space, the same in each round of a campaign."""
    return space.sample(_ASKED, 0)


class _Said:
    """All that a model said, but for the size."""

    def __init__(self, said: Arrays, log_size_mean: NDArray[np.float64], log_size_sd: NDArray[np.float64]) -> None:
        self._said = said
        self.log_size_mean: NDArray[np.floating] = log_size_mean
        self.log_size_sd: NDArray[np.floating] = log_size_sd

    def __getattr__(self, name: str) -> Any:
        return getattr(self._said, name)
