"""Step 10 of a mammogram's way: a destination says that it keeps what it got."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from pydicom.uid import generate_uid

from config.sending import Destination
from node.db.commitments import record_refused_report, record_report, record_request
from node.db.confirmations import (
    AwaitedDelivery,
    claim_awaited,
    end_claims,
    record_found,
    stop_asking,
)
from node.dicom.commitment import CommitmentReport, ReportStatus
from node.errors import PermanentFailure, RefusedReport, TransientFailure
from node.scu.commitment import ask_for_commitment
from node.scu.query import Instance, Presence, find_instances
from workers.runtime import Runtime

log = structlog.get_logger(__name__)

LEASES_TO_ASK: Final = 4
"""So many leases a batch of questions may take before its process is taken as hung."""


def confirm_deliveries(runtime: Runtime, delivery_ids: list[int]) -> None:
    """Ask one destination whether it keeps these objects.

    By storage commitment first, and where no report came until the next question is due, by
    query; at once where the destination takes no such request. What stays open is asked
    again later, in turn, until the alarm.
    """
    now = runtime.clock()
    delivery = runtime.settings.delivery
    # An answer to a question that came too late is as good, and a query has as many as objects.
    limit = LEASES_TO_ASK * delivery.lease_seconds
    with runtime.watchdog.watching(limit):
        with runtime.database.begin() as session:
            claims = claim_awaited(
                session,
                delivery_ids,
                lease_until=now + timedelta(seconds=delivery.lease_seconds),
                next_at=now + timedelta(minutes=delivery.confirm_timeout_minutes),
                at=now,
            )
        for name in sorted({claim.destination for claim in claims}):
            _ask(runtime, name, [claim for claim in claims if claim.destination == name])


def _ask(runtime: Runtime, name: str, claims: Sequence[AwaitedDelivery]) -> None:
    destination = runtime.settings.destinations.get(name)
    if destination is not None and destination.confirm == "none":
        with runtime.database.begin() as session:
            stop_asking(session, claims)
        return
    # Nobody is there to be asked: that counts as asked, or the alarm would never come.
    asked = destination is None
    try:
        if destination is not None:
            _ask_in_turn(runtime, name, destination, claims)
            asked = True
    except (TransientFailure, PermanentFailure) as failure:
        log.warning("destination_not_asked", destination=name, reason=str(failure))
    with runtime.database.begin() as session:
        end_claims(session, claims, asked=asked)


def _ask_in_turn(
    runtime: Runtime, name: str, destination: Destination, claims: Sequence[AwaitedDelivery]
) -> None:
    commit = [claim for claim in claims if _is_by_commitment(destination, claim)]
    query = [claim for claim in claims if claim not in commit]
    if commit:
        problem = _ask_for_commitment(runtime, name, destination, commit)
        if problem:
            log.info("commitment_not_taken", destination=name, reason=problem)
            query += commit
    if query:
        _query(runtime, destination, query)


def _is_by_commitment(destination: Destination, claim: AwaitedDelivery) -> bool:
    return destination.confirm == "commitment" and claim.attempt % 2 == 1


def _ask_for_commitment(
    runtime: Runtime, name: str, destination: Destination, claims: Sequence[AwaitedDelivery]
) -> str:
    transaction_uid = str(generate_uid(prefix=None))
    with runtime.database.begin() as session:
        record_request(
            session,
            transaction_uid,
            claims,
            destination=name,
            at=runtime.clock(),
            actor=runtime.actor,
        )

    def on_report(report: CommitmentReport) -> ReportStatus:
        try:
            with runtime.database.begin() as session:
                return record_report(
                    session,
                    report,
                    destinations={name},
                    resend_limit=runtime.settings.delivery.resend_limit,
                    at=runtime.clock(),
                    actor=runtime.actor,
                )
        except RefusedReport as refused:
            with runtime.database.begin() as session:
                record_refused_report(
                    session,
                    refused,
                    peer=destination.ae_title,
                    at=runtime.clock(),
                    actor=runtime.actor,
                )
            return ReportStatus.INVALID_ARGUMENT_VALUE

    return ask_for_commitment(
        destination,
        runtime.settings.scu,
        transaction_uid,
        [claim.key for claim in claims],
        on_report,
    )


def _query(runtime: Runtime, destination: Destination, claims: Sequence[AwaitedDelivery]) -> None:
    instances = [
        Instance(claim.study_instance_uid, claim.series_instance_uid, claim.key.sop_instance_uid)
        for claim in claims
    ]
    found = find_instances(destination, runtime.settings.scu, instances)
    with runtime.database.begin() as session:
        for claim, presence in zip(claims, found, strict=True):
            log.info(
                "object_queried",
                sop_instance_uid=claim.key.sop_instance_uid,
                destination=claim.destination,
                presence=presence,
            )
            if presence is not Presence.UNKNOWN:
                record_found(
                    session,
                    claim,
                    present=presence is Presence.PRESENT,
                    resend_limit=runtime.settings.delivery.resend_limit,
                    at=runtime.clock(),
                    actor=runtime.actor,
                )
