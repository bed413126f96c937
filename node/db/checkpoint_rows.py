"""Reading the signed checkpoints, whatever somebody made of their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.db.assurance import AuditCheckpoint
from node.db.audit_row import bare, moment_as_read
from node.db.installation import uid_namespace
from node.store.signed_head import HeadKind, SignedHead

_AT_ONCE: Final = 500
_BEFORE_ALL: Final = -(1 << 62)


def newest(session: Session) -> AuditCheckpoint | None:
    """Give the last checkpoint, None when there is none yet."""
    return session.scalar(select(AuditCheckpoint).order_by(AuditCheckpoint.id.desc()).limit(1))


def checkpoints_after(
    session: Session, number: int = _BEFORE_ALL, *, limit: int = _AT_ONCE
) -> Sequence[SignedHead]:
    """Give the checkpoints above a number, the first ones first."""
    rows = session.execute(
        select(
            AuditCheckpoint.id,
            AuditCheckpoint.event_id,
            AuditCheckpoint.event_hash,
            bare(AuditCheckpoint.at),
            AuditCheckpoint.key_id,
            AuditCheckpoint.signature,
        )
        .where(AuditCheckpoint.id > number)
        .order_by(AuditCheckpoint.id)
        .limit(limit)
    ).all()
    installation = str(uid_namespace(session)) if rows else ""
    return [
        SignedHead(
            HeadKind.CHECKPOINT,
            number=row.id,
            event=row.event_id if isinstance(row.event_id, int) else 0,
            hash=str(row.event_hash),
            at=_moment(row.at),
            installation=installation,
            key=str(row.key_id),
            signature=str(row.signature),
        )
        for row in rows
    ]


def every_checkpoint(session: Session) -> Iterator[SignedHead]:
    """Give all checkpoints in the order of their numbers, a batch at a time."""
    batch = checkpoints_after(session)
    while batch:
        yield from batch
        batch = checkpoints_after(session, batch[-1].number)


def _moment(at: object) -> str:
    """Give no moment for what the node did not write: its signature fits nothing then."""
    try:
        return moment_as_read(at) or ""  # type: ignore[arg-type]  # whatever is in the row
    except (TypeError, ValueError):
        return ""
