"""Looks at the files of TLS as an administrator would: do they fit, and for how long."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING

from node.errors import UnusableCertificate
from node.tls.files import destination_files, load_files, scp_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from config.receiving import ScpSettings
    from config.sending import Destination
    from node.tls.certificates import CertificateFacts
    from node.tls.files import LoadedFiles, TlsFiles


class Verdict(StrEnum):
    """How it stands; a warning works today."""

    WELL = "well"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found and, unless it is well, what to do."""

    subject: str
    verdict: Verdict
    found: str
    advice: str = ""


def check_scp(scp: ScpSettings, now: datetime) -> list[Finding]:
    """Look at the files of ``scp.tls``."""
    files = scp_files(scp.tls)
    loaded = _load(files)
    if not isinstance(loaded, tuple):
        return [
            *_own(files, loaded, now, for_servers=True),
            _names(files, loaded.chain[0], scp.host),
            *_authorities(files, loaded, now),
        ]
    return list(loaded)


def check_destination(name: str, destination: Destination, now: datetime) -> list[Finding]:
    """Look at the files of ``destinations.NAME.tls``."""
    files = destination_files(destination.tls, f"destinations.{name}.tls")
    loaded = _load(files)
    if not isinstance(loaded, tuple):
        own = _own(files, loaded, now, for_servers=False) if loaded.chain else []
        return [*own, *_authorities(files, loaded, now)]
    return list(loaded)


def _load(files: TlsFiles) -> LoadedFiles | tuple[Finding, ...]:
    try:
        return load_files(files)
    except UnusableCertificate as error:
        return tuple(_finding_of(problem) for problem in error.problems)


def _finding_of(problem: str) -> Finding:
    subject, _, text = problem.partition(": ")
    return Finding(subject, Verdict.PROBLEM, text, "mend the file, or give another in the settings")


def _own(
    files: TlsFiles, loaded: LoadedFiles, now: datetime, *, for_servers: bool
) -> Iterator[Finding]:
    own, subject = loaded.chain[0], f"{files.where}.certificate"
    yield _span(subject, own, now)
    side = "servers" if for_servers else "clients"
    if not (own.serves_servers if for_servers else own.serves_clients):
        yield Finding(
            subject,
            Verdict.PROBLEM,
            f"is not for {side} (extended key usage)",
            f"have one issued that is for {side}",
        )
    yield Finding(f"{files.where}.key", Verdict.WELL, "is its key, and nobody else can read it")
    yield from _chain(subject, loaded, now)


def _chain(subject: str, loaded: LoadedFiles, now: datetime) -> Iterator[Finding]:
    """Follow the chain as a peer does, who knows the last issuer alone."""
    for below, above in zip(loaded.chain, loaded.chain[1:], strict=False):
        if below.issuer != above.subject:
            yield Finding(
                subject,
                Verdict.PROBLEM,
                f"{above.subject} follows {below.subject} in the file and has not issued it",
                "put our own certificate first and after each one that of its issuer",
            )
        yield _span(subject, above, now)
    last = loaded.chain[-1]
    if last.issuer == last.subject and len(loaded.chain) == 1:
        text = "is signed by itself: peers have to be given this very certificate"
    else:
        text = f"peers have to know the authority {last.issuer}"
    yield Finding(subject, Verdict.WELL, text)


def _names(files: TlsFiles, own: CertificateFacts, host: str) -> Finding:
    """Compare what the certificate names with what peers may call this machine."""
    subject = f"{files.where}.certificate"
    named = ", ".join([*own.names, *own.addresses])
    if not named:
        return Finding(
            subject,
            Verdict.PROBLEM,
            "names no host (subjectAltName)",
            "have one issued with the host name that modalities are given",
        )
    wanted = _called(host)
    if names(own, wanted):
        return Finding(subject, Verdict.WELL, f"is for {named}")
    return Finding(
        subject,
        Verdict.WARNING,
        f"is for {named}, not for {wanted}",
        "well if modalities are given one of these names; else have it issued anew",
    )


def _called(host: str) -> str:
    """Give what peers may call a machine that listens on ``host``."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return socket.getfqdn() if address.is_unspecified or address.is_loopback else str(address)


def names(certificate: CertificateFacts, host: str) -> bool:
    """Say whether a certificate is for a host, as RFC 9525 has it; * stands for one label."""
    host = host.lower().rstrip(".")
    beyond = "*." + host.partition(".")[2]
    return host in certificate.addresses or not {host, beyond}.isdisjoint(certificate.names)


def _authorities(files: TlsFiles, loaded: LoadedFiles, now: datetime) -> Iterator[Finding]:
    subject = f"{files.where}.{files.authorities_name}"
    for authority in loaded.authorities:
        yield _span(subject, authority, now)
        if not authority.is_authority:
            yield Finding(
                subject,
                Verdict.WARNING,
                f"{authority.subject} is no authority: it is believed itself, and nobody else",
                "well for a peer whose certificate is signed by itself",
            )


def _span(subject: str, certificate: CertificateFacts, now: datetime) -> Finding:
    if certificate.is_early(now):
        return Finding(
            subject,
            Verdict.PROBLEM,
            f"{certificate.subject} is not valid before {certificate.not_before:%Y-%m-%d %H:%M}Z",
            "set the clock, or wait",
        )
    until = f"{certificate.subject}, valid until {certificate.not_after:%Y-%m-%d}"
    if certificate.is_over(now):
        return Finding(subject, Verdict.PROBLEM, f"{until}: expired", "replace the file")
    if certificate.ends_soon(now):
        return Finding(subject, Verdict.WARNING, until, "have it renewed and replace the file")
    return Finding(subject, Verdict.WELL, until)
