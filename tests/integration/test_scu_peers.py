"""Sending to DCMTK's storescp, to our own SCP, and to peers that misbehave."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import dcmread

from config.settings import Destination, ScuSettings
from node.db.session import Database
from node.errors import PermanentFailure, TransientFailure
from node.scu.outcome import Outcome
from node.scu.sender import StoreAssociation, echo
from node.store.files import data_set_digest
from tests.factories import make_mammogram, save_to_folder
from tests.peer import (
    ABORT,
    ASSOCIATE_RJ,
    P_DATA,
    AcceptedLine,
    contexts_of,
    pdu,
    raw_acceptor,
)
from tests.receiving import running_scp, scp_settings
from tests.requirements import program
from tests.servers import Server, free_port

MG = "1.2.840.10008.5.1.4.1.1.1.2"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
SV1 = "1.2.840.10008.1.2.4.70"

SCU = ScuSettings(
    ae_title="MGNODE",
    connection_timeout_seconds=2.0,
    acse_timeout_seconds=5.0,
    dimse_timeout_seconds=5.0,
)
IMPATIENT = SCU.model_copy(
    update={
        "connection_timeout_seconds": 0.5,
        "acse_timeout_seconds": 0.5,
        "dimse_timeout_seconds": 0.5,
    }
)
# Seconds: a limit of half a second, and what a busy machine adds.
SOON = 5.0


def at(address: tuple[str, int], ae_title: str = "PACS") -> Destination:
    return Destination(ae_title=ae_title, host=address[0], port=address[1])


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (path,) = save_to_folder([make_mammogram()], tmp_path / "images")
    return path


class StoreScp(Server):
    """DCMTK's storescp: one port, files as they come (+B), byte for byte."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.options = options

    @property
    def destination(self) -> Destination:
        return at(("127.0.0.1", self.port), "STORESCP")

    @property
    def received(self) -> list[Path]:
        return sorted(p for p in self.folder.iterdir() if p != self.log)

    def arguments(self) -> list[str]:
        return [str(program("storescp")), *self.options, "-od", ".", str(self.port)]

    def is_ready(self) -> bool:
        try:
            return echo(self.destination, SCU) > 0
        except TransientFailure:
            return False


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[StoreScp]:
    folder.mkdir()
    server = StoreScp(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.dcmtk
def test_storescp_gets_the_bytes_as_they_lie_on_the_disk(tmp_path: Path, image: Path) -> None:
    with storescp(tmp_path / "pacs", "+B") as pacs:
        with StoreAssociation(pacs.destination, SCU, [(MG, EXPLICIT)]) as association:
            answer = association.store(image)

        assert (answer.outcome, answer.status) == (Outcome.DELIVERED, 0x0000)
        (received,) = pacs.received
        assert data_set_digest(received) == data_set_digest(image)


@pytest.mark.dcmtk
def test_a_compressed_image_arrives_compressed(tmp_path: Path, image: Path) -> None:
    compressed = tmp_path / "sv1.dcm"
    subprocess.run([str(program("dcmcjpeg")), "+e1", image, compressed], check=True, timeout=60)
    with storescp(tmp_path / "pacs", "+B", "+xa") as pacs:
        with StoreAssociation(pacs.destination, SCU, [(MG, SV1)]) as association:
            answer = association.store(compressed)

        assert answer.outcome is Outcome.DELIVERED
        (received,) = pacs.received
        assert dcmread(received).file_meta.TransferSyntaxUID == SV1
        assert data_set_digest(received) == data_set_digest(compressed)


@pytest.mark.dcmtk
def test_a_peer_of_implicit_vr_alone_gets_implicit_vr(tmp_path: Path, image: Path) -> None:
    with storescp(tmp_path / "pacs", "+B", "+xi") as pacs:
        with StoreAssociation(pacs.destination, SCU, [(MG, EXPLICIT)]) as association:
            answer = association.store(image)

        assert answer.outcome is Outcome.DELIVERED
        (received,) = pacs.received
        assert dcmread(received).file_meta.TransferSyntaxUID == IMPLICIT
        assert dcmread(received) == dcmread(image)


@pytest.mark.dcmtk
def test_a_compressed_image_is_refused_here_when_the_peer_takes_none(
    tmp_path: Path, image: Path
) -> None:
    compressed = tmp_path / "sv1.dcm"
    subprocess.run([str(program("dcmcjpeg")), "+e1", image, compressed], check=True, timeout=60)
    with (
        storescp(tmp_path / "pacs") as pacs,
        StoreAssociation(pacs.destination, SCU, [(MG, SV1), (MG, EXPLICIT)]) as association,
    ):
        refused = association.store(compressed)
        plain = association.store(image)

    assert (refused.outcome, refused.status) == (Outcome.REFUSED, None)
    assert "JPEG Lossless" in refused.detail
    assert plain.outcome is Outcome.DELIVERED


@pytest.mark.dcmtk
def test_a_peer_that_cannot_be_written_to_is_tried_again(tmp_path: Path, image: Path) -> None:
    with storescp(tmp_path / "pacs", "--abort-after") as pacs:
        with StoreAssociation(pacs.destination, SCU, [(MG, EXPLICIT)]) as association:
            answers = [association.store(image) for _ in range(2)]

        assert [answer.outcome for answer in answers] == [Outcome.RETRY] * 2
        assert answers[0].status is None


def test_our_own_scp_takes_what_we_send(tmp_path: Path, database: Database, image: Path) -> None:
    with running_scp(scp_settings(tmp_path / "data"), database) as node:
        destination = at(node.address, "MGNODE")
        with StoreAssociation(destination, SCU, [(MG, EXPLICIT)]) as association:
            answers = [association.store(image) for _ in range(2)]

        assert [answer.status for answer in answers] == [0x0000] * 2
        assert len(node.instances()) == 1
        assert echo(destination, SCU) < 5.0


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


def accept_all(_: str, syntaxes: list[str]) -> str:
    return syntaxes[0]


def accept_none(_: str, __: list[str]) -> None:
    return None


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


def test_an_echo_that_is_not_accepted_is_a_permanent_failure() -> None:
    def decline(line: AcceptedLine) -> None:
        line.accept(syntax_of=accept_none)
        line.is_closed()

    with raw_acceptor(decline) as address, pytest.raises(PermanentFailure, match="C-ECHO"):
        echo(at(address), SCU)


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
