"""Step 9 of a mammogram's way: results go to a destination, each with its own status."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import structlog

from node.db.deliveries import (
    ClaimedDelivery,
    PlannedDelivery,
    claim_delivery,
    planned_deliveries,
    record_delivered,
    record_refused,
    record_retry,
)
from node.db.session import UNAVAILABLE
from node.errors import PermanentFailure, StateConflict, TransientFailure
from node.scu.outcome import Outcome
from node.scu.sender import StoreAnswer, StoreAssociation
from workers.failure import Failure, FailuresGoTo
from workers.retry import pause_before
from workers.runtime import Runtime

log = structlog.get_logger(__name__)


def deliver_results(runtime: Runtime, delivery_ids: list[int]) -> None:
    """Send waiting results of one destination over one association.

    Each object is claimed just before it goes out and leaves SENDING by its own
    status, so that one refusal stops nothing else. When the association cannot be
    opened or breaks, every object that still waits is put off alike.
    """
    with runtime.database.read() as session:
        waiting = planned_deliveries(session, delivery_ids)
    for name in sorted({planned.destination for planned in waiting}):
        _send_all(runtime, name, [p for p in waiting if p.destination == name])


def _send_all(runtime: Runtime, name: str, waiting: list[PlannedDelivery]) -> None:
    destination = runtime.settings.destinations.get(name)
    if destination is None:
        answer = StoreAnswer(
            Outcome.REFUSED, None, f"destination {name} is not in the settings any more"
        )
        _answer_all(runtime, waiting, answer)
        return
    objects = [(planned.sop_class_uid, planned.transfer_syntax_uid) for planned in waiting]
    rest = list(waiting)
    try:
        with StoreAssociation(destination, runtime.settings.scu, objects) as association:
            while rest:
                _send_one(runtime, association, rest.pop(0))
    except PermanentFailure as failure:
        _answer_all(runtime, rest, StoreAnswer(Outcome.REFUSED, None, str(failure)))
    except TransientFailure as failure:
        _answer_all(runtime, rest, StoreAnswer(Outcome.RETRY, None, str(failure)))


def _send_one(runtime: Runtime, association: StoreAssociation, planned: PlannedDelivery) -> None:
    claim = _claim(runtime, planned)
    if claim is None:
        return
    with FailuresGoTo(partial(_put_off, runtime, claim)):
        answer = association.store(runtime.layout.absolute(planned.path))
        _record(runtime, claim, answer)


def _answer_all(runtime: Runtime, rest: list[PlannedDelivery], answer: StoreAnswer) -> None:
    for planned in rest:
        claim = _claim(runtime, planned)
        if claim is not None:
            _record(runtime, claim, answer)


def _claim(runtime: Runtime, planned: PlannedDelivery) -> ClaimedDelivery | None:
    now = runtime.clock()
    lease_until = now + timedelta(seconds=runtime.settings.delivery.lease_seconds)
    with runtime.database.begin() as session:
        return claim_delivery(
            session, planned, lease_until=lease_until, at=now, actor=runtime.actor
        )


def _put_off(runtime: Runtime, claim: ClaimedDelivery, failure: Failure) -> None:
    detail = f"{failure.kind} in the sender: {failure.place}"
    _record(runtime, claim, StoreAnswer(Outcome.RETRY, None, detail))


def _record(runtime: Runtime, claim: ClaimedDelivery, answer: StoreAnswer) -> None:
    """Move the delivery by what the destination said; its deadline turns a retry into FAILED."""
    now = runtime.clock()
    not_before = _next_attempt(runtime, claim, now)
    outcome = answer.outcome
    detail = answer.detail
    if outcome is Outcome.RETRY and not_before is None:
        outcome = Outcome.REFUSED
        detail = f"given up after {claim.attempt} attempts: {detail}"
    try:
        with runtime.database.begin() as session:
            match outcome:
                case Outcome.DELIVERED:
                    record_delivered(
                        session,
                        claim,
                        status=answer.status,
                        detail=detail,
                        at=now,
                        actor=runtime.actor,
                    )
                case Outcome.REFUSED:
                    record_refused(
                        session,
                        claim,
                        status=answer.status,
                        detail=detail,
                        at=now,
                        actor=runtime.actor,
                    )
                case Outcome.RETRY:
                    record_retry(
                        session,
                        claim,
                        status=answer.status,
                        detail=detail,
                        not_before=not_before or now,
                        at=now,
                        actor=runtime.actor,
                    )
    except (StateConflict, *UNAVAILABLE) as error:
        # The row keeps its lease; the dispatch sweep takes it back when that ends.
        log.warning(
            "delivery_not_recorded",
            sop_instance_uid=claim.planned.sop_instance_uid,
            kind=type(error).__name__,
        )
        return
    log.info(
        "delivery_attempted",
        outcome=outcome,
        sop_instance_uid=claim.planned.sop_instance_uid,
        destination=claim.planned.destination,
        attempt=claim.attempt,
        status=answer.status,
        detail=detail,
    )


def _next_attempt(runtime: Runtime, claim: ClaimedDelivery, now: datetime) -> datetime | None:
    """Give the moment of the next attempt, or None when the deadline has passed."""
    settings = runtime.settings.delivery
    if now - claim.planned.created_at >= timedelta(hours=settings.give_up_hours):
        return None
    return now + pause_before(
        claim.attempt + 1,
        first=timedelta(seconds=settings.retry_first_seconds),
        longest=timedelta(seconds=settings.retry_max_seconds),
        random=runtime.random,
    )
