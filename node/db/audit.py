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
cuts off the end, leaves a chain that is whole in itself: signed checkpoints
(``node.db.checkpoints``), kept outside the database too, show that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from node.db import audit_verification
from node.db.audit_row import FIRST_PREVIOUS_HASH, Head, canonical_moment, last_row, row_hash
from node.db.audit_verification import Verification
from node.db.events import Event
from node.db.session import require_writer
from node.db.tables import AuditEvent

UID_LENGTH: Final = 128
"""Longest text kept in ``uid`` and ``study_instance_uid``; a peer may send more."""

REASON_LENGTH: Final = 4000
"""Longest text kept in ``reason``."""


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
    head = last_row(session)
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
    row.hash = row_hash(row, at=canonical_moment(row.at), details=row.details)
    session.add(row)
    session.flush()
    return row


def verify(session: Session, *, noted: Head | None = None) -> Verification:
    """Check the chain alone, without keys and what was exported: ``verify_log`` does that.

    Parameters
    ----------
    noted : Head, optional
        A head that was noted earlier outside the database: the chain must still
        hold this row, with this hash.
    """
    return audit_verification.verify_log(session, noted=noted)


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
