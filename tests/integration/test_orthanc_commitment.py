"""Orthanc's storage commitment: what it lost comes again, that one only, and all is confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from config.sending import Destination
from node.db.session import Database
from node.states import DeliveryState
from tests.confirming import ask, deliver, scp_of, wait_in_vain
from tests.factories import four_view_study
from tests.orthanc import OrthancServer
from tests.receiving import RunningScp, running_scp
from tests.servers import running, wait_until
from tests.working_node import WorkingNode, working_node

pytestmark = pytest.mark.orthanc

PENDING, CONFIRMED = DeliveryState.PENDING, DeliveryState.CONFIRMED


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[OrthancServer]:
    folder = tmp_path / "orthanc"
    folder.mkdir()
    with running(OrthancServer(folder)) as server:
        yield server


@pytest.fixture
def node(database: Database, tmp_path: Path, orthanc: OrthancServer) -> WorkingNode:
    """A node that has delivered every kind of its results on four views to Orthanc."""
    confirmed = orthanc.destination.model_copy(update={"confirm": "commitment"})
    node = working_node(
        tmp_path / "storage",
        database,
        destinations={"pacs": confirmed},
        scu={"report_wait_seconds": 0.0},
    )
    node.report(node.complete(four_view_study()))
    deliver(node)
    return node


@pytest.fixture
def scp(node: WorkingNode, orthanc: OrthancServer, tmp_path: Path) -> Iterator[RunningScp]:
    """The node's own SCP, where Orthanc knows it."""
    with running_scp(scp_of(node, tmp_path), node.database) as running_node:
        host, port = running_node.address
        orthanc.know(Destination(ae_title="MGNODE", host=host, port=port))
        yield running_node


def reports(node: WorkingNode) -> int:
    return len(node.events("commitment_reported"))


def test_the_one_object_that_orthanc_lost_is_sent_again_and_then_all_is_confirmed(
    node: WorkingNode, orthanc: OrthancServer, scp: RunningScp
) -> None:
    sent = {row.sop_instance_uid: row.path for row in node.results()}
    lost = node.results()[1].sop_instance_uid
    orthanc.lose(lost)

    ask(node)
    wait_until(lambda: reports(node) == 1, "Orthanc's report")
    after_report = {
        row.sop_instance_uid: delivery.state
        for row, delivery in zip(node.results(), node.deliveries(), strict=True)
    }
    deliver(node)
    ask(node)
    wait_until(lambda: reports(node) == 2, "Orthanc's second report")

    assert {uid for uid, state in after_report.items() if state is PENDING} == {lost}
    assert {state for uid, state in after_report.items() if uid != lost} == {CONFIRMED}
    assert {delivery.state for delivery in node.deliveries()} == {CONFIRMED}
    claims = [line.uid for line in node.events("delivery_claimed")]
    assert {uid: claims.count(uid) for uid in sent} == {uid: 1 + (uid == lost) for uid in sent}
    held = {str(dcmread(DicomBytesIO(file)).SOPInstanceUID) for file in orthanc.files()}
    assert held == set(sent)
    assert {line.reason for line in node.events("delivery_confirmed")} == {"COMMITMENT"}
    wait_until(lambda: scp.outcomes() == ["released", "released"], "both ends are recorded")
    assert node.audit_problem() is None


def test_an_orthanc_that_does_not_know_the_node_confirms_nothing(
    node: WorkingNode,
) -> None:
    """Orthanc 1.10.1 aborts at a stranger's N-ACTION and leaves its C-FIND without an answer."""
    scu = node.runtime.settings.scu.model_copy(update={"dimse_timeout_seconds": 1.0})
    impatient = node.with_settings(scu=scu.model_dump())
    ask(impatient)
    wait_in_vain(impatient)
    ask(impatient)

    assert node.events("delivery_confirmed", "delivery_lost") == []


def test_an_orthanc_that_cannot_reach_the_node_is_queried(
    node: WorkingNode, orthanc: OrthancServer
) -> None:
    orthanc.know(Destination(ae_title="MGNODE", host="127.0.0.1", port=1))
    lost = node.results()[0].sop_instance_uid
    orthanc.lose(lost)

    ask(node)
    wait_in_vain(node)
    ask(node)
    after_query = node.delivery_states()
    deliver(node)
    ask(node)
    wait_in_vain(node)
    ask(node)

    assert after_query == [PENDING] + [CONFIRMED] * (len(node.results()) - 1)
    assert set(node.delivery_states()) == {CONFIRMED}
    assert {line.reason for line in node.events("delivery_confirmed")} == {"QUERY"}
