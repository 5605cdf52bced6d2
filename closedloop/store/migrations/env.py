"""How Alembic runs the migrations: on the connection and in the transaction that `closedloop.store` hands over.

To write a new one: ``python -m closedloop.store.migrations "what changes"`` (see the module of that name).
"""

from typing import Any, Literal

from alembic import context
from sqlmodel.sql.sqltypes import AutoString

from closedloop.store.tables import Row, UtcDateTime


def _render(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """A migration must stay true when our own types change, so that it names SQLAlchemy's."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_as_batch=True,
    render_item=_render,
    compare_type=True,
)
context.run_migrations()
