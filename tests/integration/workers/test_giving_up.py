"""When a result is given up: after so long a time of trying; the time of nobody does not count."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from config.sending import Destination
from node.db.deliveries import claim_deliveries
from node.db.session import Database
from node.demo.pacs import ReceivingPacs
from node.states import DeliveryState
from tests.factories import make_mammogram
from tests.servers import free_port
from tests.working_node import WorkingNode, working_node

PENDING, SENDING, DELIVERED, FAILED = (
    {DeliveryState.PENDING},
    {DeliveryState.SENDING},
    {DeliveryState.DELIVERED},
    {DeliveryState.FAILED},
)
HOURS = 8
"""Within which a result is given up here."""
MANY = 200
"""More attempts than any of these tests needs."""


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    """A node that has reported one image to the destination ``pacs``, which is not there."""
    nobody = Destination(ae_title="NOBODY", host="127.0.0.1", port=free_port())
    node = working_node(
        tmp_path / "storage",
        database,
        destinations={"pacs": nobody},
        delivery={"give_up_hours": HOURS},
    )
    node.report(node.complete([make_mammogram()]))
    return node


def states(node: WorkingNode) -> set[DeliveryState]:
    return set(node.delivery_states())


def wait_until_due(node: WorkingNode) -> None:
    """Let the time pass until the next attempt may be made."""
    due = max(row.not_before or node.clock() for row in node.deliveries())
    node.clock.now = max(node.clock(), due)


def lose(node: WorkingNode) -> None:
    """Claim every delivery as a sender does that dies."""
    at = node.clock()
    with node.database.begin() as session:
        claim_deliveries(
            session,
            [row.id for row in node.deliveries()],
            lease_until=at + timedelta(seconds=node.runtime.settings.delivery.lease_seconds),
            at=at,
            actor="worker",
        )


def test_a_result_is_given_up_when_it_was_tried_for_its_time(node: WorkingNode) -> None:
    began = node.clock()

    while states(node) == PENDING:
        wait_until_due(node)
        node.deliver()

    assert states(node) == FAILED
    assert timedelta(hours=HOURS) <= node.clock() - began <= timedelta(hours=HOURS + 1)
    (error,) = {row.last_error for row in node.deliveries()}
    attempts = node.deliveries()[0].attempts
    assert error.startswith(f"given up after {attempts} attempts: ")


@pytest.mark.parametrize("tries", [0, 1, 8])
def test_a_node_that_was_off_for_days_waits_for_a_pacs_that_comes_up_later(
    node: WorkingNode, tmp_path: Path, tries: int
) -> None:
    for _ in range(tries):
        wait_until_due(node)
        node.deliver()
    node.clock.pass_(hours=200)
    node.deliver()
    waiting = states(node)
    node.clock.pass_(hours=1)

    with ReceivingPacs(tmp_path / "pacs") as pacs:
        node.with_settings(destinations={"pacs": pacs.destination}).deliver()

    assert waiting == PENDING
    assert {row.attempts for row in node.deliveries()} == {tries + 2}
    assert states(node) == DELIVERED


def test_a_result_that_was_on_its_way_when_the_node_went_off_is_tried_again(
    node: WorkingNode,
) -> None:
    lose(node)
    on_its_way = states(node)
    node.clock.pass_(hours=200)

    node.sweep()
    taken_back = states(node)
    wait_until_due(node)
    node.deliver()

    assert on_its_way == SENDING
    assert taken_back == PENDING
    assert states(node) == PENDING


def test_a_result_that_no_attempt_delivers_is_given_up_however_late_they_come(
    node: WorkingNode,
) -> None:
    for _ in range(MANY):
        node.clock.pass_(hours=200)
        node.deliver()

    assert states(node) == FAILED


def test_a_result_that_ends_its_sender_each_time_is_given_up(node: WorkingNode) -> None:
    began = node.clock()
    for _ in range(MANY):
        if states(node) != PENDING:
            break
        wait_until_due(node)
        lose(node)
        node.clock.pass_(seconds=node.runtime.settings.delivery.lease_seconds + 1)
        node.sweep()

    assert states(node) == FAILED
    assert timedelta(hours=HOURS) <= node.clock() - began <= timedelta(hours=HOURS + 2)
