"""Rows that a worker did not bring back: put in the queue again, or set aside.

A worker that overran or died said nothing in its rows. What its claim sheet tells
(``node.store.claim_sheet``) becomes the reason and the traceback of the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from sqlalchemy.orm import Session

from node.db import audit
from node.db.deliveries import is_given_up, untried
from node.db.events import Event
from node.db.studies import reopen_study
from node.db.tables import Delivery, Instance, Study
from node.db.transitions import move
from node.states import DeliveryState, InstanceState, StudyState
from node.store.claim_sheet import LEASE_EXPIRED, Loss

Losses = Mapping[tuple[str, int, str], Loss]
"""What is known of claims that ended, by table, row and token."""

NOTHING_KNOWN: Final[Losses] = MappingProxyType({})
EXPIRED: Final = Loss(LEASE_EXPIRED)

PAUSE_AFTER_A_LOSS: Final = timedelta(seconds=5)
"""Before the second attempt; it doubles. What ended its worker must not end the next at once."""

LONGEST_PAUSE_AFTER_A_LOSS: Final = timedelta(minutes=10)


def token(attempt: int, moment: datetime | None) -> str:
    """Tell a claim of a row from every other one: attempts are counted anew after a replay.

    Parameters
    ----------
    moment : datetime
        ``lease_until`` of an image or a study; of a delivery, whose lease grows,
        ``created_at``, which moves on with each claim that comes late.
    """
    return f"{attempt} {moment.astimezone(UTC).isoformat() if moment else ''}"


def token_of(row: Instance | Study | Delivery) -> str:
    """Give the token of the claim under which a row stands now."""
    match row:
        case Instance():
            return token(row.attempts, row.lease_until)
        case Study():
            return token(row.report_attempts, row.lease_until)
        case Delivery():
            return token(row.attempts, row.created_at)


def loss_of(losses: Losses, row: Instance | Study | Delivery) -> Loss:
    """Give what is known of why a row's lease ended."""
    return losses.get((type(row).__tablename__, row.id, token_of(row)), EXPIRED)


def take_back_instance(
    session: Session, row: Instance, loss: Loss, *, at: datetime, actor: str, max_attempts: int
) -> None:
    """Move ANALYSING to QUEUED, or to FAILED after the last attempt."""
    spent = row.attempts >= max_attempts
    move(
        session,
        row,
        InstanceState.FAILED if spent else InstanceState.QUEUED,
        at=at,
        event=Event.INSTANCE_FAILED if spent else Event.INSTANCE_LEASE_EXPIRED,
        actor=actor,
        reason=loss.reason,
        details={"attempts": row.attempts, **_place(loss)},
        where=(Instance.attempts == row.attempts, Instance.lease_until == row.lease_until),
        lease_until=None,
        published_at=None,
        not_before=None if spent else _next_attempt(row.attempts, loss, at),
        finished_at=at if spent else None,
        detail=_place(loss).get("detail", ""),
        traceback=loss.traceback,
    )
    if spent and row.study.state is not StudyState.OPEN:
        # Its report says that the image is still to come.
        reopen_study(session, row.study, at=at, actor=actor, reason="ANALYSED_AFTER_LIMIT")


def take_back_delivery(
    session: Session,
    row: Delivery,
    loss: Loss,
    *,
    at: datetime,
    actor: str,
    pause: timedelta,
    give_up: timedelta,
) -> None:
    """Move SENDING to PENDING, or to FAILED when it is given up.

    Nobody had it from the end of its lease on: that time does not count.
    """
    created_at = row.created_at + untried(row.created_at, row.lease_until, at=at)
    spent = is_given_up(created_at, at=at, give_up=give_up)
    move(
        session,
        row,
        DeliveryState.FAILED if spent else DeliveryState.PENDING,
        at=at,
        event=Event.DELIVERY_FAILED if spent else Event.DELIVERY_LEASE_EXPIRED,
        actor=actor,
        reason=loss.reason,
        details={"attempts": row.attempts, "destination": row.destination, **_place(loss)},
        where=(Delivery.attempts == row.attempts, Delivery.lease_until == row.lease_until),
        lease_until=None,
        created_at=created_at,
        published_at=None,
        not_before=None if spent else at + pause * row.attempts,
        last_error=loss.reason,
        traceback=loss.traceback,
    )


def take_back_report(
    session: Session, row: Study, loss: Loss, *, at: datetime, actor: str, max_attempts: int
) -> None:
    """Put a COMPLETE study off whose report was not made, or move it to FAILED."""
    details = {"attempt": row.report_attempts, **_place(loss)}
    if row.report_attempts >= max_attempts:
        move(
            session,
            row,
            StudyState.FAILED,
            at=at,
            event=Event.STUDY_FAILED,
            actor=actor,
            reason=loss.reason,
            details=details,
            lease_until=None,
            traceback=loss.traceback,
        )
        return
    row.reason, row.traceback = loss.reason, loss.traceback
    row.lease_until = row.published_at = None
    row.not_before = _next_attempt(row.report_attempts, loss, at)
    audit.append(
        session,
        at=at,
        event=Event.STUDY_RETRY,
        entity="study",
        entity_id=row.id,
        uid=row.study_instance_uid,
        study_instance_uid=row.study_instance_uid,
        reason=loss.reason,
        actor=actor,
        details=details,
    )


def _next_attempt(attempts: int, loss: Loss, at: datetime) -> datetime | None:
    """Give the moment of the next attempt; None is at once: nothing says that this one did harm."""
    if loss.reason == LEASE_EXPIRED:
        return None
    pause: timedelta = min(
        PAUSE_AFTER_A_LOSS * 2 ** min(attempts - 1, 10), LONGEST_PAUSE_AFTER_A_LOSS
    )
    return at + pause


def _place(loss: Loss) -> dict[str, str]:
    """Name the innermost place of the traceback, for a line of the audit log."""
    # The last line says how it ended; faulthandler's words, without data.
    places = loss.traceback.splitlines()[:-1]
    return {"detail": places[-1]} if places else {}
