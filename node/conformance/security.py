"""The security profiles of PS3.15 that the node conforms to (PS3.2 Annex A, section 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.conformance.markdown import table
from node.tls.contexts import CIPHERS_OF_1_2
from node.tls.failures import Failure

if TYPE_CHECKING:
    from config.settings import Settings

_REFUSALS = {
    Failure.NOT_TLS: "the first byte is not that of a TLS handshake",
    Failure.OLD_PROTOCOL: "the peer offers no version that is allowed",
    Failure.NO_COMMON_CIPHER: "the peer has none of the cipher suites",
    Failure.NO_CERTIFICATE: "the peer shows no certificate",
    Failure.CERTIFICATE_NOT_TRUSTED: "its certificate comes from no authority that is believed",
    Failure.CERTIFICATE_EXPIRED: "its certificate, or that of its issuer, has expired",
    Failure.CERTIFICATE_NOT_YET_VALID: "its certificate is not valid yet",
    Failure.CERTIFICATE_UNSUITABLE: "its certificate is not for clients, or too weak",
    Failure.TIMEOUT: "the handshake is not finished within `scp.acse_timeout_seconds`",
}


def security(settings: Settings) -> str:
    """Write what is supported, and what of it is switched on."""
    tls = settings.scp.tls
    wants = "required" if tls.require_client_certificate else "verified where it is shown"
    rows = [
        ("TLS in", f"{tls.mode}, port {tls.port}" if tls.is_on else "off (`scp.tls.mode`)"),
        ("client certificates", wants if tls.is_on else "-"),
        ("lowest version in", f"TLS {tls.minimum_version}"),
        ("AE titles bound to certificates", ", ".join(tls.bindings) or "none"),
        ("TLS out", _destinations(settings)),
    ]
    refusals = [(f"`{reason}`", why) for reason, why in _REFUSALS.items()]
    return f"""## 7 Security

### 7.1 Security profiles

BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile (PS3.15 B.12), as SCP and as SCU,
with TLS 1.2 and 1.3. Cipher suites of TLS 1.2: {", ".join(CIPHERS_OF_1_2)}; of TLS 1.3 those of
OpenSSL. No renegotiation, no compression, no resumption of sessions. A certificate names its host
in the subjectAltName; keys have 112 bits of security at least (RSA 2048), signatures are not SHA-1.
Certificate revocation lists and OCSP are not supported: the authority is taken out of the file, or
the AE title bound to another certificate. TCP port of TLS: `scp.tls.port`, 2762 unless set
otherwise.

{table(["what", "value"], rows)}
A connection that fails is closed, with the alert of TLS where it has one, before an association:

{table(["reason in the audit log", "when"], refusals)}
### 7.2 Association level security

Associations are allowed by network address and AE titles, and AE titles by certificates (4.2.1.4).
Without TLS a connection is neither encrypted nor proves who calls.

### 7.3 Audit

Every association, object and answer stands in an audit log that is chained by hashes; it is the
node's own and not that of PS3.15 A.5. Associations over TLS are there with its version and the
SHA-256 fingerprint of the peer's certificate. No de-identification."""


def _destinations(settings: Settings) -> str:
    named = [name for name, row in settings.destinations.items() if row.tls.enabled]
    return ", ".join(named) or "no destination"
