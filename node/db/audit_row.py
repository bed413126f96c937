"""The canonical form of one row of the audit log, and its hash, as ``node.db.audit`` documents."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, String, Text, cast, select, type_coerce
from sqlalchemy.orm import Session

from node.db.tables import AuditEvent

FIRST_PREVIOUS_HASH: Final = "0" * 64

_ROWS_AT_ONCE: Final = 1000
_MOMENT_LENGTH: Final = len("2026-03-04 12:00:00.123456")


@dataclass(frozen=True)
class Head:
    """One row of the chain, as noted outside the database."""

    id: int
    hash: str


class StoredRow(NamedTuple):
    """A row as the driver gives it, without conversion: a tampered value must not raise."""

    id: Any
    at: Any
    event: Any
    entity: Any
    entity_id: Any
    uid: Any
    study_instance_uid: Any
    old: Any
    new: Any
    reason: Any
    actor: Any
    details: Any
    previous_hash: Any
    hash: Any


def canonical_moment(at: datetime) -> str:
    """Write a moment as it is hashed, ``YYYY-MM-DDTHH:MM:SS.ffffffZ``."""
    # Not by strftime, whose %Y leaves out zeros before a year of three digits.
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def canonical_json(content: Any) -> str:
    """Write JSON with sorted keys, without white space, in ASCII."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def row_hash(row: AuditEvent | StoredRow, *, at: str, details: Any, **other: Any) -> str:
    """Compute the hash of a row; ``other`` are values that take the place of its own."""
    content = {
        "id": row.id,
        "at": at,
        "event": row.event,
        "entity": row.entity,
        "entity_id": row.entity_id,
        "uid": row.uid,
        "study_instance_uid": row.study_instance_uid,
        "old": row.old,
        "new": row.new,
        "reason": row.reason,
        "actor": row.actor,
        "details": details,
    }
    previous_hash = other.pop("previous_hash", row.previous_hash)
    text = previous_hash + canonical_json({**content, **other} if other else content)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def stored_hash(row: StoredRow, **other: Any) -> str | None:
    """Compute the hash of a row as it was read; None when it cannot be what was written.

    The columns that are hashed by their meaning must be written as the node writes them:
    a second value under one key of the details, or a zone beside a moment in UTC, would
    say another thing to a reader than to the hash.
    """
    try:
        at, details = moment_as_read(row.at), json.loads(row.details)
        if at is None or json.dumps(details) != row.details:
            return None
        return row_hash(row, at=at, details=details, **other)
    except (TypeError, ValueError, RecursionError):
        return None


def stored_rows(session: Session) -> Iterator[StoredRow]:
    """Give every row in the order of the ids, a batch at a time."""
    # Closed on the way out: a server-side cursor is left open by an early return.
    with (
        _any_text(session),
        session.execute(_EVERY_ROW, execution_options={"yield_per": _ROWS_AT_ONCE}) as rows,
    ):
        for partition in rows.partitions():
            yield from map(StoredRow._make, partition)


@contextmanager
def _any_text(session: Session) -> Iterator[None]:
    """Let SQLite give a text that is no UTF-8 too: it must be reported, not raised."""
    driver = session.connection().connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        yield
        return
    before = driver.text_factory
    driver.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    try:
        yield
    finally:
        driver.text_factory = before


def last_row(session: Session) -> Head | None:
    """Give the newest row; None in an empty log."""
    statement = select(AuditEvent.id, AuditEvent.hash).order_by(AuditEvent.id.desc()).limit(1)
    found = session.execute(statement).one_or_none()
    return Head(found.id, found.hash) if found else None


def moment_as_read(at: datetime | str) -> str | None:
    """Write a moment as the bare column gives it: SQLite text, PostgreSQL a datetime.

    None for a text that is not exactly what the node writes.
    """
    if isinstance(at, datetime):
        return canonical_moment(at)
    is_as_written = datetime.fromisoformat(at).isoformat(" ", "microseconds") == at
    return at.replace(" ", "T") + "Z" if is_as_written and len(at) == _MOMENT_LENGTH else None


def bare(column: Any) -> ColumnElement[Any]:
    """Select a column without conversion."""
    return type_coerce(column, String()).label(column.key)


_EVERY_ROW: Final = select(
    AuditEvent.id,
    bare(AuditEvent.at),
    AuditEvent.event,
    AuditEvent.entity,
    AuditEvent.entity_id,
    AuditEvent.uid,
    AuditEvent.study_instance_uid,
    AuditEvent.old,
    AuditEvent.new,
    AuditEvent.reason,
    AuditEvent.actor,
    cast(AuditEvent.details, Text).label("details"),
    AuditEvent.previous_hash,
    AuditEvent.hash,
).order_by(AuditEvent.id)
