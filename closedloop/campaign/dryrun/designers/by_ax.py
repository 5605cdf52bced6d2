"""Ax (an optional extra): its client with its default strategy, told how far each size was from the target.

It minimises |ln(size / target)|; the space's constraints are kept by moving what it asks for inside, and it is told of
the recipe that was made. A failure is a failed trial. States no chance.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from closedloop.campaign.dryrun.designers.base import SEED_STEP, Brief, Design, Designing
from closedloop.campaign.dryrun.designers.parameters import ABSENT, THERE, Parameters
from closedloop.campaign.dryrun.seeding import seeded
from closedloop.recipes import Outcome, Recipe

_AWAY = "away"


class ByAx:
    """Learns distances of this campaign alone."""

    def begin(self, brief: Brief, seed: int) -> Designing:
        return _Designing(brief, seed)


class _Designing:
    def __init__(self, brief: Brief, seed: int) -> None:
        self._brief, self._seed = brief, seed
        self._parameters = Parameters(brief.space)
        self._chosen = 0
        self._trials: list[tuple[Recipe, int]] = []
        self._client = _client(self._parameters, seed)

    def pick(self, count: int) -> list[Design]:
        seed = self._seed * SEED_STEP + self._chosen
        self._chosen += count
        with _quiet(), seeded(seed):
            asked = self._client.get_next_trials(max_trials=count)
        found = [(self._parameters.recipe(row), number) for number, row in asked.items()]
        self._trials += found
        return [Design(recipe) for recipe, _ in found]

    def learn(self, recipe: Recipe, outcome: Outcome) -> None:
        place = next(k for k, (one, _) in enumerate(self._trials) if one == recipe)
        _, asked = self._trials.pop(place)
        with _quiet():
            # The recipe lies where Ax asked only by chance: constraints moved it, and amounts are rounded.
            self._client.mark_trial_abandoned(asked)
            number = self._client.attach_trial(self._parameters.row(recipe))
            if not outcome.success or outcome.size_nm is None:
                self._client.mark_trial_failed(number)
            else:
                away = abs(float(np.log(outcome.size_nm / self._brief.target.size_nm)))
                self._client.complete_trial(number, raw_data={_AWAY: away})


@contextmanager
def _quiet() -> Iterator[None]:
    """Ax tells of every trial, by loggers with levels of their own."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _client(parameters: Parameters, seed: int) -> Any:
    with _quiet():
        ax, client = import_module("ax"), import_module("ax.api.client")
        own = [
            ax.RangeParameterConfig(name=name, bounds=(0.0, 1.0), parameter_type="float") for name in parameters.numbers
        ]
        own += [
            ax.ChoiceParameterConfig(
                name=parameters.choice(name), values=[ABSENT, THERE], parameter_type="float", is_ordered=True
            )
            for name in parameters.choices
        ]
        made = client.Client(random_seed=seed)
        made.configure_experiment(parameters=own)
        made.configure_optimization(objective=f"-{_AWAY}")
    return made
