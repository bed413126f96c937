"""Whether a destination keeps what it got: what is asked for, confirmed, lost, or an alarm.

A delivery is CONFIRMED by an answer alone, and each answer counts only for the copy that it
speaks of: what was sent again since is asked about anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from node.db import audit
from node.db.columns import is_set
from node.db.events import Event
from node.db.tables import Delivery, Result
from node.db.transitions import move
from node.dicom.commitment import ObjectKey
from node.states import DeliveryState

BY_COMMITMENT: Final = "COMMITMENT"
BY_QUERY: Final = "QUERY"
"""Who said that an object is kept or lost: reasons in the audit log."""

NOT_IN_TIME: Final = "NOT_IN_TIME"
LOST_TOO_OFTEN: Final = "LOST_TOO_OFTEN"
"""Why an alarm was raised."""

LEAST_QUESTIONS: Final = 3
"""Asked whatever the clock says: a node that was off for days comes up beyond every deadline,
and a destination that nobody could ask has not failed to confirm."""

NOTHING_AWAITED: Final[dict[str, Any]] = {
    "confirm_at": None,
    "confirm_by": None,
    "alarmed_at": None,
    "lease_until": None,
}
"""Columns of a delivery that leaves DELIVERED."""


@dataclass(frozen=True, slots=True)
class AwaitedDelivery:
    """One delivered object whose confirmation is ours to ask for until the lease ends.

    ``attempt`` counts the questions since it was delivered, the first is 1.
    """

    delivery_id: int
    destination: str
    attempt: int
    delivered_at: datetime | None
    study_instance_uid: str
    series_instance_uid: str
    key: ObjectKey


def await_confirmation(
    session: Session, delivery_id: int, *, confirm_at: datetime, confirm_by: datetime
) -> None:
    """Have the destination of a delivery that was just DELIVERED asked, or else an alarm."""
    row = session.get_one(Delivery, delivery_id)
    row.confirm_at, row.confirm_by = confirm_at, confirm_by
    row.confirm_attempts = 0
    row.published_at = None


def claim_awaited(
    session: Session,
    delivery_ids: Sequence[int],
    *,
    lease_until: datetime,
    next_at: datetime,
    at: datetime,
) -> list[AwaitedDelivery]:
    """Take those that are DELIVERED and due, in the order of their ids.

    The next question is put off to ``next_at`` before this one is asked: whoever dies
    between the two costs that time and nothing else.
    """
    rows = session.scalars(
        select(Delivery)
        .options(joinedload(Delivery.result).joinedload(Result.study))
        .where(
            Delivery.id.in_(delivery_ids),
            Delivery.state == DeliveryState.DELIVERED,
            Delivery.confirm_at <= at,
            or_(Delivery.lease_until.is_(None), Delivery.lease_until < at),
        )
        .order_by(Delivery.id)
    ).all()
    for row in rows:
        row.confirm_at = next_at
        row.lease_until = lease_until
        row.confirm_attempts += 1
    return [
        AwaitedDelivery(
            delivery_id=row.id,
            destination=row.destination,
            attempt=row.confirm_attempts,
            delivered_at=row.delivered_at,
            study_instance_uid=row.result.study.study_instance_uid,
            series_instance_uid=row.result.series_instance_uid,
            key=key_of(row),
        )
        for row in rows
    ]


def end_claims(session: Session, claims: Sequence[AwaitedDelivery], *, asked: bool) -> None:
    """Give the leases back; a question that never reached the destination does not count."""
    for claim in claims:
        row = _still(session, claim)
        if row is not None and row.confirm_attempts == claim.attempt:
            row.lease_until = None
            row.confirm_attempts = claim.attempt if asked else claim.attempt - 1


def stop_asking(session: Session, claims: Sequence[AwaitedDelivery]) -> None:
    """Leave deliveries as they are: their destination is not asked any more."""
    for claim in claims:
        row = _still(session, claim)
        if row is not None:
            row.confirm_at = row.confirm_by = row.lease_until = None


def record_found(
    session: Session,
    claim: AwaitedDelivery,
    *,
    present: bool,
    resend_limit: int,
    at: datetime,
    actor: str,
) -> None:
    """Record what a query found, unless somebody else moved the delivery meanwhile."""
    row = _still(session, claim)
    if row is None:
        return
    if present:
        confirm(session, row, by=BY_QUERY, at=at, actor=actor)
    else:
        send_again(session, row, by=BY_QUERY, limit=resend_limit, at=at, actor=actor)


def raise_alarm(session: Session, row: Delivery, *, why: str, at: datetime, actor: str) -> None:
    """Say once that a delivery is not confirmed, and ask no more; a report still counts."""
    row.alarmed_at = at
    row.confirm_at = row.confirm_by = row.lease_until = None
    audit.append(
        session,
        at=at,
        event=Event.DELIVERY_UNCONFIRMED,
        entity="delivery",
        entity_id=row.id,
        uid=row.result.sop_instance_uid,
        study_instance_uid=row.result.study.study_instance_uid,
        reason=why,
        actor=actor,
        details={
            "destination": row.destination,
            "questions": row.confirm_attempts,
            "times_lost": row.times_lost,
        },
    )


def count_alarms(session: Session) -> int:
    """Count the deliveries whose alarm nothing has answered yet."""
    return session.scalar(select(func.count()).where(is_set(Delivery.alarmed_at))) or 0


def key_of(row: Delivery) -> ObjectKey:
    """Name the object of a delivery as requests and reports do."""
    return ObjectKey(row.result.sop_class_uid, row.result.sop_instance_uid)


def _still(session: Session, claim: AwaitedDelivery) -> Delivery | None:
    """Give the row while it is about the copy that was claimed."""
    row = session.get(Delivery, claim.delivery_id)
    if row is None or row.state is not DeliveryState.DELIVERED:
        return None
    return row if row.delivered_at == claim.delivered_at else None


def confirm(session: Session, row: Delivery, *, by: str, at: datetime, actor: str) -> None:
    """Move DELIVERED to CONFIRMED: the destination says that it keeps the object."""
    move(
        session,
        row,
        DeliveryState.CONFIRMED,
        at=at,
        event=Event.DELIVERY_CONFIRMED,
        actor=actor,
        reason=by,
        details={"destination": row.destination},
        confirmed_at=at,
        **NOTHING_AWAITED,
    )


def send_again(
    session: Session, row: Delivery, *, by: str, limit: int, at: datetime, actor: str
) -> None:
    """Send the object again, with a fresh deadline; after ``limit`` times an alarm instead."""
    if row.times_lost >= limit:
        if row.alarmed_at is None:
            raise_alarm(session, row, why=LOST_TOO_OFTEN, at=at, actor=actor)
        return
    move(
        session,
        row,
        DeliveryState.PENDING,
        at=at,
        event=Event.DELIVERY_LOST,
        actor=actor,
        reason=by,
        details={"destination": row.destination, "times_lost": row.times_lost + 1},
        times_lost=row.times_lost + 1,
        attempts=0,
        created_at=at,
        not_before=None,
        published_at=None,
        **NOTHING_AWAITED,
    )
