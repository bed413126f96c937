"""What a worker takes from the broker: messages that the dispatch loop could have sent.

Celery ends at a message of another form than it knows, and finds it again after its next
start. Here each is looked at before Celery reads it: whoever can write to the broker can
make a worker look at a row once more, and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

import structlog
from celery.worker.consumer import Consumer
from kombu.connection import Connection
from kombu.message import Message
from typing_extensions import override

from node.messages import QUEUE_OF_TASK, is_usable
from workers.envelopes import read_with_care

log = structlog.get_logger(__name__)

LARGEST_BODY: Final = 64 * 1024
"""Bytes; the ids of one message are a few hundred."""

_LONGEST_WORDS: Final = 4096
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


def _is_nothing(value: object) -> bool:
    return value is None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _is_name_or_nothing(value: object) -> bool:
    return value is None or _is_name(value)


def _are_words(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_WORDS and value.isprintable()


def _is_zero(value: object) -> bool:
    return type(value) is int and value == 0


# Whatever would call another task, or this one at another time or under another name, is
# nothing; a header that is not here could become any attribute of a Celery request.
_HEADERS: Final[dict[str, Callable[[object], bool]]] = {
    "lang": _is_name,
    "task": lambda value: isinstance(value, str) and value in QUEUE_OF_TASK,
    "id": _is_name,
    "shadow": _is_nothing,
    "eta": _is_nothing,
    "expires": _is_nothing,
    "group": _is_nothing,
    "group_index": _is_nothing,
    "retries": _is_zero,
    "timelimit": lambda value: value is None or value == [None, None],
    "root_id": _is_name_or_nothing,
    "parent_id": _is_name_or_nothing,
    "argsrepr": _are_words,
    "kwargsrepr": _are_words,
    "origin": _are_words,
    "ignore_result": _is_nothing,
    "replaced_task_nesting": _is_zero,
    "stamped_headers": _is_nothing,
    "stamps": lambda value: value == {},
    # Of kombu, where a worker gave the message back.
    "redelivered": lambda value: isinstance(value, bool),
}
_NEEDED_HEADERS: Final = frozenset(("task", "id", "retries"))
_UNUSED_OPTIONS: Final = frozenset(("callbacks", "errbacks", "chain", "chord"))


class CarefulConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Celery's consumer, for messages of the node alone."""

    @override
    def connection_for_read(self, heartbeat: float | None = None) -> Connection:
        connection: Connection = self.app.connection_for_read(heartbeat=heartbeat)
        read_with_care(connection)
        ready: Connection = self.ensure_connected(connection)
        return ready

    @override
    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Message], Any]:
        follow = super().create_task_handler(*arguments, **options)

        def on_message(message: Message) -> Any:
            if is_ours(message):
                return follow(message)
            # Neither its name nor its body: they are whoever's that wrote it.
            log.error("message_refused")
            message.reject_log_error(log, self.connection_errors)  # type: ignore[no-untyped-call]
            return None

        return on_message


def is_ours(message: Message) -> bool:
    """Say whether the dispatch loop could have sent a message; never raises.

    Its body is read as JSON alone. What is taken here is also what Celery can take: each
    header and property that it looks at has been looked at.
    """
    headers = message.headers
    if not (isinstance(message.properties, dict) and isinstance(message.delivery_info, dict)):
        return False
    if not isinstance(headers, dict) or not set(headers) >= _NEEDED_HEADERS:
        return False
    if not all(_is_usual(name, value) for name, value in headers.items()):
        return False
    return _asks_for_rows(headers["task"], _read(message))


def _is_usual(name: object, value: object) -> bool:
    if not isinstance(name, str):
        return False
    look = _HEADERS.get(name)
    # A broker adds headers of its own: x-delivery-count.
    return look(value) if look is not None else name.startswith("x-")


def _asks_for_rows(task: str, content: object) -> bool:
    match content:
        case [[], dict(arguments), dict(options)]:
            # None is set to anything, and no other is there: Celery makes attributes of all.
            return is_usable(task, arguments) and _is_nothing_set(options)
        case _:
            return False


def _is_nothing_set(options: dict[Any, Any]) -> bool:
    return set(options) <= _UNUSED_OPTIONS and all(value is None for value in options.values())


def _read(message: Message) -> object:
    body = message.body
    if (message.content_type, message.content_encoding) != ("application/json", "utf-8"):
        return None
    if not isinstance(body, bytes | str) or len(body) > LARGEST_BODY:
        return None
    try:
        return json.loads(body if isinstance(body, str) else body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
