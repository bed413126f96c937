"""What is due: the questions that the dispatch loop asks the rows.

Each function is one step of a sweep and runs inside the caller's transaction.
Rows that changed hands meanwhile are left to whoever has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Row, and_, exists, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from node.db.columns import is_set
from node.db.confirmations import LEAST_QUESTIONS, NOT_IN_TIME, raise_alarm
from node.db.events import Event
from node.db.lost_work import (
    NOTHING_KNOWN,
    Losses,
    loss_of,
    take_back_delivery,
    take_back_instance,
)
from node.db.tables import Delivery, Instance, Result, Study
from node.db.transitions import move
from node.states import DeliveryState, InstanceState, StudyState

BATCH: Final = 200
"""Rows moved in one transaction: keeps the write lock short."""

OBJECTS_AT_ONCE: Final = 32
"""Objects that go to a destination over one association."""


def has_rows_to_move(session: Session, *, at: datetime) -> bool:
    """Say whether one of the moves below has anything to do: it costs no write lock."""
    return bool(
        session.scalar(
            select(
                or_(
                    exists().where(Instance.state == InstanceState.RECEIVED),
                    exists().where(
                        Instance.state == InstanceState.ANALYSING, Instance.lease_until < at
                    ),
                    exists().where(
                        Delivery.state == DeliveryState.SENDING, Delivery.lease_until < at
                    ),
                    exists().where(Delivery.confirm_by < at),
                )
            )
        )
    )


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


def expire_analysis_leases(
    session: Session,
    *,
    at: datetime,
    actor: str,
    max_attempts: int,
    losses: Losses = NOTHING_KNOWN,
) -> int:
    """Take instances back from workers that overran or died; give how many.

    An instance that was tried ``max_attempts`` times is set aside as FAILED, so
    that one poisonous image cannot hold the queue. ``losses`` say what is known of why.
    """
    rows = session.scalars(
        select(Instance)
        .options(joinedload(Instance.study))
        .where(Instance.state == InstanceState.ANALYSING, Instance.lease_until < at)
        .limit(BATCH)
    ).all()
    for row in rows:
        loss = loss_of(losses, row)
        take_back_instance(session, row, loss, at=at, actor=actor, max_attempts=max_attempts)
    return len(rows)


def expire_delivery_leases(
    session: Session,
    *,
    at: datetime,
    actor: str,
    pause: timedelta,
    give_up: timedelta,
    losses: Losses = NOTHING_KNOWN,
) -> int:
    """Take deliveries back from senders that overran or died; give how many.

    The next attempt waits ``pause`` for each one before it, and there is none when
    ``give_up`` has passed: an object that ends its sender must not do so for ever.
    """
    rows = session.scalars(
        select(Delivery)
        .where(Delivery.state == DeliveryState.SENDING, Delivery.lease_until < at)
        .limit(BATCH)
    ).all()
    for row in rows:
        loss = loss_of(losses, row)
        take_back_delivery(session, row, loss, at=at, actor=actor, pause=pause, give_up=give_up)
    return len(rows)


def raise_due_alarms(session: Session, *, at: datetime, actor: str, pause: timedelta) -> int:
    """Say once of each delivery that was not confirmed in time; give how many.

    One that was asked about too rarely has another ``pause``, as between two questions.
    Without a condition on the state, which most rows share: the column is set for few.
    """
    rows = session.scalars(
        select(Delivery)
        .options(joinedload(Delivery.result).joinedload(Result.study))
        .where(Delivery.confirm_by < at)
        .limit(BATCH)
    ).all()
    raised = 0
    for row in rows:
        if row.confirm_attempts < LEAST_QUESTIONS:
            row.confirm_by = at + pause
        else:
            raise_alarm(session, row, why=NOT_IN_TIME, at=at, actor=actor)
            raised += 1
    return raised


def instances_to_publish(
    session: Session, *, at: datetime, republish: timedelta, limit: int
) -> list[int]:
    """Ids of QUEUED instances whose message is due, the oldest first."""
    return list(
        session.scalars(
            select(Instance.id)
            .where(
                Instance.state == InstanceState.QUEUED,
                _is_due(Instance.not_before, at),
                or_(Instance.published_at.is_(None), Instance.published_at < at - republish),
            )
            .order_by(Instance.received_at, Instance.id)
            .limit(limit)
        )
    )


def studies_to_publish(
    session: Session, *, at: datetime, republish: timedelta, limit: int
) -> list[int]:
    """Ids of COMPLETE studies whose report is due and that no worker holds."""
    return list(
        session.scalars(
            select(Study.id)
            .where(
                Study.state == StudyState.COMPLETE,
                _is_due(Study.not_before, at),
                or_(Study.lease_until.is_(None), Study.lease_until < at),
                or_(Study.published_at.is_(None), Study.published_at < at - republish),
            )
            .order_by(Study.completed_at)
            .limit(limit)
        )
    )


def deliveries_to_publish(
    session: Session,
    *,
    at: datetime,
    republish: timedelta,
    held: frozenset[str] = frozenset(),
) -> dict[str, list[int]]:
    """Ids of PENDING deliveries that are due, by destination, the oldest first; none of ``held``.

    A destination that has a batch on its way, or published and not claimed yet, gets no
    other: one that hangs holds one thread, and the others go on.
    """
    fresh = and_(Delivery.state == DeliveryState.PENDING, Delivery.published_at >= at - republish)
    busy = select(Delivery.destination).where(or_(Delivery.state == DeliveryState.SENDING, fresh))
    rows = session.execute(
        select(Delivery.destination, Delivery.id)
        .where(
            Delivery.state == DeliveryState.PENDING,
            _is_due(Delivery.not_before, at),
            Delivery.destination.not_in(busy),
            Delivery.destination.not_in(sorted(held)),
        )
        .order_by(Delivery.id)
        .limit(BATCH)
    ).all()
    return _batches(rows)


def confirmations_to_publish(
    session: Session, *, at: datetime, republish: timedelta
) -> dict[str, list[int]]:
    """Ids of deliveries whose destination is due to be asked, by destination, the oldest first.

    As for deliveries, a destination that hangs holds one thread.
    """
    fresh = and_(Delivery.confirm_at <= at, Delivery.published_at >= at - republish)
    busy = select(Delivery.destination).where(
        is_set(Delivery.confirm_at), or_(Delivery.lease_until >= at, fresh)
    )
    rows = session.execute(
        select(Delivery.destination, Delivery.id)
        .where(Delivery.confirm_at <= at, Delivery.destination.not_in(busy))
        .order_by(Delivery.confirm_at, Delivery.id)
        .limit(BATCH)
    ).all()
    return _batches(rows)


def _batches(rows: Sequence[Row[str, int]]) -> dict[str, list[int]]:
    due: dict[str, list[int]] = {}
    for destination, delivery_id in rows:
        due.setdefault(destination, []).append(delivery_id)
    return {destination: ids[:OBJECTS_AT_ONCE] for destination, ids in due.items()}


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
