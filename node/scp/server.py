"""The Storage SCP: listens, and gives each association its spool and its handlers."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from socketserver import BaseServer
from typing import TYPE_CHECKING, Final

import structlog
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_ECHO
from pynetdicom.transport import AddressInformation, ThreadedAssociationServer
from typing_extensions import override

from node.dicom.part10 import IMPLEMENTATION_VERSION_NAME
from node.dicom.uids import IMPLEMENTATION_CLASS_UID
from node.errors import StopError
from node.scp.associations import AssociationBook
from node.scp.commitment import ReportService, on_n_action
from node.scp.connection import MAXIMUM_LENGTH, Connection
from node.scp.contexts import accepted_contexts
from node.scp.handlers import StoreService
from node.store.paths import Layout
from node.store.spool import Spool

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.presentation import PresentationContext

    from config.settings import Settings
    from node.db.session import Database

log = structlog.get_logger(__name__)

# The limit is ours (admission.LOCAL_LIMIT_EXCEEDED, audited); pynetdicom's own never strikes.
_NO_LIMIT: Final = 1_000_000
_SUCCESS: Final = 0x0000
_UNRECOGNISED_OPERATION: Final = 0x0211
"""PS3.7 9.1.1.1.9."""

_POLL_SECONDS: Final = 0.25
_STOP_SECONDS: Final = 10.0
_ABORT_SECONDS: Final = 1.0


class Server(ThreadedAssociationServer):
    """pynetdicom's server with a long backlog and quick small answers."""

    # The kernel refuses connections beyond this many that wait for accept(): 5 as delivered,
    # and then 200 modalities that connect at once take half a minute.
    request_queue_size = 512
    daemon_threads = True

    def __init__(
        self,
        entity: AE,
        contexts: list[PresentationContext],
        handlers: list[evt.EventHandlerType],
        *,
        settings: Settings,
        spool: Spool,
        associations: AssociationBook,
    ) -> None:
        self.settings = settings
        self.spool = spool
        self.associations = associations
        self.connections: list[tuple[Association, socket.socket]] = []
        self.strangers: set[socket.socket] = set()
        scp = settings.scp
        super().__init__(
            entity,
            AddressInformation.from_addr_port(scp.host, scp.port).as_tuple,
            scp.ae_title,
            contexts,
            evt_handlers=handlers,
            request_handler=Connection,
        )

    @override
    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        # Without it each answer waits 40 ms for an acknowledgement of the one before.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A peer that stops amid a PDU must not hold a thread for ever.
        connection.settimeout(self.settings.scp.dimse_timeout_seconds)
        return connection, address

    @override
    def service_actions(self) -> None:
        super().service_actions()
        self.associations.reap()
        self.close_ended()

    def close_ended(self) -> None:
        """Close the sockets of ended associations: pynetdicom forgets some of them."""
        for entry in self.connections.copy():
            association, connection = entry
            # ident is None until the thread has started.
            if association.ident is not None and not association.is_alive():
                connection.close()
                self.connections.remove(entry)

    def cut_off(self) -> None:
        """End every connection that is still open."""
        for connection in [*(each for _, each in self.connections), *self.strangers]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close_all(self) -> None:
        """Close every socket, ended or not."""
        for _, connection in self.connections:
            connection.close()
        self.connections.clear()

    @override
    def shutdown(self) -> None:
        # pynetdicom's own also removes the server from its AE's list, where only
        # AE.start_server puts it.
        BaseServer.shutdown(self)
        self.server_close()


class StorageScp:
    """The node's Storage and Verification SCP, to which commitment reports come too.

    Parameters
    ----------
    settings : Settings
        ``scp``, ``storage``, ``destinations`` and ``delivery`` are read.
    database : Database
        Must have the current schema.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._layout = Layout(settings.storage.root)
        # The host and port find the rows and the spool of the process before this one.
        self.name = f"scp@{socket.gethostname()}:{settings.scp.port}"
        self._spool = Spool(self._layout.spool, self.name)
        self._associations = AssociationBook(database, settings.scp, self.name)
        self._service = StoreService(database, self._layout, self._associations, self.name)
        self._reports = ReportService(settings, database, self.name)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it listens on."""
        return self._settings.scp.host, self._settings.scp.port

    def start(self) -> None:
        """Listen, sweep what a dead process left, and serve in the background.

        Raises
        ------
        StopError
            When the port is taken, the spool is in use, or the database is not ready.
        """
        self._database.require_current_schema()
        self._layout.create()
        server = self._listen()
        with contextlib.ExitStack() as undo:
            undo.callback(server.server_close)
            undo.callback(self._spool.close)
            swept = self._spool.open()
            self._associations.take_over(swept)
            undo.pop_all()
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(_POLL_SECONDS,), name="scp-accept", daemon=True
        )
        self._thread.start()
        host, port = self.address
        log.info("scp_started", scp=self.name, host=host, port=port, swept=swept)

    def stop(self) -> None:
        """Accept nobody more, finish the answers under way, then end every association."""
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        server.shutdown()
        self._thread.join()
        self._service.wait_until_idle(_STOP_SECONDS)
        _end(server.active_associations, server)
        self._associations.reap()
        self._spool.close()
        log.info("scp_stopped", scp=self.name)

    def _listen(self) -> Server:
        scp = self._settings.scp
        entity = AE(scp.ae_title)
        entity.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
        entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        entity.maximum_pdu_size = MAXIMUM_LENGTH
        entity.maximum_associations = _NO_LIMIT
        entity.acse_timeout = scp.acse_timeout_seconds
        entity.dimse_timeout = scp.dimse_timeout_seconds
        entity.network_timeout = scp.idle_timeout_seconds
        try:
            return Server(
                entity,
                accepted_contexts(),
                [
                    (evt.EVT_REQUESTED, self._associations.on_requested),
                    (evt.EVT_RELEASED, self._associations.on_released),
                    (evt.EVT_ABORTED, self._associations.on_aborted),
                    (evt.EVT_C_ECHO, _on_c_echo),
                    (evt.EVT_C_STORE, self._service.on_c_store),
                    (evt.EVT_N_EVENT_REPORT, self._reports.on_n_event_report),
                    (evt.EVT_N_ACTION, on_n_action),
                ],
                settings=self._settings,
                spool=self._spool,
                associations=self._associations,
            )
        except OSError as error:
            raise StopError(f"cannot listen on {scp.host}:{scp.port}: {error.strerror}") from error


def _on_c_echo(event: evt.Event) -> int:
    # pynetdicom picks the service by SOP class: a C-STORE that names Verification comes here,
    # and must not be told success.
    return _SUCCESS if isinstance(event.request, C_ECHO) else _UNRECOGNISED_OPERATION


def _end(associations: list[Association], server: Server) -> None:
    """Abort all of them at once, cut off those that do not hear it, wait for their threads."""
    # PS3.8 9.2 has no abort before A-ASSOCIATE-RQ; who never asked is cut off.
    asked = [each for each in associations if each.requestor.primitive is not None]
    for association in asked:
        association.abort(block=False)
    deadline = time.monotonic() + _ABORT_SECONDS
    for association in asked:
        association.dul.join(max(0.0, deadline - time.monotonic()))
    # A peer that stopped amid a PDU holds its network thread in recv().
    server.cut_off()
    for association in associations:
        association.kill()
    deadline = time.monotonic() + _STOP_SECONDS
    for association in associations:
        # One that never asked waits out the ACSE timeout by itself and touches nothing.
        if association.requestor.primitive is not None:
            association.join(max(0.0, deadline - time.monotonic()))
    server.close_all()
