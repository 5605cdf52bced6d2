"""The loop: propose, make, look, learn, until the target is hit or there is a reason to stop.

Everything that it decides lies in the store before it acts, so a killed run goes on where it stopped.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from closedloop.campaign.campaign import UNBEGUN, Campaign, moves_after
from closedloop.campaign.definition import Approval
from closedloop.campaign.edit import limits_broken
from closedloop.campaign.errors import CampaignBusy, LabInUse
from closedloop.campaign.judge import without_chemistry
from closedloop.campaign.sample import outcome_of_images
from closedloop.campaign.stopping import Action, hopeless
from closedloop.lab import Bench, Executor, InstrumentError, LabConfig, ProcedureError, Progress, compile_recipe
from closedloop.propose import Outlook
from closedloop.recipes import ClosedloopError, Outcome
from closedloop.store import ExperimentRecord, State, Store, one_at_a_time

# After so many experiments in a row that the equipment spoiled, a person should look before more material is wasted.
PATIENCE = 3


class Retrainer(Protocol):
    """What the loop asks of the room that retrains: whether it is time, and to do it (returns a line for the user)."""

    def due(self, campaign: str) -> bool: ...

    def retrain(self, campaign: str) -> str: ...


@dataclass(frozen=True)
class News:
    """Something that a person watching would want to know; ``lab`` is set while the bench is at work, ``outlook`` when
    the next recipes were chosen."""

    text: str
    experiment: ExperimentRecord | None = None
    lab: Progress | None = None
    outlook: Outlook | None = None


@contextmanager
def only_runner(store: Store) -> Iterator[None]:
    """Keeps a second run away from what a store decides; its lab's ports are kept by their drivers, whatever the store.

    Raises `CampaignBusy`. For a store on a server it knows of the runs of this computer alone.
    """
    busy = CampaignBusy(f"another closedloop run is using {store.url}; wait for it or stop it")
    with one_at_a_time(store.files / "run.lock", busy):
        yield


def check_free(campaign: Campaign, lab: LabConfig) -> None:
    """Raises `LabInUse` where something of another campaign of the store is being made in this lab.

    Asked before the bench is opened: leaving it would stop what goes on there.
    """
    here = ("", _place(lab))  # older versions did not write the place down
    running = campaign.store.experiments(states=[State.RUNNING])
    if others := [each for each in running if each.campaign != campaign.name and each.note in here]:
        first = others[0]
        raise LabInUse(
            f"{first.id} of the campaign {first.campaign} is still being made in {lab.name}; run "
            f"{first.campaign} again, which goes on with it or makes the lab safe, then this one"
        )


def _place(lab: LabConfig) -> str:
    return f"in {lab.name}"


class Runner:
    """Drives one campaign on one bench."""

    def __init__(
        self,
        campaign: Campaign,
        bench: Bench,
        *,
        budget: int | None = None,
        retrainer: Retrainer | None = None,
        notify: Callable[[News], None] = lambda _: None,
    ) -> None:
        self.campaign = campaign
        self.bench = bench
        self.store = campaign.store
        self.budget = campaign.definition.budget if budget is None else budget
        self.retrainer = retrainer
        self.notify = notify
        self._spoiled: list[ExperimentRecord] = []

    def run(self) -> str:
        """Runs until there is a reason to stop, and returns it as a sentence.

        Raises `InstrumentError` at once where the lab could not be made safe: then what is open stays open. Raises
        `LabInUse` as `check_free`.
        """
        check_free(self.campaign, self.bench.config)
        while True:
            # What stands on the plate comes first: a proposal that was approved meanwhile may be older.
            ordered = sorted(self.campaign.open_experiments(), key=lambda each: each.state is not State.RUNNING)
            for record in ordered:
                self._carry_on(record)
                if (reason := self._reason_to_stop()) is not None:
                    self._drop_unstarted()
                    return reason
            self._learn()
            if (reason := self._reason_to_stop() or self._reason_to_wait()) is not None:
                return reason
            count = min(self.budget - len(self.campaign.made()), self.campaign.definition.batch_size)
            self.notify(News(f"choosing the next {count} recipes"))
            batch = self.campaign.look_ahead(count)
            if batch.plan is not None and batch.advice is not None:
                self.notify(News(f"{batch.advice.action}: {batch.advice.why}", outlook=batch.plan.outlook))
                if (reason := hopeless(batch.plan.outlook, self.campaign.definition.stop)) is not None:
                    advice = batch.advice
                    return reason if advice.action is Action.GO_ON else f"{reason}; {advice.action}: {advice.why}"
            for record in self.campaign.accept(batch):
                self.notify(News("proposed", record))

    def _reason_to_stop(self) -> str | None:
        hits = self.campaign.confirmed()
        if len(hits) >= self.campaign.definition.hits_wanted:
            repeats = self.campaign.definition.stop.confirmed_by
            borne_out = f", confirmed by {repeats} repeat{'s' * (repeats > 1)}" if repeats else ""
            return f"target hit by {', '.join(hit.id for hit in hits)}{borne_out}"
        if len(self._spoiled) >= PATIENCE:
            notes = "; ".join(f"{record.id}: {record.note}" for record in self._spoiled)
            return f"{PATIENCE} experiments in a row were spoiled, so a person should look at the lab ({notes})"
        if len([record for record in self.campaign.made() if not record.state.is_open]) >= self.budget:
            return self._used_up()
        return None

    def _used_up(self) -> str:
        short = self.campaign.definition.short_of(self.budget)
        more = f" ({short}, so run again with a larger one)" if short else ""
        return f"budget of {self.budget} experiments used up{more}"

    def _reason_to_wait(self) -> str | None:
        """Open experiments that only a person can move."""
        waiting = self.campaign.open_experiments()
        imageless = [record.id for record in waiting if record.state is State.AWAITING_CHARACTERISATION]
        unapproved = [record.id for record in waiting if record.state is State.PROPOSED]
        if imageless:
            return (
                f"{', '.join(imageless)} await their TEM images; bring them with "
                "`closedloop ingest IMAGE… --experiment ID`, then run again"
            )
        if unapproved:
            return (
                f"{', '.join(unapproved)} await approval; decide with `closedloop proposals approve ID` or "
                "`closedloop proposals veto ID`, then run again"
            )
        if len(self.campaign.made()) >= self.budget:
            return self._used_up()
        return None

    def _drop_unstarted(self) -> None:
        """Proposals that nobody began are closed as abandoned when the campaign ends."""
        for record in self.campaign.open_experiments():
            if record.state in UNBEGUN:
                self.campaign.abandon(record.id, "the campaign ended before it was begun")

    def _carry_on(self, record: ExperimentRecord) -> None:
        """Takes one experiment as far as this lab can, from whatever state it is in now: a person may have decided
        while another was made."""
        record = self.store.experiment(record.id)
        if not record.state.is_open:
            return
        proposed = record.state is State.PROPOSED
        if proposed and self.campaign.definition.approval is Approval.ASK:
            return
        if record.state in UNBEGUN and (broken := limits_broken(record.recipe, self.campaign.definition)):
            before = "proposed" if proposed else "approved"
            why = f"not made: it was {before} before the campaign's limits came to forbid it: {'; '.join(broken)}"
            self.campaign.abandon(record.id, why)
            self.notify(News("done", self.store.experiment(record.id)))
            return
        if proposed:
            self.campaign.approve(record.id, "approved by the campaign's own rule")
        record = self.store.experiment(record.id)
        if record.state in (State.APPROVED, State.CHECKED, State.RUNNING):
            self._make(record)
            record = self.store.experiment(record.id)
        if record.state is State.AWAITING_CHARACTERISATION and self.bench.microscope is not None:
            self._look(record)
        elif record.state is State.MEASURED and record.outcome is not None:
            # An older version could be killed between an outcome and the state that follows from it.
            for move in moves_after(record.state, record.outcome):
                self.store.move(record.id, move.state, move.note)
        record = self.store.experiment(record.id)
        if not record.state.is_open:
            spoiled = record.outcome is None or record.outcome.success is None
            self._spoiled = [*self._spoiled, record] if spoiled else []
        self.notify(News("done", record))

    def _make(self, record: ExperimentRecord) -> None:
        try:
            procedure = compile_recipe(record.recipe, self.bench.config, record.id)
        except ProcedureError as error:
            if record.state is State.RUNNING:
                changed = InstrumentError(
                    f"the lab file has changed since it was begun, it cannot be made now: {error}"
                )
                self.bench.make_safe_after(changed)
                self._spoil(record, changed)
            else:
                self.campaign.abandon(record.id, f"cannot be made here: {error}")
            return
        self.campaign.claim()
        if record.state is State.APPROVED:
            self.store.move(record.id, State.CHECKED, note="the lab's stocks, vessel and limits allow it")
        if record.state is not State.RUNNING:
            self.store.move(record.id, State.RUNNING, note=_place(self.bench.config))
        running = self.store.experiment(record.id)
        executor = Executor(self.bench, self.store, lambda step: self.notify(News("making", running, step)))
        try:
            executor.run(procedure)
        except InstrumentError as error:
            self._spoil(record, error)
        else:
            self.store.move(record.id, State.AWAITING_CHARACTERISATION)

    def _spoil(self, record: ExperimentRecord, error: InstrumentError) -> None:
        """Ends what the lab spoiled; raises the error again where the lab could not be made safe after it."""
        self.campaign.fail(record.id, error.cause, f"{error.cause}: {error}")
        if error.aftermath:
            error.add_note(f"{record.id} has failed and nothing else is begun: a person must look at the lab first")
            raise error

    def _look(self, record: ExperimentRecord) -> None:
        assert self.bench.microscope is not None
        self.notify(News("taking and measuring images", record))
        outcome: Outcome
        try:
            with tempfile.TemporaryDirectory(dir=self.store.files) as folder:
                taken = self.bench.microscope.acquire(record.id, Path(folder))
                for path in taken:
                    self.store.add_image(record.id, path)
            outcome = outcome_of_images(self.store, record.id, self.campaign.definition)
        except InstrumentError as error:
            outcome = without_chemistry(error.cause)
        self.campaign.settle(record.id, outcome)

    def _learn(self) -> None:
        if self.retrainer is None or not self.retrainer.due(self.campaign.name):
            return
        self.notify(News("retraining the model on what was learned"))
        try:
            self.notify(News(self.retrainer.retrain(self.campaign.name)))
        except ClosedloopError as error:
            self.notify(News(f"retraining failed: {error}"))
