"""How long the oldest waits in each queue of the rows.

Cheap however many rows there are: each question goes over an index to the rows of one
active state, and when a row entered its state is asked of the audit log for the oldest few.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from node.db.columns import is_set
from node.db.studies import is_to_report
from node.db.tables import AuditEvent, Delivery, Instance, Result, Study
from node.states import DeliveryState, InstanceState, StudyState

SAMPLE: Final = 20
"""Rows of a state whose entry is looked up: an image that is analysed again came long ago."""

RECEIVED: Final = "received"
QUEUED: Final = "queued"
ANALYSING: Final = "analysing"
OPEN: Final = "open"
COMPLETE: Final = "complete"
PENDING: Final = "pending"
SENDING: Final = "sending"
UNCONFIRMED: Final = "unconfirmed"

_INSTANCE_QUEUES: Final = {
    RECEIVED: InstanceState.RECEIVED,
    QUEUED: InstanceState.QUEUED,
    ANALYSING: InstanceState.ANALYSING,
}


@dataclass(frozen=True, slots=True)
class QueueAge:
    """What waits in one queue.

    ``oldest_since`` is since when the oldest waits, ``uid`` its study's or image's;
    ``destination`` is set for deliveries.
    """

    queue: str
    count: int
    oldest_since: datetime | None = None
    uid: str = ""
    destination: str = ""

    @property
    def name(self) -> str:
        """The queue, and the destination where it has one each."""
        return f"{self.queue}:{self.destination}" if self.destination else self.queue

    def age_seconds(self, at: datetime) -> float | None:
        """Seconds that the oldest has waited; None when nothing waits."""
        if self.oldest_since is None:
            return None
        return max((at - self.oldest_since).total_seconds(), 0.0)


def queue_ages(session: Session) -> Iterator[QueueAge]:
    """Give every queue, in the order of an image's way; empty ones too."""
    for queue, state in _INSTANCE_QUEUES.items():
        yield _of_instances(session, queue, state)
    yield _of_studies(session, OPEN, StudyState.OPEN, Study.opened_at)
    yield _of_studies(session, COMPLETE, StudyState.COMPLETE, Study.completed_at)
    yield from _of_pending(session)
    yield from _of_sending(session)
    yield from _of_unconfirmed(session)


def _of_instances(session: Session, queue: str, state: InstanceState) -> QueueAge:
    count = session.scalar(select(func.count()).where(Instance.state == state)) or 0
    rows = session.execute(
        select(Instance.id, Instance.sop_instance_uid, Instance.received_at)
        .where(Instance.state == state)
        .order_by(Instance.received_at)
        .limit(SAMPLE)
    ).all()
    entered = [
        (_entered(session, "instance", row_id, uid, state) or received_at, uid)
        for row_id, uid, received_at in rows
    ]
    oldest, uid = min(entered, default=(None, ""))
    return QueueAge(queue, count, oldest, uid)


def _of_studies(
    session: Session, queue: str, state: StudyState, since: InstrumentedAttribute[Any]
) -> QueueAge:
    where = [Study.state == state, since.is_not(None)]
    if state is StudyState.OPEN:
        # A study of nothing that is analysed stays open, and nobody waits for it.
        where.append(Study.instances.any(is_to_report()))
    count = session.scalar(select(func.count()).select_from(Study).where(*where)) or 0
    oldest = session.execute(
        select(since, Study.study_instance_uid).where(*where).order_by(since).limit(1)
    ).one_or_none()
    return QueueAge(queue, count) if oldest is None else QueueAge(queue, count, *oldest)


def _of_pending(session: Session) -> Iterator[QueueAge]:
    rows = session.execute(
        select(Delivery.destination, func.count(), func.min(Delivery.created_at))
        .where(Delivery.state == DeliveryState.PENDING)
        .group_by(Delivery.destination)
        .order_by(Delivery.destination)
    ).all()
    for destination, count, oldest in rows:
        yield QueueAge(PENDING, count, oldest, destination=destination)


def _of_sending(session: Session) -> Iterator[QueueAge]:
    rows = session.execute(
        select(Delivery.id, Delivery.destination, Result.sop_instance_uid, Delivery.created_at)
        .join(Delivery.result)
        .where(Delivery.state == DeliveryState.SENDING)
        .order_by(Delivery.id)
    ).all()
    for destination in sorted({row.destination for row in rows}):
        own = [row for row in rows if row.destination == destination]
        entered = [
            (
                _entered(session, "delivery", row.id, row.sop_instance_uid, DeliveryState.SENDING)
                or row.created_at,
                row.sop_instance_uid,
            )
            for row in own[:SAMPLE]
        ]
        yield QueueAge(SENDING, len(own), *min(entered), destination=destination)


def _of_unconfirmed(session: Session) -> Iterator[QueueAge]:
    rows = session.execute(
        select(Delivery.destination, func.count(), func.min(Delivery.delivered_at))
        .where(is_set(Delivery.confirm_at))
        .group_by(Delivery.destination)
        .order_by(Delivery.destination)
    ).all()
    for destination, count, oldest in rows:
        yield QueueAge(UNCONFIRMED, count, oldest, destination=destination)


def _entered(
    session: Session, entity: str, row_id: int, uid: str, state: InstanceState | DeliveryState
) -> datetime | None:
    """Say when a row entered its state: the audit log knows, by the index on its UID."""
    return session.scalar(
        select(AuditEvent.at)
        .where(
            AuditEvent.uid == uid,
            AuditEvent.entity == entity,
            AuditEvent.entity_id == row_id,
            AuditEvent.new == state,
        )
        .order_by(AuditEvent.id.desc())
        .limit(1)
    )
