"""Deliveries while they are held back after a restore: the destination is asked first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from config.sending import Destination
from node.db import hold
from node.db.confirmations import BY_QUERY, confirm
from node.db.deliveries import ClaimedDelivery, record_delivered
from node.db.tables import Delivery, Result
from node.errors import TransientFailure
from node.scu.query import Instance, Presence, find_instances
from workers.runtime import Runtime

log = structlog.get_logger(__name__)

ALREADY_THERE: Final = "ALREADY_THERE: found there after a restore, not sent again"


def may_be_sent(runtime: Runtime, delivery_ids: list[int]) -> list[int]:
    """Leave out deliveries to destinations that nothing goes to before a person releases it."""
    with runtime.database.read() as session:
        held = hold.held_destinations(session, runtime.settings)
        if not held:
            return delivery_ids
        rows = session.execute(
            select(Delivery.id, Delivery.destination).where(Delivery.id.in_(delivery_ids))
        ).all()
    return [delivery_id for delivery_id, destination in rows if destination not in held]


def leave_out_those_there(
    runtime: Runtime,
    destination: Destination,
    rest: list[ClaimedDelivery],
    *,
    before_each: Callable[[], object],
) -> None:
    """Ask the destination for each object; what it has is recorded and taken out of ``rest``.

    Each question may take as long as sending an object: ``before_each`` holds the leases of
    all of ``rest`` for longer.

    Raises
    ------
    TransientFailure, PermanentFailure
        It did not say of each object whether it has it: what is left in ``rest`` waits.
    """
    claims = list(rest)
    with runtime.database.read() as session:
        if not hold.is_in_force(session):
            return
        ids = [claim.planned.delivery_id for claim in claims]
        rows = session.scalars(
            select(Delivery)
            .options(joinedload(Delivery.result).joinedload(Result.study))
            .where(Delivery.id.in_(ids))
        ).all()
        results = {row.id: row.result for row in rows}
    found = find_instances(
        destination,
        runtime.settings.scu,
        [
            Instance(
                results[delivery_id].study.study_instance_uid,
                results[delivery_id].series_instance_uid,
                results[delivery_id].sop_instance_uid,
            )
            for delivery_id in ids
        ],
        before_each=before_each,
    )
    answers = list(zip(claims, found, strict=True))
    for claim, presence in answers:
        if presence is Presence.PRESENT:
            rest.remove(claim)
            _record_there(runtime, claim)
    if any(presence is Presence.UNKNOWN for _, presence in answers):
        raise TransientFailure("held after a restore: the destination does not say what it has")


def _record_there(runtime: Runtime, claim: ClaimedDelivery) -> None:
    now = runtime.clock()
    with runtime.database.begin() as session:
        record_delivered(
            session, claim, status=None, detail=ALREADY_THERE, at=now, actor=runtime.actor
        )
        row = session.get_one(Delivery, claim.planned.delivery_id)
        confirm(session, row, by=BY_QUERY, at=now, actor=runtime.actor)
    log.info(
        "delivery_found_there",
        sop_instance_uid=claim.planned.sop_instance_uid,
        destination=claim.planned.destination,
    )
