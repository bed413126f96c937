"""When a result is given up: after its deadline and enough attempts, and not before."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.sending import Destination
from node.db.session import Database
from node.demo.pacs import ReceivingPacs
from node.states import DeliveryState
from tests.factories import make_mammogram
from tests.servers import free_port
from tests.working_node import WorkingNode, working_node

PENDING, DELIVERED, FAILED = (
    {DeliveryState.PENDING},
    {DeliveryState.DELIVERED},
    {DeliveryState.FAILED},
)


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    """A node that has reported one image to the destination ``pacs``, which is not there."""
    nobody = Destination(ae_title="NOBODY", host="127.0.0.1", port=free_port())
    node = working_node(tmp_path / "storage", database, destinations={"pacs": nobody})
    node.report(node.complete([make_mammogram()]))
    return node


def test_a_result_is_given_up_at_its_deadline(node: WorkingNode) -> None:
    node = node.with_settings(delivery={"give_up_hours": 8, "retry_max_seconds": 60.0})
    for _ in range(8):
        node.clock.pass_(minutes=59)
        node.deliver()
    before = set(node.delivery_states())
    node.clock.pass_(minutes=8)

    node.deliver()

    assert before == PENDING
    assert set(node.delivery_states()) == FAILED
    assert node.deliveries()[0].last_error.startswith("given up after 9 attempts: ")


def test_a_node_that_was_off_beyond_the_deadline_waits_for_a_pacs_that_comes_up_later(
    node: WorkingNode, tmp_path: Path
) -> None:
    node.clock.pass_(hours=200)
    node.deliver()
    waiting = set(node.delivery_states())
    node.clock.pass_(hours=1)

    with ReceivingPacs(tmp_path / "pacs") as pacs:
        node.with_settings(destinations={"pacs": pacs.destination}).deliver()

    assert waiting == PENDING
    assert set(node.delivery_states()) == DELIVERED


def test_a_result_that_no_attempt_delivers_is_given_up_however_late_they_came(
    node: WorkingNode,
) -> None:
    node.clock.pass_(hours=200)
    for _ in range(8):
        node.deliver()
        node.clock.pass_(hours=2)

    assert set(node.delivery_states()) == FAILED
