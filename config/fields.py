"""Constrained field types: what a value of the settings may look like."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints

_AE_TITLE = re.compile(r"[\x21-\x5B\x5D-\x7E](?:[\x20-\x5B\x5D-\x7E]{0,14}[\x21-\x5B\x5D-\x7E])?")
# ISO_IR 13 has a yen sign and an overline for the backslash and the tilde.
_PLAIN_TEXT = re.compile(r"[\x20-\x5B\x5D-\x7D]*")
_MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_HOST = re.compile(r"[0-9A-Za-z:._%-]{1,253}")

DATABASE_SCHEMES: Final = ("postgresql+psycopg", "sqlite")
BROKER_SCHEMES: Final = ("redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps")


def _ae_title(value: str) -> str:
    if not _AE_TITLE.fullmatch(value):
        raise ValueError(
            "an AE title is 1 to 16 printable ASCII characters, no backslash, "
            "no blank at either end (PS3.5 6.2, VR AE)"
        )
    return value


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("is neither a host name nor an IP address")
    return value


def model_name(value: str) -> str:
    """Give the name back when a model may have it: it becomes a folder and stands in results.

    Raises
    ------
    ValueError
        It may not; the text says what a name looks like.
    """
    if not _MODEL_NAME.fullmatch(value):
        raise ValueError(
            "a model's name is 1 to 32 small letters, digits, dots, dashes and underscores, "
            "and begins with a letter or digit"
        )
    return value


def _plain_text(value: str) -> str:
    # A result has the character set of its source, whatever that is, and no other one.
    if not _PLAIN_TEXT.fullmatch(value):
        raise ValueError(
            "stands in results of every character set: printable ASCII alone, "
            "no letter with an accent, no backslash, no tilde"
        )
    return value


def _time_zone(value: str) -> str:
    try:
        return value and ZoneInfo(value).key
    except (LookupError, OSError, ValueError):  # unknown; a folder of zones; no name at all
        raise ValueError(
            "is no time zone of the IANA database, such as Europe/Berlin or Asia/Tokyo"
        ) from None


def _network(value: object) -> object:
    # ip_network("10.0.0.5/8") is refused on purpose: it names one host and means 16 million.
    return ip_network(value) if isinstance(value, str) else value


def _url_of(schemes: tuple[str, ...]) -> AfterValidator:
    # The text says what may stand before "://" and never what stood there: it may be a password.
    def check(value: SecretStr) -> SecretStr:
        scheme, separator, _ = value.get_secret_value().partition("://")
        if not separator or scheme not in schemes:
            raise ValueError(f"the URL must begin with {', '.join(f'{s}://' for s in schemes)}")
        return value

    return AfterValidator(check)


def _with_password(value: SecretStr) -> SecretStr:
    # Several URLs with ";" between them are brokers to fall back to.
    if any(_is_open_to_a_network(url) for url in value.get_secret_value().split(";")):
        raise ValueError(
            "a broker that others can reach wants a password: redis://:PASSWORD@HOST:6379/0, or "
            "rediss:// for TLS too; only one on loopback or a Unix socket may go without"
        )
    return value


def _is_open_to_a_network(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # its text may quote the password
        raise ValueError("the URL cannot be read") from None
    return not (parts.password or parts.scheme == "redis+socket" or _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host in ("", "localhost") or ip_address(host).is_loopback
    except ValueError:  # a name: whoever answers to it
        return False


AeTitle = Annotated[str, AfterValidator(_ae_title)]
BrokerUrl = Annotated[SecretStr, _url_of(BROKER_SCHEMES), AfterValidator(_with_password)]
DatabaseUrl = Annotated[SecretStr, _url_of(DATABASE_SCHEMES)]
DestinationName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
ProfileName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Host = Annotated[str, AfterValidator(_host)]
ModelName = Annotated[str, AfterValidator(model_name)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
PlainText = Annotated[str, AfterValidator(_plain_text)]
Port = Annotated[int, Field(ge=1, le=65535)]
SeriesNumber = Annotated[int, Field(ge=1, le=2_000_000_000)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
