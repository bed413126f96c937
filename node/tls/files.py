"""The PEM files of one direction: read, checked together, and seen to change."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from node.errors import UnusableCertificate
from node.tls.certificates import facts

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificatePublicKeyTypes,
        PublicKeyTypes,
    )

    from config.tls import DestinationTls, ScpTlsSettings
    from node.tls.certificates import CertificateFacts

_OTHERS: Final = stat.S_IRWXO
_GROUP: Final = stat.S_IRWXG
_GROUP_OF_ROOTS_FILE: Final = stat.S_IWGRP | stat.S_IXGRP

Stamp = tuple[tuple[int, int, int, int] | None, ...]
"""Device, inode, time of change and size of each file; None for one that is not there."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The files of one direction; ``where`` is the path of their settings.

    ``authorities_name`` is the setting of ``authorities`` below it.
    """

    where: str
    certificate: Path | None
    key: Path | None
    authorities: Path | None
    authorities_name: str

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that is named."""
        named = (self.certificate, self.key, self.authorities)
        return tuple(path for path in named if path is not None)

    def stamp(self) -> Stamp:
        """Say what would differ if one of the files were replaced."""
        return tuple(_stamp(path) for path in self.paths)


@dataclass(frozen=True, slots=True)
class LoadedFiles:
    """What the files hold: our chain, our own certificate first, and the authorities."""

    chain: tuple[CertificateFacts, ...]
    authorities: tuple[CertificateFacts, ...]


def scp_files(tls: ScpTlsSettings) -> TlsFiles:
    """Give the files of ``scp.tls``."""
    return TlsFiles("scp.tls", tls.certificate, tls.key, tls.client_ca, "client_ca")


def destination_files(tls: DestinationTls, where: str = "tls") -> TlsFiles:
    """Give the files of a destination; ``where`` is the path of these settings."""
    return TlsFiles(where, tls.certificate, tls.key, tls.ca, "ca")


def load_files(files: TlsFiles) -> LoadedFiles:
    """Read every file and check that they go together; dates are not looked at.

    Raises
    ------
    UnusableCertificate
        With every problem of every file.
    """
    problems: list[str] = []

    def read(setting: str, path: Path | None) -> list[x509.Certificate]:
        if path is None:
            return []
        try:
            return _read_certificates(path)
        except ValueError as error:
            problems.append(f"{files.where}.{setting}: {path}: {error}")
            return []

    chain = read("certificate", files.certificate)
    authorities = read(files.authorities_name, files.authorities)
    if files.key is not None:
        try:
            key = _read_key(files.key)
        except ValueError as error:
            problems.append(f"{files.where}.key: {files.key}: {error}")
        else:
            if chain and _same_form(chain[0].public_key()) != _same_form(key):
                problems.append(
                    f"{files.where}.key: {files.key}: is not the key of {files.certificate}; "
                    "give the two that match"
                )
    if problems:
        raise UnusableCertificate(tuple(problems))
    return LoadedFiles(tuple(map(facts, chain)), tuple(map(facts, authorities)))


def _read_certificates(path: Path) -> list[x509.Certificate]:
    found = x509.load_pem_x509_certificates(_bytes_of(path, "certificate"))
    for certificate in found:
        facts(certificate)
    return found


def _read_key(path: Path) -> PublicKeyTypes:
    content = _bytes_of(path, "key")
    exposed = exposure(path)
    if exposed:
        raise ValueError(exposed)
    try:
        return load_pem_private_key(content, None).public_key()
    except TypeError:
        raise ValueError(
            "has a passphrase, which nobody could type at a start: take it off "
            "(openssl pkey -in OLD -out NEW) and keep the file 0600"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        # Their own texts may quote what stands in the file.
        raise ValueError("is no private key in PEM") from None


def exposure(path: Path) -> str:
    """Say why a key's file is not private enough; empty when it is.

    As PostgreSQL has it: nobody but the owner may touch it, but a group may read
    what belongs to root, as mounted secrets and Debian's ssl-cert have it.
    """
    status = path.stat()
    shared = _GROUP_OF_ROOTS_FILE if status.st_uid == 0 else _GROUP
    if status.st_mode & (_OTHERS | shared):
        return (
            f"others can read or change it (mode {stat.S_IMODE(status.st_mode):04o}): "
            f"chmod 600 {path}, and have a new one issued if others could log in"
        )
    return ""


def _bytes_of(path: Path, what: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(error.strerror or "cannot be read") from None
    marker = b"-----BEGIN CERTIFICATE-----" if what == "certificate" else b" PRIVATE KEY-----"
    if marker not in content:
        raise ValueError(f"holds no {what} in PEM")
    return content


def _same_form(key: PublicKeyTypes | CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
