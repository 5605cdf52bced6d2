"""The run ledger on the disk: `closedloop.lab.Ledger`, with an experiment's id as the run."""

from sqlmodel import col, select

from closedloop.lab import LedgerEntry
from closedloop.store.errors import UnknownExperiment, UnknownStep
from closedloop.store.shelf import Shelf
from closedloop.store.tables import ConfirmationRow, ExperimentRow, IntentRow


class LedgerShelf(Shelf):
    """Intention and confirmation are two lines; neither is ever changed."""

    def entries(self, run_id: str) -> list[LedgerEntry]:
        """In the order of their positions; none for a run that nothing was written of."""
        with self._reading() as session:
            query = (
                select(IntentRow, ConfirmationRow.after)
                .outerjoin(
                    ConfirmationRow,
                    (col(ConfirmationRow.experiment) == col(IntentRow.experiment))
                    & (col(ConfirmationRow.position) == col(IntentRow.position)),
                )
                .where(col(IntentRow.experiment) == run_id)
                .order_by(col(IntentRow.position))
            )
            return [LedgerEntry(row.position, row.step, row.before, after) for row, after in session.exec(query)]

    def intend(self, run_id: str, position: int, step: str, before: str) -> None:
        """On the disk when it returns; the first line of a position stays. Raises `UnknownExperiment`."""
        with self._writing(IntentRow) as session:
            if session.get(IntentRow, (run_id, position)) is not None:
                return
            if session.exec(select(ExperimentRow.id).where(col(ExperimentRow.id) == run_id)).first() is None:
                raise UnknownExperiment(f"no experiment {run_id!r}: a run's steps are written under its experiment")
            session.add(IntentRow(experiment=run_id, position=position, step=step, before=before, at=self._now()))

    def confirm(self, run_id: str, position: int, after: str) -> None:
        """On the disk when it returns; the first confirmation stays. Raises `UnknownStep`."""
        with self._writing(ConfirmationRow) as session:
            if session.get(IntentRow, (run_id, position)) is None:
                raise UnknownStep(f"step {position} of {run_id!r} was never written down as intended")
            if session.get(ConfirmationRow, (run_id, position)) is None:
                session.add(ConfirmationRow(experiment=run_id, position=position, after=after, at=self._now()))
