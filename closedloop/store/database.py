"""A database behind an address: what may be opened, how a transaction begins, and what its errors mean.

Tables and their meaning are left to the rest of the room.
"""

import hashlib
import json
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from closedloop.store.errors import (
    NotADatabase,
    StoreDamaged,
    StoreDiskFailed,
    StoreError,
    StoreFolderMissing,
    StoreFull,
    StoreLocked,
    StoreMissing,
    StoreReadOnly,
    StoreUnreachable,
    StoreUrlError,
)

BUSY_TIMEOUT_S = 30.0
SQLITE_MAGIC = b"SQLite format 3\x00"
WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def parse_url(url: str) -> URL:
    """Raises `StoreUrlError` where the address is none, or names a database that would be gone with the process."""
    try:
        parsed = make_url(url)
        parsed.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreUrlError(f"{url!r} is not the address of a store; write it as sqlite:///lab.db") from error
    except ModuleNotFoundError as error:
        shown = make_url(url).render_as_string(hide_password=True)
        raise StoreUrlError(f"{shown!r} needs the Python package {error.name}; install it") from error
    if parsed.get_backend_name() == "sqlite" and (not parsed.database or parsed.database.startswith((":", "file:"))):
        raise StoreUrlError(f"{url!r} names no file; a store must outlive the process: write sqlite:///lab.db")
    return parsed


def sqlite_file(url: URL) -> Path | None:
    """The database file, where the address names one."""
    return Path(str(url.database)).absolute() if url.get_backend_name() == "sqlite" else None


def database_file(url: str) -> Path | None:
    """The file behind an address; ``None`` for a database on a server. Raises `StoreUrlError`."""
    return sqlite_file(parse_url(url))


def artefact_folder(url: URL) -> Path:
    """Beside a database file; for a database on a server below ``CLOSEDLOOP_HOME``, by the address without password."""
    file = sqlite_file(url)
    if file is not None:
        return file.with_name(file.name + ".files")
    from closedloop.literature.places import home

    address = f"{url.get_backend_name()}://{url.host}:{url.port}/{url.database}"
    return home() / "stores" / f"{url.database}-{hashlib.sha256(address.encode()).hexdigest()[:12]}.files"


def check_file(file: Path, *, create: bool) -> None:
    """Raises a `StoreError` by name where the file cannot be a store that is written to; touches nothing.

    Mode bits are read even where the operating system would not stop us: what an administrator marked read-only is
    not ours to write.
    """
    try:
        _look_at(file, create)
    except OSError as error:
        raise StoreUnreachable(f"{file}: cannot be used ({error.strerror}); allow it, or give another place") from error


def _look_at(file: Path, create: bool) -> None:
    folder = file.parent
    if not folder.is_dir():
        raise StoreFolderMissing(f"{folder}: no such folder; make it, or give another place for the store")
    if not file.exists() and not create:
        raise StoreMissing(f"{file}: no store there; give the address that the campaign ran with (--store)")
    for path, what in ((folder, "folder"), (file, "file")):
        if path.exists() and not (path.stat().st_mode & WRITE_BITS and os.access(path, os.W_OK)):
            raise StoreReadOnly(f"{path}: the {what} is read-only; make it writable, or give another place")
    if not file.exists():
        return
    if not file.is_file():
        raise NotADatabase(f"{file}: is not a file; give the path of a database")
    with file.open("rb") as stream:
        start = stream.read(len(SQLITE_MAGIC))
    if start and start != SQLITE_MAGIC:
        raise NotADatabase(f"{file}: is not a SQLite database; move it away, or give another path")


def make_engine(url: URL, *, migrating: bool = False) -> Engine:
    """Connections that lose no committed line on power failure; with the execution option ``immediate`` a transaction
    takes the right to write as it begins, so that none has to give up half-way.

    For migrations foreign keys are off (rebuilding a table must not empty those that refer to it), and no connection
    is kept.
    """
    options: dict[str, Any] = {
        "json_serializer": partial(json.dumps, ensure_ascii=False, allow_nan=False),
    }
    if migrating:
        options["poolclass"] = NullPool
    if url.get_backend_name() != "sqlite":
        return create_engine(url, **options)
    # The driver's own waiting covers what comes before our first statement.
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, **options)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # or the driver would begin by itself, too late and not for DDL
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
        connection.execute(f"PRAGMA foreign_keys = {'OFF' if migrating else 'ON'}")
        connection.execute("PRAGMA synchronous = FULL")  # in WAL mode: every commit is on the disk when it returns

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def use_wal(file: Path) -> None:
    """Readers and a writer beside each other. SQLite does not wait its busy time for this change, so that we do."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    connection = sqlite3.connect(file, timeout=BUSY_TIMEOUT_S)
    try:
        while True:
            try:
                if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                    return
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.02)
    finally:
        connection.close()


@contextmanager
def named_errors(url: URL) -> Iterator[None]:
    """Turns what the database says into a `StoreError` with a remedy; anything unknown passes as it is."""
    try:
        yield
    except DBAPIError as error:
        named = _name(str(error.orig), url)
        if named is None:
            raise
        raise named from error
    except sqlite3.Error as error:
        named = _name(str(error), url)
        if named is None:
            raise
        raise named from error


def _name(message: str, url: URL) -> StoreError | None:
    where = url.render_as_string(hide_password=True)
    said = message.lower()
    if "database is locked" in said or "database table is locked" in said:
        return StoreLocked(
            f"{where}: another process has held the store for {BUSY_TIMEOUT_S:g} s; "
            "wait for it to end (or end it) and try again"
        )
    if "readonly database" in said or "unable to open database" in said:
        return StoreReadOnly(f"{where}: cannot be written ({message}); make file and folder writable")
    if "disk is full" in said:
        return StoreFull(f"{where}: no room left on the disk; make some and run again, nothing was half-written")
    if "not a database" in said:
        return NotADatabase(f"{where}: is not a SQLite database; move it away, or give another path")
    if "disk i/o error" in said:
        return StoreDiskFailed(
            f"{where}: could not be read or written ({message}); look for a quota, a limit on the size of files "
            "(ulimit -f) or a failing disk, and run again: nothing was half-written"
        )
    if "malformed" in said:
        return StoreDamaged(f"{where}: is damaged ({message}); restore a copy (such as a .before- file beside it)")
    if url.get_backend_name() != "sqlite" and ("connection" in said or "authentication" in said):
        return StoreError(f"{where}: no connection ({' '.join(message.split())}); check the address and the server")
    return None
