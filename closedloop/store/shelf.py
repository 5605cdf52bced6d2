"""What the parts of the store share: a database, a clock, the folder of artefacts, and transactions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, Engine, text
from sqlmodel import Session, SQLModel

from closedloop.store.artefacts import Artefact, keep
from closedloop.store.database import artefact_folder, named_errors
from closedloop.store.errors import StoreReadOnly


class Shelf:
    """One call of a part is one transaction: what a killed process leaves behind is all of it or nothing."""

    def __init__(self, url: URL, engine: Engine, now: Callable[[], datetime]) -> None:
        self._url = url
        self._engine = engine
        self._writer = engine.execution_options(immediate=True)
        self._now = now

    def now(self) -> datetime:
        """The clock that the store dates everything by."""
        return self._now()

    @property
    def files(self) -> Path:
        """The folder of artefacts; made on first use."""
        folder = artefact_folder(self._url)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreReadOnly(f"{folder}: cannot be made ({error.strerror}); make its parent writable") from error
        return folder

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        """One consistent view of the database."""
        with named_errors(self._url), Session(self._engine) as session:
            yield session

    @contextmanager
    def _writing(self, *tables: type[SQLModel]) -> Iterator[Session]:
        """The only writer of these tables until it ends, and durable then.

        SQLite has one writer for the whole database, by ``BEGIN IMMEDIATE``; elsewhere writers of the same table
        wait for each other, because numbers are counted on.
        """
        with named_errors(self._url), Session(self._writer) as session, session.begin():
            if self._engine.dialect.name == "postgresql":
                # In one order for all, so that no two writers wait for each other.
                names = ", ".join(sorted(f'"{table.__tablename__}"' for table in tables))
                session.connection().execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
            yield session

    def _keep(self, source: Path, folder: str) -> Artefact:
        return keep(Path(source), self.files, folder)
