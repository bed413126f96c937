"""Settings of TLS: the certificates of both directions, and whose each may be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from cryptography import x509
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from config.fields import AeTitle, Host, Port
from config.group import Group

IANA_PORT: Final = 2762
"""``dicom-tls``, the port that IANA keeps for DICOM over TLS."""

TlsVersion = Literal["1.2", "1.3"]

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_DNS_NAME = re.compile(r"(?=.{1,253}$)[0-9a-z_](?:[0-9a-z_.-]*[0-9a-z_])?")


def certificate_name(value: str) -> str:
    """Give back how a certificate is named, in one form: fingerprint, subject or DNS name.

    Raises
    ------
    ValueError
        It is none of the three.
    """
    digits = value.replace(":", "").lower()
    if is_fingerprint(digits):
        return digits
    if is_subject(value):
        try:
            return subject_text(x509.Name.from_rfc4514_string(_without_blanks(value)))
        except ValueError:
            raise ValueError("is no subject such as CN=MAMMO1,O=Hospital (RFC 4514)") from None
    name = value.lower()
    if not _DNS_NAME.fullmatch(name):
        raise ValueError(
            "is neither a DNS name, nor a subject such as CN=MAMMO1,O=Hospital, "
            "nor a SHA-256 fingerprint of 64 hexadecimal digits"
        )
    return name


def is_fingerprint(name: str) -> bool:
    """Say whether a name in the form of `certificate_name` is a fingerprint."""
    return _FINGERPRINT.fullmatch(name) is not None


def is_subject(name: str) -> bool:
    """Say whether a name in the form of `certificate_name` is a subject."""
    return "=" in name


def _without_blanks(subject: str) -> str:
    """Write ``CN = MAMMO1, O = Hospital``, as openssl prints it, in the form of RFC 4514."""
    return re.sub(r"(?<!\\),\s+(?=[\w.]+\s*=)", ",", re.sub(r"\s*=\s*", "=", subject))


def subject_text(name: x509.Name) -> str:
    """Write a subject so that the same attributes in another order are the same text.

    Programs print a subject from either end; who issues certificates chooses the attributes.
    """
    return ",".join(sorted(part.rfc4514_string() for part in name.rdns))


CertificateName = Annotated[str, AfterValidator(certificate_name)]


class ScpTlsSettings(Group):
    """DICOM over TLS in: the certificate we show, and those we want to see."""

    mode: Literal["off", "beside", "only"] = Field(
        "off",
        description="Whether to listen for TLS: not at all; on a port of its own beside the plain "
        "one; or for TLS alone, with no plain port.",
    )
    port: Port = Field(IANA_PORT, description="TCP port of DICOM over TLS.")
    certificate: Path | None = Field(
        None,
        description="PEM file of our certificate, those of its issuers after it. A file that is "
        "replaced is taken without a restart.",
    )
    key: Path | None = Field(
        None,
        description="PEM file of its private key, without a passphrase, such as a mounted secret; "
        "refused when others can read it.",
    )
    require_client_certificate: bool = Field(
        True,
        description="Whether a peer without a certificate is refused. One that is shown is "
        "always verified, if `client_ca` is set.",
    )
    client_ca: Path | None = Field(
        None, description="PEM file of the authorities whose client certificates are accepted."
    )
    minimum_version: TlsVersion = Field("1.2", description="Lowest version of TLS.")
    bindings: dict[AeTitle, tuple[CertificateName, ...]] = Field(
        {},
        description="Calling AE titles, each with the certificates of which it must show one: by "
        "a DNS name of the subjectAltName, the subject (CN=MAMMO1,O=Hospital) or the SHA-256 "
        "fingerprint. On the plain port these titles are refused.",
    )

    @field_validator("certificate", "key")
    @classmethod
    def _needed_to_listen(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None and info.data.get("mode", "off") != "off":
            raise ValueError(f'is required with mode = "{info.data["mode"]}"')
        return value

    @field_validator("client_ca")
    @classmethod
    def _needed_to_verify(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        listens = info.data.get("mode", "off") != "off"
        if value is None and listens and info.data.get("require_client_certificate"):
            raise ValueError("is required, or set require_client_certificate = false")
        return value

    @field_validator("bindings")
    @classmethod
    def _can_be_kept(
        cls, value: dict[str, tuple[str, ...]], info: ValidationInfo
    ) -> dict[str, tuple[str, ...]]:
        if value and info.data.get("mode") == "off":
            raise ValueError('binds AE titles to certificates, and mode is "off"')
        if value and "client_ca" in info.data and info.data["client_ca"] is None:
            raise ValueError("binds AE titles to certificates that only client_ca can verify")
        nobody = sorted(title for title, names in value.items() if not names)
        if nobody:
            raise ValueError(f"names no certificate for {', '.join(nobody)}")
        return value

    @property
    def is_on(self) -> bool:
        """Whether anything listens for TLS."""
        return self.mode != "off"

    @property
    def is_alone(self) -> bool:
        """Whether nothing listens without TLS."""
        return self.mode == "only"


class DestinationTls(Group):
    """DICOM over TLS out: whom we believe, and what we show."""

    enabled: bool = Field(False, description="Whether to connect over TLS.")
    ca: Path | None = Field(
        None, description="PEM file of the authorities that its certificate may come from."
    )
    certificate: Path | None = Field(
        None, description="PEM file of the certificate that we show, if it wants one."
    )
    key: Path | None = Field(
        None,
        description="PEM file of its private key, without a passphrase; refused when others can "
        "read it.",
    )
    server_name: Host | None = Field(
        None, description="Host name or address that its certificate must have; empty: `host`."
    )
    minimum_version: TlsVersion = Field("1.2", description="Lowest version of TLS.")

    @field_validator("ca")
    @classmethod
    def _needed_to_verify(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None and info.data.get("enabled"):
            raise ValueError("is required with enabled = true: without it nobody is verified")
        return value

    @field_validator("key")
    @classmethod
    def _goes_with_the_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        certificate = info.data.get("certificate")
        if "certificate" in info.data and (value is None) != (certificate is None):
            raise ValueError("certificate and key go together: both or none")
        return value
