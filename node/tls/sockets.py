"""The socket of a TLS connection, as the rest of the node expects a socket to behave."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from node.tls.certificates import CertificateFacts


class TlsSocket(ssl.SSLSocket):
    """Ends like a plain socket, and remembers why it failed.

    ``failure`` is what went wrong with TLS first: pynetdicom drops the exception, and in
    TLS 1.3 a server's verdict on our certificate comes after our side of the handshake.
    ``peer`` is the verified certificate of who connected to us, if it showed one.
    """

    failure: OSError | None = None
    peer: CertificateFacts | None = None

    @override
    def shutdown(self, how: int) -> None:
        # SSLSocket's own forgets the TLS state first: the thread that still reads would take
        # what is left of the encrypted bytes for plain ones.
        socket.socket.shutdown(self, how)

    @override
    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError as error:
            self.failure = error
            raise

    @override
    def recv_into(self, buffer: object, nbytes: int | None = None, flags: int = 0) -> int:
        try:
            return super().recv_into(buffer, nbytes, flags)  # type: ignore[arg-type]
        except ssl.SSLError as error:
            self._note(error)
            raise

    @override
    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except ssl.SSLError as error:
            self._note(error)
            raise

    def _note(self, error: ssl.SSLError) -> None:
        if not isinstance(error, ssl.SSLWantReadError | ssl.SSLWantWriteError):
            self.failure = self.failure or error
