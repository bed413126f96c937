"""What a certificate says, and whether it is one that an AE title is bound to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from config.tls import is_fingerprint, is_subject, subject_text

if TYPE_CHECKING:
    from collections.abc import Iterable

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

WARN_BEFORE: Final = timedelta(days=30)
"""Time that a hospital needs to have a certificate renewed."""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What one certificate says of itself; nothing here is verified.

    ``subject`` is in the form of `config.tls.subject_text`; ``names`` are the DNS names of
    its subjectAltName in small letters, ``addresses`` the IP addresses; ``fingerprint`` is the
    SHA-256 of its DER form. Without a restriction of its use it ``serves`` both sides.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    is_authority: bool
    serves_servers: bool
    serves_clients: bool

    def is_over(self, now: datetime) -> bool:
        """Say whether it has expired."""
        return self.not_after <= now

    def ends_soon(self, now: datetime) -> bool:
        """Say whether it expires within `WARN_BEFORE`, or has."""
        return self.not_after <= now + WARN_BEFORE

    def is_early(self, now: datetime) -> bool:
        """Say whether its time has not begun."""
        return now < self.not_before

    def is_one_of(self, wanted: Iterable[str]) -> bool:
        """Say whether one of the forms of `config.tls.certificate_name` names it.

        A DNS name is compared as it stands: a wildcard in a certificate binds nobody. Each
        form is compared with its own kind: a DNS name may spell what it likes.
        """
        return any(map(self._is_named, wanted))

    def _is_named(self, name: str) -> bool:
        if is_fingerprint(name):
            return name == self.fingerprint
        return name == self.subject if is_subject(name) else name in self.names


def facts(certificate: x509.Certificate) -> CertificateFacts:
    """Read what matters out of a certificate.

    Raises
    ------
    ValueError
        An extension or a name in it cannot be read.
    """
    names = _extension(certificate, x509.SubjectAlternativeName)
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    uses = None if usage is None else set(usage)
    return CertificateFacts(
        subject=subject_text(certificate.subject),
        issuer=subject_text(certificate.issuer),
        names=tuple(n.lower() for n in names.get_values_for_type(x509.DNSName)) if names else (),
        addresses=tuple(map(str, names.get_values_for_type(x509.IPAddress))) if names else (),
        not_before=certificate.not_valid_before_utc.astimezone(UTC),
        not_after=certificate.not_valid_after_utc.astimezone(UTC),
        fingerprint=fingerprint(certificate.public_bytes(Encoding.DER)),
        is_authority=constraints is not None and constraints.ca,
        serves_servers=uses is None or ExtendedKeyUsageOID.SERVER_AUTH in uses,
        serves_clients=uses is None or ExtendedKeyUsageOID.CLIENT_AUTH in uses,
    )


def facts_of_der(der: bytes) -> CertificateFacts:
    """Read a certificate in its DER form, as it comes from a peer.

    Raises
    ------
    ValueError
        It cannot be read.
    """
    return facts(x509.load_der_x509_certificate(der))


def fingerprint(der: bytes) -> str:
    """Give the SHA-256 of a certificate, 64 small hexadecimal digits."""
    return hashlib.sha256(der).hexdigest()


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
