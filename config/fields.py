"""Constrained field types: what a value of the settings may look like."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

_AE_TITLE = re.compile(r"[\x21-\x5B\x5D-\x7E](?:[\x20-\x5B\x5D-\x7E]{0,14}[\x21-\x5B\x5D-\x7E])?")


def _ae_title(value: str) -> str:
    if not _AE_TITLE.fullmatch(value):
        raise ValueError(
            "an AE title is 1 to 16 printable ASCII characters, no backslash, "
            "no blank at either end (PS3.5 6.2, VR AE)"
        )
    return value


def _network(value: object) -> object:
    # ip_network("10.0.0.5/8") is refused on purpose: it names one host and means 16 million.
    return ip_network(value) if isinstance(value, str) else value


AeTitle = Annotated[str, AfterValidator(_ae_title)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
Port = Annotated[int, Field(ge=1, le=65535)]
DestinationName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
