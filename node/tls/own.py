"""How the node reaches its own SCP where that speaks TLS alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.tls import DestinationTls
from node.errors import UnusableCertificate
from node.tls.files import load_files, scp_files

if TYPE_CHECKING:
    from config.tls import ScpTlsSettings


def own_tls(tls: ScpTlsSettings) -> DestinationTls:
    """Give the settings that believe our own certificate and no other, and show it too.

    It names what modalities connect to, and not loopback: the name is taken from it.
    """
    try:
        own = load_files(scp_files(tls)).chain[0]
    except UnusableCertificate:
        name = None  # said when the connection is tried
    else:
        name = next(iter((*own.names, *own.addresses)), None)
    return DestinationTls(
        enabled=True,
        ca=tls.certificate,
        certificate=tls.certificate,
        key=tls.key,
        server_name=name,
        minimum_version=tls.minimum_version,
    )
