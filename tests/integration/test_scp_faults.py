"""Peers that misbehave in every way at once, while another one is served as if there were none."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from node.db.session import Database
from node.db.tables import AuditEvent
from node.dicom.part10 import encode
from node.scp.listening import MOST_STRANGERS
from tests.factories import make_mammogram, stable_uid
from tests.pdus import ASSOCIATE_AC, EXPLICIT, P_DATA, VERIFICATION, associate_rq, c_store_rq, pdu
from tests.peer import RawRequestor
from tests.receiving import MG, UID, RunningScp, encoded, running_scp, scp_settings
from tests.servers import wait_until

NOWHERE = ("192.0.2.0/24",)
CONTEXT = (VERIFICATION, [EXPLICIT])
IMAGES = (MG, [EXPLICIT])
REQUEST = associate_rq([CONTEXT])
A_LOT = 64
"""Echoes sent at once by a peer that reads no answer."""


def half_a_data_set(line: RawRequestor) -> None:
    assert line.associate(IMAGES).kind == ASSOCIATE_AC
    line.send_pdv(1, c_store_rq(MG, UID), is_command=True)
    line.send_data_set(encoded()[:50_000], last=False)


def half_a_pdata(line: RawRequestor) -> None:
    assert line.associate(CONTEXT).kind == ASSOCIATE_AC
    line.send(struct.pack(">BxL", P_DATA, 1000) + bytes(500))


def a_command_alone(line: RawRequestor) -> None:
    assert line.associate(IMAGES).kind == ASSOCIATE_AC
    line.send_pdv(1, c_store_rq(MG, UID), is_command=True)


def abort_amid(line: RawRequestor) -> None:
    half_a_data_set(line)
    line.abort()


def reset_amid(line: RawRequestor) -> None:
    half_a_data_set(line)
    line.reset()


def close_amid(line: RawRequestor) -> None:
    half_a_data_set(line)
    line.socket.close()


def idle(line: RawRequestor) -> None:
    assert line.associate(CONTEXT).kind == ASSOCIATE_AC


def read_no_answer(line: RawRequestor) -> None:
    """Ask on and on; sending stops to get through when nobody reads the answers."""
    line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    assert line.associate(CONTEXT).kind == ASSOCIATE_AC
    line.socket.settimeout(0.2)
    try:
        while True:
            for _ in range(A_LOT):
                line.ask_echo()
    except OSError:
        line.socket.settimeout(20.0)


FAULTS: dict[str, Callable[[RawRequestor], None]] = {
    "says nothing": lambda _: None,
    "connects and goes": lambda line: line.socket.close(),
    "half a header": lambda line: line.send(REQUEST[:3]),
    "half a request": lambda line: line.send(REQUEST[: len(REQUEST) // 2]),
    "half a P-DATA": half_a_pdata,
    "four gigabytes": lambda line: line.send(b"\1\0\xff\xff\xff\xff"),
    "HTTP": lambda line: line.send(b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n"),
    "TLS on the plain port": lambda line: line.send(b"\x16\3\1\2\0\1\0\1\xfc\3\3" + bytes(32)),
    "a release before any request": lambda line: line.send(pdu(5, bytes(4))),
    "a command and no data set": a_command_alone,
    "half a data set": half_a_data_set,
    "an abort amid a data set": abort_amid,
    "a reset amid a data set": reset_amid,
    "a close amid a data set": close_amid,
    "nothing after the association": idle,
    "reads no answer": read_no_answer,
}


def threads() -> int:
    return threading.active_count()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a path for each would be opened


def is_gone(line: RawRequestor) -> bool:
    return line.socket.fileno() < 0 or line.is_closed()


def test_every_misbehaviour_ends_by_rule_while_another_peer_is_served(
    tmp_path: Path, sqlite_database: Database
) -> None:
    settings = scp_settings(
        tmp_path / "data",
        acse_timeout_seconds=2.0,
        dimse_timeout_seconds=2.0,
        idle_timeout_seconds=3.0,
    )
    with running_scp(settings, sqlite_database) as node, ExitStack() as stack:
        threads_before, descriptors_before = threads(), descriptors()
        odd = {}
        for name, misbehave in FAULTS.items():
            odd[name] = stack.enter_context(RawRequestor(node.address))
            misbehave(odd[name])
            serve_another(node, stable_uid("amid", name))

        assert [name for name, line in odd.items() if not is_gone(line)] == []
        wait_until(lambda: not node.open_associations(), "all have ended")
        wait_until(lambda: threads() <= threads_before, "their threads have ended")
        wait_until(lambda: node.files("spool") == [], "nothing half-received is left")
        stack.close()
        # Some connections to the database are kept.
        wait_until(lambda: descriptors() < descriptors_before + len(FAULTS), "descriptors too")
        assert len(node.instances()) == len(FAULTS)


def serve_another(node: RunningScp, uid: str) -> None:
    data_set = encode(make_mammogram(sop_instance_uid=uid))
    with RawRequestor(node.address) as line:
        assert line.associate(IMAGES).kind == ASSOCIATE_AC
        assert line.store(data_set, sop_class=MG, sop_instance=uid)[0] == 0x0000
        line.release()


def test_hundreds_of_checks_of_a_load_balancer_leave_nothing(
    tmp_path: Path, sqlite_database: Database
) -> None:
    with running_scp(scp_settings(tmp_path), sqlite_database) as node:
        threads_before, descriptors_before = threads(), descriptors()
        rows = node.count(AuditEvent)

        for _ in range(300):
            socket.create_connection(node.address, 20.0).close()

        with RawRequestor(node.address) as line:
            assert line.associate(CONTEXT).kind == ASSOCIATE_AC
        wait_until(lambda: threads() <= threads_before, "their threads have ended")
        assert descriptors() < descriptors_before + 10
        assert node.audited("connection_refused") == []
        assert node.count(AuditEvent) - rows <= 2


@pytest.mark.parametrize(
    ("limits", "most"),
    [({"networks": NOWHERE}, MOST_STRANGERS), ({"max_associations_per_address": 5}, 5)],
    ids=["strangers", "allowed"],
)
def test_connections_on_which_nobody_asks_are_bounded(
    tmp_path: Path, sqlite_database: Database, limits: dict[str, Any], most: int
) -> None:
    settings = scp_settings(tmp_path, acse_timeout_seconds=60.0, **limits)
    with running_scp(settings, sqlite_database) as node, ExitStack() as stack:
        waiting = [stack.enter_context(RawRequestor(node.address)) for _ in range(most)]
        wait_until(lambda: threads_of_connections() == most, "all of them are waited for")

        with RawRequestor(node.address) as line:
            assert line.is_closed()

        wait_until(lambda: threads_of_connections() == most, "the last one alone is gone")
        waiting[0].socket.close()
        wait_until(lambda: threads_of_connections() == most - 1, "one has gone")


def threads_of_connections() -> int:
    return sum("process_request" in thread.name for thread in threading.enumerate())
