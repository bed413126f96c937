"""Tracebacks of a log: the way through the code, without what an exception quotes.

A library that fails on a data set puts a value of it into its exception's text, and that may
be a name. Our own texts hold none, nor do those of the system, the database and the broker.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from typing import Final

from structlog.typing import EventDict, WrappedLogger

_SAFE: Final = ("config", "models", "node", "workers", "kombu", "psycopg", "redis", "sqlalchemy")
"""Packages whose exceptions' texts are written; rows are hidden from SQLAlchemy's."""


def without_quotations(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Write the traceback that a line has, and no foreign text of an exception.

    A library's own line about an exception says little else than that text: its class is
    put there instead.
    """
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if not isinstance(error, BaseException):
        return event
    event["exception"] = "\n".join(told(error))
    if not event.get("_from_structlog", True) and not all(map(is_safe, _causes_first(error))):
        event["event"] = type(error).__name__
    return event


def told(error: BaseException) -> Iterator[str]:
    """Tell an exception as Python does, causes first, but for texts that may quote a data set."""
    for each in _causes_first(error):
        yield "Traceback (most recent call last):"
        for frame in traceback.extract_tb(each.__traceback__):
            yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
        kind = type(each)
        name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
        yield f"{name}: {each}" if is_safe(each) else name


def is_safe(error: BaseException) -> bool:
    """Say whether the text of an exception may be written."""
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in _SAFE


def _causes_first(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in chain:
        chain.insert(0, step)
        step = step.__cause__ or (None if step.__suppress_context__ else step.__context__)
    return chain
