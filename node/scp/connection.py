"""One TCP connection: who may speak at all, and how much and how slowly at most.

pynetdicom believes the length that a PDU announces, four gigabytes from anybody, and
waits for the rest without an end. Here a peer of a network that is not ours is answered
without its request being kept, and each PDU of the others has a limit and a deadline.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from typing import TYPE_CHECKING, Final

import structlog
from pynetdicom.transport import AssociationSocket, RequestHandler
from typing_extensions import override

from node.scp.admission import NETWORK_NOT_ALLOWED, is_in_networks
from node.scp.incoming import SpoolingProvider

if TYPE_CHECKING:
    from pynetdicom.association import Association

    from node.scp.listening import Secure, Server

log = structlog.get_logger(__name__)

MAXIMUM_LENGTH: Final = 1 << 20
"""Bytes of a P-DATA-TF that we announce (PS3.8 D.1); peers send 16 to 128 KiB whatever we allow."""
LARGEST_PDU: Final = MAXIMUM_LENGTH + 64
"""Bytes; some peers count what a PDV holds and forget its own six bytes."""
LARGEST_REQUEST: Final = 256 * 1024
"""Bytes of an A-ASSOCIATE-RQ; 128 contexts of forty transfer syntaxes each are 150 KiB."""

_HEADER_BYTES: Final = 6
_PDU_TYPES: Final = range(1, 8)
_BLOCK_BYTES: Final = 1 << 16
_SHORTEST_SECONDS: Final = 0.001
"""Zero would mean not to wait at all."""

# PS3.8 9.3.8, from the service provider (2): unrecognised PDU (1), invalid parameter (6).
_UNRECOGNISED_PDU: Final = 1
_INVALID_PARAMETER: Final = 6


class BoundedSocket(AssociationSocket):
    """The socket of an association, with a limit and a deadline for each PDU.

    Parameters
    ----------
    request_seconds : float
        The first PDU is here this long after the connection was made.
    pdu_seconds : float
        Each later one is here this long after its first byte.
    """

    def __init__(
        self,
        association: Association,
        connection: socket.socket,
        *,
        request_seconds: float,
        pdu_seconds: float,
    ) -> None:
        super().__init__(association, client_socket=connection)
        self._pdu_seconds = pdu_seconds
        self._limit = LARGEST_REQUEST
        self._deadline: float | None = time.monotonic() + request_seconds
        self._in_pdu = False

    @override
    def recv(self, nr_bytes: int) -> bytearray:
        """Read the six bytes before a PDU, or what its length announced.

        pynetdicom asks for the one, then for the other. Fewer bytes mean that the
        connection is over, also when it is we who ended it.
        """
        if self._deadline is None:
            self._deadline = time.monotonic() + self._pdu_seconds
        got = self._read(nr_bytes, self._deadline)
        if len(got) < nr_bytes:
            return got
        if not self._in_pdu:
            kind, length = struct.unpack(">BxL", got)
            if kind not in _PDU_TYPES:
                return self._cut_off("not a PDU", _UNRECOGNISED_PDU)
            if length > self._limit:
                return self._cut_off(f"a PDU of {length} bytes", _INVALID_PARAMETER)
        else:
            self._deadline = None
            self._limit = LARGEST_PDU
        self._in_pdu = not self._in_pdu
        return got

    def _read(self, count: int, deadline: float) -> bytearray:
        connection = self.socket
        if connection is None:
            return bytearray()
        whole = bytearray(count)
        view, filled = memoryview(whole), 0
        usual = connection.gettimeout()
        try:
            while filled < count:
                connection.settimeout(max(deadline - time.monotonic(), _SHORTEST_SECONDS))
                block = connection.recv_into(view[filled:])
                if block == 0:
                    return whole[:filled]
                filled += block
        except TimeoutError:
            return self._cut_off("half a PDU for too long", _INVALID_PARAMETER)
        else:
            return whole
        finally:
            # Answers are sent on the same socket, and have a limit of their own.
            with contextlib.suppress(OSError):
                connection.settimeout(usual)

    def _cut_off(self, why: str, reason: int) -> bytearray:
        peer = self.assoc.requestor.address_info
        log.warning("connection_cut_off", reason=why, peer_host=peer.address if peer else "")
        with contextlib.suppress(OSError):
            if self.socket is not None:
                self.socket.sendall(struct.pack(">BxLxxBB", 7, 4, 2, reason))
        self._shutdown_socket()
        # Not close(): pynetdicom takes the empty answer for the end of the connection, and
        # its state machine stumbles when it is told twice.
        self._is_connected = False
        self.socket = None
        return bytearray()


class Connection(RequestHandler):
    """Makes the association of one connection, receiving into the spool."""

    server: Server
    request: socket.socket

    @override
    def handle(self) -> None:
        """Make an association of a connection on which somebody speaks, and may."""
        deadline = time.monotonic() + self.server.settings.scp.acse_timeout_seconds
        with self.server.unasked(self.request):
            is_made = self._is_welcome(deadline) and self._speaks(deadline)
            if is_made and self.server.listener.secure is not None:
                is_made = self._is_secured(self.server.listener.secure, deadline)
        if is_made:
            # A peer that stops reading must not hold a thread for ever.
            self.request.settimeout(self.server.settings.scp.dimse_timeout_seconds)
            super().handle()
        else:
            self.request.close()

    def _is_welcome(self, deadline: float) -> bool:
        if is_in_networks(self.remote.address, self.server.settings.scp):
            return True
        self._refuse(NETWORK_NOT_ALLOWED.name)
        if self.server.listener.secure is None:
            self._turn_away(deadline)
        return False

    def _speaks(self, deadline: float) -> bool:
        """Wait for the first byte; a load balancer's check connects and goes."""
        try:
            self.request.settimeout(max(deadline - time.monotonic(), _SHORTEST_SECONDS))
            return len(self.request.recv(1, socket.MSG_PEEK)) > 0
        except TimeoutError:
            self._refuse("silent")
        except OSError:
            # A reset: a port scan, or another way to check that the port is open.
            pass
        return False

    def _is_secured(self, secure: Secure, deadline: float) -> bool:
        try:
            self.request.settimeout(max(deadline - time.monotonic(), _SHORTEST_SECONDS))
            self.request = secure(self.request)
        except OSError as error:
            why = getattr(error, "reason", None) or type(error).__name__
            self._refuse("not_secured", error=str(why))
            return False
        return True

    def _refuse(self, reason: str, **details: str | int) -> None:
        port = self.server.listener.port
        self.server.refusals.connection(self.remote.address, reason, port=port, **details)

    @override
    def _create_association(self) -> Association:
        association = super()._create_association()
        settings = self.server.settings
        association.dul.socket = BoundedSocket(
            association,
            self.request,
            request_seconds=settings.scp.acse_timeout_seconds,
            pdu_seconds=settings.scp.dimse_timeout_seconds,
        )
        # Each of the two sockets has told of the one connection.
        association.dul.event_queue.get_nowait()
        association.dimse = SpoolingProvider(
            association,
            self.server.spool,
            free_space_gib=settings.storage.free_space_gib,
            data_set_timeout_seconds=settings.scp.dimse_timeout_seconds,
        )
        self.server.connections.append((association, self.request))
        return association

    def _turn_away(self, deadline: float) -> None:
        """Answer whoever asks from a network that is not ours; nothing it says is kept."""
        rejection = NETWORK_NOT_ALLOWED
        with contextlib.suppress(OSError):
            if self._drop(_BLOCK_BYTES, deadline):
                self.request.sendall(
                    struct.pack(
                        ">BxLxBBB", 3, 4, rejection.result, rejection.source, rejection.reason
                    )
                )
                self.request.shutdown(socket.SHUT_WR)
                # To close with bytes unread resets the connection, and takes the answer along.
                left = LARGEST_REQUEST
                while left > 0 and (dropped := self._drop(min(left, _BLOCK_BYTES), deadline)):
                    left -= dropped

    def _drop(self, count: int, deadline: float) -> int:
        self.request.settimeout(max(deadline - time.monotonic(), _SHORTEST_SECONDS))
        return len(self.request.recv(count))
