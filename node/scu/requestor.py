"""Opening an association, with limits that hold and failures told apart."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Final

from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.dimse import DIMSEServiceProvider
from typing_extensions import override

from node.dicom.part10 import IMPLEMENTATION_VERSION_NAME
from node.dicom.uids import IMPLEMENTATION_CLASS_UID
from node.errors import (
    PermanentFailure,
    SecurityFailure,
    TransientFailure,
    UnusableCertificate,
)
from node.tls.connecting import ClientTls

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ssl import SSLContext

    from pynetdicom.association import Association
    from pynetdicom.dimse_primitives import DimseServiceType
    from pynetdicom.events import Event, EventHandlerType
    from pynetdicom.presentation import PresentationContext
    from pynetdicom.transport import AddressInformation, AssociationSocket

    from config.sending import Destination, ScuSettings

# PS3.8 Table 9-21
_RESULT_PERMANENT: Final = 1
_SOURCE_PRESENTATION: Final = 3

_FLUSH_POLL_SECONDS: Final = 0.002
_PAUSE_POLL_SECONDS: Final = 0.0001


def open_association(
    destination: Destination,
    scu: ScuSettings,
    contexts: list[PresentationContext],
    *,
    handlers: Sequence[EventHandlerType] = (),
) -> Association:
    """Connect and negotiate.

    Parameters
    ----------
    handlers : sequence of (event, handler), optional
        For what the peer may ask or do on this association.

    Returns
    -------
    Association
        Established; or, when the peer accepted none of the contexts, ended
        again with nothing in ``accepted_contexts``.

    Raises
    ------
    TransientFailure
        No connection, no answer, an abort, or a rejection for now; no TLS
        (SecurityFailure), or files of ours that cannot be used for it.
    PermanentFailure
        A rejection for good.
    """
    name = f"{destination.ae_title} at {destination.host}:{destination.port}"
    tls = _tls_of(destination, name)
    entity = _Entity(scu, tls)
    try:
        association = entity.associate(
            destination.host,
            destination.port,
            contexts=contexts,
            ae_title=destination.ae_title,
            max_pdu=0,
            evt_handlers=[(evt.EVT_CONN_OPEN, entity.on_connected), *handlers],
            # pynetdicom wants of a context that it wraps a socket.
            tls_args=(tls, tls.server_name) if tls else None,  # type: ignore[arg-type]
        )
    except OSError as error:
        entity.close_socket()
        raise TransientFailure(f"cannot reach {name}: {error.strerror}") from error
    if association.is_established:
        return association
    entity.close_socket()
    if association.is_rejected:
        raise _rejection(name, association)
    if association.rejected_contexts:
        # pynetdicom aborts such an association by itself.
        return association
    if tls is not None and (trouble := tls.trouble()):
        raise SecurityFailure(f"{name}: {trouble}")
    if not entity.connected:
        raise TransientFailure(
            f"no connection to {name} (limit {scu.connection_timeout_seconds:g} s)"
        )
    raise TransientFailure(
        f"{name} ended the negotiation or did not answer (limit {scu.acse_timeout_seconds:g} s)"
    )


def end_association(association: Association, *, orderly: bool = True) -> None:
    """Release an association, or abort it when not ``orderly``, and close its socket."""
    if association.is_established:
        if orderly:
            _release(association)
        else:
            association.abort()
    if isinstance(association.ae, _Entity):
        association.ae.close_socket()


def _release(association: Association) -> None:
    """Do what pynetdicom's release() does, and not wait for its reactor after that has ended.

    A peer that aborts while its own request is answered ends the reactor in a state that
    looks busy: release() then waits without an end.
    """
    association._reactor_checkpoint.clear()
    while not association._is_paused:
        if not association.is_alive():
            return
        time.sleep(_PAUSE_POLL_SECONDS)
    association.acse.negotiate_release()
    association._reactor_checkpoint.set()


def _tls_of(destination: Destination, name: str) -> ClientTls | None:
    try:
        return ClientTls(destination) if destination.tls.enabled else None
    except UnusableCertificate as error:
        raise TransientFailure(f"{name}: not tried: {error}") from error


def _rejection(name: str, association: Association) -> PermanentFailure | TransientFailure:
    answer = association.acceptor.primitive
    if answer is None:
        return TransientFailure(f"{name} rejected the association without a reason")
    text = f"{name} rejected the association: {answer.reason_str}"
    # Congestion and limits pass, even when a peer calls them permanent.
    if answer.result == _RESULT_PERMANENT and answer.result_source != _SOURCE_PRESENTATION:
        return PermanentFailure(text)
    return TransientFailure(text)


class _Entity(AE):
    """The AE of one association; keeps hold of the socket, of which pynetdicom loses sight."""

    def __init__(self, scu: ScuSettings, tls: ClientTls | None) -> None:
        super().__init__(scu.ae_title)
        self._tls = tls
        self.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
        self.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        self._write_timeout = scu.dimse_timeout_seconds
        self._raw_socket: socket.socket | None = None
        self.connected = False
        self.connection_timeout = scu.connection_timeout_seconds
        self.acse_timeout = scu.acse_timeout_seconds
        self.dimse_timeout = scu.dimse_timeout_seconds
        # Nothing comes while a worker prepares its next file: silence is no fault here.
        self.network_timeout = None

    @override
    def _create_socket(
        self,
        assoc: Association,
        address: AddressInformation,
        tls_args: tuple[SSLContext, str] | None,
    ) -> AssociationSocket:
        made = super()._create_socket(assoc, address, tls_args)
        self._raw_socket = made.socket
        if self._raw_socket is not None:
            # Without it each C-STORE waits 40 ms for an acknowledgement of its command.
            self._raw_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The one moment between the making of an association and its first message.
        assoc.dimse = _FlushingProvider(assoc)
        return made

    def on_connected(self, _event: Event) -> None:
        """Bound every later read and write: a peer that stops reading must not hold us."""
        self.connected = True
        if self._tls is not None:
            self._tls.limit(self._write_timeout)
        elif self._raw_socket is not None:
            self._raw_socket.settimeout(self._write_timeout)

    def close_socket(self) -> None:
        """Close what pynetdicom leaves open when the peer was first to go."""
        if self._tls is not None:
            self._tls.close()
        if self._raw_socket is not None:
            self._raw_socket.close()


class _FlushingProvider(DIMSEServiceProvider):
    """Counts the DIMSE timeout from the last byte sent, not from the first one queued."""

    @override
    def get_msg(self, block: bool = False) -> tuple[int, DimseServiceType] | tuple[None, None]:
        """Wait for an answer; a big object on a slow line may take its time to leave.

        The time has an end: each write has its limit, and after it the network thread is over.
        """
        while (
            block
            and self.msg_queue.empty()
            and self.dul.to_provider_queue.queue
            and self.dul.is_alive()
        ):
            time.sleep(_FLUSH_POLL_SECONDS)
        return super().get_msg(block)
