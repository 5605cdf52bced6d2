"""Migrations and tables agree; an old database is copied, upgraded whole or not at all, and keeps its rows."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from closedloop.recipes import Outcome, Recipe
from closedloop.store import State, Store, Upgrade
from closedloop.store import upgrade as upgrade_module
from closedloop.store.database import make_engine, parse_url
from closedloop.store.tables import Row

LATER = """
import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{last}"


def upgrade():
    with op.batch_alter_table("experiment", recreate="always") as batch:
        batch.add_column(sa.Column("operator", sa.String(), nullable=True))
    op.execute("{also}")


def downgrade():
    pass
"""


def later_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, also: str = "SELECT 1") -> None:
    """Has this version of closedloop know one migration more than it does."""
    folder = tmp_path / "migrations"
    if not folder.exists():
        shutil.copytree(upgrade_module.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    last = [one for one in upgrade_module.revisions() if one != "9000"][-1]
    (folder / "versions" / "9000_later.py").write_text(LATER.format(last=last, also=also))
    monkeypatch.setattr(upgrade_module, "MIGRATIONS", folder)


def filled(url: str) -> str:
    with Store.open(url) as store:
        store.save_campaign("cdse", "target: 3.5", "d1")
        record = store.add_experiment("cdse", Recipe(product="CdSe"))
        store.move(record.id, State.APPROVED)
        store.add_outcome(record.id, Outcome(success=True, size_nm=3.0))
        store.intend(record.id, 0, "step", "before")
        return store.experiment(record.id).model_dump_json()


def test_tables_and_migrations_agree(url: str) -> None:
    Store.open(url).close()
    engine = make_engine(parse_url(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Row.metadata) == []
    engine.dispose()


def test_the_names_of_the_files_say_the_order_of_the_migrations(url: str) -> None:
    engine = make_engine(parse_url(url), migrating=True)
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(upgrade_module.alembic_config(connection))
    engine.dispose()
    in_order = [revision.revision for revision in script.walk_revisions()][::-1]
    assert upgrade_module.revisions() == in_order
    assert all(Path(one.path).name.startswith(one.revision + "_") for one in script.walk_revisions())


def test_a_new_database_needs_no_copy_and_a_present_one_nothing(url: str, tmp_path: Path) -> None:
    last = upgrade_module.revisions()[-1]
    with Store.open(url) as store:
        assert store.upgraded == Upgrade(None, last, None)
    with Store.open(url) as store:
        assert store.upgraded == Upgrade(last, last, None)
        assert not store.upgraded.changed
    assert [path.name for path in tmp_path.iterdir()] == ["lab.db"]


def test_an_old_database_is_copied_and_upgraded(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, last = filled(url), upgrade_module.revisions()[-1]
    later_version(tmp_path, monkeypatch)
    with Store.open(url) as store:
        copy = tmp_path / "lab.db.before-9000"
        assert store.upgraded == Upgrade(last, "9000", copy)
        assert store.experiment("cdse-0001").model_dump_json() == record
        assert len(store.history("cdse-0001")) == 2  # rebuilding a table took no rows of others with it
        assert len(store.entries("cdse-0001")) == 1
    old, new = (sqlite3.connect(tmp_path / name) for name in (copy.name, "lab.db"))
    columns = [{row[1] for row in one.execute("PRAGMA table_info(experiment)")} for one in (old, new)]
    rows = old.execute("SELECT id FROM experiment").fetchall()
    old.close()
    new.close()
    assert columns[1] - columns[0] == {"operator"}
    assert rows == [("cdse-0001",)]
    monkeypatch.undo()
    with Store.open(f"sqlite:///{copy}") as store:
        assert store.experiment("cdse-0001").model_dump_json() == record


def schema(file: Path) -> set[tuple[str, ...]]:
    connection = sqlite3.connect(file)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {(name, *map(str, row)) for name in tables for row in connection.execute(f"PRAGMA table_info({name})")}
    connection.close()
    return found


@pytest.mark.parametrize("revision", upgrade_module.revisions()[:-1])
def test_a_database_of_every_earlier_version_becomes_a_present_one(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(upgrade_module.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (folder / "versions").glob("[0-9]*_*.py"):
        if file.name.split("_")[0] > revision:
            file.unlink()
    monkeypatch.setattr(upgrade_module, "MIGRATIONS", folder)
    assert upgrade_module.upgrade(parse_url(url)).after == revision
    monkeypatch.undo()
    following = upgrade_module.revisions()[upgrade_module.revisions().index(revision) + 1]
    with Store.open(url) as store:
        assert store.upgraded.backup == tmp_path / f"lab.db.before-{following}"
    Store.open(f"sqlite:///{tmp_path}/fresh.db").close()
    assert schema(tmp_path / "lab.db") == schema(tmp_path / "fresh.db")


@pytest.mark.parametrize(
    ("also", "error"),
    [("INSERT INTO nowhere VALUES (1)", "nowhere"), ("DELETE FROM experiment", "references that lead nowhere")],
)
def test_a_migration_that_fails_changes_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, also: str, error: str
) -> None:
    record = filled(url)
    later_version(tmp_path, monkeypatch, also)
    with pytest.raises(Exception, match=error):
        Store.open(url)
    monkeypatch.undo()
    with Store.open(url) as store:
        assert store.experiment("cdse-0001").model_dump_json() == record
        assert not store.upgraded.changed
