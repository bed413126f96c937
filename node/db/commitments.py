"""The questions of storage commitment and their reports: one row for each transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from node.db import audit
from node.db.confirmations import BY_COMMITMENT, AwaitedDelivery, confirm, key_of, send_again
from node.db.events import Event
from node.db.tables import Commitment, Delivery, Result
from node.dicom.commitment import NO_SUCH_OBJECT, CommitmentReport, ReportStatus
from node.errors import RefusedReport
from node.states import DeliveryState


def record_request(
    session: Session,
    transaction_uid: str,
    claims: Sequence[AwaitedDelivery],
    *,
    destination: str,
    at: datetime,
    actor: str,
) -> None:
    """Record a question, before it is sent: its report may be quicker than its answer."""
    row = Commitment(
        transaction_uid=transaction_uid,
        destination=destination,
        delivery_ids=[claim.delivery_id for claim in claims],
        requested_at=at,
    )
    session.add(row)
    session.flush()
    audit.append(
        session,
        at=at,
        event=Event.COMMITMENT_REQUESTED,
        entity="commitment",
        entity_id=row.id,
        uid=transaction_uid,
        actor=actor,
        details={"destination": destination, "objects": len(claims)},
    )


def record_report(
    session: Session,
    report: CommitmentReport,
    *,
    destinations: Collection[str],
    resend_limit: int,
    at: datetime,
    actor: str,
) -> ReportStatus:
    """Record what a destination says it keeps; the first report of a transaction counts.

    Parameters
    ----------
    destinations : collection of str
        Names of the destinations that have the AE title of who reports.

    Returns
    -------
    ReportStatus
        Success, also for a report that came before.

    Raises
    ------
    RefusedReport
        Nobody asked, or not this peer. It must learn no more in one case than in the other.
    """
    row = session.scalar(
        select(Commitment).where(Commitment.transaction_uid == report.transaction_uid)
    )
    if row is None or row.destination not in destinations:
        reason = "UNKNOWN_TRANSACTION" if row is None else "WRONG_PEER"
        raise RefusedReport(report.transaction_uid, reason)
    if row.answered_at is not None:
        return ReportStatus.SUCCESS
    row.answered_at = at
    audit.append(
        session,
        at=at,
        event=Event.COMMITMENT_REPORTED,
        entity="commitment",
        entity_id=row.id,
        uid=report.transaction_uid,
        actor=actor,
        details={
            "destination": row.destination,
            "kept": len(report.kept),
            "failed": sorted(f"0x{reason:04X}" for reason in report.failed.values()),
        },
    )
    for delivery in _spoken_of(session, row):
        reason_of_failure = report.failed.get(key_of(delivery))
        if key_of(delivery) in report.kept:
            confirm(session, delivery, by=BY_COMMITMENT, at=at, actor=actor)
        elif reason_of_failure == NO_SUCH_OBJECT:
            send_again(session, delivery, by=BY_COMMITMENT, limit=resend_limit, at=at, actor=actor)
        elif reason_of_failure is not None and delivery.confirm_at is not None:
            # It does not say that the object is missing: a query tells, and tells now.
            delivery.confirm_at = at
    return ReportStatus.SUCCESS


def _spoken_of(session: Session, commitment: Commitment) -> Sequence[Delivery]:
    """Deliveries of a question whose copy is still the one that was asked about."""
    return session.scalars(
        select(Delivery)
        .options(joinedload(Delivery.result).joinedload(Result.study))
        .where(
            Delivery.id.in_(commitment.delivery_ids),
            Delivery.state == DeliveryState.DELIVERED,
            Delivery.delivered_at <= commitment.requested_at,
        )
        .order_by(Delivery.id)
    ).all()


def record_refused_report(
    session: Session, refused: RefusedReport, *, peer: str, at: datetime, actor: str
) -> None:
    """Record that ``peer``, an AE title, reported what it was not asked."""
    audit.append(
        session,
        at=at,
        event=Event.COMMITMENT_REFUSED,
        entity="commitment",
        uid=refused.transaction_uid,
        reason=refused.reason,
        actor=actor,
        details={"peer": peer},
    )
