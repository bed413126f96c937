"""What a worker takes from the broker: messages that the dispatch loop could have sent.

Celery ends at a message of another form than it knows, and finds it again after its next
start. Here each is looked at before Celery reads it: whoever can write to the broker can
make a worker look at a row once more, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import structlog
from celery.worker.consumer import Consumer
from kombu.message import Message
from typing_extensions import override

from node.messages import QUEUE_OF_TASK, is_usable

log = structlog.get_logger(__name__)

LARGEST_BODY: Final = 64 * 1024
"""Bytes; the ids of one message are a few hundred."""

_LONGEST_ID: Final = 64

# What would call another task, or this one at another time or under another name.
_UNUSED_HEADERS: Final = ("compression", "eta", "expires", "group", "shadow", "stamped_headers")
_UNUSED_OPTIONS: Final = ("callbacks", "errbacks", "chain", "chord")


class CarefulConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Celery's consumer, for messages of the node alone."""

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
    """Say whether the dispatch loop could have sent a message; its body is read as JSON alone."""
    headers = message.headers
    if not isinstance(headers, dict) or any(headers.get(name) for name in _UNUSED_HEADERS):
        return False
    task, identity = headers.get("task"), headers.get("id")
    if not (isinstance(task, str) and task in QUEUE_OF_TASK):
        return False
    if not (isinstance(identity, str) and len(identity) <= _LONGEST_ID):
        return False
    if headers.get("retries") != 0 or any(headers.get("timelimit") or ()):
        return False
    return _asks_for_rows(task, _read(message))


def _asks_for_rows(task: str, content: object) -> bool:
    match content:
        case [[], dict(arguments), dict(options)]:
            return is_usable(task, arguments) and not any(map(options.get, _UNUSED_OPTIONS))
        case _:
            return False


def _read(message: Message) -> object:
    if message.content_type != "application/json" or len(message.body) > LARGEST_BODY:
        return None
    try:
        return json.loads(message.body)
    except (ValueError, RecursionError):
        return None
