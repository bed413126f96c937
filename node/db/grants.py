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
        There is no such role, or one that grants cannot hold back: a superuser, the owner
        of the tables, of the database or of the schema, or one that may change roles.
    """
    statements = list(grants(role))
    found = session.execute(_ROLE_FACTS, {"role": role}).one_or_none()
    if found is None:
        raise StopError(f"there is no role {role}: CREATE ROLE {role} LOGIN PASSWORD '...'")
    if found.power is not None:
        what, way_out = _POWERS[found.power]
        raise StopError(
            f"role {role} {what}, itself or as a member of another, so that it could change "
            f"the audit log: {way_out}take another role for the processes"
        )
    for statement in statements:
        session.execute(text(statement))


# Who owns a database has what is granted in it for the asking, and since PostgreSQL 15 owns
# its schema public, whose owner may drop every table. Who may change roles may become one.
_ROLE_FACTS: Final = text("""
    SELECT CASE
        WHEN one.rolsuper THEN 'superuser'
        WHEN EXISTS (SELECT FROM pg_tables WHERE tablename = 'audit_event'
            AND pg_has_role(one.oid, tableowner, 'MEMBER')) THEN 'tables'
        WHEN EXISTS (SELECT FROM pg_database WHERE datname = current_database()
            AND pg_has_role(one.oid, datdba, 'MEMBER')) THEN 'database'
        WHEN EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public'
            AND pg_has_role(one.oid, nspowner, 'MEMBER')) THEN 'schema'
        WHEN EXISTS (SELECT FROM pg_roles AS other WHERE (other.rolcreaterole OR other.rolsuper)
            AND pg_has_role(one.oid, other.oid, 'MEMBER')) THEN 'roles'
    END AS power
    FROM pg_roles AS one WHERE one.rolname = :role
""")

_POWERS: Final = {
    "superuser": ("is a superuser", ""),
    "tables": ("owns the tables", ""),
    "database": ("owns the database", "ALTER DATABASE ... OWNER TO the tables' owner, or "),
    "schema": (f"owns the schema {SCHEMA}", "ALTER SCHEMA ... OWNER TO the tables' owner, or "),
    "roles": ("may change roles", "ALTER ROLE ... NOCREATEROLE, or "),
}
"""What grants cannot hold back, in words, and what ends it."""


def _sequences() -> Iterator[str]:
    """Name the sequence behind the key of each table that gets rows."""
    for name, table in sorted(Base.metadata.tables.items()):
        key = table.autoincrement_column
        if key is not None and "INSERT" in PRIVILEGES[name]:
            yield f"{name}_{key.name}_seq"
