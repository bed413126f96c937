"""Requests and messages that cannot be read end in A-ABORT at once, and cost nobody else."""

from __future__ import annotations

import struct
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from node.db.session import Database
from node.scp.fragments import LARGEST_COMMAND
from tests.pdus import (
    ABORT,
    APPLICATION_CONTEXT,
    ASSOCIATE_AC,
    C_ECHO_RQ,
    EXPLICIT,
    NO_DATA_SET,
    P_DATA,
    VERIFICATION,
    command,
    item,
    pdu,
    us,
    user_information,
)
from tests.peer import RawRequestor
from tests.receiving import MG, RunningScp, running_scp, scp_settings
from tests.servers import wait_until

# pydicom says of each UID that is none what it is.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

CONTEXT = (VERIFICATION, [EXPLICIT])
REGRESSIONS = Path(__file__).parents[1] / "fuzz" / "regressions" / "connection"
SYNTAX = item(0x40, EXPLICIT.encode())
NAME = item(0x30, VERIFICATION.encode())


def context(number: int, syntaxes: bytes = SYNTAX) -> bytes:
    return item(0x20, bytes([number, 0, 0, 0]) + NAME + syntaxes)


REQUESTS = {
    "an even context": item(0x20, b"\2\0\0\0" + NAME + SYNTAX),
    "no transfer syntax": item(0x20, b"\1\0\0\0" + NAME),
    "no abstract syntax": item(0x20, b"\1\0\0\0" + SYNTAX),
    "an item cut short": item(0x20, b"\1\0\0\0" + NAME + SYNTAX)[:-3],
    "an unknown item and no context": item(0x7F, b"?" * 8),
    "no context": b"",
    "two contexts of one number": context(1) * 2,
    "a context of one byte": context(1) + item(0x20, b"\3"),
    "thousands of contexts": context(1) * (240 * 1024 // len(context(1))),
    "thousands of transfer syntaxes": b"".join(
        context(number, item(0x40, b"1.2") * 90) for number in range(1, 256, 2)
    ),
    "thousands of application contexts": item(0x10, b"1.2") * 30_000 + context(1),
    "an application context too many": item(0x10, APPLICATION_CONTEXT) + context(1),
    "users with much to tell": context(1)
    + item(0x50, item(0x54, b"\0\3" + b"1.2" + b"\1\1") * 5000),
}
MESSAGES = {
    "nothing in it": b"",
    "no command field": command((0x0002, VERIFICATION.encode())),
    "an unknown command": command((0x0100, us(0x7777)), (0x0800, us(NO_DATA_SET))),
    "no data set type": command((0x0100, us(C_ECHO_RQ))),
    "sequences two thousand deep": b"\x08\0\x40\x11\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    * 2000,
    "a length beyond its end": struct.pack("<HHL", 0, 0x0100, 200) + us(C_ECHO_RQ),
}


def patient_node(root: Path, database: Database) -> AbstractContextManager[RunningScp]:
    """Give a node whose timeouts no test waits for."""
    timeouts = dict.fromkeys(
        ("acse_timeout_seconds", "dimse_timeout_seconds", "idle_timeout_seconds"), 60.0
    )
    return running_scp(scp_settings(root, **timeouts), database)


def serves(node: RunningScp) -> bool:
    with RawRequestor(node.address) as other:
        other.associate(CONTEXT)
        return other.echo() == 0x0000


def is_aborted(line: RawRequestor) -> bool:
    """Read up to the A-ABORT; the socket's timeout is below each of the node's."""
    while (got := line.read()).kind != ABORT:
        assert got.kind == P_DATA
    return line.is_closed()


def request_of(items: bytes, told: bytes = b"") -> bytes:
    head = struct.pack(">HH", 1, 0) + b"MGNODE".ljust(16) + b"RAWPEER".ljust(16) + bytes(32)
    users = item(0x50, user_information(0)[4:] + told)
    return pdu(1, head + item(0x10, APPLICATION_CONTEXT) + items + users)


@pytest.mark.parametrize("items", REQUESTS.values(), ids=REQUESTS)
def test_a_request_that_cannot_be_read_is_aborted_at_once(
    tmp_path: Path, database: Database, items: bytes
) -> None:
    with (
        patient_node(tmp_path / "data", database) as node,
        RawRequestor(node.address) as line,
    ):
        line.send(request_of(items))

        assert is_aborted(line)
        assert [row.reason for row in node.audited("connection_refused")] == ["unreadable"]
        assert serves(node)


UNKNOWN = item(0x7F, b"?" * 8)
WITH_UNKNOWN = {
    "beside the contexts": request_of(context(1) + UNKNOWN),
    "in a context": request_of(context(1, SYNTAX + UNKNOWN)),
    "among what users tell": request_of(context(1), UNKNOWN),
}


@pytest.mark.parametrize("request_pdu", WITH_UNKNOWN.values(), ids=WITH_UNKNOWN)
def test_an_item_of_a_type_that_nobody_knows_is_skipped(
    tmp_path: Path, database: Database, request_pdu: bytes
) -> None:
    """PS3.8 9.3.1: they shall be ignored."""
    with (
        patient_node(tmp_path / "data", database) as node,
        RawRequestor(node.address) as line,
    ):
        line.send(request_pdu)

        assert line.read().kind == ASSOCIATE_AC
        assert line.echo() == 0x0000


def test_a_request_of_as_many_contexts_as_there_are_numbers_is_taken(
    tmp_path: Path, database: Database
) -> None:
    """PS3.8 9.3.2.2; forty transfer syntaxes each are more than anybody has."""
    items = b"".join(context(number, SYNTAX * 40) for number in range(1, 256, 2))
    with (
        patient_node(tmp_path / "data", database) as node,
        RawRequestor(node.address) as line,
    ):
        line.send(request_of(items))

        assert line.read().kind == ASSOCIATE_AC
        assert line.echo(context=255) == 0x0000


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_message_that_cannot_be_read_is_aborted_at_once(
    tmp_path: Path, database: Database, message: bytes
) -> None:
    with (
        patient_node(tmp_path / "data", database) as node,
        RawRequestor(node.address) as line,
    ):
        line.associate(CONTEXT)

        line.send_pdv(1, message, is_command=True)

        assert is_aborted(line)
        assert serves(node)
        wait_until(lambda: node.outcomes()[0] == "aborted", "the end is recorded")


def test_a_pdv_without_its_control_byte_is_aborted_at_once(
    tmp_path: Path, database: Database
) -> None:
    with (
        patient_node(tmp_path / "data", database) as node,
        RawRequestor(node.address) as line,
    ):
        line.associate(CONTEXT)

        line.send(pdu(P_DATA, struct.pack(">LB", 1, 1)))

        assert is_aborted(line)
        assert serves(node)


def test_a_command_set_without_an_end_is_aborted_before_it_fills_the_memory(
    tmp_path: Path, database: Database
) -> None:
    with (
        patient_node(tmp_path / "data", database) as node,
        RawRequestor(node.address) as line,
    ):
        line.associate(CONTEXT)

        for _ in range(LARGEST_COMMAND // 8192 + 1):
            line.send_pdv(1, bytes(8192), is_command=True, last=False)

        assert is_aborted(line)
        assert serves(node)


@pytest.mark.parametrize("path", sorted(REGRESSIONS.iterdir()), ids=lambda path: path.name)
def test_connections_that_once_hurt_end_and_the_others_go_on(
    tmp_path: Path, database: Database, path: Path
) -> None:
    with (
        patient_node(tmp_path / "data", database) as node,
        RawRequestor(node.address) as line,
    ):
        line.send(path.read_bytes())
        line.socket.shutdown(1)

        assert line.is_closed()
        assert serves(node)
        wait_until(lambda: node.open_associations() == 0, "every association has ended")
        assert node.files("spool") == []


def test_the_storage_class_is_offered_in_the_odd_connections() -> None:
    """Else they would be refused for what they ask, and say nothing of the rest."""
    assert all(MG.encode() in path.read_bytes() for path in REGRESSIONS.iterdir())
