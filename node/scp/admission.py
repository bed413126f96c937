"""Who may associate: a pure decision, with the rejection to answer (PS3.8 9.3.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.receiving import ScpSettings
    from node.tls.certificates import CertificateFacts

# PS3.5 6.2, VR AE, without the blanks around it: printable ASCII but no backslash.
_AE_TITLE = re.compile(r"[\x20-\x5B\x5D-\x7E]{1,16}")


class Result(IntEnum):
    """PS3.8 Table 9-21, Result: whether the same request may succeed later."""

    REJECTED_PERMANENT = 1
    REJECTED_TRANSIENT = 2


class Source(IntEnum):
    """PS3.8 Table 9-21, Source: whose reasons are counted."""

    SERVICE_USER = 1
    SERVICE_PROVIDER_ACSE = 2
    SERVICE_PROVIDER_PRESENTATION = 3


@dataclass(frozen=True)
class Rejection:
    """One A-ASSOCIATE-RJ; ``name`` is what the audit log calls it."""

    result: Result
    source: Source
    reason: int
    name: str


# The standard has no reason "address not allowed"; saying less is right towards a stranger.
NETWORK_NOT_ALLOWED: Final = Rejection(
    Result.REJECTED_PERMANENT, Source.SERVICE_USER, 1, "network_not_allowed"
)
CALLING_AE_NOT_RECOGNISED: Final = Rejection(
    Result.REJECTED_PERMANENT, Source.SERVICE_USER, 3, "calling_ae_not_recognised"
)
# The same answer as to an unknown title: a stranger need not learn which titles exist.
CERTIFICATE_NOT_BOUND: Final = Rejection(
    Result.REJECTED_PERMANENT, Source.SERVICE_USER, 3, "certificate_not_bound"
)
CALLED_AE_NOT_RECOGNISED: Final = Rejection(
    Result.REJECTED_PERMANENT, Source.SERVICE_USER, 7, "called_ae_not_recognised"
)
# Cannot record the association now: the peer may come again.
TEMPORARY_CONGESTION: Final = Rejection(
    Result.REJECTED_TRANSIENT, Source.SERVICE_PROVIDER_PRESENTATION, 1, "temporary_congestion"
)
LOCAL_LIMIT_EXCEEDED: Final = Rejection(
    Result.REJECTED_TRANSIENT, Source.SERVICE_PROVIDER_PRESENTATION, 2, "local_limit_exceeded"
)


@dataclass(frozen=True)
class Caller:
    """Who asks for an association, as it says itself; ``host`` is a numeric address.

    ``tls`` is the version of the protocol, empty without; ``certificate`` was verified.
    """

    calling_ae: str
    called_ae: str
    host: str
    port: int
    tls: str = ""
    certificate: CertificateFacts | None = None


def decide(caller: Caller, scp: ScpSettings, *, open_associations: int) -> Rejection | None:
    """Say why ``caller`` may not associate; ``None`` lets it in.

    Strangers learn nothing about AE titles: the network is looked at first. The
    limit comes last, so that a wrong title is told as such on a busy node too.

    Parameters
    ----------
    open_associations : int
        Associations that are open now, without this one.
    """
    if not is_in_networks(caller.host, scp):
        return NETWORK_NOT_ALLOWED
    if caller.called_ae.strip() != scp.ae_title:
        return CALLED_AE_NOT_RECOGNISED
    calling_ae = caller.calling_ae.strip()
    if not _AE_TITLE.fullmatch(calling_ae):
        return CALLING_AE_NOT_RECOGNISED
    if scp.calling_ae_titles and calling_ae not in scp.calling_ae_titles:
        return CALLING_AE_NOT_RECOGNISED
    if not _is_bound(caller, scp.tls.bindings.get(calling_ae)):
        return CERTIFICATE_NOT_BOUND
    if open_associations >= scp.max_associations:
        return LOCAL_LIMIT_EXCEEDED
    return None


def _is_bound(caller: Caller, names: Sequence[str] | None) -> bool:
    """Say whether the caller shows one of the certificates that its title is bound to, if any."""
    if names is None:
        return True
    return caller.certificate is not None and caller.certificate.is_one_of(names)


def is_in_networks(host: str, scp: ScpSettings) -> bool:
    """Say whether a numeric address is one of those that may connect at all."""
    address = ip_address(host.partition("%")[0])
    # A socket that listens on both families shows IPv4 peers as ::ffff:a.b.c.d.
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in scp.networks)
