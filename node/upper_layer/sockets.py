"""The socket of an association: readable or not for TLS too, and writes with a deadline."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final

from pynetdicom.transport import AssociationSocket
from typing_extensions import override

from node.upper_layer.signals import is_readable

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.transport import AddressInformation

SHORTEST_SECONDS: Final = 0.001
"""Of a socket's timeout; zero would mean not to wait at all."""
_PDU_HEADER_BYTES: Final = 6
_BLOCK_BYTES: Final = 1 << 16


class EventDrivenSocket(AssociationSocket):
    """An association's socket for a thread that sleeps until something can be read.

    Parameters
    ----------
    send_seconds : float or None
        Each PDU is sent within this time, or the connection counts as closed.
    """

    def __init__(
        self,
        association: Association,
        connection: socket.socket | None = None,
        address: AddressInformation | None = None,
        *,
        send_seconds: float | None = None,
    ) -> None:
        self._send_seconds = send_seconds
        self._ahead = b""
        super().__init__(association, client_socket=connection, address=address)

    @property
    def has_pending(self) -> bool:
        """Whether bytes are here of which the operating system knows no more."""
        if self._ahead:
            return True
        return isinstance(self.socket, ssl.SSLSocket) and _pending(self.socket) > 0

    @property
    @override
    def ready(self) -> bool:
        """Whether a PDU has begun to come, or the connection has ended."""
        if self.socket is None or self._is_connected is False:
            return False
        if self.has_pending:
            return True
        try:
            if not is_readable(self.socket.fileno()):
                return False
            return not isinstance(self.socket, ssl.SSLSocket) or self._reads_ahead(self.socket)
        except (OSError, ValueError):
            self.event_queue.put("Evt17")
            return False

    def _reads_ahead(self, connection: ssl.SSLSocket) -> bool:
        """Say whether what came is data: TLS has messages of its own, and half records."""
        usual = connection.gettimeout()
        connection.settimeout(0)
        try:
            self._ahead = connection.recv(_PDU_HEADER_BYTES)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        finally:
            connection.settimeout(usual)
        if not self._ahead:
            self.event_queue.put("Evt17")
            return False
        return True

    def take_ahead(self, count: int) -> bytes:
        """Give up to ``count`` bytes that were read already."""
        taken, self._ahead = self._ahead[:count], self._ahead[count:]
        return taken

    @override
    def recv(self, nr_bytes: int) -> bytearray:
        """Read ``nr_bytes``; fewer mean that the connection is over."""
        taken = self.take_ahead(nr_bytes)
        return bytearray(taken) + super().recv(nr_bytes - len(taken))

    @override
    def send(self, bytestream: bytes) -> None:
        """Send a PDU; a peer that does not read counts as gone."""
        connection = self.socket
        if connection is None:
            return
        seconds = self._send_seconds
        deadline = None if seconds is None else time.monotonic() + seconds
        view = memoryview(bytestream)
        try:
            while view:
                if deadline is not None:
                    connection.settimeout(max(deadline - time.monotonic(), SHORTEST_SECONDS))
                view = view[connection.send(view) :]
        except OSError:
            self.event_queue.put("Evt17")

    def drop(self) -> bool:
        """Read what is there and forget it; False when the connection has ended."""
        if self.socket is None or self._is_connected is False:
            return False
        self._ahead = b""
        try:
            self.socket.settimeout(0)
            while self.socket.recv(_BLOCK_BYTES):
                pass
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except (OSError, ValueError):
            return False
        return False

    @override
    def _shutdown_socket(self) -> None:
        # The one may fail, because the peer was first, and the other is still due.
        connection = self.socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def _pending(connection: ssl.SSLSocket) -> int:
    try:
        return connection.pending()
    except (OSError, ValueError):
        return 0
