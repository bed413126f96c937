"""An SCP with several ports: a plain one, and one whose connections are made secure first."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import pytest

from node.db.session import Database
from node.scp.listening import Listener, Secure
from tests.pdus import ASSOCIATE_AC, EXPLICIT, VERIFICATION
from tests.peer import RawRequestor
from tests.receiving import running_scp, scp_settings
from tests.servers import free_port

CONTEXT = (VERIFICATION, [EXPLICIT])
PASSWORD = b"open sesame"


def with_password(connection: socket.socket) -> socket.socket:
    """Stand in for TLS: a connection is secure when its first bytes are the password."""
    said = b""
    while len(said) < len(PASSWORD):
        said += connection.recv(len(PASSWORD) - len(said))
    if said != PASSWORD:
        raise ssl.SSLError(1, "[SSL: NO_SHARED_CIPHER] no shared cipher")
    return connection


def in_vain(connection: socket.socket) -> socket.socket:
    """Wait for more than ever comes, as a handshake does that is never finished."""
    while connection.recv(1):
        pass
    raise ConnectionResetError


def listeners(secure: Secure) -> list[Listener]:
    host = "127.0.0.1"
    return [Listener(host, free_port()), Listener(host, free_port(), secure)]


def test_both_ports_of_an_scp_answer_at_the_same_time(tmp_path: Path, database: Database) -> None:
    plain, secured = listeners(with_password)
    with (
        running_scp(scp_settings(tmp_path), database, listeners=[plain, secured]) as node,
        RawRequestor((plain.host, plain.port)) as first,
        RawRequestor((secured.host, secured.port)) as second,
    ):
        second.send(PASSWORD)

        for line in (first, second):
            assert line.associate(CONTEXT).kind == ASSOCIATE_AC
        assert [first.echo(), second.echo()] == [0x0000, 0x0000]
        assert node.open_associations() == 2


def test_who_cannot_be_made_secure_is_closed_and_audited_once_for_all(
    tmp_path: Path, database: Database
) -> None:
    plain, secured = listeners(with_password)
    with running_scp(scp_settings(tmp_path), database, listeners=[plain, secured]) as node:
        for _ in range(5):
            with RawRequestor((secured.host, secured.port)) as line:
                line.send(b"open barley")
                assert line.is_closed()
        with RawRequestor((plain.host, plain.port)) as line:
            assert line.associate(CONTEXT).kind == ASSOCIATE_AC

        (row,) = node.audited("connection_refused")
        assert (row.reason, row.details["count"]) == ("not_secured", 1)
        assert row.details["port"] == secured.port
        node.scp.stop()

        # What was counted since is not lost.
        first, rest = node.audited("connection_refused")
        assert first.details["count"] + rest.details["count"] == 5


@pytest.mark.parametrize("first", [b"", b"open"], ids=["nothing", "half of it"])
def test_a_handshake_that_is_never_finished_ends_at_the_timeout_and_nobody_waits(
    tmp_path: Path, database: Database, first: bytes
) -> None:
    plain, secured = listeners(in_vain)
    settings = scp_settings(tmp_path, acse_timeout_seconds=1.0, idle_timeout_seconds=60.0)
    with (
        running_scp(settings, database, listeners=[plain, secured]) as node,
        RawRequestor((secured.host, secured.port)) as slow,
        RawRequestor((plain.host, plain.port)) as line,
    ):
        slow.send(first)
        started = time.monotonic()

        assert line.associate(CONTEXT).kind == ASSOCIATE_AC
        assert line.echo() == 0x0000
        assert slow.is_closed()

        assert time.monotonic() - started < 5.0
        (row,) = node.audited("connection_refused")
        assert row.reason == ("not_secured" if first else "silent")


def test_a_stop_does_not_wait_for_a_handshake(tmp_path: Path, database: Database) -> None:
    plain, secured = listeners(in_vain)
    settings = scp_settings(tmp_path, acse_timeout_seconds=60.0)
    with (
        running_scp(settings, database, listeners=[plain, secured]) as node,
        RawRequestor((secured.host, secured.port)) as slow,
    ):
        slow.send(b"open")
        started = time.monotonic()

        node.scp.stop()

        assert slow.is_closed()
        assert time.monotonic() - started < 15.0
