"""Images of experiments, the scales that people stated for them, and the particles that people corrected in them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlmodel import Session, col, select

from closedloop.recipes import Outcome
from closedloop.store.artefacts import digest_of
from closedloop.store.errors import UnknownImage
from closedloop.store.experiments import ExperimentShelf, require_experiment
from closedloop.store.records import CorrectionRecord, ImageRecord, Move
from closedloop.store.tables import CorrectionRow, ImageRow, ImageScaleRow, OutcomeRow, TransitionRow


class ImageShelf(ExperimentShelf):
    """The part of the store that a microscopist lives on."""

    def add_image(self, id: str, path: Path, nm_per_px: float | None = None) -> Path:
        """Copies the image into the store and gives its place there; the same image twice is one.

        nm_per_px: where a person stated it; what was said last holds, and brought without one the image speaks for
        itself again.

        Raises `UnknownExperiment`, `ArtefactError`.
        """
        with self._reading() as session:
            require_experiment(session, id)
        artefact = self._keep(path, f"images/{id}")
        with self._writing(ImageRow) as session:
            known = _image(session, id, artefact.sha256)
            if known is None:
                known = ImageRow(
                    experiment=id,
                    sha256=artefact.sha256,
                    path=artefact.path,
                    original=Path(path).name,
                    added_at=self._now(),
                )
                session.add(known)
                session.flush()
            if nm_per_px != _stated(session, known):
                self._state_scale(session, known, nm_per_px)
            return self.files / known.path

    def images(self, id: str) -> list[Path]:
        """In the order that they were added. Raises `UnknownExperiment`."""
        return [image.path for image in self.image_records(id)]

    def image_records(self, id: str) -> list[ImageRecord]:
        """As `images`, with what is known of each. Raises `UnknownExperiment`."""
        with self._reading() as session:
            require_experiment(session, id)
            query = select(ImageRow).where(col(ImageRow.experiment) == id).order_by(col(ImageRow.id))
            return [self._record(session, row) for row in session.exec(query)]

    def find_image(self, id: str, path: Path) -> ImageRecord:
        """The experiment's image that has the content of this file.

        Raises `UnknownExperiment`, `UnknownImage`, `ArtefactError` where the file cannot be read.
        """
        sha256 = digest_of(path)
        records = self.image_records(id)
        for record in records:
            if record.sha256 == sha256:
                return record
        names = ", ".join(record.original for record in records) or "none yet"
        raise UnknownImage(
            f"{path}: is none of the images of {id} ({names}); bring it with `closedloop ingest` first, and do not "
            "save the image itself anew"
        )

    def owners(self, path: Path) -> list[str]:
        """Ids of the experiments that have an image of this content, in the order that it was brought to them.

        Raises `ArtefactError` where the file cannot be read.
        """
        sha256 = digest_of(path)
        with self._reading() as session:
            query = select(ImageRow.experiment).where(col(ImageRow.sha256) == sha256)
            return list(session.exec(query.order_by(col(ImageRow.id))))

    def add_correction(
        self,
        id: str,
        image_sha256: str,
        labels: Path,
        outcome: Outcome,
        changes: Mapping[str, int],
        nm_per_px: float | None = None,
        moves: Sequence[Move] = (),
    ) -> CorrectionRecord:
        """Keeps a corrected label image, the outcome that it means and the changes of state that this brings about, all
        or nothing; nothing older is touched.

        Raises `UnknownExperiment`, `UnknownImage`, `ArtefactError`, `IllegalMove`.
        """
        with self._reading() as session:
            require_experiment(session, id)
            if _image(session, id, image_sha256) is None:
                raise UnknownImage(f"{id} has no image {image_sha256[:12]}; bring it with `closedloop ingest` first")
        artefact = self._keep(labels, f"corrections/{id}")
        with self._writing(CorrectionRow, OutcomeRow, TransitionRow) as session:
            image = _image(session, id, image_sha256)
            assert image is not None  # images are never taken away
            assert image.id is not None
            if nm_per_px is not None:
                self._state_scale(session, image, nm_per_px)
            row = CorrectionRow(
                image=image.id, sha256=artefact.sha256, path=artefact.path, changes=dict(changes), added_at=self._now()
            )
            session.add(row)
            self._conclude(session, id, outcome, moves)
            return self._correction(row)

    def _state_scale(self, session: Session, image: ImageRow, nm_per_px: float | None) -> None:
        assert image.id is not None  # flushed, so numbered
        session.add(ImageScaleRow(image=image.id, nm_per_px=nm_per_px, at=self._now()))

    def _record(self, session: Session, row: ImageRow) -> ImageRecord:
        correction = session.exec(
            select(CorrectionRow).where(col(CorrectionRow.image) == row.id).order_by(col(CorrectionRow.id).desc())
        ).first()
        return ImageRecord(
            path=self.files / row.path,
            sha256=row.sha256,
            original=row.original,
            nm_per_px=_stated(session, row),
            correction=None if correction is None else self._correction(correction),
            added_at=row.added_at,
        )

    def _correction(self, row: CorrectionRow) -> CorrectionRecord:
        return CorrectionRecord(
            labels=self.files / row.path, sha256=row.sha256, changes=row.changes, added_at=row.added_at
        )


def _image(session: Session, id: str, sha256: str) -> ImageRow | None:
    return session.exec(select(ImageRow).where(col(ImageRow.experiment) == id, col(ImageRow.sha256) == sha256)).first()


def _stated(session: Session, image: ImageRow) -> float | None:
    """The pixel size that a person stated last, in nm; ``None`` where none was, or the last one was withdrawn."""
    query = select(ImageScaleRow.nm_per_px).where(col(ImageScaleRow.image) == image.id)
    return session.exec(query.order_by(col(ImageScaleRow.id).desc())).first()
