"""The SCP's threads sleep until something happens, and then notice all of it."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import subprocess
import threading
from pathlib import Path

from node.db.session import Database
from node.scp.listening import Listener
from tests.pdus import (
    ASSOCIATE_AC,
    C_ECHO_RQ,
    EXPLICIT,
    NO_DATA_SET,
    P_DATA,
    RELEASE_RP,
    RELEASE_RQ,
    VERIFICATION,
    associate_rq,
    command,
    pdu,
    us,
)
from tests.peer import Line, RawRequestor
from tests.receiving import running_scp, scp_settings
from tests.requirements import program
from tests.servers import free_port, wait_until

CONTEXT = (VERIFICATION, [EXPLICIT])
ECHOES = 50
MANY = 20

REQUEST = associate_rq([CONTEXT])
RELEASE = pdu(RELEASE_RQ, bytes(4))
ECHO = pdu(
    P_DATA,
    (lambda value: struct.pack(">L", len(value) + 2) + b"\1\3" + value)(
        command(
            (0x0002, VERIFICATION.encode()),
            (0x0100, us(C_ECHO_RQ)),
            (0x0110, us(1)),
            (0x0800, us(NO_DATA_SET)),
        )
    ),
)


def switches(threads: set[int]) -> int:
    """How often these threads of ours gave up the processor by themselves: each wait is one."""
    lines = (
        line
        for thread in threads
        for line in Path(f"/proc/self/task/{thread}/status").read_text().splitlines()
    )
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary"))


def our_threads() -> set[int]:
    return {each.native_id for each in threading.enumerate() if each.native_id is not None}


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a path for each would be opened


def test_an_idle_association_sleeps_while_another_one_works(
    tmp_path: Path, sqlite_database: Database
) -> None:
    with running_scp(scp_settings(tmp_path), sqlite_database) as node:
        before = our_threads()
        with RawRequestor(node.address) as idle:
            assert idle.associate(CONTEXT).kind == ASSOCIATE_AC
            assert idle.echo() == 0x0000
            its_own = our_threads() - before
            assert len(its_own) == 2
            with RawRequestor(node.address) as busy:
                assert busy.associate(CONTEXT).kind == ASSOCIATE_AC
                slept = switches(its_own)

                for _ in range(ECHOES):
                    assert busy.echo() == 0x0000

                assert switches(its_own) - slept < ECHOES // 10
            assert idle.echo() == 0x0000


def test_no_way_to_end_leaves_a_thread_or_a_descriptor(
    tmp_path: Path, sqlite_database: Database
) -> None:
    with running_scp(scp_settings(tmp_path), sqlite_database) as node:
        threads, files = len(our_threads()), descriptors()
        for number in range(2 * MANY):
            with RawRequestor(node.address) as line:
                # A connection on which nothing is asked, and each end of an association.
                if number % 5:
                    assert line.associate(CONTEXT).kind == ASSOCIATE_AC
                    assert line.echo() == 0x0000
                    (line.release, line.abort, line.reset, line.socket.close)[number % 4]()

        wait_until(lambda: not node.open_associations(), "all have ended")
        wait_until(lambda: len(our_threads()) <= threads, "their threads have ended")
        # Connections to the database are kept, and are few.
        wait_until(lambda: descriptors() < files + MANY, "their descriptors are closed")


def test_a_peer_that_leaves_amid_its_request_is_forgotten_at_once(
    tmp_path: Path, sqlite_database: Database
) -> None:
    """Not after the time in which the request might have come."""
    settings = scp_settings(tmp_path, acse_timeout_seconds=60.0)
    with running_scp(settings, sqlite_database) as node:
        threads = len(our_threads())
        for said in (b"", b"\1\0\0", b"\1\0\0\0\0\xff" + bytes(9)):
            with RawRequestor(node.address) as line:
                line.send(said)

        wait_until(lambda: len(our_threads()) <= threads, "nobody waits for it")


def test_a_peer_that_does_not_wait_for_answers_gets_all_of_them(
    tmp_path: Path, sqlite_database: Database
) -> None:
    with (
        running_scp(scp_settings(tmp_path), sqlite_database) as node,
        RawRequestor(node.address) as line,
    ):
        assert line.associate(CONTEXT).kind == ASSOCIATE_AC
        line.send(ECHO * ECHOES + RELEASE)

        assert [line.read_status()[0] for _ in range(ECHOES)] == [0x0000] * ECHOES
        assert line.read().kind == RELEASE_RP


def test_two_requests_in_one_tls_record_are_both_answered(
    tmp_path: Path, sqlite_database: Database
) -> None:
    """The second is in the memory of TLS: the operating system has nothing more to read."""
    certificate = self_signed(tmp_path)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    server.load_cert_chain(certificate)
    client.load_verify_locations(certificate)
    client.check_hostname = False

    def secure(connection: socket.socket) -> socket.socket:
        return server.wrap_socket(connection, server_side=True)

    listener = Listener("127.0.0.1", free_port(), secure)
    with (
        running_scp(scp_settings(tmp_path / "node"), sqlite_database, listeners=[listener]) as node,
        socket.create_connection(node.address, 20.0) as plain,
        Secured(client.wrap_socket(plain)) as line,
    ):
        line.send(REQUEST)
        assert line.read().kind == ASSOCIATE_AC

        line.send(ECHO + ECHO + RELEASE)

        assert [line.read_status()[0] for _ in range(2)] == [0x0000] * 2
        assert line.read().kind == RELEASE_RP


class Secured(Line):
    """A line whose statuses can be read."""

    read_status = RawRequestor.read_status


def self_signed(folder: Path) -> Path:
    """Make a certificate with its key in one file."""
    path = folder / "self-signed.pem"
    arguments = [str(program("openssl")), "req", "-x509", "-newkey", "ec", "-nodes", "-batch"]
    arguments += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=node"]
    arguments += ["-keyout", str(path), "-out", str(folder / "certificate.pem")]
    subprocess.run(arguments, check=True, capture_output=True)
    with path.open("ab") as whole:
        whole.write((folder / "certificate.pem").read_bytes())
    return path
