"""Commitment reports at the node's SCP: whose, of what, twice, and what cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import Dataset
from pynetdicom import AE

from node.db.session import Database
from node.dicom.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, action_information
from node.states import DeliveryState
from tests.committing_pacs import CommittingPacs
from tests.confirming import RESULTS, ask, delivered, scp_of
from tests.receiving import RunningScp, running_scp
from tests.working_node import WorkingNode

DELIVERED, CONFIRMED = DeliveryState.DELIVERED, DeliveryState.CONFIRMED
IMPLICIT = "1.2.840.10008.1.2"
Explained = Callable[[Dataset], None]


@pytest.fixture
def pacs() -> Iterator[CommittingPacs]:
    with CommittingPacs() as running:
        yield running


@pytest.fixture
def node(database: Database, tmp_path: Path, pacs: CommittingPacs) -> WorkingNode:
    """A node that has asked for commitment."""
    node = delivered(database, tmp_path, pacs, "commitment")
    ask(node)
    return node


@pytest.fixture
def scp(node: WorkingNode, tmp_path: Path) -> Iterator[RunningScp]:
    with running_scp(scp_of(node, tmp_path), node.database) as running:
        yield running


def test_a_report_that_comes_twice_is_welcome_twice_and_changes_nothing(
    node: WorkingNode, pacs: CommittingPacs, scp: RunningScp
) -> None:
    first = pacs.report(scp.address)
    rows = [(row.state, row.confirmed_at) for row in node.deliveries()]
    pacs.lost.update(pacs.stored)
    second = pacs.report(scp.address)

    assert (first, second) == (0x0000, 0x0000)
    assert [(row.state, row.confirmed_at) for row in node.deliveries()] == rows
    assert len(node.events("commitment_reported")) == 1


def test_a_report_of_an_unknown_transaction_changes_nothing(
    node: WorkingNode, pacs: CommittingPacs, scp: RunningScp
) -> None:
    def other(information: Dataset) -> None:
        information.TransactionUID = "2.25.4711"

    assert pacs.report(scp.address, change=other) == 0x0115

    assert node.delivery_states() == [DELIVERED] * RESULTS
    (line,) = node.events("commitment_refused")
    assert line.reason == "UNKNOWN_TRANSACTION"
    assert line.details == {"peer": "KEEPER", "transaction_uid": "2.25.4711", "count": 1}


def test_refused_reports_without_an_end_are_one_row_with_a_count(
    node: WorkingNode, pacs: CommittingPacs, scp: RunningScp
) -> None:
    def other(information: Dataset) -> None:
        information.TransactionUID = "2.25.4711"

    answers = {pacs.report(scp.address, change=other) for _ in range(5)}
    rows = len(node.events("commitment_refused"))
    scp.scp.stop()

    assert (answers, rows) == ({0x0115}, 1)
    assert [line.details["count"] for line in node.events("commitment_refused")] == [1, 4]


def test_a_report_of_a_peer_that_was_not_asked_changes_nothing(
    node: WorkingNode, pacs: CommittingPacs, scp: RunningScp
) -> None:
    wrong = pacs.report(scp.address, ae_title="STRANGER")
    after = node.delivery_states()
    right = pacs.report(scp.address)

    assert (wrong, right) == (0x0115, 0x0000)
    assert after == [DELIVERED] * RESULTS
    assert [line.reason for line in node.events("commitment_refused")] == ["WRONG_PEER"]
    assert node.delivery_states() == [CONFIRMED] * RESULTS


def test_a_peer_that_negotiates_no_role_may_report_too(
    node: WorkingNode, pacs: CommittingPacs, scp: RunningScp
) -> None:
    assert pacs.report(scp.address, roles=False) == 0x0000
    assert node.delivery_states() == [CONFIRMED] * RESULTS


def without_transaction(information: Dataset) -> None:
    del information.TransactionUID


def without_instance(information: Dataset) -> None:
    del information.ReferencedSOPSequence[0].ReferencedSOPInstanceUID


def with_a_text_for_a_uid(information: Dataset) -> None:
    information.add_new(0x00081195, "UI", "Doe^Jane")


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize("change", [without_transaction, without_instance, with_a_text_for_a_uid])
def test_a_report_that_makes_no_sense_changes_nothing_and_is_not_quoted(
    node: WorkingNode, pacs: CommittingPacs, scp: RunningScp, change: Explained
) -> None:
    assert pacs.report(scp.address, change=change) == 0x0115

    assert node.delivery_states() == [DELIVERED] * RESULTS
    (line,) = node.events("commitment_refused")
    assert "Doe" not in f"{line.uid} {line.reason} {line.details}"


def test_a_report_of_objects_that_nobody_asked_about_confirms_only_the_others(
    node: WorkingNode, pacs: CommittingPacs, scp: RunningScp
) -> None:
    def rename(information: Dataset) -> None:
        information.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = "2.25.4712"

    assert pacs.report(scp.address, change=rename) == 0x0000
    assert sorted(node.delivery_states()) == [CONFIRMED, DELIVERED]


def test_the_node_promises_nothing_to_others(scp: RunningScp) -> None:
    peer = AE("KEEPER")
    peer.add_requested_context(PUSH_MODEL)
    association = peer.associate(*scp.address, ae_title="MGNODE")
    wanted = action_information("2.25.1", [])
    answer, _ = association.send_n_action(wanted, 1, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    association.release()

    assert answer.Status == 0x0211


@pytest.mark.parametrize(
    ("event_type", "sop_class", "status"),
    [(3, PUSH_MODEL, 0x0113), (1, "1.2.840.10008.5.1.4.34.6.1", 0x0118)],
)
def test_a_report_of_another_kind_is_refused_by_its_kind(
    node: WorkingNode, scp: RunningScp, event_type: int, sop_class: str, status: int
) -> None:
    peer = AE("KEEPER")
    peer.add_requested_context(PUSH_MODEL)
    association = peer.associate(*scp.address, ae_title="MGNODE")
    information = Dataset()
    information.TransactionUID = "2.25.1"
    answer, _ = association.send_n_event_report(
        information, event_type, sop_class, PUSH_MODEL_INSTANCE, meta_uid=PUSH_MODEL
    )
    association.release()

    assert answer.Status == status
    assert node.delivery_states() == [DELIVERED] * RESULTS


def test_a_report_without_an_end_is_not_kept_in_memory(node: WorkingNode, scp: RunningScp) -> None:
    peer = AE("KEEPER")
    peer.add_requested_context(PUSH_MODEL, IMPLICIT)
    association = peer.associate(*scp.address, ae_title="MGNODE")
    information = Dataset()
    information.TransactionUID = "2.25.1"
    information.EncapsulatedDocument = bytes(3 << 20)
    answer, _ = association.send_n_event_report(information, 1, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    association.release()

    assert answer.Status == 0x0115
    (line,) = node.events("commitment_refused")
    assert (line.uid, line.reason) == ("", "a commitment report has no usable TransactionUID")
