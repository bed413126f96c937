"""The one row that makes this installation's UIDs its own."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.db.tables import Installation
from node.errors import StopError

ONLY_ROW = 1


def ensure(session: Session, *, at: datetime) -> UUID:
    """Return the namespace; choose it at random when there is none yet."""
    row = session.get(Installation, ONLY_ROW)
    if row is None:
        row = Installation(id=ONLY_ROW, uid_namespace=str(uuid4()), created_at=at)
        session.add(row)
        session.flush()
    return UUID(row.uid_namespace)


def uid_namespace(session: Session) -> UUID:
    """Return the namespace from which UIDs are derived.

    Raises
    ------
    StopError
        When ``mgnode db upgrade`` has not run yet.
    """
    found = session.scalar(select(Installation.uid_namespace).where(Installation.id == ONLY_ROW))
    if found is None:
        raise StopError("the database has no installation row: run `mgnode db upgrade`")
    return UUID(found)
