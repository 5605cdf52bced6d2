"""The gate: whether a challenger is not worse than the champion, on experiments that neither has learned from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from closedloop.recipes import Experiment, Recipe


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

    The lab's last runs are few, so that chance moves their mean more than that of the literature. A difference of
    ``negligible_nm`` is below what TEM resolves of a mean diameter, and never counts.
    """

    literature_size: float = 0.10
    lab_size: float = 0.10
    brier: float = 0.02
    negligible_nm: float = 0.01


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
        verdict = "not worse" if self.passed else "worse"
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
        *_checks("held-out literature", literature, challenger, champion, anchor, tolerance.literature_size, tolerance),
        *_checks("last lab runs", lab, challenger, champion, None, tolerance.lab_size, tolerance),
    ]


def _checks(
    place: str,
    experiments: Sequence[Experiment],
    challenger: Predicts,
    champion: Predicts,
    anchor: Predicts | None,
    slack: float,
    tolerance: Tolerance,
) -> list[Check]:
    if not experiments:
        return []
    recipes = [one.recipe for one in experiments]
    bars = [champion] if anchor is None else [champion, anchor]
    guesses = [model.predict(recipes) for model in (challenger, *bars)]
    checks = []
    # Only what is unknown of an outcome is left out: a prediction that is no number must not pass for a good one.
    sizes = np.array([one.outcome.size_nm or np.nan for one in experiments])
    if (known := ~np.isnan(sizes)).any():
        new, *old = (float(np.abs([g.size_nm for g in guess] - sizes)[known].mean()) for guess in guesses)
        allowed = min(old) + max(min(old) * slack, tolerance.negligible_nm)
        checks.append(Check(f"size error in nm, {place}", int(known.sum()), old[0], new, allowed))
    worked = np.array([np.nan if (yes := one.outcome.success) is None else float(yes) for one in experiments])
    if (known := ~np.isnan(worked)).any():
        new, *old = (
            float(np.square([g.success_probability for g in guess] - worked)[known].mean()) for guess in guesses
        )
        checks.append(
            Check(f"Brier score of success, {place}", int(known.sum()), old[0], new, min(old) + tolerance.brier)
        )
    return checks
