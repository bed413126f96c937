"""One TCP connection: who may speak at all, and what its association is made of.

A peer of a network that is not ours is answered without its request being kept.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from typing import TYPE_CHECKING, Final

from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.transport import RequestHandler
from typing_extensions import override

from node.scp.admission import NETWORK_NOT_ALLOWED, is_in_networks
from node.scp.bounded_socket import BoundedSocket
from node.scp.incoming import SpoolingProvider
from node.scp.requests import LARGEST_REQUEST, ConnectionRefused, first_byte, read_request
from node.tls.failures import HandshakeFailed
from node.tls.serving import HANDSHAKE_RECORD, say_farewell
from node.upper_layer.association import EventDrivenAssociation
from node.upper_layer.sockets import SHORTEST_SECONDS

if TYPE_CHECKING:
    from node.scp.listening import Secure, Server

_BLOCK_BYTES: Final = 1 << 16


class Connection(RequestHandler):
    """Makes the association of one connection, receiving into the spool."""

    server: Server
    request: socket.socket
    _request: bytes

    @override
    def handle(self) -> None:
        """Make an association for whoever may ask for one, and does."""
        with contextlib.ExitStack() as closing:
            closing.callback(lambda: self.request.close())
            deadline = time.monotonic() + self.server.settings.scp.acse_timeout_seconds
            try:
                with self.server.unasked(self.request, self.remote.address):
                    self._request = self._read_request(deadline)
            except ConnectionRefused as refused:
                self._refuse(refused.reason, **refused.details)
                return
            if self._request:
                closing.pop_all()
                super().handle()

    def _read_request(self, deadline: float) -> bytes:
        """Read the A-ASSOCIATE-RQ; nothing when the peer went away."""
        secure = self.server.listener.secure
        if not is_in_networks(self.remote.address, self.server.settings.scp):
            self._refuse(NETWORK_NOT_ALLOWED.name)
            if secure is None:
                self._turn_away(deadline)
            return b""
        first = first_byte(self.request, deadline)
        if not first:
            # A load balancer's check connects and goes, a port scan resets.
            return b""
        if secure is not None:
            if not self._secure(secure, deadline):
                return b""
        elif first == bytes([HANDSHAKE_RECORD]):
            raise ConnectionRefused("tls_on_the_plain_port")
        return read_request(self.request, deadline)

    def _secure(self, secure: Secure, deadline: float) -> bool:
        """Make the connection secure; False for a peer that was refused and is gone."""
        try:
            self.request.settimeout(max(deadline - time.monotonic(), SHORTEST_SECONDS))
            self.request = secure(self.request)
        except HandshakeFailed as error:
            # Told before the farewell, which the peer may draw out.
            self._refuse(error.failure)
            if error.unclosed is not None:
                say_farewell(error.unclosed)
            return False
        except OSError as error:
            why = getattr(error, "reason", None) or type(error).__name__
            raise ConnectionRefused("not_secured", error=str(why)) from error
        return True

    def _refuse(self, reason: str, **details: str | int) -> None:
        port = self.server.listener.port
        self.server.refusals.connection(self.remote.address, reason, port=port, **details)

    @override
    def _create_association(self) -> EventDrivenAssociation:
        server, settings = self.server, self.server.settings
        association = EventDrivenAssociation(self.ae, MODE_ACCEPTOR)
        association._server = server
        # pynetdicom finds a server's associations by this word.
        association.name = f"AcceptorThread {self.remote.address}:{self.remote.port}"
        association.set_socket(
            BoundedSocket(
                association,
                self.request,
                request=self._request,
                pdu_seconds=min(
                    settings.scp.pdu_timeout_seconds, settings.scp.dimse_timeout_seconds
                ),
            )
        )
        association.use_provider(
            SpoolingProvider(
                association,
                server.spool,
                admit_image=lambda: server.associations.admit_image(association),
                room=server.room,
                data_set_timeout_seconds=settings.scp.dimse_timeout_seconds,
            )
        )
        acceptor = association.acceptor
        acceptor.maximum_length = self.ae.maximum_pdu_size
        acceptor.ae_title = server.ae_title
        acceptor.address_info = self.local
        acceptor.implementation_class_uid = self.ae.implementation_class_uid
        acceptor.implementation_version_name = self.ae.implementation_version_name
        # Read, never changed: pynetdicom's own copies them, which takes 5 ms.
        acceptor.supported_contexts = server.contexts
        association.requestor.address_info = self.remote
        for event, handler in server.handlers:
            association.bind(event, handler)
        server.keep(association, self.request)
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
        self.request.settimeout(max(deadline - time.monotonic(), SHORTEST_SECONDS))
        return len(self.request.recv(count))
