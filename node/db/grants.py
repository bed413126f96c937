"""What the processes of a node may do in PostgreSQL: a role beside the owner of the tables.

The owner runs the migrations; whoever owns a table may drop its triggers. The processes
connect as another role, which may do what the code does and no more: the audit log and its
checkpoints can be read and continued, and no row of any table can be deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from node.db import assurance  # noqa: F401  (adds its tables to the metadata)
from node.db.declarative import Base
from node.errors import StopError

SCHEMA: Final = "public"

_READ: Final = ("SELECT",)
_APPEND: Final = ("SELECT", "INSERT")
_KEEP: Final = ("SELECT", "INSERT", "UPDATE")

PRIVILEGES: Final[dict[str, tuple[str, ...]]] = {
    "alembic_version": _READ,
    "analysis": _APPEND,
    "association": _KEEP,
    "audit_checkpoint": _APPEND,
    "audit_event": _APPEND,
    "commitment": _KEEP,
    "delivery": _KEEP,
    "discrepancy": _KEEP,
    "finding": _APPEND,
    "installation": _READ,
    "instance": _KEEP,
    "result": _KEEP,
    "study": _KEEP,
}
"""Of each table; a table that is not here cannot be used by the processes at all."""

_ROLE: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def grants(role: str) -> Iterator[str]:
    """Give the statements that leave a role with ``PRIVILEGES``, whatever it had; repeatable.

    Raises
    ------
    StopError
        The name is not one of small letters, digits and underscores: no other is needed,
        and none has to be quoted.
    """
    if not _ROLE.fullmatch(role):
        raise StopError(f"role {role!r}: wants small letters, digits and underscores")
    # PostgreSQL before 15 lets everybody create tables here, and every version temporary ones,
    # which hide tables of the same name from the functions that triggers call.
    yield f"REVOKE CREATE ON SCHEMA {SCHEMA} FROM PUBLIC"
    yield (
        "DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', "
        "current_database()); END $$"
    )
    for kind in ("TABLES", "SEQUENCES"):
        yield f"REVOKE ALL ON ALL {kind} IN SCHEMA {SCHEMA} FROM PUBLIC, {role}"
    yield f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}"
    for table, privileges in PRIVILEGES.items():
        yield f"GRANT {', '.join(privileges)} ON {SCHEMA}.{table} TO {role}"
    for sequence in _sequences():
        yield f"GRANT USAGE ON SEQUENCE {SCHEMA}.{sequence} TO {role}"


def apply_grants(session: Session, role: str) -> None:
    """Run ``grants`` in the caller's transaction, as the owner of the tables.

    Raises
    ------
    StopError
        There is no such role, or one that grants cannot hold back: a superuser, or the
        owner of the tables itself.
    """
    statements = list(grants(role))
    found = session.execute(_ROLE_FACTS, {"role": role}).one_or_none()
    if found is None:
        raise StopError(f"there is no role {role}: CREATE ROLE {role} LOGIN PASSWORD '...'")
    if found.rolsuper or found.is_owner:
        raise StopError(
            f"role {role} {'is a superuser' if found.rolsuper else 'owns the tables'}, so that it "
            "could change the audit log: take another role for the processes"
        )
    for statement in statements:
        session.execute(text(statement))


_ROLE_FACTS: Final = text(
    "SELECT rolsuper, EXISTS (SELECT FROM pg_tables WHERE tablename = 'audit_event'"
    " AND pg_has_role(rolname, tableowner, 'MEMBER')) AS is_owner"
    " FROM pg_roles WHERE rolname = :role"
)


def _sequences() -> Iterator[str]:
    """Name the sequence behind the key of each table that gets rows."""
    for name, table in sorted(Base.metadata.tables.items()):
        key = table.autoincrement_column
        if key is not None and "INSERT" in PRIVILEGES[name]:
            yield f"{name}_{key.name}_seq"
