"""Drafts the next migration from the difference between the tables and the migrations so far.

``python -m closedloop.store.migrations "what changes"``; read and mend the draft before committing it.
"""

import sys
import tempfile
from pathlib import Path

from closedloop.store.database import make_engine, parse_url
from closedloop.store.upgrade import alembic_config, revisions, upgrade


def draft(message: str) -> Path:
    """Writes the file and gives its path."""
    from alembic import command
    from alembic.script import Script

    with tempfile.TemporaryDirectory() as folder:
        url = parse_url(f"sqlite:///{folder}/draft.db")
        number = len(revisions()) + 1
        if number > 1:
            upgrade(url)
        engine = make_engine(url, migrating=True)
        with engine.connect() as connection:
            script = command.revision(alembic_config(connection), message, autogenerate=True, rev_id=f"{number:04d}")
        engine.dispose()
    assert isinstance(script, Script)
    return Path(script.path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit('usage: python -m closedloop.store.migrations "what changes"')
    print(draft(sys.argv[1]), file=sys.stderr)
