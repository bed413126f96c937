"""Who may associate: a pure decision, with the rejection to answer (PS3.8 9.3.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
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
# The same words to the peer; the audit log tells whose limit it was.
AE_TITLE_LIMIT_EXCEEDED: Final = replace(LOCAL_LIMIT_EXCEEDED, name="ae_title_limit_exceeded")
ADDRESS_LIMIT_EXCEEDED: Final = replace(LOCAL_LIMIT_EXCEEDED, name="address_limit_exceeded")


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


@dataclass(frozen=True)
class Load:
    """Associations that are open now, without the one that is asked for.

    ``of_ae_title`` and ``of_address`` are those of the same calling AE title and of the
    same address.
    """

    total: int = 0
    of_ae_title: int = 0
    of_address: int = 0


def decide(caller: Caller, scp: ScpSettings, load: Load) -> Rejection | None:
    """Say why ``caller`` may not associate; ``None`` lets it in.

    Strangers learn nothing about AE titles: the network is looked at first. The
    limits come last, so that a wrong title is told as such on a busy node too.
    """
    if not is_in_networks(caller.host, scp):
        return NETWORK_NOT_ALLOWED
    if caller.called_ae.strip() != scp.ae_title:
        return CALLED_AE_NOT_RECOGNISED
    if not _is_known(caller, scp):
        return CALLING_AE_NOT_RECOGNISED
    if not _is_bound(caller, scp.tls.bindings.get(caller.calling_ae.strip())):
        return CERTIFICATE_NOT_BOUND
    if load.total >= scp.max_associations:
        return LOCAL_LIMIT_EXCEEDED
    if 0 < scp.max_associations_per_ae_title <= load.of_ae_title:
        return AE_TITLE_LIMIT_EXCEEDED
    if 0 < scp.max_associations_per_address <= load.of_address:
        return ADDRESS_LIMIT_EXCEEDED
    return None


def _is_known(caller: Caller, scp: ScpSettings) -> bool:
    calling_ae = caller.calling_ae.strip()
    if not _AE_TITLE.fullmatch(calling_ae):
        return False
    if not scp.calling_ae_titles:
        # Whoever is on this machine could read the settings; all others must be in them.
        return _address(caller.host).is_loopback
    return calling_ae in scp.calling_ae_titles


def _is_bound(caller: Caller, names: Sequence[str] | None) -> bool:
    """Say whether the caller shows one of the certificates that its title is bound to, if any."""
    if names is None:
        return True
    return caller.certificate is not None and caller.certificate.is_one_of(names)


def is_in_networks(host: str, scp: ScpSettings) -> bool:
    """Say whether a numeric address is one of those that may connect at all."""
    address = _address(host)
    return any(address in network for network in scp.networks)


def counted_as(host: str) -> str:
    """Give what a numeric address is counted as: of IPv6 the 64 bits that a site is given."""
    address = _address(host)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)


def _address(host: str) -> IPv4Address | IPv6Address:
    address = ip_address(host.partition("%")[0])
    # A socket that listens on both families shows IPv4 peers as ::ffff:a.b.c.d.
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
