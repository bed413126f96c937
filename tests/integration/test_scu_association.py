"""Asking for an association: what is proposed, and each way in which none comes about."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pynetdicom.presentation import build_context

from node.db.session import Database
from node.errors import PermanentFailure, TransientFailure
from node.scu.requestor import end_association, open_association
from node.scu.sender import StoreAssociation, echo
from tests.pdus import ASSOCIATE_RJ, EXPLICIT, IMPLICIT, contexts_of, pdu
from tests.peer import AcceptedLine, raw_acceptor
from tests.receiving import running_scp, scp_settings
from tests.sending import IMPATIENT, MG, SCU, SOON, SV1, accept_all, accept_none, at
from tests.servers import free_port


def test_a_wrong_title_is_a_permanent_failure(tmp_path: Path, database: Database) -> None:
    with (
        running_scp(scp_settings(tmp_path), database) as node,
        pytest.raises(PermanentFailure, match="Called AE title not recognised"),
    ):
        echo(at(node.address, "SOMEONE"), SCU)


@pytest.mark.parametrize(
    ("result", "source", "reason", "expected"),
    [
        (1, 1, 1, PermanentFailure),
        (1, 1, 3, PermanentFailure),
        (1, 1, 7, PermanentFailure),
        (1, 2, 2, PermanentFailure),
        (2, 1, 1, TransientFailure),
        (2, 3, 1, TransientFailure),
        (2, 3, 2, TransientFailure),
        # A limit passes, whatever the peer calls it.
        (1, 3, 2, TransientFailure),
    ],
)
def test_a_rejection_is_permanent_or_transient_as_the_peer_says(
    result: int, source: int, reason: int, expected: type[Exception]
) -> None:
    def reject(line: AcceptedLine) -> None:
        line.read()
        line.send(pdu(ASSOCIATE_RJ, bytes([0, result, source, reason])))
        line.is_closed()

    with raw_acceptor(reject) as address, pytest.raises(expected, match=r"PACS at 127\.0\.0\.1"):
        echo(at(address), SCU)


def test_a_closed_port_is_a_transient_failure_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(TransientFailure, match="no connection"):
        echo(at(("127.0.0.1", free_port())), SCU)
    assert time.monotonic() - started < SOON


def test_a_name_that_does_not_resolve_is_a_transient_failure() -> None:
    with pytest.raises(TransientFailure, match="cannot reach"):
        echo(at(("no-such-host.invalid", 104)), SCU)


def test_a_black_hole_is_given_up_after_the_connection_timeout() -> None:
    """A listener whose queue is full drops SYNs, as a firewall does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for knocking in waiting:
            knocking.setblocking(False)
            knocking.connect_ex(listener.getsockname())
        started = time.monotonic()
        with pytest.raises(TransientFailure, match=r"limit 0\.5 s"):
            echo(at(listener.getsockname()), IMPATIENT)
        seconds = time.monotonic() - started
        for knocking in waiting:
            knocking.close()
    assert 0.5 <= seconds < SOON


def silent(line: AcceptedLine) -> None:
    assert line.is_closed()


def half_an_answer(line: AcceptedLine) -> None:
    line.read()
    line.send(b"\x02\x00\x00\x00\x01\x00half")
    assert line.is_closed()


@pytest.mark.parametrize("peer", [silent, half_an_answer])
def test_a_peer_that_does_not_negotiate_is_given_up(peer: Callable[[AcceptedLine], None]) -> None:
    started = time.monotonic()
    with raw_acceptor(peer) as address, pytest.raises(TransientFailure):
        echo(at(address), IMPATIENT)
    assert time.monotonic() - started < SOON


def test_an_echo_that_is_not_accepted_is_a_permanent_failure() -> None:
    def decline(line: AcceptedLine) -> None:
        line.accept(syntax_of=accept_none)
        line.is_closed()

    with raw_acceptor(decline) as address, pytest.raises(PermanentFailure, match="C-ECHO"):
        echo(at(address), SCU)


def test_each_class_is_proposed_with_the_default_syntax() -> None:
    """PS3.5 10.1: Implicit VR Little Endian is offered for every abstract syntax."""
    proposed: list[tuple[int, str, list[str]]] = []

    def look(line: AcceptedLine) -> None:
        proposed.extend(contexts_of(line.accept(syntax_of=accept_all)))
        line.answer_release()

    with raw_acceptor(look) as address, StoreAssociation(at(address), SCU, [(MG, SV1)]):
        pass

    assert [(abstract, syntaxes) for _, abstract, syntaxes in proposed] == [
        (MG, [SV1]),
        (MG, [EXPLICIT]),
        (MG, [IMPLICIT]),
    ]


@pytest.mark.timeout(60)
def test_an_association_whose_reactor_has_ended_is_let_go(
    tmp_path: Path, database: Database
) -> None:
    """As an abort leaves it that comes while we answer the peer: pynetdicom waits for ever."""
    with running_scp(scp_settings(tmp_path), database) as node:
        association = open_association(at(node.address, "MGNODE"), SCU, [build_context(MG)])
        association.abort()
        association.join(SOON)
        association.is_established = True
        association._is_paused = False

        end_association(association)

    assert not association.is_alive()
