"""The ports the SCP listens on: accepting alone; everything else is each connection's own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from socketserver import BaseServer
from typing import TYPE_CHECKING, Final

import structlog
from pynetdicom.transport import AddressInformation, ThreadedAssociationServer
from typing_extensions import override

from node.scp.admission import NETWORK_NOT_ALLOWED, counted_as, is_in_networks
from node.scp.connection import Connection
from node.scp.requests import ConnectionRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pynetdicom import AE
    from pynetdicom.association import Association
    from pynetdicom.events import Event, EventType
    from pynetdicom.presentation import PresentationContext

    from config.settings import Settings
    from node.scp.associations import AssociationBook
    from node.scp.refusals import Refusals
    from node.store.quota import Room
    from node.store.spool import Spool

log = structlog.get_logger(__name__)

_SEND_BUFFER_BYTES: Final = 1 << 15

MOST_STRANGERS: Final = 32
"""Connections from networks that are not allowed, which are told so; further ones are closed."""

Secure = Callable[[socket.socket], socket.socket]
"""Makes a connection secure, in its own thread and within the socket's timeout, before
anything is read; raises OSError (ssl.SSLError, TimeoutError) when it cannot be."""

Handler = Callable[["Event"], object]
"""Of one event of an association."""


def most_unasked(associations: int) -> int:
    """Count the connections of one port on which nobody has asked yet, at one time."""
    return associations + MOST_STRANGERS


@dataclass(frozen=True, slots=True)
class _Unasked:
    """What a connection on which nobody has asked yet is counted as."""

    address: str
    is_stranger: bool


@dataclass(frozen=True)
class Listener:
    """One address to listen on; without ``secure`` the connections are plain."""

    host: str
    port: int
    secure: Secure | None = None


class Server(ThreadedAssociationServer):
    """One listener: pynetdicom's server with a long backlog and quick small answers."""

    # The kernel refuses connections beyond this many that wait for accept(): 5 as delivered,
    # and then 200 modalities that connect at once take half a minute.
    request_queue_size = 512
    daemon_threads = True

    def __init__(
        self,
        listener: Listener,
        entity: AE,
        contexts: list[PresentationContext],
        handlers: list[tuple[EventType, Handler]],
        *,
        settings: Settings,
        spool: Spool,
        room: Room,
        associations: AssociationBook,
        refusals: Refusals,
    ) -> None:
        self.listener = listener
        self.settings = settings
        self.spool = spool
        self.room = room
        self.associations = associations
        self.refusals = refusals
        self.handlers = handlers
        self._connections: list[tuple[Association, socket.socket]] = []
        self._unasked: dict[socket.socket, _Unasked] = {}
        self._is_over = False
        self._lock = threading.Lock()
        super().__init__(
            entity,
            AddressInformation.from_addr_port(listener.host, listener.port).as_tuple,
            settings.scp.ae_title,
            contexts,
            request_handler=Connection,
        )

    @override
    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        # Without it each answer waits 40 ms for an acknowledgement of the one before.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Answers are small: a peer that reads none is found out early.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        return connection, address

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        # socketserver calls this from its own except block; its own prints to stderr.
        log.error("connection_failed", peer=str(client_address), exc_info=True)  # noqa: LOG014

    @override
    def service_actions(self) -> None:
        """Do nothing: pynetdicom's own collects garbage after each sixtieth connection.

        That takes a tenth of a second in which nobody is accepted; see StorageScp.
        """

    @contextmanager
    def unasked(self, connection: socket.socket, host: str) -> Iterator[None]:
        """Hold a connection on which nobody has asked for an association yet.

        A second handle of it: TLS takes the first one away.

        Raises
        ------
        ConnectionRefused
            There are too many of them already, of this address or of all.
        """
        peer = _Unasked(counted_as(host), not is_in_networks(host, self.settings.scp))
        with self._lock:
            self._require_room(peer)
            handle = connection.dup()
            self._unasked[handle] = peer
        try:
            yield
        finally:
            with self._lock:
                del self._unasked[handle]
            handle.close()

    def _require_room(self, peer: _Unasked) -> None:
        scp, others = self.settings.scp, self._unasked.values()
        of_address = scp.max_associations_per_address
        if peer.is_stranger:
            if sum(each.is_stranger for each in others) >= MOST_STRANGERS:
                raise ConnectionRefused(NETWORK_NOT_ALLOWED.name)
        elif len(others) >= most_unasked(scp.max_associations) or (
            0 < of_address <= sum(each.address == peer.address for each in others)
        ):
            raise ConnectionRefused("too_many_connections")
        if self._is_over:
            raise ConnectionRefused("stopping")

    def keep(self, association: Association, connection: socket.socket) -> None:
        """Keep hold of an association's connection: pynetdicom loses sight of some."""
        with self._lock:
            self._connections.append((association, connection))

    def close_ended(self) -> int:
        """Close the sockets of ended associations and tell how many those were."""
        with self._lock:
            # ident is None until the thread has started.
            ended = [
                entry
                for entry in self._connections
                if entry[0].ident is not None and not entry[0].is_alive()
            ]
            for entry in ended:
                entry[1].close()
                self._connections.remove(entry)
        return len(ended)

    def cut_off(self) -> None:
        """End every connection that is still open, and those that were just accepted."""
        with self._lock:
            self._is_over = True
            for connection in [*(each for _, each in self._connections), *self._unasked]:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def close_all(self) -> None:
        """Close every socket, ended or not."""
        with self._lock:
            for _, connection in self._connections:
                connection.close()
            self._connections.clear()

    @override
    def shutdown(self) -> None:
        # pynetdicom's own also removes the server from its AE's list, where only
        # AE.start_server puts it.
        BaseServer.shutdown(self)
        self.server_close()
