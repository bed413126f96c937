"""Why a TLS connection did not come about: OpenSSL's words made ours."""

from __future__ import annotations

import ssl
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.tls.sockets import TlsSocket


class Failure(StrEnum):
    """What went wrong; the value is the reason that the audit log gives."""

    NOT_TLS = "not_tls"
    OLD_PROTOCOL = "old_protocol"
    NO_COMMON_CIPHER = "no_common_cipher"
    NO_CERTIFICATE = "no_certificate"
    CERTIFICATE_NOT_TRUSTED = "certificate_not_trusted"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid"
    CERTIFICATE_UNSUITABLE = "certificate_unsuitable"
    WRONG_HOST = "wrong_host"
    OUR_CERTIFICATE_WANTED = "our_certificate_wanted"
    OUR_CERTIFICATE_REFUSED = "our_certificate_refused"
    OUR_CERTIFICATE_EXPIRED = "our_certificate_expired"
    PEER_REFUSES = "peer_refuses"
    TIMEOUT = "handshake_timeout"
    BROKEN_OFF = "handshake_broken_off"
    OTHER = "handshake_failed"


class HandshakeFailed(OSError):
    """A connection could not be made secure; ``failure`` says why.

    ``unclosed`` is what is left of it: the peer was told, and may not have read it yet.
    """

    def __init__(self, failure: Failure, unclosed: TlsSocket | None = None) -> None:
        super().__init__(f"no TLS connection: {failure}")
        self.failure = failure
        self.unclosed = unclosed


# X509_V_ERR_... of OpenSSL's x509_vfy.h.
_BY_VERDICT: Final[Mapping[int, Failure]] = {
    9: Failure.CERTIFICATE_NOT_YET_VALID,
    10: Failure.CERTIFICATE_EXPIRED,
    24: Failure.CERTIFICATE_UNSUITABLE,  # an authority that is none
    26: Failure.CERTIFICATE_UNSUITABLE,  # for another purpose
    62: Failure.WRONG_HOST,
    64: Failure.WRONG_HOST,  # IP address
    66: Failure.CERTIFICATE_UNSUITABLE,  # key too small
    67: Failure.CERTIFICATE_UNSUITABLE,  # the authority's
    68: Failure.CERTIFICATE_UNSUITABLE,  # signed by SHA-1 or worse
}

# ALERT: what the peer said of us; the others are what we found.
_BY_REASON: Final[Mapping[str, Failure]] = {
    "UNSUPPORTED_PROTOCOL": Failure.OLD_PROTOCOL,
    "UNKNOWN_PROTOCOL": Failure.OLD_PROTOCOL,
    "VERSION_TOO_LOW": Failure.OLD_PROTOCOL,
    "INAPPROPRIATE_FALLBACK": Failure.OLD_PROTOCOL,
    "TLSV1_ALERT_PROTOCOL_VERSION": Failure.OLD_PROTOCOL,
    "NO_SHARED_CIPHER": Failure.NO_COMMON_CIPHER,
    "NO_SUITABLE_KEY_SHARE": Failure.NO_COMMON_CIPHER,
    "NO_SUITABLE_GROUPS": Failure.NO_COMMON_CIPHER,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": Failure.NO_COMMON_CIPHER,
    "NO_SHARED_SIGNATURE_ALGORITHMS": Failure.NO_COMMON_CIPHER,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": Failure.NO_COMMON_CIPHER,
    "WRONG_VERSION_NUMBER": Failure.NOT_TLS,
    "RECORD_LAYER_FAILURE": Failure.NOT_TLS,
    "HTTP_REQUEST": Failure.NOT_TLS,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": Failure.NO_CERTIFICATE,
    "EE_KEY_TOO_SMALL": Failure.CERTIFICATE_UNSUITABLE,
    "CA_KEY_TOO_SMALL": Failure.CERTIFICATE_UNSUITABLE,
    "CA_MD_TOO_WEAK": Failure.CERTIFICATE_UNSUITABLE,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": Failure.OUR_CERTIFICATE_WANTED,
    "TLSV1_ALERT_UNKNOWN_CA": Failure.OUR_CERTIFICATE_REFUSED,
    "TLSV1_ALERT_ACCESS_DENIED": Failure.OUR_CERTIFICATE_REFUSED,
    "SSLV3_ALERT_BAD_CERTIFICATE": Failure.OUR_CERTIFICATE_REFUSED,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": Failure.OUR_CERTIFICATE_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": Failure.OUR_CERTIFICATE_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": Failure.OUR_CERTIFICATE_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": Failure.OUR_CERTIFICATE_EXPIRED,
    # TLS 1.2 says this for a missing certificate and for ciphers alike.
    "SSLV3_ALERT_HANDSHAKE_FAILURE": Failure.PEER_REFUSES,
}


def failure_of(error: OSError) -> Failure:
    """Name what went wrong in a handshake, or in the first bytes after it."""
    match error:
        case HandshakeFailed():
            return error.failure
        case TimeoutError():
            return Failure.TIMEOUT
        case ssl.SSLCertVerificationError():
            return _BY_VERDICT.get(error.verify_code, Failure.CERTIFICATE_NOT_TRUSTED)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ConnectionError():
            return Failure.BROKEN_OFF
        case ssl.SSLError():
            return _BY_REASON.get(error.reason, Failure.OTHER)
        case _:
            return Failure.OTHER
