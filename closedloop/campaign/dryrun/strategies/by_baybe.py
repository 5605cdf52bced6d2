"""BayBE (an optional extra): a discrete search space of the pool's recipes and a target to match, BayBE's own choice.

Set up as its documentation suggests: numerical parameters for conditions and sums by role, categorical ones for which
chemical plays a role, a match target without bounds. States no chance.
"""

import warnings
from importlib import import_module
from typing import Any

import numpy as np

from closedloop.campaign.dryrun.features import Features
from closedloop.campaign.dryrun.pool import Aim, Result, View
from closedloop.campaign.dryrun.seeding import seeded
from closedloop.campaign.dryrun.strategies.base import Known, Pick, Session

_NOTHING = "none"


class ByBaybe:
    """Learns from this campaign alone."""

    def begin(self, view: View, known: Known, seed: int) -> Session:
        return _Session(view, seed)


class _Session:
    def __init__(self, view: View, seed: int) -> None:
        import pandas as pd

        self._rng = np.random.default_rng(seed)
        self._seed = seed
        self._free = list(range(len(view)))
        self._learned = 0
        features = Features.of(view)
        numbers = {
            **{name: features.conditions[:, k] for k, name in enumerate(features.names)},
            **{f"{role} mmol": features.role_mmol[:, k] for k, role in enumerate(features.roles)},
        }
        numbers = {name: values for name, values in numbers.items() if np.ptp(values) > 0}
        words = {f"{role} chemicals": _chemicals(features, k) for k, role in enumerate(features.roles)}
        words = {name: values for name, values in words.items() if len(set(values)) > 1}
        # Recipes that only differ in shares within a role would be one row; a number of their own keeps them apart.
        frame = pd.DataFrame({**numbers, **words})
        again = frame.groupby(list(frame.columns), dropna=False).cumcount().to_numpy().astype(float)
        if again.any():
            frame["amounts variant"] = again
            numbers["amounts variant"] = again
        self._frame = frame
        self._places = {tuple(row): place for place, row in enumerate(frame.itertuples(index=False, name=None))}
        self._campaign = _campaign(view, frame, numbers, words)

    def pick(self, count: int) -> list[Pick]:
        """The first experiment is drawn evenly, as in every strategy without literature; BayBE recommends the rest."""
        count = min(count, len(self._free))
        if not count:
            return []
        if not self._learned:
            chosen = [int(one) for one in self._rng.choice(self._free, count, replace=False)]
        else:
            chosen = self._recommended(count)
        self._free = [place for place in self._free if place not in chosen]
        # Told outright: failures are no measurements to BayBE, and it would recommend them again.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._campaign.toggle_discrete_candidates(self._frame.loc[chosen], exclude=True)
        return [Pick(place) for place in chosen]

    def _recommended(self, count: int) -> list[int]:
        with warnings.catch_warnings(), seeded(self._seed):
            warnings.simplefilter("ignore")
            rows = self._campaign.recommend(count)
        names = list(self._frame.columns)
        return [self._places[tuple(row)] for row in rows[names].itertuples(index=False, name=None)]

    def learn(self, index: int, result: Result) -> None:
        if not result.success or result.value is None:
            return
        measured = self._frame.loc[[index]].copy()
        measured["value"] = result.value
        self._campaign.add_measurements(measured)
        self._learned += 1


def _chemicals(features: Features, role: int) -> list[str]:
    """For each recipe the chemicals that play the role, joined."""
    columns = [k for k, own in enumerate(features.chemical_roles) if own is features.roles[role]]
    return [" + ".join(features.chemicals[k] for k in columns if row[k]) or _NOTHING for row in features.present]


def _campaign(view: View, frame: Any, numbers: dict[str, Any], words: dict[str, list[str]]) -> Any:
    baybe, parameters = import_module("baybe"), import_module("baybe.parameters")
    space, targets = import_module("baybe.searchspace"), import_module("baybe.targets")
    own = [parameters.NumericalDiscreteParameter(name, sorted(set(frame[name]))) for name in numbers]
    own += [parameters.CategoricalParameter(name, sorted(set(frame[name])), encoding="OHE") for name in words]
    goal = view.goal
    if goal.aim is Aim.MATCH:
        target = targets.NumericalTarget.match_absolute("value", goal.value)
    else:
        target = targets.NumericalTarget("value", minimize=goal.aim is Aim.AT_MOST)
    return baybe.Campaign(space.SearchSpace.from_dataframe(frame, own), target.to_objective())
