"""What is due: the questions that the dispatch loop asks the rows.

Each function is one step of a sweep and runs inside the caller's transaction.
Rows that changed hands meanwhile are left to whoever has them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from node.db.events import Event
from node.db.studies import reopen_study
from node.db.tables import Delivery, Instance, Result, Study
from node.db.transitions import move
from node.states import DeliveryState, InstanceState, StudyState

BATCH: Final = 200
"""Rows moved in one transaction: keeps the write lock short."""


class DueDelivery(NamedTuple):
    """One delivery that waits for a sender."""

    delivery_id: int
    destination: str
    study_id: int


def queue_received(session: Session, *, at: datetime, actor: str) -> int:
    """Move RECEIVED instances to QUEUED, oldest first; give how many."""
    rows = session.scalars(
        select(Instance)
        .options(joinedload(Instance.study))
        .where(Instance.state == InstanceState.RECEIVED)
        .order_by(Instance.received_at)
        .limit(BATCH)
    ).all()
    for row in rows:
        move(session, row, InstanceState.QUEUED, at=at, event=Event.INSTANCE_QUEUED, actor=actor)
    return len(rows)


def expire_analysis_leases(session: Session, *, at: datetime, actor: str, max_attempts: int) -> int:
    """Take instances back from workers that overran or died; give how many.

    An instance that was tried ``max_attempts`` times is set aside as FAILED, so
    that one poisonous image cannot hold the queue.
    """
    rows = session.scalars(
        select(Instance)
        .options(joinedload(Instance.study))
        .where(Instance.state == InstanceState.ANALYSING, Instance.lease_until < at)
        .limit(BATCH)
    ).all()
    for row in rows:
        spent = row.attempts >= max_attempts
        move(
            session,
            row,
            InstanceState.FAILED if spent else InstanceState.QUEUED,
            at=at,
            event=Event.INSTANCE_FAILED if spent else Event.INSTANCE_LEASE_EXPIRED,
            actor=actor,
            reason="LEASE_EXPIRED",
            details={"attempts": row.attempts},
            where=(Instance.attempts == row.attempts, Instance.lease_until < at),
            lease_until=None,
            published_at=None,
            finished_at=at if spent else None,
        )
        if spent and row.study.state is not StudyState.OPEN:
            # Its report says that the image is still to come.
            reopen_study(session, row.study, at=at, actor=actor, reason="ANALYSED_AFTER_LIMIT")
    return len(rows)


def expire_delivery_leases(session: Session, *, at: datetime, actor: str) -> int:
    """Take deliveries back from senders that overran or died; give how many."""
    rows = session.scalars(
        select(Delivery)
        .where(Delivery.state == DeliveryState.SENDING, Delivery.lease_until < at)
        .limit(BATCH)
    ).all()
    for row in rows:
        move(
            session,
            row,
            DeliveryState.PENDING,
            at=at,
            event=Event.DELIVERY_LEASE_EXPIRED,
            actor=actor,
            details={"attempts": row.attempts, "destination": row.destination},
            where=(Delivery.attempts == row.attempts, Delivery.lease_until < at),
            lease_until=None,
            published_at=None,
        )
    return len(rows)


def instances_to_publish(
    session: Session, *, at: datetime, republish: timedelta, window: int
) -> list[int]:
    """Ids of QUEUED instances whose message is due, among the oldest ``window``.

    The window keeps the broker short: a backlog of a thousand images stays in
    SQL, so that publishing again what nobody claimed cannot pile up messages.
    """
    head = session.execute(
        select(Instance.id, Instance.published_at)
        .where(Instance.state == InstanceState.QUEUED, _is_due(Instance.not_before, at))
        .order_by(Instance.received_at, Instance.id)
        .limit(window)
    ).all()
    return [id_ for id_, published in head if published is None or published < at - republish]


def studies_to_publish(session: Session, *, at: datetime, republish: timedelta) -> list[int]:
    """Ids of COMPLETE studies whose report is due."""
    return list(
        session.scalars(
            select(Study.id)
            .where(
                Study.state == StudyState.COMPLETE,
                _is_due(Study.not_before, at),
                or_(Study.published_at.is_(None), Study.published_at < at - republish),
            )
            .order_by(Study.completed_at)
            .limit(BATCH)
        )
    )


def deliveries_to_publish(
    session: Session, *, at: datetime, republish: timedelta
) -> list[DueDelivery]:
    """PENDING deliveries that are due, oldest first."""
    rows = session.execute(
        select(Delivery.id, Delivery.destination, Result.study_id)
        .join(Delivery.result)
        .where(
            Delivery.state == DeliveryState.PENDING,
            _is_due(Delivery.not_before, at),
            or_(Delivery.published_at.is_(None), Delivery.published_at < at - republish),
        )
        .order_by(Delivery.id)
        .limit(BATCH)
    ).all()
    return [DueDelivery(*row) for row in rows]


def mark_published(
    session: Session,
    table: type[Instance | Study | Delivery],
    ids: list[int],
    *,
    at: datetime,
) -> None:
    """Remember that the message about these rows went out at ``at``."""
    session.execute(update(table).where(table.id.in_(ids)).values(published_at=at))


def _is_due(
    not_before: InstrumentedAttribute[datetime | None], at: datetime
) -> ColumnElement[bool]:
    return or_(not_before.is_(None), not_before <= at)
