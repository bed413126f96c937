"""An audit log to write, to check, and to change behind the node's back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import create_engine, text

from node.db import audit
from node.db.audit_row import Head
from node.db.audit_verification import Verification
from node.db.events import Event
from node.db.session import Database
from node.db.tables import AuditEvent
from tests.table_rows import NOON

COLUMNS = [column.name for column in AuditEvent.__table__.columns]


def write(database: Database, count: int) -> None:
    with database.begin() as session:
        for number in range(count):
            audit.append(
                session,
                at=NOON + timedelta(microseconds=number),
                event=Event.INSTANCE_RECEIVED,
                actor="test",
                entity="instance",
                entity_id=number,
                uid=f"2.25.{number}",
                study_instance_uid="2.25.1",
                old="a",
                new="b",
                reason="c",
                details={"number": number, "score": 0.1 + number, "name": "乳房"},
            )


def check(database: Database, noted: Head | None = None) -> Verification:
    with database.read() as session:
        return audit.verify(session, noted=noted)


def run(url: str, *statements: str, **values: Any) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), values)
    finally:
        engine.dispose()


def run_as_owner(url: str, *statements: str, **values: Any) -> None:
    """Do what only the owner of the database can: without the triggers."""
    if url.startswith("sqlite"):
        triggers = ["keeps_rows_on_update", "keeps_rows_on_delete", "continues_chain"]
        drops = [f"DROP TRIGGER audit_event_{name}" for name in triggers]
    else:
        triggers = ["keeps_rows", "keeps_rows_on_truncate", "continues_chain"]
        drops = [f"DROP TRIGGER audit_event_{name} ON audit_event" for name in triggers]
    run(url, *drops, *statements, **values)
