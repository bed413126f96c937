"""Sending objects to our own SCP, and to peers that misbehave."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from node.db.session import Database
from node.scu.outcome import Outcome
from node.scu.sender import StoreAssociation, echo
from tests.factories import make_mammogram, save_to_folder
from tests.pdus import ABORT, EXPLICIT, P_DATA, pdu
from tests.peer import AcceptedLine, raw_acceptor
from tests.receiving import running_scp, scp_settings
from tests.sending import IMPATIENT, MG, SCU, SOON, accept_all, accept_none, at


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (path,) = save_to_folder([make_mammogram()], tmp_path / "images")
    return path


def test_our_own_scp_takes_what_we_send(tmp_path: Path, database: Database, image: Path) -> None:
    with running_scp(scp_settings(tmp_path / "data"), database) as node:
        destination = at(node.address, "MGNODE")
        with StoreAssociation(destination, SCU, [(MG, EXPLICIT)]) as association:
            answers = [association.store(image) for _ in range(2)]

        assert [answer.status for answer in answers] == [0x0000] * 2
        assert len(node.instances()) == 1
        assert echo(destination, SCU) < 5.0


def test_when_the_peer_accepts_no_context_each_object_is_refused(image: Path) -> None:
    def decline(line: AcceptedLine) -> None:
        line.accept(syntax_of=accept_none)
        line.is_closed()

    with (
        raw_acceptor(decline) as address,
        StoreAssociation(at(address), SCU, [(MG, EXPLICIT)]) as association,
    ):
        answer = association.store(image)

    assert (answer.outcome, answer.status) == (Outcome.REFUSED, None)
    assert "Digital Mammography" in answer.detail


def abort_amid_the_object(line: AcceptedLine) -> None:
    line.accept(syntax_of=accept_all)
    assert line.read().kind == P_DATA
    line.send(pdu(ABORT, bytes(4)))


def vanish_amid_the_object(line: AcceptedLine) -> None:
    line.accept(syntax_of=accept_all)
    assert line.read().kind == P_DATA
    line.reset()


def never_answer(line: AcceptedLine) -> None:
    line.accept(syntax_of=accept_all)
    assert line.is_closed()


def stop_reading(line: AcceptedLine) -> None:
    line.accept(syntax_of=accept_all)
    # Nothing is read any more; the sender's kernel buffers fill.
    time.sleep(2.0)


@pytest.mark.parametrize(
    "peer", [abort_amid_the_object, vanish_amid_the_object, never_answer, stop_reading]
)
def test_an_object_whose_peer_fails_is_due_again(
    peer: Callable[[AcceptedLine], None], tmp_path: Path
) -> None:
    (big,) = save_to_folder([make_mammogram(rows=3001, columns=2003)], tmp_path)
    started = time.monotonic()
    with (
        raw_acceptor(peer) as address,
        StoreAssociation(at(address), IMPATIENT, [(MG, EXPLICIT)]) as association,
    ):
        first = association.store(big)
        second = association.store(big)

    assert (first.outcome, first.status) == (Outcome.RETRY, None)
    assert (second.outcome, second.status) == (Outcome.RETRY, None)
    assert time.monotonic() - started < 2 * SOON


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0xB007, Outcome.DELIVERED),
        (0x0111, Outcome.DELIVERED),
        (0xA700, Outcome.RETRY),
        (0xA900, Outcome.REFUSED),
    ],
)
def test_the_status_of_each_object_decides(image: Path, status: int, expected: Outcome) -> None:
    def answer(line: AcceptedLine) -> None:
        line.accept(syntax_of=accept_all)
        for code in (status, 0x0000):
            line.answer_store(1, line.read_store_command(), code)
        line.answer_release()

    with (
        raw_acceptor(answer) as address,
        StoreAssociation(at(address), SCU, [(MG, EXPLICIT)]) as association,
    ):
        first = association.store(image)
        second = association.store(image)

    assert (first.outcome, first.status) == (expected, status)
    assert f"0x{status:04X}" in first.detail
    assert second.outcome is Outcome.DELIVERED


def test_a_slow_line_is_no_missing_answer(tmp_path: Path) -> None:
    """The DIMSE timeout counts from the last byte sent: 12 MB may take longer than it."""
    (big,) = save_to_folder([make_mammogram(rows=3001, columns=2003)], tmp_path)

    def read_slowly(line: AcceptedLine) -> None:
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        line.accept(syntax_of=accept_all)
        request = line.read_command()
        deadline = time.monotonic() + 3 * IMPATIENT.dimse_timeout_seconds
        line.read_data_set(pause=lambda: time.sleep(0.002 if time.monotonic() < deadline else 0))
        assert time.monotonic() > deadline, "the line was too fast for this test"
        line.answer_store(1, request, 0x0000)
        line.answer_release()

    with (
        raw_acceptor(read_slowly) as address,
        StoreAssociation(at(address), IMPATIENT, [(MG, EXPLICIT)]) as association,
    ):
        answer = association.store(big)

    assert answer.outcome is Outcome.DELIVERED


def test_a_small_object_does_not_wait_for_a_delayed_acknowledgement(tmp_path: Path) -> None:
    (small,) = save_to_folder([make_mammogram(rows=16, columns=9)], tmp_path)
    nodelay: list[int] = []

    def answer(line: AcceptedLine) -> None:
        line.accept(syntax_of=accept_all)
        line.answer_store(1, line.read_store_command(), 0x0000)
        line.answer_release()

    with (
        raw_acceptor(answer) as address,
        StoreAssociation(at(address), SCU, [(MG, EXPLICIT)]) as association,
    ):
        assert association._association is not None
        transport = association._association.dul.socket
        assert transport is not None
        assert transport.socket is not None
        nodelay.append(transport.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        association.store(small)

    assert nodelay != [0]
