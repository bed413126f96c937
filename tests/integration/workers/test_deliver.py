"""The sending step: real results to real and scripted destinations, each by its own status."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import dcmread

from config.sending import Destination
from node.db.session import Database
from node.demo.pacs import ReceivingPacs
from node.states import DeliveryState
from node.store.files import RESULT_FILE_DAMAGED
from tests.factories import four_view_study
from tests.part10_files import data_set_digest
from tests.pdus import ASSOCIATE_RJ, IMPLICIT, contexts_of, pdu
from tests.peer import AcceptedLine, raw_acceptor
from tests.sending import accepted, answering, at
from tests.servers import free_port
from tests.working_node import WorkingNode, working_node
from workers.deliver import deliver_results

PENDING, DELIVERED, FAILED = (
    DeliveryState.PENDING,
    DeliveryState.DELIVERED,
    DeliveryState.FAILED,
)
NOBODY = Destination(ae_title="NOBODY", host="127.0.0.1", port=free_port())
RESULTS = 6
"""Two reports and four overlays."""


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[ReceivingPacs]:
    with ReceivingPacs(tmp_path / "pacs") as running:
        yield running


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    """A node that has reported one study to the destination ``pacs``, which is not there."""
    node = working_node(tmp_path / "storage", database, destinations={"pacs": NOBODY})
    node.report(node.complete(four_view_study()))
    return node


def towards(node: WorkingNode, destination: Destination) -> WorkingNode:
    return node.with_settings(destinations={"pacs": destination})


@contextmanager
def peer(node: WorkingNode, script: Callable[[AcceptedLine], None]) -> Iterator[WorkingNode]:
    with raw_acceptor(script) as address:
        yield towards(node, at(address))


def test_every_result_arrives_once_and_byte_for_byte(
    node: WorkingNode, pacs: ReceivingPacs
) -> None:
    node = towards(node, pacs.destination)

    node.deliver()
    node.deliver()

    assert node.delivery_states() == [DELIVERED] * RESULTS
    assert [item.arrivals for item in pacs.received] == [1] * RESULTS
    sent = {row.sop_instance_uid: node.layout.absolute(row.path) for row in node.results()}
    for item in pacs.received:
        assert data_set_digest(item.path) == data_set_digest(sent[item.sop_instance_uid])
    assert [delivery.last_status for delivery in node.deliveries()] == [0] * RESULTS
    assert node.audit_problem() is None


def test_a_warning_is_a_delivery(node: WorkingNode) -> None:
    with peer(node, answering(*[0xB000] * RESULTS)) as sender:
        sender.deliver()

    assert node.delivery_states() == [DELIVERED] * RESULTS
    assert {delivery.last_status for delivery in node.deliveries()} == {0xB000}


def test_a_peer_without_room_is_tried_again_after_growing_pauses(node: WorkingNode) -> None:
    pauses = []
    for attempt in (1, 2, 3):
        with peer(node, answering(*[0xA700] * RESULTS)) as sender:
            sender.deliver()
        rows = node.deliveries()
        assert {(row.state, row.attempts, row.last_status) for row in rows} == {
            (PENDING, attempt, 0xA700)
        }
        (due,) = {row.not_before for row in rows}
        assert due is not None
        pauses.append(due - node.clock())
        node.clock.now = due

    settings = node.runtime.settings.delivery
    assert pauses[0] >= timedelta(seconds=0.8 * settings.retry_first_seconds)
    assert pauses[0] < pauses[1] < pauses[2]


@pytest.mark.parametrize("status", [0xC000, 0xA900, 0x0122])
def test_a_result_that_is_refused_fails_at_once_and_the_others_arrive(
    node: WorkingNode, status: int
) -> None:
    with peer(node, answering(0x0000, status, *[0x0000] * (RESULTS - 2))) as sender:
        sender.deliver()

    assert node.delivery_states() == [DELIVERED, FAILED, *[DELIVERED] * (RESULTS - 2)]
    assert node.deliveries()[1].last_error == f"status 0x{status:04X}"


def test_a_peer_that_does_not_know_us_fails_everything_at_once(node: WorkingNode) -> None:
    def reject(line: AcceptedLine) -> None:
        line.read()
        line.send(pdu(ASSOCIATE_RJ, bytes([0, 1, 1, 3])))  # calling AE title not recognised
        line.is_closed()

    with peer(node, reject) as sender:
        sender.deliver()

    assert node.delivery_states() == [FAILED] * RESULTS
    assert {row.attempts for row in node.deliveries()} == {1}
    assert "rejected the association" in node.deliveries()[0].last_error


def test_a_peer_that_is_busy_is_tried_again(node: WorkingNode) -> None:
    def reject(line: AcceptedLine) -> None:
        line.read()
        line.send(pdu(ASSOCIATE_RJ, bytes([0, 2, 3, 1])))  # transient, congestion
        line.is_closed()

    with peer(node, reject) as sender:
        sender.deliver()

    assert node.delivery_states() == [PENDING] * RESULTS


def test_a_peer_that_is_down_puts_all_off_to_one_moment(node: WorkingNode) -> None:
    node.deliver()

    assert node.delivery_states() == [PENDING] * RESULTS
    assert len({row.not_before for row in node.deliveries()}) == 1
    assert {row.attempts for row in node.deliveries()} == {1}


def test_a_message_that_comes_before_the_pause_is_over_is_dropped(
    node: WorkingNode, pacs: ReceivingPacs
) -> None:
    node.deliver()

    deliver_results(towards(node, pacs.destination).runtime, [row.id for row in node.deliveries()])

    assert {row.attempts for row in node.deliveries()} == {1}
    assert pacs.received == ()


def test_after_a_break_only_what_had_not_arrived_is_sent_again(
    node: WorkingNode, pacs: ReceivingPacs
) -> None:
    taken: list[str] = []

    def abort_at_the_third(line: AcceptedLine) -> None:
        contexts = accepted(line)
        for _ in range(2):
            request = line.read_store_command()
            taken.append(request[0x1000].decode().strip("\0 "))
            line.answer_store(contexts[request[0x0002].decode().strip("\0 ")], request, 0)
        line.read_command()
        line.reset()

    with peer(node, abort_at_the_third) as sender:
        sender.deliver()
    broken = node.delivery_states()
    (due,) = {row.not_before for row in node.deliveries() if row.state is PENDING}
    assert due is not None
    node.clock.now = due
    towards(node, pacs.destination).deliver()

    assert broken == [DELIVERED] * 2 + [PENDING] * (RESULTS - 2)
    assert node.delivery_states() == [DELIVERED] * RESULTS
    assert len(taken) == 2
    assert {item.sop_instance_uid for item in pacs.received}.isdisjoint(taken)
    assert len(pacs.received) == RESULTS - 2


def test_a_destination_that_left_the_settings_fails_and_is_named(node: WorkingNode) -> None:
    node.with_settings(destinations={}).deliver()

    assert node.delivery_states() == [FAILED] * RESULTS
    assert "pacs is not in the settings" in node.deliveries()[0].last_error


def test_a_study_goes_where_its_sender_is_routed(
    database: Database, tmp_path: Path, pacs: ReceivingPacs
) -> None:
    with ReceivingPacs(tmp_path / "other") as other:
        node = working_node(
            tmp_path / "storage",
            database,
            destinations={"pacs": pacs.destination, "other": other.destination},
            routes={"ROOM1": ("other",)},
        )
        node.report(node.complete(four_view_study(patient_id="ONE"), calling_ae="ROOM1"))
        node.report(node.complete(four_view_study(patient_id="TWO"), calling_ae="ROOM2"))

        node.deliver()

        assert {dcmread(item.path).PatientID for item in pacs.received} == {"TWO"}
        assert {dcmread(item.path).PatientID for item in other.received} == {"ONE", "TWO"}


def test_two_workers_with_the_same_message_send_each_result_once(
    node: WorkingNode, pacs: ReceivingPacs
) -> None:
    runtime = towards(node, pacs.destination).runtime
    ids = [row.id for row in node.deliveries()]
    together = threading.Barrier(2)

    def work() -> None:
        together.wait()
        deliver_results(runtime, ids)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert node.delivery_states() == [DELIVERED] * RESULTS
    assert [item.arrivals for item in pacs.received] == [1] * RESULTS


def remove(path: Path) -> None:
    path.unlink()


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [remove, change])
def test_a_result_whose_file_is_not_what_was_recorded_is_never_sent(
    node: WorkingNode, pacs: ReceivingPacs, damage: Callable[[Path], None]
) -> None:
    damage(node.layout.absolute(node.results()[1].path))

    towards(node, pacs.destination).deliver()

    assert node.delivery_states() == [DELIVERED, FAILED, *[DELIVERED] * (RESULTS - 2)]
    assert node.deliveries()[1].last_error.startswith(RESULT_FILE_DAMAGED)
    assert len(pacs.received) == RESULTS - 1


def test_a_peer_of_implicit_vr_alone_gets_the_same_objects(node: WorkingNode) -> None:
    seen: list[int] = []

    def implicit(line: AcceptedLine) -> None:
        request = line.accept(
            syntax_of=lambda _, offered: IMPLICIT if IMPLICIT in offered else None
        )
        contexts = {a: n for n, a, offered in contexts_of(request) if IMPLICIT in offered}
        for _ in range(RESULTS):
            store = line.read_store_command()
            seen.append(len(store))
            line.answer_store(contexts[store[0x0002].decode().strip("\0 ")], store, 0)
        line.answer_release()

    with peer(node, implicit) as sender:
        sender.deliver()

    assert node.delivery_states() == [DELIVERED] * RESULTS
    assert len(seen) == RESULTS
