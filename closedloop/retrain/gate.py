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

    literature_size: float = 0.05
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
) -> list[Check]:
    """A check for each place and quantity that something is known of; none where nothing is."""
    checks = []
    for place, experiments, slack in (
        ("held-out literature", literature, tolerance.literature_size),
        ("last lab runs", lab, tolerance.lab_size),
    ):
        recipes = [one.recipe for one in experiments]
        if not recipes:
            continue
        foreseen = [list(model.predict(recipes)) for model in (champion, challenger)]
        sizes = np.array([one.outcome.size_nm or np.nan for one in experiments])
        if (known := ~np.isnan(sizes)).any():
            old, new = (
                float(np.abs(np.array([one.size_nm for one in guess]) - sizes)[known].mean()) for guess in foreseen
            )
            checks.append(
                Check(
                    f"size error in nm, {place}",
                    int(known.sum()),
                    old,
                    new,
                    max(old * (1 + slack), old + tolerance.negligible_nm),
                )
            )
        worked = np.array(
            [np.nan if one.outcome.success is None else one.outcome.success for one in experiments], float
        )
        if (known := ~np.isnan(worked)).any():
            old, new = (
                float(np.square(np.array([one.success_probability for one in guess]) - worked)[known].mean())
                for guess in foreseen
            )
            checks.append(Check(f"Brier score of success, {place}", int(known.sum()), old, new, old + tolerance.brier))
    return checks
