"""A claim of a delivery counts until the row stands under another one, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from node.db.deliveries import (
    ClaimedDelivery,
    claim_deliveries,
    extend_lease,
    record_delivered,
    record_refused,
    replay_delivery,
)
from node.db.session import Database
from node.db.tables import Delivery
from node.errors import StateConflict
from node.states import DeliveryState
from tests.table_rows import NOON, a_delivery

LEASE = timedelta(minutes=5)


def _claim(database: Database, delivery_id: int, *, after: timedelta) -> ClaimedDelivery:
    at = NOON + after
    with database.begin() as session:
        (claim,) = claim_deliveries(
            session, [delivery_id], lease_until=at + LEASE, at=at, actor="test"
        )
    return claim


def _claimed_again_after_a_replay(database: Database) -> tuple[ClaimedDelivery, ClaimedDelivery]:
    """Give two claims of one delivery that are both its first attempt."""
    with database.begin() as session:
        delivery_id = a_delivery(session, 1).id
    stale = _claim(database, delivery_id, after=timedelta())
    with database.begin() as session:
        record_refused(session, stale, status=None, detail="", at=NOON, actor="test")
        row = session.get_one(Delivery, delivery_id)
        replay_delivery(session, row, at=NOON + LEASE, actor="test")
    return stale, _claim(database, delivery_id, after=2 * LEASE)


def test_a_claim_from_before_a_replay_records_nothing(database: Database) -> None:
    stale, claim = _claimed_again_after_a_replay(database)

    with pytest.raises(StateConflict), database.begin() as session:
        record_delivered(session, stale, status=0, detail="", at=NOON + 2 * LEASE, actor="test")

    assert stale.attempt == claim.attempt == 1
    with database.read() as session:
        row = session.get_one(Delivery, claim.planned.delivery_id)
    assert row.state is DeliveryState.SENDING


def test_a_claim_from_before_a_replay_is_not_extended(database: Database) -> None:
    stale, claim = _claimed_again_after_a_replay(database)

    with database.begin() as session:
        extended = [
            extend_lease(session, each, lease_until=NOON + 4 * LEASE) for each in (stale, claim)
        ]

    assert extended == [False, True]
