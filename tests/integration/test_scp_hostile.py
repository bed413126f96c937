"""Peers that announce too much, say too little, or are no DICOM at all: none costs the others."""

from __future__ import annotations

import resource
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config.settings import Settings
from node.db.session import Database
from node.db.tables import Association
from node.scp.bounded_socket import LARGEST_PDU, MAXIMUM_LENGTH
from node.scp.requests import LARGEST_REQUEST
from tests.pdus import (
    ABORT,
    ASSOCIATE_AC,
    EXPLICIT,
    P_DATA,
    VERIFICATION,
    associate_rq,
    command,
    pdu,
    us,
)
from tests.peer import RawRequestor
from tests.receiving import MG, UID, RunningScp, encoded, running_scp, scp_settings
from tests.servers import wait_until

CONTEXT = (VERIFICATION, [EXPLICIT])
NOWHERE = ("192.0.2.0/24",)
MIB = 1 << 20
AT_ONCE_SECONDS = 5.0
"""Far below the timeouts, which are longer in these tests than the tests may take."""

HEADERS = {
    "four gigabytes of A-ASSOCIATE-RQ": b"\x01\0\xff\xff\xff\xff",
    "a request one byte too long": struct.pack(">BxL", 1, LARGEST_REQUEST + 1),
    "P-DATA before any request": struct.pack(">BxL", 4, LARGEST_PDU),
    "a web browser": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


def patient(root: Path) -> Settings:
    """Give settings whose timeouts no test waits for."""
    return scp_settings(
        root, acse_timeout_seconds=60.0, dimse_timeout_seconds=60.0, idle_timeout_seconds=60.0
    )


def is_closed_at_once(line: RawRequestor) -> bool:
    started = time.monotonic()
    return line.is_closed() and time.monotonic() - started < AT_ONCE_SECONDS


def push(line: RawRequestor, mebibytes: int) -> int:
    """Send as much as the other side takes; give the MiB."""
    block = bytes(MIB)
    line.socket.settimeout(1.0)
    for sent in range(mebibytes):
        try:
            line.send(block)
        except OSError:
            return sent
    return mebibytes


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MIB


@pytest.mark.parametrize("networks", [("127.0.0.0/8",), NOWHERE], ids=["allowed", "stranger"])
def test_a_pdu_of_four_gigabytes_does_not_fill_the_memory(
    tmp_path: Path, database: Database, networks: tuple[str, ...]
) -> None:
    settings = scp_settings(tmp_path / "data", networks=networks)
    with running_scp(settings, database) as node, RawRequestor(node.address) as line:
        before = resident_mib()
        line.send(HEADERS["four gigabytes of A-ASSOCIATE-RQ"])

        sent = push(line, 256)

        assert sent < 64
        assert resident_mib() - before < 64


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_what_is_no_request_is_cut_off_at_once_and_the_others_go_on(
    tmp_path: Path, database: Database, header: bytes
) -> None:
    with (
        running_scp(patient(tmp_path / "data"), database) as node,
        RawRequestor(node.address) as odd,
        RawRequestor(node.address) as line,
    ):
        odd.send(header)

        assert is_closed_at_once(odd)
        line.associate(CONTEXT)
        assert line.echo() == 0x0000
        assert node.count(Association) == 1


def test_a_pdu_above_what_we_announced_ends_the_association(
    tmp_path: Path, database: Database
) -> None:
    with (
        running_scp(patient(tmp_path / "data"), database) as node,
        RawRequestor(node.address) as line,
    ):
        line.associate(CONTEXT)

        line.send(struct.pack(">BxL", 4, LARGEST_PDU + 1))

        assert line.read().kind == ABORT
        assert is_closed_at_once(line)
        wait_until(lambda: node.outcomes() == ["aborted"], "the end is recorded")


def test_a_pdu_of_the_length_that_we_announce_is_taken(tmp_path: Path, database: Database) -> None:
    """PS3.8 D.1: the Maximum Length counts the PDV items and not the six bytes before them."""
    data_set = encoded(rows=1024, columns=1024)
    assert len(data_set) > MAXIMUM_LENGTH
    with (
        running_scp(scp_settings(tmp_path / "data"), database) as node,
        RawRequestor(node.address) as line,
    ):
        answer = line.associate((MG, [EXPLICIT]))
        assert b"\x51\0\0\x04" + struct.pack(">L", MAXIMUM_LENGTH) in answer.body

        status, _ = line.store(
            data_set, sop_class=MG, sop_instance=UID, fragment=MAXIMUM_LENGTH - 6
        )

        assert status == 0x0000
        assert len(node.instances()) == 1


FRAGMENTS = {
    "an item of no bytes": struct.pack(">L", 0),
    "an item of one byte": struct.pack(">LB", 1, 1),
    "an item longer than its PDU": struct.pack(">LBB", 1000, 1, 3) + b"short",
    "a command that is no data set": struct.pack(">LBB", 12, 1, 3) + b"\xff" * 10,
    "a command without a command field": struct.pack(">LBB", 14, 1, 3)
    + struct.pack("<HHLL", 0, 0, 4, 0),
    "a command of an unknown kind": struct.pack(">LBB", 24, 1, 3)
    + command((0x0100, us(0x7FFF)))[:22],
    "a data set before any command": struct.pack(">LBB", 6, 1, 2) + b"\0" * 4,
}


@pytest.mark.parametrize("fragment", FRAGMENTS.values(), ids=FRAGMENTS)
def test_a_message_that_cannot_be_read_ends_its_association_and_no_other(
    tmp_path: Path, sqlite_database: Database, fragment: bytes
) -> None:
    settings = scp_settings(tmp_path / "data", dimse_timeout_seconds=1.0)
    with (
        running_scp(settings, sqlite_database) as node,
        RawRequestor(node.address) as odd,
        RawRequestor(node.address) as line,
    ):
        line.associate(CONTEXT)
        odd.associate(CONTEXT)

        odd.send(pdu(P_DATA, fragment))

        assert is_closed_at_once(odd)
        assert line.echo() == 0x0000
        wait_until(lambda: node.open_associations() == 1, "the end is recorded")


def half_a_request(line: RawRequestor) -> None:
    request = associate_rq([CONTEXT])
    line.send(request[: len(request) // 2])


def half_a_header(line: RawRequestor) -> None:
    line.send(b"\x01\0\0")


def half_a_pdata(line: RawRequestor) -> None:
    assert line.associate(CONTEXT).kind == ASSOCIATE_AC
    line.send(struct.pack(">BxL", 4, 1000) + bytes(500))


@pytest.mark.parametrize("stop_amid", [half_a_request, half_a_header, half_a_pdata])
def test_a_peer_that_stops_amid_a_pdu_is_cut_off_at_the_timeout(
    tmp_path: Path, database: Database, stop_amid: Callable[[RawRequestor], None]
) -> None:
    settings = scp_settings(
        tmp_path / "data",
        acse_timeout_seconds=0.5,
        pdu_timeout_seconds=0.5,
        dimse_timeout_seconds=60.0,
        idle_timeout_seconds=60.0,
    )
    with running_scp(settings, database) as node, RawRequestor(node.address) as line:
        stop_amid(line)

        assert is_closed_at_once(line)


def test_a_peer_that_trickles_bytes_is_cut_off_at_the_timeout(
    tmp_path: Path, database: Database
) -> None:
    """Each byte comes in time, the PDU never does."""
    settings = scp_settings(tmp_path / "data", acse_timeout_seconds=1.0)
    with running_scp(settings, database) as node, RawRequestor(node.address) as line:
        line.socket.settimeout(0.1)
        deadline = time.monotonic() + AT_ONCE_SECONDS

        for byte in associate_rq([(VERIFICATION, [EXPLICIT] * 100)]):
            try:
                line.send(bytes([byte]))
                answered = line.socket.recv(1)
            except TimeoutError:
                assert time.monotonic() < deadline, "still listened to"
            except OSError:
                return
            else:
                assert answered in (b"", bytes([ABORT]))
                return
        pytest.fail("the whole request was listened to")


def test_a_stranger_who_says_nothing_is_audited_and_let_go(
    tmp_path: Path, database: Database
) -> None:
    settings = scp_settings(tmp_path / "data", networks=NOWHERE, acse_timeout_seconds=0.5)
    with running_scp(settings, database) as node, RawRequestor(node.address) as line:
        assert is_closed_at_once(line)

        assert refused(node) == ["network_not_allowed"]


def test_a_stop_does_not_wait_for_a_stranger(tmp_path: Path, database: Database) -> None:
    settings = scp_settings(tmp_path / "data", networks=NOWHERE, acse_timeout_seconds=60.0)
    with running_scp(settings, database) as node, RawRequestor(node.address) as line:
        wait_until(lambda: refused(node) == ["network_not_allowed"], "it is turned away")

        node.scp.stop()

        assert is_closed_at_once(line)


def refused(node: RunningScp) -> list[str]:
    return [row.reason for row in node.audited("connection_refused")]
