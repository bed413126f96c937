"""Step 9 of a mammogram's way: results go to a destination, each with its own status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random

import structlog
from sqlalchemy.orm import Session

from config.sending import Destination
from node.db.confirmations import await_confirmation
from node.db.deliveries import (
    ClaimedDelivery,
    PlannedDelivery,
    claim_deliveries,
    extend_lease,
    is_given_up,
    record_delivered,
    record_refused,
    record_retry,
)
from node.db.lost_work import token
from node.db.session import UNAVAILABLE
from node.errors import PermanentFailure, StateConflict, TransientFailure
from node.scu.outcome import Outcome
from node.scu.sender import StoreAnswer, StoreAssociation
from node.store.files import RESULT_FILE_DAMAGED, RESULT_FILE_REMOVED, intact
from workers.failure import Failure, FailuresGoTo
from workers.held import leave_out_those_there, may_be_sent
from workers.retry import pause_before
from workers.runtime import Runtime
from workers.watchdog import Watch

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Batch:
    """What goes to one destination; ``began`` is the moment from which pauses count.

    All that is put off comes back at one moment and shares an association again.
    """

    runtime: Runtime
    destination: str
    began: datetime
    watch: Watch


def deliver_results(runtime: Runtime, delivery_ids: list[int]) -> None:
    """Send waiting results of one destination over one association.

    All of them are claimed first; each leaves SENDING by its own status, so that one
    refusal stops nothing else. When the association cannot be opened or breaks, what
    was not tried is put off alike.
    """
    now = runtime.clock()
    with runtime.watchdog.watching(runtime.settings.delivery.lease_seconds) as watch:
        free = may_be_sent(runtime, delivery_ids)
        with runtime.database.begin() as session:
            claims = claim_deliveries(
                session,
                free,
                lease_until=_lease_from(runtime, now),
                at=now,
                actor=runtime.actor,
            )
        watch.hold("delivery", [(each.planned.delivery_id, _token(each)) for each in claims])
        for name in sorted({claim.planned.destination for claim in claims}):
            batch = _Batch(runtime, name, now, watch)
            _send_all(batch, [claim for claim in claims if claim.planned.destination == name])


def _token(claim: ClaimedDelivery) -> str:
    return token(claim.attempt, claim.planned.created_at)


def _lease_from(runtime: Runtime, now: datetime) -> datetime:
    return now + timedelta(seconds=runtime.settings.delivery.lease_seconds)


def _send_all(batch: _Batch, claims: list[ClaimedDelivery]) -> None:
    destination = batch.runtime.settings.destinations.get(batch.destination)
    if destination is None:
        text = f"destination {batch.destination} is not in the settings any more"
        _answer_all(batch, claims, StoreAnswer(Outcome.REFUSED, None, text))
        return
    rest = _those_to_send(batch, destination, claims)
    if not rest:
        return
    with FailuresGoTo(partial(_put_off_all, batch, rest)):
        try:
            _send_over_one_association(batch, destination, rest)
        except PermanentFailure as failure:
            _answer_all(batch, rest, StoreAnswer(Outcome.REFUSED, None, str(failure)))
        except TransientFailure as failure:
            _answer_all(batch, rest, StoreAnswer(Outcome.RETRY, None, str(failure)))


def _those_to_send(
    batch: _Batch, destination: Destination, claims: list[ClaimedDelivery]
) -> list[ClaimedDelivery]:
    """Leave out what the destination has while deliveries are held; all when it does not say."""
    rest = list(claims)
    with FailuresGoTo(partial(_hold_all_back, batch, rest)):
        try:
            leave_out_those_there(
                batch.runtime, destination, rest, before_each=partial(_are_still_ours, batch, rest)
            )
        except (PermanentFailure, TransientFailure) as failure:
            _hold_back(batch, rest, StoreAnswer(Outcome.RETRY, None, str(failure)))
    return rest


def _hold_all_back(batch: _Batch, rest: list[ClaimedDelivery], failure: Failure) -> None:
    _hold_back(batch, rest, _failed_here(failure), failure.traceback)


def _hold_back(
    batch: _Batch, rest: list[ClaimedDelivery], answer: StoreAnswer, traceback: str = ""
) -> None:
    """Put off all of ``rest``, and never give it up: nothing was tried."""
    while rest:
        _record(batch, rest.pop(), answer, traceback, was_tried=False)


def _send_over_one_association(
    batch: _Batch, destination: Destination, rest: list[ClaimedDelivery]
) -> None:
    """Take one object after the other from ``rest``; what stays in it was not tried."""
    settings = batch.runtime.settings
    objects = [(claim.planned.sop_class_uid, claim.planned.transfer_syntax_uid) for claim in rest]
    compressions = settings.profile_of(batch.destination).transfer_syntaxes
    with StoreAssociation(destination, settings.scu, objects, compressions) as association:
        while rest:
            _send_one(batch, association, rest.pop(0))


def _send_one(batch: _Batch, association: StoreAssociation, claim: ClaimedDelivery) -> None:
    if not _are_still_ours(batch, [claim]):
        return
    with FailuresGoTo(partial(_put_off, batch, claim)):
        try:
            answer = _store(batch, association, claim.planned)
        except PermanentFailure as failure:
            answer = StoreAnswer(Outcome.REFUSED, None, str(failure))
        _record(batch, claim, answer)


def _store(batch: _Batch, association: StoreAssociation, planned: PlannedDelivery) -> StoreAnswer:
    """Send the bytes that were recorded, and no others."""
    if planned.is_removed:
        text = f"{RESULT_FILE_REMOVED}: by the retention policy; send the images again and re-run"
        return StoreAnswer(Outcome.REFUSED, None, text)
    path = batch.runtime.layout.absolute(planned.path)
    if not intact(path, sha256=planned.sha256, size=planned.bytes):
        return StoreAnswer(Outcome.REFUSED, None, f"{RESULT_FILE_DAMAGED}: {planned.path}")
    return association.store(path)


def _are_still_ours(batch: _Batch, claims: list[ClaimedDelivery]) -> bool:
    """Begin watch and leases anew: those before them in the batch may have taken long."""
    runtime = batch.runtime
    batch.watch.begin_anew()
    lease_until = _lease_from(runtime, runtime.clock())
    with runtime.database.begin() as session:
        extended = [extend_lease(session, each, lease_until=lease_until) for each in claims]
    return all(extended)


def _answer_all(
    batch: _Batch, rest: list[ClaimedDelivery], answer: StoreAnswer, traceback: str = ""
) -> None:
    for claim in rest:
        _record(batch, claim, answer, traceback)


def _put_off_all(batch: _Batch, rest: list[ClaimedDelivery], failure: Failure) -> None:
    _answer_all(batch, rest, _failed_here(failure), failure.traceback)


def _put_off(batch: _Batch, claim: ClaimedDelivery, failure: Failure) -> None:
    _record(batch, claim, _failed_here(failure), failure.traceback)


def _failed_here(failure: Failure) -> StoreAnswer:
    return StoreAnswer(Outcome.RETRY, None, f"{failure.kind} in the sender: {failure.place}")


def _record(
    batch: _Batch,
    claim: ClaimedDelivery,
    answer: StoreAnswer,
    traceback: str = "",
    *,
    was_tried: bool = True,
) -> None:
    """Move the delivery by what the destination said; its deadline turns a retry into FAILED."""
    runtime = batch.runtime
    now = runtime.clock()
    outcome = answer.outcome
    # A status alone: the comment that came with it is the peer's text and may name a patient.
    detail = answer.detail if answer.status is None else f"status 0x{answer.status:04X}"
    if outcome is Outcome.RETRY and was_tried and _is_too_old(batch, claim, now):
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
                        transfer_syntax=answer.transfer_syntax,
                        at=now,
                        actor=runtime.actor,
                    )
                    _await_confirmation(batch, claim, session, now)
                case Outcome.REFUSED:
                    record_refused(
                        session,
                        claim,
                        status=answer.status,
                        detail=detail,
                        traceback=traceback,
                        transfer_syntax=answer.transfer_syntax,
                        at=now,
                        actor=runtime.actor,
                    )
                case Outcome.RETRY:
                    record_retry(
                        session,
                        claim,
                        status=answer.status,
                        detail=detail,
                        traceback=traceback,
                        transfer_syntax=answer.transfer_syntax,
                        tried_since=claim.planned.created_at if was_tried else now,
                        not_before=_next_attempt(batch, claim, now),
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
        transfer_syntax=answer.transfer_syntax,
    )


def _await_confirmation(
    batch: _Batch, claim: ClaimedDelivery, session: Session, now: datetime
) -> None:
    settings = batch.runtime.settings
    if settings.destinations[batch.destination].confirm != "none":
        await_confirmation(
            session,
            claim.planned.delivery_id,
            confirm_at=now + timedelta(seconds=settings.delivery.confirm_after_seconds),
            confirm_by=now + timedelta(hours=settings.delivery.confirm_hours),
        )


def _is_too_old(batch: _Batch, claim: ClaimedDelivery, now: datetime) -> bool:
    give_up = timedelta(hours=batch.runtime.settings.delivery.give_up_hours)
    return is_given_up(claim.planned.created_at, at=now, give_up=give_up)


def _next_attempt(batch: _Batch, claim: ClaimedDelivery, now: datetime) -> datetime:
    settings = batch.runtime.settings.delivery
    seed = f"{claim.planned.study_id} {batch.destination} {claim.attempt}"
    pause = pause_before(
        claim.attempt + 1,
        first=timedelta(seconds=settings.retry_first_seconds),
        longest=timedelta(seconds=settings.retry_max_seconds),
        random=Random(seed),  # noqa: S311 - jitter, the same for all of one batch
    )
    # A peer that was slow to fail must not lose its pause to that.
    return (batch.began if now - batch.began < pause / 2 else now) + pause
