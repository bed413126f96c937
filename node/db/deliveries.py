"""The rows of one result's way to one destination."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, joinedload

from node.db.events import Event
from node.db.tables import Delivery
from node.db.transitions import move
from node.errors import StateConflict
from node.states import DeliveryState


@dataclass(frozen=True, slots=True)
class PlannedDelivery:
    """One delivery as it waits: what would be sent, and where."""

    delivery_id: int
    destination: str
    study_id: int
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    path: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """One delivery in our hands until the lease ends."""

    planned: PlannedDelivery
    attempt: int


def planned_deliveries(session: Session, delivery_ids: list[int]) -> list[PlannedDelivery]:
    """Give those of the deliveries that still wait, in the order of their ids."""
    found = []
    for delivery_id in sorted(delivery_ids):
        row = session.get(Delivery, delivery_id, options=[joinedload(Delivery.result)])
        if row is not None and row.state is DeliveryState.PENDING:
            found.append(
                PlannedDelivery(
                    delivery_id=row.id,
                    destination=row.destination,
                    study_id=row.result.study_id,
                    sop_instance_uid=row.result.sop_instance_uid,
                    sop_class_uid=row.result.sop_class_uid,
                    transfer_syntax_uid=row.result.transfer_syntax_uid,
                    path=row.result.path,
                    created_at=row.created_at,
                )
            )
    return found


def claim_delivery(
    session: Session, planned: PlannedDelivery, *, lease_until: datetime, at: datetime, actor: str
) -> ClaimedDelivery | None:
    """Move PENDING to SENDING with a lease; None when it is not there to be had.

    A message that comes twice must not cut short the pause after a failure.
    """
    row = session.get(Delivery, planned.delivery_id)
    if row is None or row.state is not DeliveryState.PENDING:
        return None
    if row.not_before is not None and row.not_before > at:
        return None
    attempt = row.attempts + 1
    try:
        move(
            session,
            row,
            DeliveryState.SENDING,
            at=at,
            event=Event.DELIVERY_CLAIMED,
            actor=actor,
            details={"attempt": attempt, "destination": row.destination},
            lease_until=lease_until,
            attempts=attempt,
            not_before=None,
        )
    except StateConflict:
        return None
    return ClaimedDelivery(planned, attempt)


def record_delivered(
    session: Session,
    claim: ClaimedDelivery,
    *,
    status: int | None,
    detail: str,
    at: datetime,
    actor: str,
) -> None:
    """Move SENDING to DELIVERED: the destination answered success or a warning."""
    _leave(
        session,
        claim,
        DeliveryState.DELIVERED,
        at=at,
        event=Event.DELIVERY_DELIVERED,
        actor=actor,
        reason=detail,
        last_status=status,
        last_error=detail,
        delivered_at=at,
    )


def record_retry(
    session: Session,
    claim: ClaimedDelivery,
    *,
    status: int | None,
    detail: str,
    not_before: datetime,
    at: datetime,
    actor: str,
) -> None:
    """Move SENDING back to PENDING, not before the next attempt is due."""
    _leave(
        session,
        claim,
        DeliveryState.PENDING,
        at=at,
        event=Event.DELIVERY_RETRY,
        actor=actor,
        reason=detail,
        last_status=status,
        last_error=detail,
        not_before=not_before,
        published_at=None,
    )


def record_refused(
    session: Session,
    claim: ClaimedDelivery,
    *,
    status: int | None,
    detail: str,
    at: datetime,
    actor: str,
) -> None:
    """Move SENDING to FAILED: trying again cannot help before somebody acts."""
    _leave(
        session,
        claim,
        DeliveryState.FAILED,
        at=at,
        event=Event.DELIVERY_FAILED,
        actor=actor,
        reason=detail,
        last_status=status,
        last_error=detail,
    )


def replay_delivery(session: Session, row: Delivery, *, at: datetime, actor: str) -> None:
    """Move FAILED back to PENDING with a fresh count and a fresh deadline."""
    move(
        session,
        row,
        DeliveryState.PENDING,
        at=at,
        event=Event.DELIVERY_REPLAYED,
        actor=actor,
        details={"destination": row.destination},
        attempts=0,
        created_at=at,
        not_before=None,
        published_at=None,
    )


def send_now(row: Delivery) -> None:
    """Let a PENDING delivery go out with the next sweep instead of at its own time."""
    row.not_before = None
    row.published_at = None


def _leave(
    session: Session,
    claim: ClaimedDelivery,
    new: DeliveryState,
    *,
    at: datetime,
    event: Event,
    actor: str,
    reason: str,
    last_status: int | None,
    **values: object,
) -> None:
    row = session.get(Delivery, claim.planned.delivery_id)
    if row is None or row.state is not DeliveryState.SENDING:
        raise StateConflict(
            f"delivery of {claim.planned.sop_instance_uid} to {claim.planned.destination} "
            f"left SENDING before {event}"
        )
    move(
        session,
        row,
        new,
        at=at,
        event=event,
        actor=actor,
        reason=reason,
        details={
            "attempt": claim.attempt,
            "destination": row.destination,
            "status": None if last_status is None else f"0x{last_status:04X}",
        },
        where=(Delivery.attempts == claim.attempt,),
        lease_until=None,
        last_status=last_status,
        **values,
    )
