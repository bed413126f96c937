"""Confirmation by a scripted PACS: reports here, elsewhere and never, failures, queries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.db.session import Database
from node.states import DeliveryState
from tests.committing_pacs import CommittingPacs, referenced
from tests.confirming import ask
from tests.factories import four_view_study
from tests.receiving import running_scp, scp_settings
from tests.working_node import WorkingNode, working_node

PENDING, DELIVERED, CONFIRMED = (
    DeliveryState.PENDING,
    DeliveryState.DELIVERED,
    DeliveryState.CONFIRMED,
)
RESULTS = 5
"""One report and four overlays."""


@pytest.fixture
def pacs() -> Iterator[CommittingPacs]:
    with CommittingPacs() as running:
        yield running


@pytest.fixture
def node(database: Database, tmp_path: Path, pacs: CommittingPacs) -> WorkingNode:
    """A node that has delivered the results of one study to the PACS, due to be asked."""
    return delivered(database, tmp_path, pacs, confirm="commitment")


def delivered(
    database: Database, tmp_path: Path, pacs: CommittingPacs, *, confirm: str, **delivery: Any
) -> WorkingNode:
    node = working_node(
        tmp_path / "storage",
        database,
        destinations={"pacs": pacs.destination(confirm)},
        scu={"report_wait_seconds": 0.0},
        delivery=delivery,
    )
    node.report(node.complete(four_view_study()))
    node.deliver()
    assert node.delivery_states() == [DELIVERED] * RESULTS
    node.clock.pass_(seconds=node.runtime.settings.delivery.confirm_after_seconds)
    return node


def uids(node: WorkingNode) -> list[str]:
    return [row.sop_instance_uid for row in node.results()]


def report_is_overdue(node: WorkingNode) -> None:
    node.clock.pass_(minutes=node.runtime.settings.delivery.confirm_timeout_minutes)


def test_what_the_pacs_reports_to_keep_on_a_new_association_is_confirmed(
    node: WorkingNode, pacs: CommittingPacs, tmp_path: Path
) -> None:
    ask(node)
    asked = node.delivery_states()
    with running_scp(scp_with(node, tmp_path), node.database) as scp:
        status = pacs.report(scp.address)

    assert asked == [DELIVERED] * RESULTS
    assert sorted(referenced(pacs.requests[0])) == sorted(uids(node))
    assert status == 0x0000
    assert node.delivery_states() == [CONFIRMED] * RESULTS
    assert pacs.queries == []
    assert node.audit_problem() is None


def scp_with(node: WorkingNode, tmp_path: Path) -> Any:
    settings = node.runtime.settings
    made = scp_settings(tmp_path / "scp")
    return made.model_copy(
        update={"destinations": settings.destinations, "delivery": settings.delivery}
    )
