"""Our side of DICOM over TLS in; certificates that are replaced are taken while it runs."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.errors import UnusableCertificate
from node.tls.certificates import facts_of_der
from node.tls.contexts import server_context
from node.tls.failures import Failure, HandshakeFailed, failure_of
from node.tls.files import scp_files
from node.tls.sockets import TlsSocket

if TYPE_CHECKING:
    from config.tls import ScpTlsSettings
    from node.tls.files import LoadedFiles

HANDSHAKE_RECORD: Final = 0x16
"""First byte of every TLS connection (RFC 8446 5.1)."""

FAREWELL_SECONDS: Final = 1.0
"""For the peer to read why it was refused, and to go."""
_BLOCK_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Reload:
    """What became of files that were replaced; with ``problems`` the old ones stay in force."""

    loaded: LoadedFiles | None
    problems: tuple[str, ...] = ()


class ServerTls:
    """Makes connections to our SCP secure.

    Raises
    ------
    UnusableCertificate
        At the beginning, with every problem of every file.
    """

    def __init__(self, tls: ScpTlsSettings) -> None:
        self._tls = tls
        self._files = scp_files(tls)
        self._lock = threading.Lock()
        self._tried = self._seen = self._files.stamp()
        self._context, self._loaded = server_context(self._files, tls)

    @property
    def loaded(self) -> LoadedFiles:
        """What is in force."""
        return self._loaded

    def refresh(self) -> Reload | None:
        """Take files that were replaced since the last look; None when nothing is new.

        A change counts when it is still the same at the next look: certificate and key
        come one after the other. Associations that are open go on with the old ones.
        """
        with self._lock:
            stamp = self._files.stamp()
            was_seen, self._seen = self._seen, stamp
            if stamp == self._tried or stamp != was_seen:
                return None
            self._tried = stamp
            try:
                self._context, self._loaded = server_context(self._files, self._tls)
            except UnusableCertificate as error:
                return Reload(None, error.problems)
            return Reload(self._loaded)

    def secure(self, connection: socket.socket) -> TlsSocket:
        """Do the handshake within the timeout of ``connection``, which is taken over.

        Raises
        ------
        HandshakeFailed
            The peer was told why, as far as TLS has words for it; `say_farewell` closes.
        """
        first = connection.recv(1, socket.MSG_PEEK)
        if first and first[0] != HANDSHAKE_RECORD:
            raise HandshakeFailed(Failure.NOT_TLS)
        made = self._context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )
        if not isinstance(made, TlsSocket):
            raise TypeError("the context makes sockets of another class")
        try:
            made.do_handshake()
            der = made.getpeercert(binary_form=True)
            made.peer = None if der is None else facts_of_der(der)
        except OSError as error:
            raise HandshakeFailed(failure_of(error), made) from error
        except ValueError as error:
            raise HandshakeFailed(Failure.CERTIFICATE_UNSUITABLE, made) from error
        return made


def say_farewell(connection: TlsSocket) -> None:
    """Close so that the alert arrives: to close with bytes unread takes it along.

    It takes `FAREWELL_SECONDS` at most, however little at a time the peer goes on to send.
    """
    deadline = time.monotonic() + FAREWELL_SECONDS
    with contextlib.suppress(OSError), connection:
        connection.shutdown(socket.SHUT_WR)
        while (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            if not socket.socket.recv(connection, _BLOCK_BYTES):
                break
