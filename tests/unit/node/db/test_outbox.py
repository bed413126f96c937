"""What the outbox says is due, on both databases."""

from __future__ import annotations

from datetime import timedelta

from node.db import outbox
from node.db.confirmations import claim_awaited
from node.db.deliveries import claim_deliveries
from node.db.session import Database
from node.db.tables import Delivery
from node.states import DeliveryState
from tests.table_rows import NOON, a_delivery

REPUBLISH = timedelta(seconds=30)
SECOND = timedelta(seconds=1)


def _waiting(database: Database, *destinations: str) -> list[int]:
    """Add a PENDING delivery for each destination named; give their ids."""
    with database.begin() as session:
        rows = [a_delivery(session, number) for number, _ in enumerate(destinations, start=1)]
        for row, destination in zip(rows, destinations, strict=True):
            row.destination = destination
        return [row.id for row in rows]


def _due(database: Database, *, after: timedelta = timedelta()) -> dict[str, list[int]]:
    with database.read() as session:
        return outbox.deliveries_to_publish(session, at=NOON + after, republish=REPUBLISH)


def _claim(database: Database, ids: list[int], *, after: timedelta = timedelta()) -> list[int]:
    with database.begin() as session:
        claims = claim_deliveries(
            session,
            ids,
            lease_until=NOON + after + timedelta(minutes=5),
            at=NOON + after,
            actor="test",
        )
    return [claim.planned.delivery_id for claim in claims]


def test_what_waits_for_one_destination_goes_in_one_batch(database: Database) -> None:
    first, second, other = _waiting(database, "pacs", "pacs", "archive")

    assert _due(database) == {"pacs": [first, second], "archive": [other]}


def test_a_destination_with_a_batch_on_its_way_gets_no_other(database: Database) -> None:
    first, _, other = _waiting(database, "pacs", "pacs", "archive")

    assert _claim(database, [first]) == [first]

    assert _due(database) == {"archive": [other]}


def test_a_batch_that_nobody_claimed_is_published_again_and_not_before(
    database: Database,
) -> None:
    first, second = _waiting(database, "pacs", "pacs")
    with database.begin() as session:
        outbox.mark_published(session, Delivery, [first], at=NOON)

    assert _due(database, after=REPUBLISH) == {}
    assert _due(database, after=REPUBLISH + SECOND) == {"pacs": [first, second]}


def test_a_batch_has_a_limit_and_the_oldest_come_first(database: Database) -> None:
    ids = _waiting(database, *["pacs"] * (outbox.OBJECTS_AT_ONCE + 1))

    assert _due(database) == {"pacs": ids[:-1]}


def test_a_message_that_comes_twice_or_too_early_claims_nothing(database: Database) -> None:
    now, later = _waiting(database, "pacs", "pacs")
    with database.begin() as session:
        session.get_one(Delivery, later).not_before = NOON + SECOND

    assert _claim(database, [now, later]) == [now]
    assert _claim(database, [now, later]) == []
    assert _claim(database, [now, later], after=SECOND) == [later]


def _awaited(database: Database, *destinations: str) -> list[int]:
    """Add a delivery that is due to be asked about for each destination; give their ids."""
    with database.begin() as session:
        rows = [
            a_delivery(session, number, state=DeliveryState.DELIVERED)
            for number, _ in enumerate(destinations, start=1)
        ]
        for row, destination in zip(rows, destinations, strict=True):
            row.destination, row.confirm_at = destination, NOON
        return [row.id for row in rows]


def _to_ask(database: Database, *, after: timedelta = timedelta()) -> dict[str, list[int]]:
    with database.read() as session:
        return outbox.confirmations_to_publish(session, at=NOON + after, republish=REPUBLISH)


def test_what_is_due_at_one_destination_is_asked_in_one_batch(database: Database) -> None:
    first, second, other = _awaited(database, "pacs", "pacs", "archive")

    assert _to_ask(database, after=-SECOND) == {}
    assert _to_ask(database) == {"pacs": [first, second], "archive": [other]}


def test_a_destination_that_is_being_asked_is_asked_nothing_else(database: Database) -> None:
    first, second, other = _awaited(database, "pacs", "pacs", "archive")
    with database.begin() as session:
        (claim,) = claim_awaited(
            session, [first], lease_until=NOON + SECOND, next_at=NOON + REPUBLISH, at=NOON
        )

    assert (claim.delivery_id, claim.attempt) == (first, 1)
    assert _to_ask(database) == {"archive": [other]}
    assert _to_ask(database, after=2 * SECOND) == {"archive": [other], "pacs": [second]}


def test_a_question_that_nobody_took_is_published_again_and_not_before(
    database: Database,
) -> None:
    (only,) = _awaited(database, "pacs")
    with database.begin() as session:
        outbox.mark_published(session, Delivery, [only], at=NOON)

    assert _to_ask(database, after=REPUBLISH) == {}
    assert _to_ask(database, after=REPUBLISH + SECOND) == {"pacs": [only]}
