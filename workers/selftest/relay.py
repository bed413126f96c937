"""Stands between two DICOM peers and spoils what passes, PDU by PDU (PS3.8 9.3)."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

_HEADER: Final = 6
_ABORT: Final = struct.pack(">BxLxxBB", 7, 4, 0, 0)
_SECONDS: Final = 20.0


class Side(StrEnum):
    """Whose PDUs are counted."""

    REQUESTOR = "requestor"
    ACCEPTOR = "acceptor"


class How(StrEnum):
    """What happens to the connection."""

    ABORT = "A-ABORT"
    RESET = "reset"
    SILENCE = "silence"
    """Nothing more passes in either direction, and nobody closes."""


@dataclass(frozen=True, slots=True)
class Trick:
    """What a relay does to each association.

    ``after`` PDUs of ``side`` pass; of the next one the first half does when ``half``, and
    then it happens. ``rejection`` is result, source and reason of an A-ASSOCIATE-RJ instead.
    """

    side: Side = Side.REQUESTOR
    after: int = 0
    how: How = How.RESET
    half: bool = False
    rejection: tuple[int, int, int] | None = None


class Relay:
    """Listens on a free port of loopback for one target, from entering until leaving.

    ``trick`` is for the associations that begin from now on; ``used`` counts how often it came
    to that.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.trick: Trick | None = None
        self.used = 0
        self._listener: socket.socket | None = None
        self._port = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.come_back()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.vanish()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens; the same after it came back."""
        return "127.0.0.1", self._port

    def come_back(self) -> None:
        """Listen, again if need be."""
        if self._listener is not None:
            return
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def vanish(self) -> None:
        """Refuse every connection, and reset those that are open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                # Wakes accept(), which close() alone does not.
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut_all()

    def cut_all(self) -> None:
        """Reset every connection that is open."""
        with self._lock:
            for each in self._open:
                _reset(each)
            self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        trick = self.trick
        if trick is not None and trick.rejection is not None:
            self.used += 1
            _reject(near, trick.rejection)
            return
        try:
            far = socket.create_connection(self.target, _SECONDS)
        except OSError:
            _reset(near)
            return
        for each in (near, far):
            each.settimeout(None)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {near, far}
        spoilt = threading.Event()
        ways = ((Side.REQUESTOR, near, far), (Side.ACCEPTOR, far, near))
        threads = [
            threading.Thread(
                target=self._pass,
                args=(from_, to, trick if trick and trick.side is side else None, spoilt),
                daemon=True,
            )
            for side, from_, to in ways
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()

    def _pass(
        self,
        from_: socket.socket,
        to: socket.socket,
        trick: Trick | None,
        spoilt: threading.Event,
    ) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while (pdu := _read_pdu(from_)) is not None:
                if spoilt.is_set():
                    # After the trick everything is swallowed, until somebody closes.
                    continue
                if trick is not None and passed == trick.after:
                    spoilt.set()
                    self.used += 1
                    _spoil(from_, to, pdu, trick)
                    continue
                to.sendall(pdu)
                passed += 1
            if not spoilt.is_set():
                to.shutdown(socket.SHUT_WR)


def _spoil(from_: socket.socket, to: socket.socket, pdu: bytes, trick: Trick) -> None:
    if trick.half:
        to.sendall(pdu[: len(pdu) // 2])
    match trick.how:
        case How.ABORT:
            for each in (from_, to):
                each.sendall(_ABORT)
                each.shutdown(socket.SHUT_WR)
        case How.RESET:
            _reset(from_)
            _reset(to)
        case How.SILENCE:
            return


def _reject(near: socket.socket, rejection: tuple[int, int, int]) -> None:
    """Answer one A-ASSOCIATE-RQ with a rejection (PS3.8 9.3.4)."""
    with near, contextlib.suppress(OSError):
        near.settimeout(_SECONDS)
        _read_pdu(near)
        near.sendall(struct.pack(">BxLxBBB", 3, 4, *rejection))
        # The requestor closes: PS3.8 9.2, state 13.
        near.recv(1)


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Wakes a thread that reads it; the close then resets the connection.
        connection.shutdown(socket.SHUT_RD)
    connection.close()


def _read_pdu(connection: socket.socket) -> bytes | None:
    """Read one PDU; None where the connection ends."""
    head = _read(connection, _HEADER)
    if head is None:
        return None
    body = _read(connection, struct.unpack(">2xL", head)[0])
    return None if body is None else head + body


def _read(connection: socket.socket, count: int) -> bytes | None:
    data = bytearray()
    while len(data) < count:
        block = connection.recv(count - len(data))
        if not block:
            return None
        data += block
    return bytes(data)
