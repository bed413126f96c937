"""Messages in Redis are read with care: what is no message is dropped, and no worker ends by it.

kombu keeps each message as JSON in a list. Whoever can write to the list can put anything
into it, and kombu's own reader raises on what it did not write, which ends the worker.
"""

from __future__ import annotations

import base64
from typing import Any, Final

import structlog
from kombu.connection import Connection
from kombu.transport import redis
from typing_extensions import override

log = structlog.get_logger(__name__)

# What json, the types that kombu puts into it, and UTF-8 raise on what is none.
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


def read_with_care(connection: Connection) -> None:
    """Let a connection that is not open yet drop what is no message, if it is to Redis."""
    # kombu has few types.
    if connection.get_transport_cls() is redis.Transport:  # type: ignore[no-untyped-call]
        connection.transport_cls = _CarefulTransport


class _CarefulChannel(redis.Channel):
    @override
    def _brpop_read(self, **options: Any) -> Any:
        self.connection.is_read = False
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except _UNREADABLE:
            if self.connection.is_read:
                raise
            # It has left the list already.
            log.error("message_refused")  # noqa: TRY400  # its text would be whoever's wrote it
            return True


class _CarefulTransport(redis.Transport):
    Channel = _CarefulChannel
    is_read = False

    @override
    def _deliver(self, message: object, queue: str) -> None:
        self.is_read = True
        if is_envelope(message):
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]
        else:
            log.error("message_refused")


def is_envelope(message: object) -> bool:
    """Say whether a message has what kombu needs to hand it on; never raises."""
    match message:
        case {
            "body": str(body),
            "headers": dict(headers),
            "properties": {
                "delivery_tag": str(),
                "body_encoding": "base64",
                "delivery_info": {"exchange": str(), "routing_key": str()},
            },
        }:
            # It would be unpacked before anybody could look at it, however long it gets.
            return not headers.get("compression") and _is_base64(body)
        case _:
            return False


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text)
    except ValueError:
        return False
    return True
