"""A message is its command set, then its data set, on one accepted context; all else is aborted."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from node.db.session import Database
from tests.pdus import (
    A_DATA_SET,
    ABORT,
    C_ECHO_RQ,
    C_STORE_RQ,
    EXPLICIT,
    IMPLICIT,
    NO_DATA_SET,
    P_DATA,
    VERIFICATION,
    c_store_rq,
    command,
    pdu,
    us,
)
from tests.peer import RawRequestor
from tests.receiving import MG, UID, RunningScp, encoded, running_scp, scp_settings
from tests.servers import wait_until

DATA, COMMAND, LAST = 0, 1, 2
STORE = c_store_rq(MG, UID)
ECHO = command(
    (0x0002, VERIFICATION.encode()),
    (0x0100, us(C_ECHO_RQ)),
    (0x0110, us(1)),
    (0x0800, us(NO_DATA_SET)),
)
IMAGE = encoded()
HALF = len(IMAGE) // 2

Fragment = tuple[int, int, bytes]
"""Presentation context, message control header, bytes."""


def p_data(*fragments: Fragment) -> bytes:
    values = (bytes([context, control]) + data for context, control, data in fragments)
    return pdu(P_DATA, b"".join(struct.pack(">L", len(value)) + value for value in values))


def store_without(number: int) -> bytes:
    """Give a C-STORE command set that lacks one element."""
    elements = [
        (0x0002, MG.encode()),
        (0x0100, us(C_STORE_RQ)),
        (0x0110, us(1)),
        (0x0700, us(0)),
        (0x0800, us(A_DATA_SET)),
        (0x1000, UID.encode()),
    ]
    return command(*(element for element in elements if element[0] != number))


@pytest.fixture
def node(tmp_path: Path, sqlite_database: Database) -> Iterator[RunningScp]:
    settings = scp_settings(
        tmp_path / "data", dimse_timeout_seconds=60.0, idle_timeout_seconds=60.0
    )
    with running_scp(settings, sqlite_database) as running:
        yield running


@pytest.fixture
def line(node: RunningScp) -> Iterator[RawRequestor]:
    """Two contexts of one class, 1 and 3, Verification as 5, and 7, which is not accepted."""
    with RawRequestor(node.address) as opened:
        opened.associate(
            (MG, [EXPLICIT]), (MG, [IMPLICIT]), (VERIFICATION, [EXPLICIT]), ("1.2.3.4", [EXPLICIT])
        )
        yield opened


BROKEN: dict[str, Sequence[bytes]] = {
    "data on another accepted context": (
        p_data((1, COMMAND | LAST, STORE)),
        p_data((3, DATA | LAST, IMAGE)),
    ),
    "data on a context that nobody proposed": (
        p_data((1, COMMAND | LAST, STORE)),
        p_data((99, DATA | LAST, IMAGE)),
    ),
    "the half of the data on another context": (
        p_data((1, COMMAND | LAST, STORE)),
        p_data((1, DATA, IMAGE[:HALF])),
        p_data((3, DATA | LAST, IMAGE[HALF:])),
    ),
    "the half of the command on another context": (
        p_data((3, COMMAND, STORE[:40])),
        p_data((1, COMMAND | LAST, STORE[40:]), (1, DATA | LAST, IMAGE)),
    ),
    "all of it on a context that was not accepted": (
        p_data((7, COMMAND | LAST, STORE)),
        p_data((7, DATA | LAST, IMAGE)),
    ),
    "a second command amid the data": (
        p_data((1, COMMAND | LAST, c_store_rq(MG, "1.2.3.4.5"))),
        p_data((1, DATA, IMAGE[:HALF])),
        p_data((1, COMMAND | LAST, STORE)),
        p_data((1, DATA | LAST, IMAGE[HALF:])),
    ),
    "an echo amid the data": (
        p_data((1, COMMAND | LAST, STORE)),
        p_data((1, DATA, IMAGE[:HALF])),
        p_data((1, COMMAND | LAST, ECHO)),
    ),
    "data behind the last of it in one PDU": (
        p_data((1, COMMAND | LAST, STORE)),
        p_data((1, DATA | LAST, IMAGE), (1, DATA | LAST, b"trailing")),
    ),
    "another message behind the last of it in one PDU": (
        p_data((1, COMMAND | LAST, STORE)),
        p_data((1, DATA | LAST, IMAGE), (1, COMMAND | LAST, STORE)),
    ),
    "data before its command": (p_data((1, DATA | LAST, IMAGE), (1, COMMAND | LAST, STORE)),),
    "no Message ID": (
        p_data((1, COMMAND | LAST, store_without(0x0110))),
        p_data((1, DATA | LAST, IMAGE)),
    ),
    "no SOP Instance UID": (
        p_data((1, COMMAND | LAST, store_without(0x1000))),
        p_data((1, DATA | LAST, IMAGE)),
    ),
    "two echoes in one PDU": (p_data((5, COMMAND | LAST, ECHO), (5, COMMAND | LAST, ECHO)),),
}


@pytest.mark.parametrize("pdus", BROKEN.values(), ids=BROKEN)
def test_a_message_that_breaks_the_rules_is_aborted_audited_and_nothing_of_it_is_stored(
    node: RunningScp, line: RawRequestor, pdus: Sequence[bytes]
) -> None:
    for each in pdus:
        line.send(each)

    assert line.read().kind == ABORT
    assert line.is_closed()
    wait_until(lambda: node.outcomes() == ["aborted"], "the end is recorded")
    assert node.holds_nothing()
    (row,) = node.audited("message_refused")
    assert row.details["calling_ae"] == "RAWPEER"
    assert row.details["count"] == 1


def test_a_data_set_behind_an_echo_in_one_pdu_is_aborted(
    node: RunningScp, line: RawRequestor
) -> None:
    """The echo is a whole message, and may be answered before the rest is seen."""
    line.send(p_data((5, COMMAND | LAST, ECHO), (5, DATA | LAST, IMAGE)))

    while (got := line.read()).kind != ABORT:
        assert got.kind == P_DATA
    wait_until(lambda: bool(node.audited("message_refused")), "it is in the audit log")


def in_one_pdu(data: bytes) -> list[bytes]:
    return [p_data((1, COMMAND | LAST, STORE), (1, DATA | LAST, data))]


def several_in_each_pdu(data: bytes) -> list[bytes]:
    return [
        p_data((1, COMMAND, STORE[:10]), (1, COMMAND, STORE[10:50])),
        p_data((1, COMMAND | LAST, STORE[50:]), (1, DATA, data[:HALF])),
        p_data((1, DATA, data[HALF:-10]), (1, DATA, b""), (1, DATA | LAST, data[-10:])),
    ]


def with_an_empty_end(data: bytes) -> list[bytes]:
    return [
        p_data((1, COMMAND | LAST, STORE)),
        p_data((1, DATA, data)),
        p_data((1, DATA | LAST, b"")),
    ]


@pytest.mark.parametrize("packed", [in_one_pdu, several_in_each_pdu, with_an_empty_end])
def test_fragments_may_be_packed_into_pdus_as_the_sender_likes(
    node: RunningScp, line: RawRequestor, packed: Callable[[bytes], list[bytes]]
) -> None:
    for _ in range(2):
        for each in packed(IMAGE):
            line.send(each)
        assert line.read_status() == (0x0000, "")

    (row,) = node.instances()
    assert node.layout.absolute(row.path).read_bytes().endswith(IMAGE)
    assert node.audited("message_refused") == []
