"""Experiments, the states that they go through, and their outcomes."""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from closedloop.recipes import Outcome, Recipe
from closedloop.store.campaigns import CampaignShelf, unknown_campaign
from closedloop.store.errors import IllegalMove, UnknownExperiment
from closedloop.store.records import ExperimentRecord, Move, Transition, best_outcome
from closedloop.store.states import State
from closedloop.store.tables import (
    CampaignRow,
    ExperimentRow,
    OutcomeRow,
    TransitionRow,
)


class ExperimentShelf(CampaignShelf):
    """The part of the store that the campaign lives on."""

    def add_experiment(
        self,
        campaign: str,
        recipe: Recipe,
        *,
        model_id: str | None = None,
        prediction: Mapping[str, Any] | None = None,
        reason: str = "",
        batch: int | None = None,
    ) -> ExperimentRecord:
        """A new experiment in the state ``proposed``, with the campaign's next number. Raises `UnknownCampaign`."""
        with self._writing(ExperimentRow) as session:
            return self._add(session, campaign, recipe, model_id, prediction, reason, batch)

    def _add(
        self,
        session: Session,
        campaign: str,
        recipe: Recipe,
        model_id: str | None,
        prediction: Mapping[str, Any] | None,
        reason: str,
        batch: int | None,
    ) -> ExperimentRecord:
        if session.get(CampaignRow, campaign) is None:
            raise unknown_campaign(session, campaign)
        last = session.exec(select(func.max(ExperimentRow.number)).where(col(ExperimentRow.campaign) == campaign)).one()
        number = (last or 0) + 1
        row = ExperimentRow(
            id=f"{campaign}-{number:04d}",
            campaign=campaign,
            number=number,
            product=recipe.product,
            recipe=recipe.model_dump(mode="json"),
            prediction=None if prediction is None else dict(prediction),
            model_id=model_id,
            reason=reason,
            batch=batch,
            created_at=self._now(),
        )
        session.add(row)
        session.flush()
        first = TransitionRow(experiment=row.id, position=1, state=State.PROPOSED.value, at=row.created_at)
        session.add(first)
        return _record(row, first, [])

    def replace_experiment(
        self,
        id: str,
        recipe: Recipe,
        outcome: Outcome,
        why: str,
        *,
        only_from: Sequence[State],
        model_id: str | None = None,
        prediction: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> ExperimentRecord:
        """The new experiment that goes on in the place of one that fails with this outcome, in the same batch; the old
        one's last note says ``why`` and what it goes on as. All of it is written, or nothing is.

        Raises `UnknownExperiment`, and `IllegalMove` where the old one is in no state of ``only_from``.
        """
        with self._writing(ExperimentRow, OutcomeRow, TransitionRow) as session:
            old = session.exec(select(ExperimentRow).where(col(ExperimentRow.id) == id)).first()
            if old is None:
                raise _unknown_experiment(session, id)
            _require_state(session, id, only_from)
            new = self._add(session, old.campaign, recipe, model_id, prediction, reason, old.batch)
            self._conclude(session, id, outcome, [Move(state=State.FAILED, note=f"{why}, goes on as {new.id}")])
            return new

    def experiment(self, id: str) -> ExperimentRecord:
        """As it stands. Raises `UnknownExperiment`."""
        with self._reading() as session:
            records = _records(session, select(ExperimentRow).where(col(ExperimentRow.id) == id))
            if not records:
                raise _unknown_experiment(session, id)
            return records[0]

    def experiments(self, campaign: str | None = None, states: Iterable[State] | None = None) -> list[ExperimentRecord]:
        """In the order that they were proposed; of one campaign or all, in some states or any."""
        query = select(ExperimentRow).order_by(col(ExperimentRow.sequence))
        if campaign is not None:
            query = query.where(col(ExperimentRow.campaign) == campaign)
        with self._reading() as session:
            return _records(session, query, None if states is None else set(states))

    def move(self, id: str, state: State, note: str = "", at: datetime | None = None) -> None:
        """Raises `IllegalMove` where the state may not follow the present one, `UnknownExperiment`."""
        with self._writing(TransitionRow) as session:
            require_experiment(session, id)
            self._move(session, id, [Move(state=state, note=note)], at)

    def _move(self, session: Session, id: str, moves: Sequence[Move], at: datetime | None = None) -> None:
        for move in moves:
            last = _last_transition(session, id)
            present, state = State(last.state), move.state
            if state not in present.next_states:
                may = " or ".join(present.next_states) or "nothing: it is over"
                raise IllegalMove(f"{id} is {present} and cannot become {state}; next may come {may}")
            session.add(
                TransitionRow(
                    experiment=id, position=last.position + 1, state=state.value, note=move.note, at=at or self._now()
                )
            )

    def history(self, id: str) -> list[Transition]:
        """All states that the experiment went through, with their times. Raises `UnknownExperiment`."""
        with self._reading() as session:
            require_experiment(session, id)
            query = (
                select(TransitionRow).where(col(TransitionRow.experiment) == id).order_by(col(TransitionRow.position))
            )
            return [Transition(state=State(row.state), note=row.note, at=row.at) for row in session.exec(query)]

    def was_begun(self, id: str) -> bool:
        """Whether it was ever being made, whatever became of it. Raises `UnknownExperiment`."""
        return any(change.state is State.RUNNING for change in self.history(id))

    def add_outcome(
        self, id: str, outcome: Outcome, moves: Sequence[Move] = (), *, only_from: Sequence[State] = tuple(State)
    ) -> None:
        """Appends; which outcome holds is decided by evidence (see `best_outcome`).

        ``moves`` are the changes of state that the outcome brings about: all of it is written, or nothing is. Raises
        `UnknownExperiment`, and `IllegalMove` as `move`, or where an open experiment is in no state of ``only_from``.
        """
        with self._writing(OutcomeRow, TransitionRow) as session:
            require_experiment(session, id)
            _require_state(session, id, only_from)
            self._conclude(session, id, outcome, moves)

    def _conclude(self, session: Session, id: str, outcome: Outcome, moves: Sequence[Move]) -> None:
        session.add(_outcome_row(id, outcome, self._now()))
        self._move(session, id, moves)

    def outcomes(self, id: str) -> list[Outcome]:
        """All of them, in the order that they were added. Raises `UnknownExperiment`."""
        with self._reading() as session:
            require_experiment(session, id)
            query = select(OutcomeRow).where(col(OutcomeRow.experiment) == id).order_by(col(OutcomeRow.id))
            return [Outcome.kept(row.outcome) for row in session.exec(query)]


def _require_state(session: Session, id: str, only_from: Sequence[State]) -> None:
    """Raises `IllegalMove` where an open experiment is in none of these states; one that is over is told so later."""
    present = State(_last_transition(session, id).state)
    if present.is_open and present not in only_from:
        raise IllegalMove(f"{id} is {present} by now, no longer {' or '.join(only_from)}; nothing was changed")


def _last_transition(session: Session, id: str) -> TransitionRow:
    query = select(TransitionRow).where(col(TransitionRow.experiment) == id)
    return session.exec(query.order_by(col(TransitionRow.position).desc()).limit(1)).one()


def _outcome_row(id: str, outcome: Outcome, at: datetime) -> OutcomeRow:
    return OutcomeRow(
        experiment=id,
        outcome=outcome.model_dump(mode="json"),
        method=outcome.evidence.method.value if outcome.evidence else None,
        success=outcome.success,
        failure_cause=outcome.failure_cause.value if outcome.failure_cause else None,
        size_nm=outcome.size_nm,
        added_at=at,
    )


def _records(
    session: Session, query: SelectOfScalar[ExperimentRow], states: set[State] | None = None
) -> list[ExperimentRecord]:
    """The experiments of the query, each with its latest transition and its best outcome."""
    rows = session.exec(query).all()
    ids = query.order_by(None).with_only_columns(col(ExperimentRow.id))
    latest = (
        select(TransitionRow.experiment, func.max(TransitionRow.position).label("position"))
        .where(col(TransitionRow.experiment).in_(ids))
        .group_by(col(TransitionRow.experiment))
        .subquery()
    )
    stands = {
        transition.experiment: transition
        for transition in session.exec(
            select(TransitionRow).join(
                latest,
                (col(TransitionRow.experiment) == latest.c.experiment)
                & (col(TransitionRow.position) == latest.c.position),
            )
        )
    }
    learned: dict[str, list[Outcome]] = defaultdict(list)
    outcomes = select(OutcomeRow).where(col(OutcomeRow.experiment).in_(ids)).order_by(col(OutcomeRow.id))
    for outcome in session.exec(outcomes):
        learned[outcome.experiment].append(Outcome.kept(outcome.outcome))
    return [
        _record(row, stands[row.id], learned[row.id])
        for row in rows
        if states is None or State(stands[row.id].state) in states
    ]


def _record(row: ExperimentRow, stands: TransitionRow, outcomes: list[Outcome]) -> ExperimentRecord:
    return ExperimentRecord(
        id=row.id,
        campaign=row.campaign,
        number=row.number,
        recipe=Recipe.model_validate(row.recipe),
        state=State(stands.state),
        note=stands.note,
        outcome=best_outcome(outcomes),
        prediction=row.prediction,
        model_id=row.model_id,
        reason=row.reason,
        batch=row.batch,
        created_at=row.created_at,
    )


def require_experiment(session: Session, id: str) -> None:
    """Raises `UnknownExperiment`."""
    if session.exec(select(ExperimentRow.sequence).where(col(ExperimentRow.id) == id)).first() is None:
        raise _unknown_experiment(session, id)


def _unknown_experiment(session: Session, id: str) -> UnknownExperiment:
    newest_first = session.exec(select(ExperimentRow.id).order_by(col(ExperimentRow.sequence).desc())).all()
    if not newest_first:
        return UnknownExperiment(f"no experiment {id!r}: this store has none yet; is it the right store (--store)?")
    near = difflib.get_close_matches(str(id), newest_first, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return UnknownExperiment(f"no experiment {id!r}; {hint}the most recent are {', '.join(newest_first[:5])}")
