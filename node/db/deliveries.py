"""The rows of one result's way to one destination."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session, joinedload

from node.db.confirmations import NOTHING_AWAITED
from node.db.events import Event
from node.db.tables import Delivery
from node.db.transitions import move
from node.errors import StateConflict
from node.states import DeliveryState


@dataclass(frozen=True, slots=True)
class PlannedDelivery:
    """One delivery: what is to be sent, and where."""

    delivery_id: int
    destination: str
    study_id: int
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    path: str
    sha256: str
    bytes: int
    is_removed: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """One delivery in our hands until the lease ends."""

    planned: PlannedDelivery
    attempt: int


def claim_deliveries(
    session: Session, delivery_ids: list[int], *, lease_until: datetime, at: datetime, actor: str
) -> list[ClaimedDelivery]:
    """Move those that are PENDING and due to SENDING with a lease, in the order of their ids.

    They are claimed before anything is sent: a message that comes twice, or comes while
    a pause after a failure lasts, finds nothing and opens no association.
    """
    rows = session.scalars(
        select(Delivery)
        .options(joinedload(Delivery.result))
        .where(
            Delivery.id.in_(delivery_ids),
            Delivery.state == DeliveryState.PENDING,
            or_(Delivery.not_before.is_(None), Delivery.not_before <= at),
        )
        .order_by(Delivery.id)
    ).all()
    return [_claim(session, row, lease_until=lease_until, at=at, actor=actor) for row in rows]


def _claim(
    session: Session, row: Delivery, *, lease_until: datetime, at: datetime, actor: str
) -> ClaimedDelivery:
    attempt = row.attempts + 1
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
        created_at=row.created_at + untried(row.created_at, row.not_before, at=at),
        not_before=None,
    )
    planned = PlannedDelivery(
        delivery_id=row.id,
        destination=row.destination,
        study_id=row.result.study_id,
        sop_instance_uid=row.result.sop_instance_uid,
        sop_class_uid=row.result.sop_class_uid,
        transfer_syntax_uid=row.result.transfer_syntax_uid,
        path=row.result.path,
        sha256=row.result.sha256,
        bytes=row.result.bytes,
        is_removed=row.result.removed_at is not None,
        created_at=row.created_at,
    )
    return ClaimedDelivery(planned, attempt)


def untried(created_at: datetime, due: datetime | None, *, at: datetime) -> timedelta:
    """Give the time until ``at`` in which a delivery was due and nobody tried it.

    It does not count towards giving up: a node that was off for days mostly comes up before
    its destinations do.

    Parameters
    ----------
    due : datetime, optional
        Of a waiting delivery ``not_before``, of one that a sender lost the end of its lease;
        without one, and for one before it, ``created_at``.
    """
    return max(at - max(created_at, due or created_at), timedelta())


def is_given_up(created_at: datetime, *, at: datetime, give_up: timedelta) -> bool:
    """Say whether a delivery that failed again has been tried for long enough."""
    return at - created_at >= give_up


def extend_lease(session: Session, claim: ClaimedDelivery, *, lease_until: datetime) -> bool:
    """Hold a delivery for longer; False when it is ours no more and must not be sent."""
    extended = session.scalar(
        update(Delivery)
        .where(
            Delivery.id == claim.planned.delivery_id,
            Delivery.state == DeliveryState.SENDING,
            *_is_under(claim),
        )
        .values(lease_until=lease_until)
        .returning(Delivery.id)
    )
    return extended is not None


def record_delivered(
    session: Session,
    claim: ClaimedDelivery,
    *,
    status: int | None,
    detail: str,
    transfer_syntax: str = "",
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
        transfer_syntax=transfer_syntax,
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
    traceback: str = "",
    transfer_syntax: str = "",
    tried_since: datetime,
    not_before: datetime,
    at: datetime,
    actor: str,
) -> None:
    """Move SENDING back to PENDING, not before the next attempt is due.

    The time from ``tried_since`` on counts towards giving up.
    """
    _leave(
        session,
        claim,
        DeliveryState.PENDING,
        at=at,
        event=Event.DELIVERY_RETRY,
        actor=actor,
        reason=detail,
        transfer_syntax=transfer_syntax,
        last_status=status,
        last_error=detail,
        traceback=traceback,
        created_at=tried_since,
        not_before=not_before,
        published_at=None,
    )


def record_refused(
    session: Session,
    claim: ClaimedDelivery,
    *,
    status: int | None,
    detail: str,
    traceback: str = "",
    transfer_syntax: str = "",
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
        transfer_syntax=transfer_syntax,
        last_status=status,
        last_error=detail,
        traceback=traceback,
    )


def replay_delivery(session: Session, row: Delivery, *, at: datetime, actor: str) -> None:
    """Move FAILED, or DELIVERED with an alarm, back to PENDING: fresh counts and deadline."""
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
        traceback="",
        times_lost=0,
        **NOTHING_AWAITED,
    )


def send_now(row: Delivery) -> None:
    """Let a PENDING delivery go out with the next sweep instead of at its own time."""
    row.not_before = None
    row.published_at = None


def _is_under(claim: ClaimedDelivery) -> tuple[ColumnElement[bool], ...]:
    """Say that a row stands under this claim still: attempts are counted anew after a replay."""
    return (
        Delivery.attempts == claim.attempt,
        Delivery.created_at == claim.planned.created_at,
    )


def _leave(
    session: Session,
    claim: ClaimedDelivery,
    new: DeliveryState,
    *,
    at: datetime,
    event: Event,
    actor: str,
    reason: str,
    transfer_syntax: str,
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
            **({"transfer_syntax": transfer_syntax} if transfer_syntax else {}),
        },
        where=_is_under(claim),
        last_status=last_status,
        **{"lease_until": None, "traceback": "", **values},
    )
