"""Brings a database to the schema of this version: a new one by all migrations, an old one after a copy of it.

Which revisions exist is read from the names of the migration files, so that opening a store that is up to date costs
one query and does not load Alembic.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, inspect, text

from closedloop.store.database import make_engine, named_errors, sqlite_file, use_wal
from closedloop.store.errors import NewerSchema, NotADatabase
from closedloop.whole_files import whole

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class Upgrade:
    """What opening did: ``before`` is ``None`` for a new database, ``backup`` the copy of an old one."""

    before: str | None
    after: str
    backup: Path | None = None

    @property
    def changed(self) -> bool:
        return self.before != self.after


def revisions() -> list[str]:
    """All revisions in order; the number that a migration's file name begins with."""
    return sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def upgrade(url: URL) -> Upgrade:
    """One transaction, whichever migrations it takes; of several processes one upgrades and the others wait.

    Raises `NewerSchema` and `NotADatabase` with nothing written.
    """
    engine = make_engine(url, migrating=True)
    file = sqlite_file(url)
    known = revisions()
    try:
        with named_errors(url):
            if file is None or (file.exists() and file.stat().st_size):
                with engine.connect() as connection:
                    before = _revision(connection, known, url)
                if before == known[-1]:
                    return Upgrade(before, before)
            if file is not None:
                use_wal(file)
            with engine.connect().execution_options(immediate=True) as connection, connection.begin():
                _one_upgrade_at_a_time(connection)
                before = _revision(connection, known, url)
                if before == known[-1]:
                    return Upgrade(before, before)
                backup = _backup(file, known[known.index(before) + 1]) if file and before else None
                _migrate(connection)
                _check_references(connection)
            return Upgrade(before, known[-1], backup)
    finally:
        engine.dispose()


def _revision(connection: Connection, known: list[str], url: URL) -> str | None:
    """Where the database stands; ``None`` for an empty one."""
    where = url.render_as_string(hide_password=True)
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return None
    if "alembic_version" not in tables or not {"campaign", "experiment"} <= tables:
        # A database on a server may be shared with others; a file is ours alone or not at all.
        if url.get_backend_name() != "sqlite" and "alembic_version" not in tables:
            return None
        raise NotADatabase(f"{where}: is a database of some other program; give another path")
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision not in known:
        raise NewerSchema(
            f"{where}: has schema {revision}, and this version of closedloop knows up to {known[-1]}; "
            "upgrade closedloop, or give another store"
        )
    return str(revision)


def _one_upgrade_at_a_time(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7236110)"))


def _backup(file: Path, revision: str) -> Path:
    """A copy of the database as it was before the revision, whole or not at all."""
    copy = file.with_name(f"{file.name}.before-{revision}")
    with whole(copy) as draft, closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(draft)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
    return copy


def alembic_config(connection: Connection) -> "Config":
    """For Alembic's commands on our migrations and this connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def _migrate(connection: Connection) -> None:
    from alembic import command

    command.upgrade(alembic_config(connection), "head")


def _check_references(connection: Connection) -> None:
    """Foreign keys are off while tables are rebuilt; a migration that breaks one must not be committed."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise RuntimeError(f"the migration would leave references that lead nowhere: {broken[:5]}")
