"""The Storage SCP: listens, and gives each association its spool and its handlers."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
import time
from typing import TYPE_CHECKING, Final

import structlog
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_ECHO

from node.dicom.part10 import IMPLEMENTATION_VERSION_NAME
from node.dicom.uids import IMPLEMENTATION_CLASS_UID
from node.errors import StopError
from node.scp.associations import AssociationBook
from node.scp.bounded_socket import MAXIMUM_LENGTH
from node.scp.certificates import CertificateWatch
from node.scp.commitment import ReportService, on_n_action
from node.scp.contexts import accepted_contexts
from node.scp.descriptors import allow_descriptors
from node.scp.handlers import StoreService
from node.scp.listening import Listener, Server, most_unasked
from node.scp.refusals import Refusals
from node.store.paths import Layout
from node.store.quota import Room
from node.store.spool import Spool
from node.tls.serving import ServerTls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pynetdicom.association import Association

    from config.receiving import ScpSettings
    from config.settings import Settings
    from node.db.session import Database

log = structlog.get_logger(__name__)

# The limit is ours (admission.LOCAL_LIMIT_EXCEEDED, audited); pynetdicom's own never strikes.
_NO_LIMIT: Final = 1_000_000
_SUCCESS: Final = 0x0000
_UNRECOGNISED_OPERATION: Final = 0x0211
"""PS3.7 9.1.1.1.9."""

_ENDED_AT_ONCE: Final = 250
"""Associations, some megabytes, whose memory is given back together."""
_POLL_SECONDS: Final = 0.25
_STOP_SECONDS: Final = 10.0
_ABORT_SECONDS: Final = 1.0


class StorageScp:
    """The node's Storage and Verification SCP, to which commitment reports come too.

    Parameters
    ----------
    settings : Settings
        ``scp``, ``storage``, ``destinations`` and ``delivery`` are read.
    database : Database
        Must have the current schema.
    listeners : sequence of Listener, optional
        Where to listen; what ``scp`` and ``scp.tls`` say when not given.

    Raises
    ------
    UnusableCertificate
        A file of ``scp.tls`` is missing, or is something else.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        listeners: Sequence[Listener] | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._layout = Layout(settings.storage.root)
        tls = ServerTls(settings.scp.tls) if settings.scp.tls.is_on else None
        self._listeners = listeners_of(settings.scp, tls) if listeners is None else list(listeners)
        # The host and port find the rows and the spool of the process before this one.
        self.name = f"scp@{socket.gethostname()}:{settings.scp.own_port}"
        self._spool = Spool(self._layout.spool, self.name)
        self._room = Room(self._spool.folder, settings.storage.free_space_gib)
        self._refusals = Refusals(database, self.name)
        self._associations = AssociationBook(database, settings.scp, self.name, self._refusals)
        self._service = StoreService(
            database, self._layout, self._associations, self._refusals, self.name
        )
        self._reports = ReportService(settings, database, self._refusals, self.name)
        self._certificates = CertificateWatch(settings, database, tls, self.name)
        self._servers: list[Server] = []
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of its first listener."""
        return self._listeners[0].host, self._listeners[0].port

    def start(self) -> None:
        """Listen, sweep what a dead process left, and serve in the background.

        Raises
        ------
        StopError
            When a port is taken, the spool is in use, or the database is not ready.
        """
        self._database.require_current_schema()
        self._layout.create()
        associations = self._settings.scp.max_associations
        allow_descriptors(associations, len(self._listeners) * most_unasked(associations))
        with contextlib.ExitStack() as undo:
            servers = []
            for listener in self._listeners:
                servers.append(self._listen(listener))
                undo.callback(servers[-1].server_close)
            undo.callback(self._spool.close)
            swept = self._spool.open()
            self._associations.take_over(swept)
            undo.pop_all()
        self._servers = servers
        self._stopping.clear()
        self._threads = [
            threading.Thread(
                target=server.serve_forever, args=(_POLL_SECONDS,), name="scp-accept", daemon=True
            )
            for server in servers
        ]
        # Not by those that accept: a database that hangs must not keep anybody waiting there.
        self._threads.append(threading.Thread(target=self._tidy, name="scp-tidy", daemon=True))
        for thread in self._threads:
            thread.start()
        addresses = [f"{each.host}:{each.port}" for each in self._listeners]
        log.info("scp_started", scp=self.name, addresses=addresses, swept=swept)

    def stop(self) -> None:
        """Accept nobody more, finish the answers under way, then end every association."""
        servers, self._servers = self._servers, []
        if not servers:
            return
        for server in servers:
            server.shutdown()
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._service.wait_until_idle(_STOP_SECONDS)
        _end([each for server in servers for each in server.active_associations], servers)
        self._associations.reap()
        self._refusals.flush(everything=True)
        self._spool.close()
        log.info("scp_stopped", scp=self.name)

    def _tidy(self) -> None:
        """Record what ended without saying so and what was counted, until the stop."""
        ended = 0
        while not self._stopping.wait(_POLL_SECONDS):
            ended += sum(server.close_ended() for server in self._servers)
            if ended >= _ENDED_AT_ONCE:
                # An ended association is a knot of objects that Python finds late by itself.
                gc.collect()
                ended = 0
            self._associations.reap()
            self._refusals.flush()
            self._certificates.look()

    def _listen(self, listener: Listener) -> Server:
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
                listener,
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
                room=self._room,
                associations=self._associations,
                refusals=self._refusals,
            )
        except OSError as error:
            where = f"{listener.host}:{listener.port}"
            raise StopError(f"cannot listen on {where}: {error.strerror}") from error


def listeners_of(scp: ScpSettings, tls: ServerTls | None) -> list[Listener]:
    """Give the ports that the settings ask for, the plain one first."""
    plain = [] if scp.tls.is_alone else [Listener(scp.host, scp.port)]
    return [*plain, *([Listener(scp.host, scp.tls.port, tls.secure)] if tls else [])]


def _on_c_echo(event: evt.Event) -> int:
    # pynetdicom picks the service by SOP class: a C-STORE that names Verification comes here,
    # and must not be told success.
    return _SUCCESS if isinstance(event.request, C_ECHO) else _UNRECOGNISED_OPERATION


def _end(associations: list[Association], servers: list[Server]) -> None:
    """Abort all of them at once, cut off those that do not hear it, wait for their threads."""
    # PS3.8 9.2 has no abort before A-ASSOCIATE-RQ; who never asked is cut off.
    asked = [each for each in associations if each.requestor.primitive is not None]
    for association in asked:
        association.abort(block=False)
    deadline = time.monotonic() + _ABORT_SECONDS
    for association in asked:
        association.dul.join(max(0.0, deadline - time.monotonic()))
    # A peer that stopped amid a PDU holds its network thread in recv().
    for server in servers:
        server.cut_off()
    for association in associations:
        association.kill()
    deadline = time.monotonic() + _STOP_SECONDS
    for association in associations:
        # One that never asked waits out the ACSE timeout by itself and touches nothing.
        if association.requestor.primitive is not None:
            association.join(max(0.0, deadline - time.monotonic()))
    for server in servers:
        server.close_all()
