"""What the store hands out: frozen values that know nothing of tables and sessions."""

from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime

from closedloop.recipes import CauseKind, Evidence, Experiment, Method, Outcome, Recipe
from closedloop.recipes.fields import Frozen
from closedloop.store.states import State


class ExperimentRecord(Frozen):
    """An experiment as it stands; ``outcome`` is the best that is known of it (see `best_outcome`).

    ``model_id`` names the model that proposed it: one of this store, or the weights that ship with the package.
    ``note`` belongs to the latest change of state.
    """

    id: str
    campaign: str
    number: int
    recipe: Recipe
    state: State
    note: str = ""
    outcome: Outcome | None = None
    prediction: dict[str, Any] | None = None
    model_id: str | None = None
    reason: str = ""
    batch: int | None = None
    created_at: AwareDatetime

    @property
    def teaches(self) -> bool:
        """Whether a model may learn from it: it is over, and its outcome speaks of chemistry, good or bad."""
        if self.state.is_open or self.outcome is None or self.outcome.is_spoiled or self.outcome.beyond_measure:
            return False
        return self.outcome.success is not None or self.outcome.size_nm is not None

    def experiment(self) -> Experiment:
        """For the model; without an outcome, one in which everything is unknown."""
        return Experiment(
            recipe=self.recipe, outcome=self.outcome or Outcome(), source=f"lab:{self.campaign}", id=self.id
        )


class CorrectionRecord(Frozen):
    """An image's particles as a person corrected them: a label image, and how many particles changed in which way."""

    labels: Path
    sha256: str
    changes: dict[str, int]
    added_at: AwareDatetime


class ImageRecord(Frozen):
    """An image of an experiment; ``nm_per_px`` where a person stated it, ``correction`` the latest one."""

    path: Path
    sha256: str
    original: str
    nm_per_px: float | None
    correction: CorrectionRecord | None
    added_at: AwareDatetime


class Move(Frozen):
    """A change of state that is yet to be made, and why."""

    state: State
    note: str = ""


class Transition(Frozen):
    """One change of state."""

    state: State
    note: str
    at: AwareDatetime


class CampaignRecord(Frozen):
    """One revision of a campaign's definition."""

    name: str
    revision: int
    definition: str
    digest: str
    at: AwareDatetime


class ModelStatus(StrEnum):
    """A challenger was never promoted, a champion is in service, a retired model was once."""

    CHALLENGER = "challenger"
    CHAMPION = "champion"
    RETIRED = "retired"


class Twin(Frozen):
    """A model's twin, trained as it was, but on fewer data, so that there is something left to judge it on.

    ``saw`` is the ids of this store's experiments that it was trained on.
    """

    path: Path
    sha256: str
    saw: tuple[str, ...]


class ModelRecord(Frozen):
    """A model that the store keeps; ``path`` is its weights, ``data_digest`` names what it was trained on."""

    id: str
    status: ModelStatus
    path: Path
    sha256: str
    parent: str | None
    data_digest: str
    metrics: dict[str, Any]
    note: str
    created_at: AwareDatetime
    twin: Twin | None = None


class Promotion(Frozen):
    """One change of champion; ``model_id`` is ``None`` where the weights that ship with the package serve again."""

    model_id: str | None
    rollback: bool
    reason: str
    at: AwareDatetime


class Score(Frozen):
    """One point of a campaign's learning curve."""

    campaign: str
    model_id: str | None
    metrics: dict[str, Any]
    at: AwareDatetime


class Retraining(Frozen):
    """One attempt to train a challenger; ``model_id`` is ``None`` where none came of it, and ``reason`` says why."""

    model_id: str | None
    promoted: bool
    reason: str
    at: AwareDatetime


def best_outcome(outcomes: list[Outcome]) -> Outcome | None:
    """The outcome of the highest evidence rank, of equal ones the last; ``outcomes`` in the order that they were added.

    One without evidence gives way to any with; among those without, the one added last holds. One that its measurement
    spoiled tells nothing of the sample, however strong the method would be, and gives way to any that does; only where
    a person's correction is left with too little, the images before it have lost their size.
    """
    standing: list[Outcome] = []
    for outcome in outcomes:
        if _is_unmeasured(outcome) and _method(outcome) is Method.TEM_CORRECTED:
            standing = [each for each in standing if _method(each) not in (Method.TEM, Method.TEM_CORRECTED)]
        standing.append(outcome)
    if any(_tells(each) for each in standing):
        standing = [each for each in standing if not _is_unmeasured(each)]
    best: Outcome | None = None
    for outcome in standing:
        if best is None or _supersedes(outcome.evidence, best.evidence):
            best = outcome
    return best


def _tells(outcome: Outcome) -> bool:
    """Whether it says anything of the sample."""
    return not outcome.is_spoiled and (outcome.success is not None or outcome.size_nm is not None)


def _is_unmeasured(outcome: Outcome) -> bool:
    return outcome.failure_cause is not None and outcome.failure_cause.kind is CauseKind.MEASUREMENT


def _method(outcome: Outcome) -> Method | None:
    return outcome.evidence.method if outcome.evidence else None


def _supersedes(evidence: Evidence | None, other: Evidence | None) -> bool:
    return other is None or (evidence is not None and evidence.supersedes(other))
