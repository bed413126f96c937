"""What `mgnode tls check` finds out about a live peer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.errors import UnusableCertificate
from node.tls.check import Finding, Verdict, names
from node.tls.connecting import advice
from node.tls.contexts import client_context
from node.tls.files import destination_files
from node.tls.probe import OLD, Identity, look_at, offered_versions, trouble_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from config.sending import Destination
    from node.tls.certificates import CertificateFacts


def check_peer(name: str, destination: Destination, seconds: float, now: datetime) -> list[Finding]:
    """Ask a peer for every version of TLS, look at its certificate, connect as the node does."""
    address = (destination.host, destination.port)
    tls = destination.tls
    identity = Identity(tls.certificate, tls.key) if tls.certificate and tls.key else None
    try:
        offered = offered_versions(address, identity, seconds)
    except OSError as error:
        what = error.strerror or type(error).__name__
        todo = "host, port, firewall; does it run?"
        return [Finding(name, Verdict.PROBLEM, f"cannot be reached: {what}", todo)]
    if not any(offered.values()):
        todo = "let it speak TLS on this port, or give the port that does"
        return [Finding(name, Verdict.PROBLEM, "does not speak TLS", todo)]
    findings = [_versions(name, offered)]
    shown = look_at(address, identity, seconds)
    if shown is not None:
        findings.append(Finding(name, Verdict.WELL, f"agrees on {shown.version}, {shown.cipher}"))
        if shown.certificate is not None:
            findings += _certificate(name, shown.certificate, now)
    certificate = shown.certificate if shown is not None else None
    return [*findings, _verified(name, destination, seconds, certificate)]


def _versions(name: str, offered: dict[str, bool]) -> Finding:
    taken = [version for version, is_taken in offered.items() if is_taken]
    text = f"offers {', '.join(taken)}"
    if not set(taken) - set(OLD):
        return Finding(name, Verdict.PROBLEM, text, "let it be updated to TLS 1.2 or 1.3")
    if set(taken) & set(OLD):
        return Finding(name, Verdict.WARNING, text, "let what is older than TLS 1.2 be turned off")
    return Finding(name, Verdict.WELL, text)


def _certificate(name: str, shown: CertificateFacts, now: datetime) -> Iterator[Finding]:
    text = (
        f"shows {shown.subject}, issued by {shown.issuer}, valid until {shown.not_after:%Y-%m-%d}"
    )
    if shown.is_over(now):
        yield Finding(name, Verdict.PROBLEM, text, "it has expired: let it be renewed")
    elif shown.ends_soon(now):
        yield Finding(name, Verdict.WARNING, text, "it expires soon: let it be renewed")
    else:
        yield Finding(name, Verdict.WELL, text)
    yield Finding(name, Verdict.WELL, f"its fingerprint (SHA-256) is {shown.fingerprint}")


def _verified(
    name: str, destination: Destination, seconds: float, shown: CertificateFacts | None
) -> Finding:
    tls = destination.tls
    if not tls.enabled:
        todo = "give --ca, or set destinations.NAME.tls" if shown else ""
        return Finding(name, Verdict.WARNING, "is not verified: no authority is given", todo)
    server_name = tls.server_name or destination.host
    try:
        context = client_context(destination_files(tls), tls.minimum_version)
    except UnusableCertificate as error:
        return Finding(name, Verdict.PROBLEM, str(error), "mend the file, or give another")
    trouble = trouble_of(context, (destination.host, destination.port), server_name, seconds)
    if trouble is None:
        return Finding(name, Verdict.WELL, f"is believed: its certificate is that of {server_name}")
    failure, cause = trouble
    text, _, todo = advice(failure, cause, server_name).partition("; ")
    if shown is not None and not names(shown, server_name):
        named = ", ".join([*shown.names, *shown.addresses]) or "no host"
        text = f"{text} (it names {named})"
    return Finding(name, Verdict.PROBLEM, text, todo or "ask its administrator")
