"""SSL contexts of the BCP 195 profile (PS3.15 B.12): TLS 1.2 and 1.3, and nothing older.

B.12 is RFC 8996 and RFC 9325: no version below 1.2, in 1.2 key exchange by ECDHE and
authenticated encryption alone, no compression, no renegotiation. Sessions are not
resumed either: a certificate counts at every connection.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from node.errors import UnusableCertificate
from node.tls.files import load_files
from node.tls.sockets import TlsSocket

if TYPE_CHECKING:
    from config.tls import ScpTlsSettings, TlsVersion
    from node.tls.files import LoadedFiles, TlsFiles

CIPHERS_OF_1_2: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""RFC 9325 4.2 recommends the first four; the others are as strong."""

_SECURITY_LEVEL: Final = 2
"""OpenSSL's: keys of 112 bits of security and more (RSA 2048), no SHA-1 in signatures."""

VERSIONS: Final[dict[TlsVersion, ssl.TLSVersion]] = {
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


def server_context(files: TlsFiles, tls: ScpTlsSettings) -> tuple[ssl.SSLContext, LoadedFiles]:
    """Build the context that our SCP answers with.

    Raises
    ------
    UnusableCertificate
        A file is missing, is something else, or does not go with the others.
    """
    loaded = load_files(files)
    context = _context(ssl.PROTOCOL_TLS_SERVER, tls.minimum_version)
    context.num_tickets = 0
    _fill(context, files)
    if tls.require_client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
    elif files.authorities is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
    return context, loaded


def client_context(files: TlsFiles, minimum_version: TlsVersion) -> ssl.SSLContext:
    """Build the context that we connect to a destination with; its host name is checked.

    Raises
    ------
    UnusableCertificate
        A file is missing, is something else, or does not go with the others.
    """
    load_files(files)
    context = _context(ssl.PROTOCOL_TLS_CLIENT, minimum_version)
    # RFC 9525: a name is one of the subjectAltName, or none.
    context.hostname_checks_common_name = False
    _fill(context, files)
    return context


def _context(side: int, minimum_version: TlsVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.sslsocket_class = TlsSocket
    context.minimum_version = VERSIONS[minimum_version]
    context.set_ciphers(":".join([*CIPHERS_OF_1_2, f"@SECLEVEL={_SECURITY_LEVEL}"]))
    context.options |= (
        ssl.OP_NO_COMPRESSION
        | ssl.OP_NO_RENEGOTIATION
        | ssl.OP_NO_TICKET
        | ssl.OP_CIPHER_SERVER_PREFERENCE
    )
    # The file may name the authority of a department: it need not go up to the root.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _fill(context: ssl.SSLContext, files: TlsFiles) -> None:
    try:
        if files.certificate is not None:
            # Without a password OpenSSL would ask the terminal for one.
            context.load_cert_chain(files.certificate, files.key, password="")
        if files.authorities is not None:
            context.load_verify_locations(files.authorities)
    except OSError as error:
        what = getattr(error, "reason", None) or error.strerror
        raise UnusableCertificate((f"{files.where}: OpenSSL refuses the files: {what}",)) from error
