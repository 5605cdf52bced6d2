"""Trains a challenger on the literature and the lab's experiments, and lets it take over where the gate allows.

Every model has a twin that never learned from the held-out literature nor from the lab's last runs at the time. The
twins are compared; what serves is trained on everything (docs/decisions/0060-twins-at-the-gate.md).
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from closedloop.recipes import ClosedloopError, Experiment
from closedloop.retrain.errors import RetrainBusy, RetrainError
from closedloop.retrain.gate import Check, Tolerance, compare
from closedloop.retrain.holdout import divide, last_runs
from closedloop.retrain.makers import Maker, SynthesisMaker, Trainable, digest
from closedloop.store import ExperimentRecord, ModelRecord, Store, one_at_a_time

EVERY = 8
# With fewer, too little would be left to learn from once the last runs are put aside.
FEWEST_RUNS = 4
# One run in this lab says more about the next one than a row of literature from another lab.
LAB_WEIGHT = 3.0


@dataclass(frozen=True)
class RetrainResult:
    """What came of it; ``model_id`` is ``None`` where no challenger was trained."""

    model_id: str | None
    promoted: bool
    reason: str
    checks: tuple[Check, ...] = ()
    lab_runs: int = 0
    literature: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Rows:
    """Experiments to learn from, and how much each counts."""

    experiments: list[Experiment]
    weights: list[float]

    @classmethod
    def of(cls, literature: Sequence[Experiment], lab: Sequence[ExperimentRecord], lab_weight: float) -> "Rows":
        return cls(
            [*literature, *(record.experiment() for record in lab)],
            [1.0] * len(literature) + [lab_weight] * len(lab),
        )


class Retrainer:
    """On one store. ``literature`` may be more than what ships; failures of chemistry among it are negatives."""

    def __init__(
        self,
        store: Store,
        literature: Sequence[Experiment],
        *,
        seed: int = 0,
        every: int = EVERY,
        tolerance: Tolerance | None = None,
        lab_weight: float = LAB_WEIGHT,
        maker: Maker | None = None,
    ) -> None:
        self.store = store
        self.literature = list(literature)
        self.seed = seed
        self.every = every
        self.tolerance = tolerance or Tolerance()
        self.lab_weight = lab_weight
        self.maker: Maker = maker or SynthesisMaker()

    def new_outcomes(self, campaign: str | None = None) -> int:
        """Experiments of which something that teaches was learned since the last attempt to retrain."""
        return len(self._news(campaign))

    def campaigns_with_news(self) -> list[str]:
        """The campaigns that have new outcomes, in the order of their first ones."""
        return list(dict.fromkeys(record.campaign for record in self._news(None)))

    def _news(self, campaign: str | None) -> list[ExperimentRecord]:
        changed = self.store.changed_since_retraining()
        return [record for record in self.store.experiments(campaign) if record.teaches and record.id in changed]

    def due(self, campaign: str | None = None) -> bool:
        """Whether there are ``every`` new outcomes, and enough runs in all to learn from and to judge by."""
        return self.new_outcomes(campaign) >= self.every and len(self._lab()) >= FEWEST_RUNS

    def _lab(self) -> list[ExperimentRecord]:
        return [record for record in self.store.experiments() if record.teaches]

    def run(self, now: bool = False) -> RetrainResult:
        """Retrains where it is due, or at once with ``now``; the champion changes only as the very last step.

        Raises `RetrainBusy`, and `RetrainError` where training fails: the champion stays, the attempt is on record.
        """
        if not (now or self.due()):
            reason = f"not due: {self.new_outcomes()} of {self.every} new outcomes since the last time"
            return RetrainResult(None, False, reason)
        busy = RetrainBusy(f"another process retrains on {self.store.url}; wait for it or end it")
        with one_at_a_time(self.store.files / "retrain.lock", busy):
            mark = self.store.last_outcome()
            lab = self._lab()
            if len(lab) < FEWEST_RUNS:
                reason = f"{len(lab)} experiments of this lab can be learned from; it takes {FEWEST_RUNS} to judge by"
                return RetrainResult(None, False, reason)
            try:
                return self._challenge(lab, mark)
            except Exception as error:
                said = " ".join(str(error).split()) or type(error).__name__
                self.store.add_retraining(None, promote=False, reason=f"failed: {said}", last_outcome=mark)
                if isinstance(error, ClosedloopError):
                    raise
                raise RetrainError(
                    f"no challenger came of it ({type(error).__name__}: {said}); the model in service stays"
                ) from error

    def _challenge(self, lab: list[ExperimentRecord], mark: int) -> RetrainResult:
        started = time.monotonic()
        champion = self.store.champion()
        anchor = self.maker.shipped_twin(self.store.files / "models")
        serving, twin, seen = self._models(champion, anchor)
        learned, judged = divide(self.literature)
        before, last = last_runs(lab, seen)
        if not last:
            reason = (
                "nothing new to judge by: all runs are of one recipe, or the champion's twin has learned from every "
                "one; make another recipe"
            )
            return RetrainResult(None, False, reason, lab_runs=len(lab))
        some = Rows.of(learned, before, self.lab_weight)
        twin_after = twin.fine_tune(some.experiments, weights=some.weights, seed=self.seed)
        runs = [record.experiment() for record in last]
        checks = compare(twin, twin_after, judged, runs, self.tolerance, anchor)
        every = Rows.of(self.literature, lab, self.lab_weight)
        challenger = serving.fine_tune(every.experiments, weights=every.weights, seed=self.seed)
        promoted = bool(checks) and all(check.passed for check in checks)
        reason = "; ".join(map(str, checks)) or "nothing is known of the experiments to judge by"
        model = self._keep(challenger, twin_after, every, [record.id for record in before], champion, checks, reason)
        self.store.add_retraining(model.id, promote=promoted, reason=reason, last_outcome=mark)
        return RetrainResult(
            model.id, promoted, reason, tuple(checks), len(lab), len(self.literature), time.monotonic() - started
        )

    def _models(self, champion: ModelRecord | None, anchor: Trainable) -> tuple[Trainable, Trainable, tuple[str, ...]]:
        """The model in service, its twin, and what of this store the twin has seen."""
        if champion is None:
            return self.maker.shipped(), anchor, ()
        if champion.twin is None:
            raise RetrainError(
                f"{champion.id} has no twin, so a challenger cannot be judged fairly against it; "
                "put a model that retraining made in service (closedloop models list, promote)"
            )
        return self.maker.load(champion.path), self.maker.load(champion.twin.path), champion.twin.saw

    def _keep(
        self,
        challenger: Trainable,
        twin: Trainable,
        rows: Rows,
        saw: list[str],
        champion: ModelRecord | None,
        checks: list[Check],
        reason: str,
    ) -> ModelRecord:
        with tempfile.TemporaryDirectory() as folder:
            weights, beside = (Path(folder) / f"{name}{self.maker.suffix}" for name in ("model", "twin"))
            challenger.save(weights)
            twin.save(beside)
            return self.store.add_model(
                weights,
                parent=champion.id if champion else None,
                data_digest=digest(rows.experiments, rows.weights),
                metrics={"checks": [asdict(check) for check in checks], "seed": self.seed},
                note=reason,
                twin=(beside, saw),
            )
