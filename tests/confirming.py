"""The confirming step of a node in a test's process."""

from __future__ import annotations

from datetime import timedelta

from node.db import outbox
from tests.working_node import WorkingNode
from workers.confirm import confirm_deliveries

REPUBLISH = timedelta(seconds=30)


def ask(node: WorkingNode) -> int:
    """Let the network worker handle messages about what is due to be asked; give how many."""
    with node.database.read() as session:
        due = outbox.confirmations_to_publish(session, at=node.clock(), republish=REPUBLISH)
    for ids in due.values():
        confirm_deliveries(node.runtime, ids)
    return sum(map(len, due.values()))
