"""Run migrations on the connection that ``node.db.schema.alembic_config`` was given."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from node.db import assurance, tables  # noqa: F401  (each adds its tables to the metadata)
from node.db.columns import UtcDateTime
from node.db.declarative import Base


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our own column type as SQLAlchemy's, so that a migration imports no table."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_item=render_item,
)
context.run_migrations()
