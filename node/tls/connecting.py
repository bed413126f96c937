"""Our side of DICOM over TLS out: the context of one connection, and what a failure asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.tls.contexts import client_context
from node.tls.failures import Failure, failure_of
from node.tls.files import destination_files
from node.tls.sockets import TlsSocket

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from config.sending import Destination

_ADVICE: Final[Mapping[Failure, str]] = {
    Failure.NOT_TLS: "it does not speak TLS on this port; set its TLS port, or tls.enabled = false",
    Failure.OLD_PROTOCOL: "it offers no version of TLS that is allowed here (tls.minimum_version)",
    Failure.NO_COMMON_CIPHER: "it has no cipher suite of the BCP 195 profile; let it be updated",
    Failure.CERTIFICATE_NOT_TRUSTED: "its certificate does not come from an authority in tls.ca",
    Failure.CERTIFICATE_EXPIRED: "its certificate, or that of its issuer, has expired; its "
    "administrator must renew it",
    Failure.CERTIFICATE_NOT_YET_VALID: "its certificate is not valid yet; compare the clocks",
    Failure.CERTIFICATE_UNSUITABLE: "its certificate is not for a server, or too weak",
    Failure.OUR_CERTIFICATE_WANTED: "it wants a certificate of ours; set tls.certificate and "
    "tls.key",
    Failure.OUR_CERTIFICATE_REFUSED: "it does not accept our certificate; give its administrator "
    "the authority of tls.certificate",
    Failure.OUR_CERTIFICATE_EXPIRED: "it says that our certificate has expired; renew "
    "tls.certificate",
    Failure.PEER_REFUSES: "it refuses the handshake: it may want a certificate of ours "
    "(tls.certificate), or has no cipher suite of the BCP 195 profile",
    Failure.TIMEOUT: "it did not finish the TLS handshake in time",
    Failure.BROKEN_OFF: "it closed the connection amid the TLS handshake",
}


class ClientTls:
    """What pynetdicom takes for an SSL context; it remembers the socket that it made.

    The files are read for each association: a renewed certificate counts at once.

    Raises
    ------
    UnusableCertificate
        A file is missing, or is something else.
    """

    def __init__(self, destination: Destination) -> None:
        tls = destination.tls
        self._context = client_context(destination_files(tls), tls.minimum_version)
        # The zone of an IPv6 address is the machine's own affair; no certificate names it.
        self.server_name = (tls.server_name or destination.host).partition("%")[0]
        self._made: TlsSocket | None = None

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        server_hostname: str | None = None,
    ) -> TlsSocket:
        """Wrap a socket that is not connected yet, in pynetdicom's words."""
        made = self._context.wrap_socket(
            sock, server_side=server_side, server_hostname=server_hostname
        )
        if not isinstance(made, TlsSocket):
            raise TypeError("the context makes sockets of another class")
        self._made = made
        return made

    def limit(self, seconds: float) -> None:
        """Bound every later read and write."""
        if self._made is not None:
            self._made.settimeout(seconds)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._made is not None:
            self._made.close()

    def trouble(self) -> str:
        """Say what went wrong with TLS and what to do; empty when nothing did."""
        error = self._made.failure if self._made is not None else None
        return "" if error is None else advice(failure_of(error), error, self.server_name)


def advice(failure: Failure, error: OSError, server_name: str) -> str:
    """Say what a failed connection to a destination means, and what to do."""
    if failure is Failure.WRONG_HOST:
        return (
            f"its certificate is not that of {server_name}; set tls.server_name to a name "
            "of its subjectAltName if that is the right machine"
        )
    return _ADVICE.get(failure, f"no TLS connection: {getattr(error, 'reason', None) or error}")
