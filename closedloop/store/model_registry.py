"""Models that were trained, which of them serves, and why; attempts to retrain."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from closedloop.store.artefacts import is_whole
from closedloop.store.errors import AlreadyChampion, ArtefactMissing, NothingToRollBack, UnknownModel
from closedloop.store.records import ModelRecord, ModelStatus, Promotion, Retraining, Twin
from closedloop.store.shelf import Shelf
from closedloop.store.tables import ModelRow, OutcomeRow, PromotionRow, RetrainingRow


class ModelShelf(Shelf):
    """The champion is whoever the promotions so far leave on top; nothing is deleted when another takes over."""

    def add_model(
        self,
        file: Path,
        *,
        parent: str | None = None,
        data_digest: str,
        metrics: Mapping[str, Any],
        note: str = "",
        twin: tuple[Path, Sequence[str]] | None = None,
    ) -> ModelRecord:
        """Copies the weights into the store, as a challenger; ``twin`` is its twin's weights and what that one saw.

        Raises `ArtefactError`, `UnknownModel` (the parent).
        """
        artefact = self._keep(file, "models")
        twin_artefact = None if twin is None else self._keep(twin[0], "models")
        with self._writing(ModelRow) as session:
            row = ModelRow(
                parent=None if parent is None else _number(session, parent),
                path=artefact.path,
                sha256=artefact.sha256,
                data_digest=data_digest,
                metrics=dict(metrics),
                note=note,
                created_at=self._now(),
                twin_path=twin_artefact.path if twin_artefact else None,
                twin_sha256=twin_artefact.sha256 if twin_artefact else None,
                twin_saw=None if twin is None else list(twin[1]),
            )
            session.add(row)
            session.flush()
            return self._model(row, [])

    def models(self) -> list[ModelRecord]:
        """In the order that they were added."""
        with self._reading() as session:
            promotions = _promotions(session)
            rows = session.exec(select(ModelRow).order_by(col(ModelRow.number)))
            return [self._model(row, promotions) for row in rows]

    def model(self, id: str) -> ModelRecord:
        """Raises `UnknownModel`."""
        with self._reading() as session:
            row = session.get_one(ModelRow, _number(session, id))
            return self._model(row, _promotions(session))

    def champion(self) -> ModelRecord | None:
        """The model in service; ``None``: the weights that ship with the package.

        Raises `ArtefactMissing` where its file is gone or changed, rather than serve something else.
        """
        with self._reading() as session:
            promotions = _promotions(session)
            number = _champion(promotions)
            if number is None:
                return None
            record = self._model(session.get_one(ModelRow, number), promotions)
        _check(record)
        return record

    def promote(self, id: str, reason: str) -> ModelRecord:
        """Raises `UnknownModel`, `AlreadyChampion`, `ArtefactMissing`."""
        _check(self.model(id))
        with self._writing(PromotionRow) as session:
            self._promote(session, id, reason)
            return self._model(session.get_one(ModelRow, _number(session, id)), _promotions(session))

    def _promote(self, session: Session, id: str, reason: str) -> None:
        number = _number(session, id)
        if _champion(_promotions(session)) == number:
            raise AlreadyChampion(f"{id} is in service already; nothing to do")
        session.add(PromotionRow(model=number, rollback=False, reason=reason, at=self._now()))
        session.flush()

    def rollback(self, reason: str) -> ModelRecord | None:
        """Takes the last promotion back that still stands; gives the champion before it (``None``: shipped weights).

        Raises `NothingToRollBack`.
        """
        with self._writing(PromotionRow) as session:
            stack = _standing(_promotions(session))
            if not stack:
                raise NothingToRollBack("no promotion is left to take back; the weights that ship are in service")
            number = stack[-2] if len(stack) > 1 else None
            session.add(PromotionRow(model=number, rollback=True, reason=reason, at=self._now()))
            session.flush()
            return None if number is None else self._model(session.get_one(ModelRow, number), _promotions(session))

    def promotions(self) -> list[Promotion]:
        """Every change of champion, the first first."""
        with self._reading() as session:
            return [
                Promotion(model_id=_id(row.model), rollback=row.rollback, reason=row.reason, at=row.at)
                for row in _promotions(session)
            ]

    def last_outcome(self) -> int:
        """A mark that grows with every outcome that is added; 0 before the first."""
        with self._reading() as session:
            return session.exec(select(func.max(OutcomeRow.id))).one() or 0

    def add_retraining(self, model_id: str | None, *, promote: bool, reason: str, last_outcome: int) -> None:
        """Writes an attempt down and, with ``promote``, puts its model in service: both, or neither.

        ``last_outcome`` is the mark at the time that the training data were read. Raises as `promote`.
        """
        if promote:
            assert model_id is not None  # or nothing could have passed the gate
            _check(self.model(model_id))
        with self._writing(PromotionRow, RetrainingRow) as session:
            if promote and model_id is not None:
                self._promote(session, model_id, reason)
            number = None if model_id is None else _number(session, model_id)
            session.add(
                RetrainingRow(model=number, promoted=promote, reason=reason, last_outcome=last_outcome, at=self._now())
            )

    def retrainings(self) -> list[Retraining]:
        """Every attempt, the first first."""
        with self._reading() as session:
            return [
                Retraining(model_id=_id(row.model), promoted=row.promoted, reason=row.reason, at=row.at)
                for row in session.exec(select(RetrainingRow).order_by(col(RetrainingRow.id)))
            ]

    def changed_since_retraining(self) -> set[str]:
        """Ids of the experiments of which something was learned after the last attempt to retrain."""
        with self._reading() as session:
            seen = session.exec(select(func.max(RetrainingRow.last_outcome))).one() or 0
            return set(session.exec(select(OutcomeRow.experiment).where(col(OutcomeRow.id) > seen)))

    def _model(self, row: ModelRow, promotions: list[PromotionRow]) -> ModelRecord:
        if _champion(promotions) == row.number:
            status = ModelStatus.CHAMPION
        elif any(promotion.model == row.number for promotion in promotions):
            status = ModelStatus.RETIRED
        else:
            status = ModelStatus.CHALLENGER
        return ModelRecord(
            id=f"model-{row.number:04d}",
            status=status,
            path=self.files / row.path,
            sha256=row.sha256,
            parent=_id(row.parent),
            data_digest=row.data_digest,
            metrics=row.metrics,
            note=row.note,
            created_at=row.created_at,
            twin=None
            if row.twin_path is None
            else Twin(path=self.files / row.twin_path, sha256=row.twin_sha256 or "", saw=tuple(row.twin_saw or ())),
        )


def _id(number: int | None) -> str | None:
    return None if number is None else f"model-{number:04d}"


def _number(session: Session, id: str) -> int:
    prefix, _, digits = id.rpartition("-")
    number = int(digits) if digits.isdecimal() and digits.isascii() else None
    if prefix == "model" and number is not None and session.get(ModelRow, number) is not None and _id(number) == id:
        return number
    last = session.exec(select(ModelRow.number).order_by(col(ModelRow.number).desc()).limit(5)).all()
    known = ", ".join(str(_id(number)) for number in last) or "none yet"
    raise UnknownModel(f"no model {id!r} in this store; the most recent: {known}")


def _promotions(session: Session) -> list[PromotionRow]:
    return list(session.exec(select(PromotionRow).order_by(col(PromotionRow.id))))


def _standing(promotions: list[PromotionRow]) -> list[int]:
    """The promotions that no rollback took back, the first first."""
    stack: list[int] = []
    for promotion in promotions:
        if promotion.rollback:
            stack.pop()
        elif promotion.model is not None:
            stack.append(promotion.model)
    return stack


def _champion(promotions: list[PromotionRow]) -> int | None:
    stack = _standing(promotions)
    return stack[-1] if stack else None


def _check(record: ModelRecord) -> None:
    if not is_whole(record.path, record.sha256):
        raise ArtefactMissing(
            f"{record.path}: the weights of {record.id} are gone or changed; restore the file, "
            "or take another model (closedloop models promote ID, or rollback)"
        )
