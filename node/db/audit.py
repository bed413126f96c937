r"""The append-only audit log: each row holds a hash over itself and the row before.

The hash, for anybody who wants to check it without this program::

    hash = sha256(previous_hash + canonical_json(row)) as 64 lower-case hex digits

``previous_hash`` is the ``hash`` of the row whose ``id`` is one less; for the first
row, whose ``id`` is 1, it is 64 zeros. ``canonical_json`` is the JSON object of every
other column (``at, details, entity, entity_id, event, id, new, old, reason,
study_instance_uid, uid, actor``) with keys sorted by code point at every level, no
white space, every character outside ASCII as ``\uXXXX``, numbers in their shortest
form, and ``at`` as ``YYYY-MM-DDTHH:MM:SS.ffffffZ`` in UTC.

What the chain shows and what not: a row that was changed, removed, put in or moved
breaks it. Someone who owns the database and computes every later hash anew, or who
cuts off the end, leaves a chain that is whole in itself: compare it with a ``Head``
that was noted elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, String, Text, cast, select, type_coerce
from sqlalchemy.orm import Session

from node.db.events import Event
from node.db.session import require_writer
from node.db.tables import AuditEvent

FIRST_PREVIOUS_HASH: Final = "0" * 64

UID_LENGTH: Final = 128
"""Longest text kept in ``uid`` and ``study_instance_uid``; a peer may send more."""

REASON_LENGTH: Final = 4000
"""Longest text kept in ``reason``."""

_ROWS_AT_ONCE: Final = 1000


@dataclass(frozen=True)
class Head:
    """The last row of the chain, as noted outside the database."""

    id: int
    hash: str


@dataclass(frozen=True)
class Verification:
    """What ``verify`` found.

    Attributes
    ----------
    checked : int
        Rows that are in order, counted from the first.
    problem : str or None
        The first thing that is wrong, in words; None when the chain is whole.
    first_bad_id : int or None
        The row that is changed, out of its place, or missing.
    head : Head or None
        The last row that is in order, to be noted elsewhere; None without rows.
    """

    checked: int
    problem: str | None
    first_bad_id: int | None
    head: Head | None


def append(
    session: Session,
    *,
    at: datetime,
    event: Event | str,
    actor: str,
    entity: str = "",
    entity_id: int | None = None,
    uid: str = "",
    study_instance_uid: str = "",
    old: str = "",
    new: str = "",
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Append one row to the chain, in the caller's transaction.

    Everything pending in the session is flushed first. Texts may come from a
    peer: NUL and lone surrogates, which SQL text cannot hold, become U+FFFD, and
    what is too long for its column is cut.

    Parameters
    ----------
    at : datetime
        When it happened, aware.
    event : Event
        Or its name.
    actor : str
        The process that did it, for example ``"scp@host:4711"``, or the person.
    entity, entity_id : str, int
        Table and key of the row it happened to, if there is one.
    details : mapping, optional
        JSON values; no patient identity.

    Raises
    ------
    ValueError
        On an event name that is not in ``Event``, a naive ``at``, or a number in
        the details that is not finite.
    TypeError
        On details that are not JSON.
    """
    if at.tzinfo is None:
        raise ValueError(f"naive datetime {at} where a moment in UTC is due")
    require_writer(session)
    session.flush()
    head = _head(session)
    row = AuditEvent(
        id=head.id + 1 if head else 1,
        at=at.astimezone(UTC),
        event=str(Event(event)),
        entity=entity,
        entity_id=entity_id,
        uid=_storable(uid)[:UID_LENGTH],
        study_instance_uid=_storable(study_instance_uid)[:UID_LENGTH],
        old=old,
        new=new,
        reason=_storable(reason)[:REASON_LENGTH],
        actor=_storable(actor)[:UID_LENGTH],
        details=_as_stored(details or {}),
        previous_hash=head.hash if head else FIRST_PREVIOUS_HASH,
    )
    row.hash = _hash(row, at=_canonical_moment(row.at), details=row.details)
    session.add(row)
    session.flush()
    return row


def verify(session: Session, *, noted: Head | None = None) -> Verification:
    """Walk the whole chain and stop at the first row that is wrong.

    Parameters
    ----------
    noted : Head, optional
        A head that was noted earlier outside the database: the chain must still
        hold this row, with this hash.
    """
    head: Head | None = None
    noted_is_seen = noted is None
    # Closed on the way out: a server-side cursor is left open by an early return.
    with session.execute(_EVERY_ROW, execution_options={"yield_per": _ROWS_AT_ONCE}) as rows:
        for row in rows:
            problem = _problem(row, head)
            if problem is None and noted is not None and row.id == noted.id:
                noted_is_seen = True
                if row.hash != noted.hash:
                    problem = f"event {row.id} has another hash than was noted"
            if problem is not None:
                checked = head.id if head else 0
                return Verification(checked, problem, checked + 1, head)
            head = Head(row.id, row.hash)
    checked = head.id if head else 0
    if not noted_is_seen:
        return Verification(
            checked, f"the log ends at event {checked}, before the noted head", checked + 1, head
        )
    return Verification(checked, None, None, head)


def _problem(row: Row[Any], head: Head | None) -> str | None:
    expected_id = head.id + 1 if head else 1
    if row.id != expected_id:
        missing = f"event {expected_id}"
        if isinstance(row.id, int) and row.id > expected_id + 1:
            missing = f"events {expected_id} to {row.id - 1}"
        return f"{missing} missing before event {row.id}"
    if row.previous_hash != (head.hash if head else FIRST_PREVIOUS_HASH):
        return f"event {row.id} does not follow the event before it"
    try:
        computed = _hash(row, at=_moment_as_read(row.at), details=json.loads(row.details))
    except (TypeError, ValueError):
        return f"event {row.id} cannot be read"
    return None if computed == row.hash else f"event {row.id} was changed"


def _head(session: Session) -> Head | None:
    statement = select(AuditEvent.id, AuditEvent.hash).order_by(AuditEvent.id.desc()).limit(1)
    found = session.execute(statement).one_or_none()
    return Head(found.id, found.hash) if found else None


def _hash(row: AuditEvent | Row[Any], *, at: str, details: Any) -> str:
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
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256((row.previous_hash + canonical).encode("ascii")).hexdigest()


def _canonical_moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment_as_read(at: datetime | str) -> str:
    """Accept what each driver gives for the bare column: SQLite text, PostgreSQL a datetime."""
    if isinstance(at, datetime):
        return _canonical_moment(at)
    return _canonical_moment(datetime.fromisoformat(at).replace(tzinfo=UTC))


def _storable(text: str) -> str:
    return (
        text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def _as_stored(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the details as they will be read back: lists for tuples, texts for keys."""
    plain: dict[str, Any] = json.loads(json.dumps(details, allow_nan=False))
    cleaned: dict[str, Any] = _clean(plain)
    return cleaned


def _clean(value: Any) -> Any:
    match value:
        case str():
            return _storable(value)
        case list():
            return [_clean(each) for each in value]
        case dict():
            return {_storable(key): _clean(each) for key, each in value.items()}
        case _:
            return value


def _bare(column: Any) -> ColumnElement[Any]:
    # Without conversion: a tampered value must be reported, not raised by the ORM.
    return type_coerce(column, String()).label(column.key)


_EVERY_ROW: Final = select(
    AuditEvent.id,
    _bare(AuditEvent.at),
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
