"""Opening: what is refused by name with nothing written, and several processes on one store, killed at random."""

import multiprocessing
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from closedloop.recipes import ClosedloopError, Outcome, Recipe
from closedloop.store import (
    NewerSchema,
    NotADatabase,
    State,
    Store,
    StoreFolderMissing,
    StoreLocked,
    StoreMissing,
    StoreReadOnly,
    StoreUrlError,
)
from closedloop.store import database as database_module

RECIPE = Recipe(product="CdSe")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def made_writable(tmp_path: Path) -> Iterator[Path]:
    """So that pytest can clean up after a test that took the right to write away."""
    yield tmp_path
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(stat.S_IRWXU)


def test_commits_survive_a_loss_of_power_and_references_are_checked(url: str, tmp_path: Path) -> None:
    with Store.open(url) as store, store._engine.connect() as connection:
        answers = {
            pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
            for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert answers == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    assert [path.name for path in tmp_path.iterdir()] == ["lab.db"]


def test_artefacts_lie_beside_the_database_and_are_made_on_first_use(url: str, tmp_path: Path) -> None:
    with Store.open(url) as store:
        assert not (tmp_path / "lab.db.files").exists()
        assert store.files == tmp_path / "lab.db.files"
        assert store.files.is_dir()
        assert store.url == url


def test_artefacts_of_a_server_lie_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(tmp_path))
    first, other, secret = (
        database_module.artefact_folder(database_module.make_url(url))
        for url in ("postgresql://a:x@lab/runs", "postgresql://a:x@elsewhere/runs", "postgresql://b:y@lab/runs")
    )
    assert first.is_relative_to(tmp_path)
    assert first != other
    assert first == secret


def test_a_database_without_its_driver_is_refused_by_name_and_no_password_is_shown() -> None:
    with pytest.raises(StoreUrlError, match="needs the Python package cx_Oracle; install it") as caught:
        Store.open("oracle+cx_oracle://chemist:secret@lab/runs", create=False)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["lab.db", "sqlite://", "sqlite:///:memory:", "nosql:///x", "", "sqlite:///file:x?a=1"])
def test_an_address_that_is_none_is_refused(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreUrlError, match=r"sqlite:///lab\.db"):
        Store.open(url)
    assert contents(tmp_path) == {}


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreFolderMissing, match="no such folder"):
        Store.open(f"sqlite:///{tmp_path}/none/lab.db")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_store_is_made_only_where_it_is_wanted(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        Store.open(url, create=False)
    assert list(tmp_path.iterdir()) == []
    Store.open(url).close()
    Store.open(url, create=False).close()


@pytest.mark.parametrize("content", [b"target: 3.5\n", b"SQLite format 3\x00 and then something else" * 200, b"\x00"])
def test_a_file_that_is_no_database_is_refused(url: str, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lab.db").write_bytes(content)
    with pytest.raises(NotADatabase, match="is not a SQLite database"):
        Store.open(url)
    assert contents(tmp_path) == {"lab.db": content}


_LIMITED = """
import resource, sys
from closedloop.recipes import Recipe
from closedloop.store import Store

store = Store.open(sys.argv[1])
store.save_campaign("cdse", "{}", "digest")
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    for _ in range(200):
        store.add_experiment("cdse", Recipe(product="CdSe"))
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no files")
def test_a_file_that_may_not_grow_is_no_damaged_store(url: str) -> None:
    said = subprocess.run([sys.executable, "-c", _LIMITED, url], capture_output=True, text=True, check=True).stdout
    assert said.startswith("StoreDiskFailed ")
    assert "ulimit -f" in said
    assert Store.open(url, create=False).experiments()


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(NotADatabase):
        Store.open(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("tables", [["bookmarks"], ["alembic_version", "users"]])
def test_a_database_of_another_program_is_refused(url: str, tmp_path: Path, tables: list[str]) -> None:
    connection = sqlite3.connect(tmp_path / "lab.db")
    for table in tables:
        connection.execute(f"CREATE TABLE {table} (version_num TEXT)")
    connection.commit()
    connection.close()
    before = contents(tmp_path)
    with pytest.raises(NotADatabase, match="some other program"):
        Store.open(url)
    assert contents(tmp_path) == before


def test_an_empty_file_becomes_a_store(url: str, tmp_path: Path) -> None:
    (tmp_path / "lab.db").touch()
    with Store.open(url) as store:
        assert store.campaign_names() == []


@pytest.mark.parametrize("what", ["file", "folder", "folder of a new store"])
def test_what_is_read_only_is_refused_even_for_an_administrator(url: str, made_writable: Path, what: str) -> None:
    file = made_writable / "lab.db"
    if what != "folder of a new store":
        Store.open(url).close()
    before = contents(made_writable)
    if what == "file":
        file.chmod(0o444)
    else:
        made_writable.chmod(0o555)
    with pytest.raises(StoreReadOnly, match="is read-only; make it writable"):
        Store.open(url)
    assert contents(made_writable) == before


def test_a_later_schema_is_refused(url: str, tmp_path: Path) -> None:
    Store.open(url).close()
    connection = sqlite3.connect(tmp_path / "lab.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = contents(tmp_path)
    with pytest.raises(NewerSchema, match=r"has schema 9999.*upgrade closedloop"):
        Store.open(url)
    assert contents(tmp_path) == before


def test_a_store_that_another_process_holds_is_named(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(url).close()
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.2)
    holder = sqlite3.connect(tmp_path / "lab.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with Store.open(url) as store:
            assert store.campaign_names() == []  # readers are not kept waiting
            with pytest.raises(StoreLocked, match="another process has held the store"):
                store.save_campaign("cdse", "", "d")
    finally:
        holder.close()


def test_every_refusal_is_the_users_to_mend() -> None:
    assert issubclass(StoreLocked, ClosedloopError)


def test_a_call_that_fails_half_way_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the experiment's row and its first state the process may die."""

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("closedloop.store.experiments.TransitionRow", dies)
    with pytest.raises(KeyboardInterrupt):
        store.add_experiment("cdse", RECIPE)
    monkeypatch.undo()
    assert store.experiments() == []
    assert store.add_experiment("cdse", RECIPE).number == 1


def _write(url: str, barrier: object, count: int) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    with Store.open(url) as store:
        store.save_campaign("cdse", "target: 3.5", "d1")
        for _ in range(count):
            record = store.add_experiment("cdse", RECIPE)
            store.move(record.id, State.APPROVED)
            store.add_outcome(record.id, Outcome(size_nm=3.0, success=True))


def test_processes_that_create_and_write_at_once_lose_nothing(url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(2)
    workers = [spawn.Process(target=_write, args=(url, barrier, 20)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    with Store.open(url) as store:
        records = store.experiments("cdse")
        assert [record.number for record in records] == list(range(1, 41))
        assert {record.state for record in records} == {State.APPROVED}
        assert all(record.outcome for record in records)
        assert len(store.campaign_revisions("cdse")) == 1


def _race(url: str, barrier: object, results: object) -> None:
    with Store.open(url) as store:
        barrier.wait()  # type: ignore[attr-defined]
        try:
            store.move("cdse-0001", State.APPROVED)
        except ClosedloopError as error:
            results.put(type(error).__name__)  # type: ignore[attr-defined]
        else:
            results.put("moved")  # type: ignore[attr-defined]


def test_of_two_processes_one_moves_the_experiment(store: Store, url: str) -> None:
    store.add_experiment("cdse", RECIPE)
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(2), spawn.Queue()
    workers = [spawn.Process(target=_race, args=(url, barrier, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    said = sorted(results.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join(60)
    results.close()
    results.join_thread()
    assert said == ["IllegalMove", "moved"]
    assert len(store.history("cdse-0001")) == 2


WRITER = """
import sys
from closedloop.recipes import Recipe
from closedloop.store import State, Store
store = Store.open(sys.argv[1])
store.save_campaign("cdse", "", "d")
print("ready", flush=True)
while True:
    run = store.add_experiment("cdse", Recipe(product="CdSe")).id
    print(run, "proposed", flush=True)
    for position in range(3):
        store.intend(run, position, "step", "before")
        print(run, "intended", position, flush=True)
        store.confirm(run, position, "after")
        print(run, "confirmed", position, flush=True)
"""


@pytest.mark.slow
def test_what_a_killed_process_was_told_is_kept_is_there(url: str, tmp_path: Path) -> None:
    """``kill -9`` at random moments: every line that a call returned from is found, and no experiment half-made."""
    draw = random.Random(4)
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True, env={**os.environ}
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(draw.uniform(0.05, 0.4))
            process.send_signal(signal.SIGKILL)
            told = [line.split() for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        assert told
        with Store.open(url) as store:
            known = {record.id for record in store.experiments()}
            lines = {run: {entry.position: entry for entry in store.entries(run)} for run in known}
            for run, what, *position in told:
                assert run in known
                if what == "intended":
                    assert int(position[0]) in lines[run]
                if what == "confirmed":
                    assert lines[run][int(position[0])].after == "after"
            assert [record.number for record in store.experiments()] == list(range(1, len(known) + 1))
            assert all(len(store.history(run)) == 1 for run in known)
