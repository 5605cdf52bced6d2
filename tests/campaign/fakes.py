"""A model that knows one trend, so that a campaign can be tested without training one; deaths at a chosen moment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import event

from closedloop.recipes import Recipe, Target
from closedloop.store import Store


@contextmanager
def killed_before(store: Store, statement: str) -> Iterator[None]:
    """The process dies as soon as it would have executed a statement that begins so."""

    def dies(*call: object) -> None:
        if str(call[2]).startswith(statement):
            raise KeyboardInterrupt

    event.listen(store._engine, "before_cursor_execute", dies)
    try:
        yield
    finally:
        event.remove(store._engine, "before_cursor_execute", dies)


@dataclass(frozen=True)
class Numbers:
    log_size_mean: NDArray[np.float64]
    log_size_sd: NDArray[np.float64]
    success_logit: NDArray[np.float64]


class TrendModel:
    """Hotter and longer is larger: 1 nm at 180 °C and half a minute, about 6 nm at 290 °C and 45 min."""

    def __init__(self, success_logit: float = 2.0) -> None:
        self.success_logit = success_logit

    def predict_arrays(self, recipes: Sequence[Recipe]) -> Numbers:
        n = len(recipes)
        return Numbers(
            np.log(np.array([size_of(r) for r in recipes])), np.full(n, 0.15), np.full(n, self.success_logit)
        )

    def design_amounts(self, recipe: Recipe, target: Target) -> Recipe:
        return recipe


def size_of(recipe: Recipe) -> float:
    heat = ((recipe.reaction_temperature_c or 0) - 180) / 110
    time = np.log((recipe.reaction_time_min or 1) / 0.5) / np.log(90)
    return 1.0 + 3.0 * heat + 2.0 * time
