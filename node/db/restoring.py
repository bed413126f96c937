"""What a restored database says of itself: from when on the node knows nothing, and the hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.db import audit, hold
from node.db.audit_row import Head, last_row
from node.db.events import Event
from node.db.session import require_writer
from node.db.tables import Association, AuditEvent, Instance, Result
from node.errors import StopError

SENDERS_OF: Final = timedelta(days=90)


@dataclass(frozen=True)
class Window:
    """What is not in the backup: everything that came after ``begins_at``.

    ``last_known_at`` is when the lost node signed its last exported head; empty without one.
    """

    begins_at: datetime
    last_known_at: str
    senders: tuple[dict[str, Any], ...]


def window_to_send_again(session: Session, *, told: str) -> Window:
    """Say from when on things must be sent again, and who may have sent them.

    Each image that was received left an event: after the last one nothing is known.

    Raises
    ------
    StopError
        The log is empty.
    """
    last = session.scalar(select(AuditEvent.at).order_by(AuditEvent.id.desc()).limit(1))
    if last is None:
        raise StopError("the backup's audit log is empty: there is nothing to restore")
    # A study may have been on its way: its first images are there, the others are not.
    opened = session.scalar(
        select(func.min(Association.opened_at)).where(Association.closed_at.is_(None))
    )
    rows = session.execute(
        select(Association.calling_ae, Association.peer_host, func.max(Association.opened_at))
        .where(Association.opened_at >= last - SENDERS_OF)
        .group_by(Association.calling_ae, Association.peer_host)
        .order_by(Association.calling_ae, Association.peer_host)
    ).all()
    return Window(
        begins_at=min(last, opened) if opened else last,
        last_known_at=told,
        senders=tuple(
            {"calling_ae": ae, "address": host, "last_at": opened_at}
            for ae, host, opened_at in rows
        ),
    )


def say_restored(
    session: Session,
    *,
    removed: Sequence[str],
    details: Mapping[str, Any],
    confirm_within: timedelta,
    at: datetime,
    actor: str,
) -> Head:
    """Hold the deliveries and audit the restore; give the head of the log then.

    ``removed`` are files that the retention policy removed while the backup was made: their
    rows in it do not say so yet.
    """
    require_writer(session)
    hold.hold(session, confirm_within=confirm_within, at=at, actor=actor, details=details)
    for path in removed:
        for kind, event in (
            (Instance, Event.INSTANCE_REMOVED),
            (Result, Event.RESULT_REMOVED),
        ):
            row: Any = session.scalar(select(kind).where(kind.path == path))
            if row is not None and row.removed_at is None:
                row.removed_at = at
                audit.append(
                    session,
                    at=at,
                    event=event,
                    entity=row.__tablename__,
                    entity_id=row.id,
                    uid=row.sop_instance_uid,
                    study_instance_uid=row.study.study_instance_uid,
                    reason="RETENTION",
                    actor=actor,
                    details={"path": path, "while": "the backup was made"},
                )
    head = last_row(session)
    if head is None:
        raise RuntimeError("the event that was just written is not there")
    return head
