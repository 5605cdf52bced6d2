"""Images of experiments, the scales that people stated for them, the particles that people corrected in them, and which
of them people took away.

An image that was taken away is kept, and counts no longer until it is brought again.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlmodel import Session, col, select

from closedloop.recipes import Outcome
from closedloop.store.artefacts import digest_of
from closedloop.store.errors import UnknownImage
from closedloop.store.experiments import ExperimentShelf, require_experiment
from closedloop.store.records import CorrectionRecord, ImageRecord, Move
from closedloop.store.tables import (
    CorrectionRow,
    ImageRow,
    ImageScaleRow,
    ImageWithdrawalRow,
    OutcomeRow,
    TransitionRow,
)

# So few digits of a digest are still one image's own, in any experiment.
_FEWEST_DIGITS = 8


class ImageShelf(ExperimentShelf):
    """The part of the store that a microscopist lives on."""

    def add_image(self, id: str, path: Path, nm_per_px: float | None = None) -> Path:
        """Copies the image into the store and gives its place there; the same image twice is one, and one that was
        taken away counts again.

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
            if _taken_away(session, known) is not None:
                assert known.id is not None  # flushed, so numbered
                session.add(ImageWithdrawalRow(image=known.id, why=None, at=self._now()))
            return self.files / known.path

    def images(self, id: str) -> list[Path]:
        """Those that count, in the order that they were added. Raises `UnknownExperiment`."""
        return [image.path for image in self.image_records(id)]

    def image_records(self, id: str) -> list[ImageRecord]:
        """As `images`, with what is known of each. Raises `UnknownExperiment`."""
        with self._reading() as session:
            return [self._record(session, row) for row, why in _rows(session, id) if why is None]

    def images_taken_away(self, id: str) -> list[tuple[ImageRecord, str]]:
        """The others, each with the reason. Raises `UnknownExperiment`."""
        with self._reading() as session:
            return [(self._record(session, row), why) for row, why in _rows(session, id) if why is not None]

    def is_corrected(self, id: str) -> bool:
        """Whether a person ever corrected particles of the experiment's images, or took one away."""
        with self._reading() as session:
            require_experiment(session, id)
            images = select(ImageRow.id).where(col(ImageRow.experiment) == id)
            corrected = select(CorrectionRow.id).where(col(CorrectionRow.image).in_(images))
            withdrawn = select(ImageWithdrawalRow.id).where(col(ImageWithdrawalRow.image).in_(images))
            return any(session.exec(query.limit(1)).first() is not None for query in (corrected, withdrawn))

    def find_image(self, id: str, path: Path) -> ImageRecord:
        """The experiment's image that has the content of this file.

        Raises `UnknownExperiment`, `UnknownImage`, `ArtefactError` where the file cannot be read.
        """
        sha256 = digest_of(path)
        records = self.image_records(id)
        for record in records:
            if record.sha256 == sha256:
                return record
        for record, why in self.images_taken_away(id):
            if record.sha256 == sha256:
                raise UnknownImage(
                    f"{path}: was taken away from {id} ({why}); bring it with `closedloop ingest` again where it counts"
                )
        names = ", ".join(record.original for record in records) or "none yet"
        raise UnknownImage(
            f"{path}: is none of the images of {id} ({names}); bring it with `closedloop ingest` first, and do not "
            "save the image itself anew"
        )

    def named_image(self, id: str, name: str) -> ImageRecord:
        """The image that a person means by a file of its content, by the name that it was brought under, or by its
        digest or the first eight or more digits of it.

        Raises `UnknownExperiment`, `UnknownImage`, also where several have the name.
        """
        records = self.image_records(id)
        digest = name.lower()
        if os.path.isfile(name):  # unlike pathlib, it takes any text
            content = digest_of(Path(name))
            found = [record for record in records if record.sha256 == content]
        else:
            found = [record for record in records if record.original == name]
            if not found and len(digest) >= _FEWEST_DIGITS:
                found = [record for record in records if record.sha256.startswith(digest)]
        if len(found) == 1:
            return found[0]
        has = ", ".join(f"{record.original} ({record.sha256[:_FEWEST_DIGITS]})" for record in records) or "none"
        what = f"names {len(found)} of the images" if found else "is none of the images"
        raise UnknownImage(f"{name}: {what} that count for {id}: {has}; name one by the digits beside it")

    def owners(self, path: Path) -> list[str]:
        """Ids of the experiments for which an image of this content counts, in the order that it was brought to them.

        Raises `ArtefactError` where the file cannot be read.
        """
        sha256 = digest_of(path)
        with self._reading() as session:
            query = select(ImageRow).where(col(ImageRow.sha256) == sha256).order_by(col(ImageRow.id))
            return [row.experiment for row in session.exec(query) if _taken_away(session, row) is None]

    def take_away(self, id: str, images: Sequence[str], why: str, outcome: Outcome, moves: Sequence[Move] = ()) -> None:
        """Lets images (their digests) no longer count, with the outcome of those that still do and the changes of state
        that this brings about, all or nothing; nothing is deleted.

        Raises `UnknownExperiment`, `UnknownImage`, `IllegalMove`.
        """
        with self._writing(ImageWithdrawalRow, OutcomeRow, TransitionRow) as session:
            require_experiment(session, id)
            for sha256 in images:
                image = _image(session, id, sha256)
                if image is None:
                    raise UnknownImage(f"{id} has no image {sha256[:12]}; name one that it has")
                assert image.id is not None
                session.add(ImageWithdrawalRow(image=image.id, why=why, at=self._now()))
            self._conclude(session, id, outcome, moves)

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
            assert image is not None  # rows are never deleted
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


def _rows(session: Session, id: str) -> list[tuple[ImageRow, str | None]]:
    """The experiment's images in the order that they were added, each with why it was taken away, where it was."""
    require_experiment(session, id)
    query = select(ImageRow).where(col(ImageRow.experiment) == id).order_by(col(ImageRow.id))
    return [(row, _taken_away(session, row)) for row in session.exec(query)]


def _taken_away(session: Session, image: ImageRow) -> str | None:
    """Why; ``None`` where the image counts."""
    query = select(ImageWithdrawalRow.why).where(col(ImageWithdrawalRow.image) == image.id)
    return session.exec(query.order_by(col(ImageWithdrawalRow.id).desc())).first()


def _stated(session: Session, image: ImageRow) -> float | None:
    """The pixel size that a person stated last, in nm; ``None`` where none was, or the last one was withdrawn."""
    query = select(ImageScaleRow.nm_per_px).where(col(ImageScaleRow.image) == image.id)
    return session.exec(query.order_by(col(ImageScaleRow.id).desc())).first()
