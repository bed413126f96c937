"""Certificates for trials and tests: an authority, and what it issues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KeyKind = Literal["ec", "rsa"]
TrialKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

ORGANISATION: Final = "mgnode trial - not for production"
_WARNING: Final = b"FOR TRIALS ONLY. Never use this with patients' data.\n"
"""Before the first line of PEM anything may stand (RFC 7468 2)."""
_RSA_BITS: Final = 3072
_CLOCKS_DIFFER_BY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, both in PEM."""

    certificate: bytes
    key: bytes


class TrialAuthority:
    """An authority whose key exists in memory alone: when it is gone, it issues no more.

    Parameters
    ----------
    not_before, not_after : datetime
        Aware; nothing that it issues is valid outside.
    """

    def __init__(
        self,
        not_before: datetime,
        not_after: datetime,
        *,
        name: str = "trial CA",
        kind: KeyKind = "ec",
    ) -> None:
        self._kind = kind
        self._key = _new_key(kind)
        self._name = _name(name)
        self._span = (not_before - _CLOCKS_DIFFER_BY, not_after)
        certificate = (
            _builder(self._name, self._name, self._key, *self._span)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate: bytes = certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        name: str,
        hosts: Sequence[str] = (),
        *,
        for_servers: bool = False,
        for_clients: bool = False,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        key: TrialKey | None = None,
    ) -> Issued:
        """Issue a certificate; with a new key where none is given.

        Parameters
        ----------
        name : str
            Its Common Name.
        hosts : sequence of str
            DNS names and IP addresses of its subjectAltName.
        """
        key = key or _new_key(self._kind)
        uses = [ExtendedKeyUsageOID.SERVER_AUTH] * for_servers
        uses += [ExtendedKeyUsageOID.CLIENT_AUTH] * for_clients
        begin, end = not_before or self._span[0], not_after or self._span[1]
        builder = (
            _builder(_name(name), self._name, key, begin, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if uses:
            builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        if hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return Issued(
            builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )


def _new_key(kind: KeyKind) -> TrialKey:
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: TrialKey,
    not_before: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def trial_files(
    hosts: Sequence[str], not_before: datetime, not_after: datetime, kind: KeyKind
) -> dict[str, bytes]:
    """Make an authority, a server's and a client's certificate: file name -> PEM."""
    authority = TrialAuthority(not_before, not_after, kind=kind)
    server = authority.issue("trial server", hosts, for_servers=True, for_clients=True)
    client = authority.issue("trial client", ["localhost"], for_clients=True)
    return {
        "trial-ca.pem": _WARNING + authority.certificate,
        "trial-server.pem": _WARNING + server.certificate,
        "trial-server-key.pem": _WARNING + server.key,
        "trial-client.pem": _WARNING + client.certificate,
        "trial-client-key.pem": _WARNING + client.key,
    }


def trial_settings(folder: Path, host: str) -> str:
    """Write what to paste into the settings, and how DCMTK connects."""
    return f"""\
# FOR TRIALS ONLY: whoever has these files is believed. Never use them with patients' data.
[scp.tls]
mode = "beside"
certificate = "{folder}/trial-server.pem"
key = "{folder}/trial-server-key.pem"
client_ca = "{folder}/trial-ca.pem"

# A destination that shows trial-server.pem:
# [destinations.pacs.tls]
# enabled = true
# ca = "{folder}/trial-ca.pem"
# certificate = "{folder}/trial-client.pem"
# key = "{folder}/trial-client-key.pem"
# server_name = "{host}"

# A modality, with DCMTK:
# echoscu +tls {folder}/trial-client-key.pem {folder}/trial-client.pem \\
#     +cf {folder}/trial-ca.pem -aec MGNODE {host} 2762"""
