"""Signed checkpoints of the audit log: rows that only who has the key can write.

``node.store.signed_head`` says what is signed. The numbers have no gap: a checkpoint that
is missing between others was removed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from node.db import audit
from node.db.assurance import AuditCheckpoint
from node.db.audit_row import canonical_moment, last_row
from node.db.checkpoint_rows import newest
from node.db.events import Event
from node.db.installation import uid_namespace
from node.db.session import require_writer
from node.store.audit_key import SigningKey
from node.store.signed_head import HeadKind, SignedHead


def is_due(session: Session, *, events: int, every: timedelta, at: datetime) -> bool:
    """Say whether so many events, or so much time with any, passed since the last checkpoint."""
    head, last = last_row(session), newest(session)
    if head is None:
        return False
    if last is None:
        return True
    return head.id - last.event_id >= events or (head.id > last.event_id and at - last.at >= every)


def append_checkpoint(
    session: Session, key: SigningKey, *, at: datetime, actor: str
) -> AuditCheckpoint:
    """Sign the head of the log and keep that; a key that has not signed before is told of.

    In a write transaction: no other row can come between the head and its checkpoint.
    """
    require_writer(session)
    last = newest(session)
    if last is None or last.key_id != key.key_id:
        audit.append(
            session,
            at=at,
            event=Event.AUDIT_KEY_CHANGED,
            entity="checkpoint",
            actor=actor,
            details={"key": key.key_id, "before": "" if last is None else last.key_id},
        )
    head = last_row(session)
    if head is None:
        raise RuntimeError("there is no event to sign")
    said = SignedHead(
        HeadKind.CHECKPOINT,
        number=1 if last is None else last.id + 1,
        event=head.id,
        hash=head.hash,
        at=canonical_moment(at),
        installation=str(uid_namespace(session)),
    ).signed(key)
    row = AuditCheckpoint(
        id=said.number,
        at=at,
        event_id=said.event,
        event_hash=said.hash,
        key_id=said.key,
        signature=said.signature,
    )
    session.add(row)
    session.flush()
    return row
