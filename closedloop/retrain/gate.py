"""The gate: whether a challenger is not worse than the champion, on experiments that neither has learned from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import Experiment, Recipe

Errors = NDArray[np.float64]


class Foreseen(Protocol):
    """What the gate reads of a prediction: the size in nm, and the chance that the recipe works."""

    @property
    def size_nm(self) -> float: ...

    @property
    def success_probability(self) -> float: ...


class Predicts(Protocol):
    """A model, as far as the gate cares."""

    def predict(self, recipes: Sequence[Recipe]) -> Sequence[Foreseen]: ...


@dataclass(frozen=True)
class Tolerance:
    """How much worse still counts as not worse: a share of the size error, and points of the Brier score.

    A difference of ``negligible_nm`` is below what TEM resolves of a mean diameter, and never counts. To this comes
    what may be chance: ``standard_errors`` of the mean difference between the two models, experiment by experiment.
    """

    size: float = 0.10
    brier: float = 0.02
    negligible_nm: float = 0.01
    standard_errors: float = 1.0


@dataclass(frozen=True)
class Check:
    """One comparison; lower is better. ``count`` is the number of experiments, ``allowed`` the challenger's limit."""

    what: str
    count: int
    champion: float
    challenger: float
    allowed: float

    @property
    def passed(self) -> bool:
        return self.challenger <= self.allowed

    def __str__(self) -> str:
        better = self.challenger <= self.champion
        verdict = "worse" if not self.passed else "not worse" if better else "not worse beyond tolerance and chance"
        return f"{self.what} on {self.count}: {self.challenger:.3g} against {self.champion:.3g} ({verdict})"


def compare(
    champion: Predicts,
    challenger: Predicts,
    literature: Sequence[Experiment],
    lab: Sequence[Experiment],
    tolerance: Tolerance,
    anchor: Predicts | None = None,
) -> list[Check]:
    """A check for each place and quantity that something is known of; none where nothing is.

    On the literature the challenger is held to the better of the champion and the ``anchor`` (the shipped model's
    twin), so that what one generation may lose is not lost again by every one after it.
    """
    return [
        *_checks(
            "held-out literature", literature, challenger, [champion, anchor] if anchor else [champion], tolerance
        ),
        *_checks("last lab runs", lab, challenger, [champion], tolerance),
    ]


def _checks(
    place: str,
    experiments: Sequence[Experiment],
    challenger: Predicts,
    bars: Sequence[Predicts],
    tolerance: Tolerance,
) -> list[Check]:
    if not experiments:
        return []
    recipes = [one.recipe for one in experiments]
    new, *old = (model.predict(recipes) for model in (challenger, *bars))
    checks = []
    # Only what is unknown of an outcome is left out: a prediction that is no number must not pass for a good one.
    sizes = np.array([one.outcome.learnable_size_nm or np.nan for one in experiments])
    if (known := ~np.isnan(sizes)).any():
        mine, *theirs = (np.abs([g.size_nm for g in guess] - sizes)[known] for guess in (new, *old))
        bar = min(theirs, key=np.mean)
        slack = max(tolerance.size * float(bar.mean()), tolerance.negligible_nm)
        checks.append(_check(f"size error in nm, {place}", mine, theirs[0], bar, slack, tolerance))
    worked = np.array([np.nan if (yes := one.outcome.success) is None else float(yes) for one in experiments])
    if (known := ~np.isnan(worked)).any():
        mine, *theirs = (np.square([g.success_probability for g in guess] - worked)[known] for guess in (new, *old))
        bar = min(theirs, key=np.mean)
        checks.append(_check(f"Brier score of success, {place}", mine, theirs[0], bar, tolerance.brier, tolerance))
    return checks


def _check(what: str, challenger: Errors, champion: Errors, bar: Errors, slack: float, tolerance: Tolerance) -> Check:
    """From the errors of n experiments, each (n,); of a single one nothing is known of chance, and none is allowed."""
    count = len(challenger)
    chance = float((challenger - bar).std(ddof=1)) / math.sqrt(count) if count > 1 else 0.0
    allowed = float(bar.mean()) + slack + tolerance.standard_errors * chance
    return Check(what, count, float(champion.mean()), float(challenger.mean()), allowed)
