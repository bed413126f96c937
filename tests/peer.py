"""A scripted DICOM peer that speaks raw bytes, so that it can speak wrongly."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from tests.pdus import (
    ABORT,
    APPLICATION_CONTEXT,
    ASSOCIATE_AC,
    ASSOCIATE_RQ,
    C_ECHO_RQ,
    C_STORE_RSP,
    NO_DATA_SET,
    P_DATA,
    RELEASE_RP,
    RELEASE_RQ,
    VERIFICATION,
    Pdu,
    associate_rq,
    c_store_rq,
    command,
    contexts_of,
    elements_of,
    item,
    pdu,
    us,
    user_information,
)


class Line:
    """A TCP connection on which PDUs come and go; every wait has a limit."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_pdv(self, context: int, data: bytes, *, is_command: bool, last: bool = True) -> None:
        control = (1 if is_command else 0) | (2 if last else 0)
        value = bytes([context, control]) + data
        self.send(pdu(P_DATA, struct.pack(">L", len(value)) + value))

    def read_exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            block = self.socket.recv(length - len(data))
            if not block:
                raise EOFError(f"closed after {len(data)} of {length} bytes")
            data += block
        return data

    def read(self) -> Pdu:
        """Read one PDU; EOFError when the other side closed."""
        kind, length = struct.unpack(">BxL", self.read_exactly(6))
        return Pdu(kind, self.read_exactly(length))

    def read_command(self) -> dict[int, bytes]:
        """Read P-DATA up to the end of one command set; data set fragments are dropped."""
        whole = b""
        while True:
            got = self.read()
            assert got.kind == P_DATA, f"PDU type {got.kind} where P-DATA is due"
            offset = 0
            while offset < len(got.body):
                (length,) = struct.unpack_from(">L", got.body, offset)
                control = got.body[offset + 5]
                if control & 1:
                    whole += got.body[offset + 6 : offset + 4 + length]
                    if control & 2:
                        return elements_of(whole)
                offset += 4 + length

    def read_data_set(self, *, pause: Callable[[], None] = lambda: None) -> bytes:
        """Read P-DATA up to the end of one data set; ``pause`` is called before each."""
        whole = b""
        while True:
            pause()
            got = self.read()
            assert got.kind == P_DATA, f"PDU type {got.kind} where P-DATA is due"
            offset = 0
            while offset < len(got.body):
                (length,) = struct.unpack_from(">L", got.body, offset)
                whole += got.body[offset + 6 : offset + 4 + length]
                if got.body[offset + 5] == 2:
                    return whole
                offset += 4 + length

    def is_closed(self) -> bool:
        """Wait for the other side to close, reading what it still sends."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        return True

    def reset(self) -> None:
        """Close with a TCP reset, as a machine that lost its power and came back."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class RawRequestor(Line):
    """The side that asks for an association.

    Parameters
    ----------
    address : (str, int)
        Of the SCP.
    seconds : float
        Limit of every wait.
    """

    def __init__(self, address: tuple[str, int], *, seconds: float = 20.0) -> None:
        super().__init__(socket.create_connection(address, seconds))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def associate(
        self,
        *contexts: tuple[str, Sequence[str]],
        called: str = "MGNODE",
        calling: str = "RAWPEER",
    ) -> Pdu:
        """Ask for an association and return the answer."""
        self.send(associate_rq(contexts, called=called, calling=calling))
        return self.read()

    def store(
        self,
        data_set: bytes,
        *,
        sop_class: str,
        sop_instance: str,
        context: int = 1,
        fragment: int = 16000,
    ) -> tuple[int, str]:
        """Send one C-STORE and return its status and error comment."""
        self.send_pdv(context, c_store_rq(sop_class, sop_instance), is_command=True)
        self.send_data_set(data_set, context=context, fragment=fragment)
        return self.read_status()

    def send_data_set(
        self, data_set: bytes, *, context: int = 1, fragment: int = 16000, last: bool = True
    ) -> None:
        """Send a data set in fragments; with ``last`` False it never ends."""
        for start in range(0, max(len(data_set), 1), fragment):
            is_last = last and start + fragment >= len(data_set)
            block = data_set[start : start + fragment]
            self.send_pdv(context, block, is_command=False, last=is_last)

    def read_status(self) -> tuple[int, str]:
        answer = self.read_command()
        return (
            struct.unpack("<H", answer[0x0900])[0],
            answer.get(0x0902, b"").decode().strip(" \0"),
        )

    def echo(self, *, context: int = 1) -> int:
        """Send one C-ECHO and return its status."""
        self.ask_echo(context=context)
        return self.read_status()[0]

    def ask_echo(self, *, context: int = 1) -> None:
        """Send one C-ECHO; its answer is left to be read."""
        request = command(
            (0x0002, VERIFICATION.encode()),
            (0x0100, us(C_ECHO_RQ)),
            (0x0110, us(1)),
            (0x0800, us(NO_DATA_SET)),
        )
        self.send_pdv(context, request, is_command=True)

    def release(self) -> None:
        self.send(pdu(RELEASE_RQ, bytes(4)))
        assert self.read().kind == RELEASE_RP

    def abort(self) -> None:
        self.send(pdu(ABORT, bytes(4)))


class AcceptedLine(Line):
    """The side that was asked, after its listener accepted the connection."""

    def accept(self, *, syntax_of: Callable[[str, list[str]], str | None]) -> bytes:
        """Read A-ASSOCIATE-RQ and accept each context whose ``syntax_of`` is not None."""
        request = self.read()
        assert request.kind == ASSOCIATE_RQ
        answers = b""
        for context, abstract, syntaxes in contexts_of(request.body):
            chosen = syntax_of(abstract, syntaxes)
            result = 0 if chosen else 4
            answers += item(
                0x21,
                bytes([context, 0, result, 0]) + item(0x40, (chosen or syntaxes[0]).encode()),
            )
        head = request.body[:68]
        self.send(
            pdu(
                ASSOCIATE_AC,
                head + item(0x10, APPLICATION_CONTEXT) + answers + user_information(16384),
            )
        )
        return request.body

    def read_store_command(self) -> dict[int, bytes]:
        """Read one C-STORE with its data set and return the command."""
        request = self.read_command()
        self.read_data_set()
        return request

    def answer_store(self, context: int, request: dict[int, bytes], status: int) -> None:
        """Answer one C-STORE."""
        response = command(
            (0x0002, request[0x0002]),
            (0x0100, us(C_STORE_RSP)),
            (0x0120, request[0x0110]),
            (0x0800, us(NO_DATA_SET)),
            (0x0900, us(status)),
            (0x1000, request[0x1000]),
        )
        self.send_pdv(context, response, is_command=True)

    def answer_release(self) -> None:
        assert self.read().kind == RELEASE_RQ
        self.send(pdu(RELEASE_RP, bytes(4)))


@contextmanager
def raw_acceptor(
    script: Callable[[AcceptedLine], None], *, seconds: float = 20.0, connections: int = 1
) -> Iterator[tuple[str, int]]:
    """Listen on loopback and run ``script`` on the first connections; give the address.

    What the script raises fails the test when the block is left.
    """
    failures: list[BaseException] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(seconds)

        def serve() -> None:
            try:
                for _ in range(connections):
                    connection, _address = listener.accept()
                    connection.settimeout(seconds)
                    with AcceptedLine(connection) as line:
                        script(line)
            except (OSError, EOFError, AssertionError) as error:
                failures.append(error)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        host, port = listener.getsockname()
        yield host, port
        thread.join(seconds)
    assert not thread.is_alive(), "the scripted peer is still busy"
    if failures:
        raise failures[0]
