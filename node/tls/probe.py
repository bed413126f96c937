"""Asks a live peer for TLS: what it offers, what it shows, and whether we would believe it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.tls.certificates import facts_of_der
from node.tls.failures import Failure, failure_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from node.tls.certificates import CertificateFacts

_VERSIONS: Final[Mapping[str, ssl.TLSVersion]] = {
    "TLS 1.0": ssl.TLSVersion.TLSv1,
    "TLS 1.1": ssl.TLSVersion.TLSv1_1,
    "TLS 1.2": ssl.TLSVersion.TLSv1_2,
    "TLS 1.3": ssl.TLSVersion.TLSv1_3,
}
OLD: Final = ("TLS 1.0", "TLS 1.1")

# The peer speaks the version, and refuses us for something else: we offer every cipher.
_ABOUT_US: Final = (
    Failure.PEER_REFUSES,
    Failure.OUR_CERTIFICATE_WANTED,
    Failure.OUR_CERTIFICATE_REFUSED,
    Failure.OUR_CERTIFICATE_EXPIRED,
)
_ACKNOWLEDGE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Identity:
    """Certificate and key to show, if the peer asks."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Shown:
    """What a peer shows to whoever asks; nothing of it is verified."""

    certificate: CertificateFacts | None
    cipher: str
    version: str


def offered_versions(
    address: tuple[str, int], identity: Identity | None, seconds: float
) -> dict[str, bool]:
    """Try each version alone, and say whether the peer speaks it.

    Raises
    ------
    OSError
        Nobody listens there.
    """
    return {
        name: _speaks(address, version, identity, seconds) for name, version in _VERSIONS.items()
    }


def look_at(address: tuple[str, int], identity: Identity | None, seconds: float) -> Shown | None:
    """Connect without verifying anything; None when no handshake comes about."""
    context = _believing_all(identity)
    try:
        with _connected(context, address, seconds) as connection:
            der = connection.getpeercert(binary_form=True)
            cipher = connection.cipher()
            return Shown(
                facts_of_der(der) if der else None,
                cipher[0] if cipher else "",
                connection.version() or "",
            )
    except (OSError, ValueError):
        return None


def trouble_of(
    context: ssl.SSLContext, address: tuple[str, int], server_name: str, seconds: float
) -> tuple[Failure, OSError] | None:
    """Connect as the node does, and say what fails; None when all is well.

    In TLS 1.3 a peer that dislikes our certificate says so after the handshake: it is
    listened to for a moment.
    """
    try:
        with _connected(context, address, seconds, server_name) as connection:
            connection.settimeout(_ACKNOWLEDGE_SECONDS)
            # It waits for our A-ASSOCIATE-RQ, or goes: who minds our certificate says so.
            with contextlib.suppress(TimeoutError):
                connection.recv(1)
    except OSError as error:
        return failure_of(error), error
    return None


def _connected(
    context: ssl.SSLContext, address: tuple[str, int], seconds: float, server_name: str = ""
) -> ssl.SSLSocket:
    plain = socket.create_connection(address, seconds)
    try:
        return context.wrap_socket(plain, server_hostname=server_name or address[0])
    except BaseException:
        plain.close()
        raise


def _speaks(
    address: tuple[str, int], version: ssl.TLSVersion, identity: Identity | None, seconds: float
) -> bool:
    context = _believing_all(identity)
    with warnings.catch_warnings():
        # Old versions are offered here to find out who still takes them, and for nothing else.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    plain = socket.create_connection(address, seconds)
    try:
        with context.wrap_socket(plain, server_hostname=address[0]):
            return True
    except OSError as error:
        return failure_of(error) in _ABOUT_US
    finally:
        plain.close()


def _believing_all(identity: Identity | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if identity is not None:
        context.load_cert_chain(identity.certificate, identity.key, password="")
    return context
