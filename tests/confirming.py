"""The confirming step of a node in a test's process, and a node that is about to take it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from config.settings import Settings
from node.db import outbox
from node.db.session import Database
from node.states import DeliveryState
from tests.committing_pacs import PROFILE, CommittingPacs
from tests.factories import make_mammogram
from tests.receiving import scp_settings
from tests.working_node import WorkingNode, working_node
from workers.confirm import confirm_deliveries

PENDING, DELIVERED, CONFIRMED = (
    DeliveryState.PENDING,
    DeliveryState.DELIVERED,
    DeliveryState.CONFIRMED,
)

REPUBLISH = timedelta(seconds=30)
RESULTS = 2
"""One report and one overlay."""


def delivered(
    database: Database,
    folder: Path,
    pacs: CommittingPacs,
    confirm: str,
    *,
    report_wait_seconds: float = 0.0,
    **delivery: Any,
) -> WorkingNode:
    """Make a node that has just delivered the results of one image; they are due to be asked."""
    node = working_node(
        folder / "storage",
        database,
        destinations={"pacs": pacs.destination(confirm)},
        profiles={PROFILE: {"objects": ["measurement_report", "overlay"]}},
        scu={"report_wait_seconds": report_wait_seconds, "connection_timeout_seconds": 2.0},
        delivery=delivery,
    )
    node.report(node.complete([make_mammogram()]))
    deliver(node)
    return node


def deliver(node: WorkingNode) -> None:
    """Send what is due, and let the time pass until the first question."""
    node.deliver()
    assert DeliveryState.PENDING not in node.delivery_states()
    node.clock.pass_(seconds=node.runtime.settings.delivery.confirm_after_seconds)


def ask(node: WorkingNode) -> int:
    """Let the network worker handle messages about what is due to be asked; give how many."""
    with node.database.read() as session:
        due = outbox.confirmations_to_publish(session, at=node.clock(), republish=REPUBLISH)
    for ids in due.values():
        confirm_deliveries(node.runtime, ids)
    return sum(map(len, due.values()))


def wait_in_vain(node: WorkingNode) -> None:
    """Let the time pass until the next question."""
    node.clock.pass_(minutes=node.runtime.settings.delivery.confirm_timeout_minutes)


def scp_of(node: WorkingNode, folder: Path) -> Settings:
    """Give the settings of the node's own SCP, to which a PACS reports."""
    ours = node.runtime.settings
    return scp_settings(folder / "scp").model_copy(
        update={"destinations": ours.destinations, "delivery": ours.delivery}
    )


def uids(node: WorkingNode) -> list[str]:
    """SOP Instance UIDs of all results of the node."""
    return [row.sop_instance_uid for row in node.results()]
