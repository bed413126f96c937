"""Connections to PostgreSQL that never wait for ever.

The server ends a statement that takes too long and a wait for a lock. A server that does
not answer at all, because it is stopped or its host is gone behind a router that drops
packets, ends nothing: its kernel may still acknowledge what is sent. So this side has a
limit too, after which the connection is closed.
"""

from __future__ import annotations

import time
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Dialect, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from typing_extensions import override

CONNECT_DEFAULTS: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "application_name": "mgnode",
}

GRACE_SECONDS: Final = 15.0
"""So long after the server's own limit, or as long as that, this side gives the answer up."""

_CHECK_SECONDS: Final = 0.1

T = TypeVar("T")


class BoundedConnection(psycopg.Connection[Any]):
    """A connection on which each answer has a limit; None is none."""

    answer_seconds: float | None = None

    @override
    def wait(
        self, gen: PQGen[T], interval: float = _CHECK_SECONDS, timeout: float | None = None
    ) -> T:
        limit = self.answer_seconds if timeout is None else timeout
        began = time.monotonic()
        try:
            return super().wait(gen, interval, limit)
        except psycopg.OperationalError:
            if limit is not None and time.monotonic() - began >= limit:
                # Nobody knows what became of the statement: this connection is of no use.
                self.pgconn.finish()
            raise


def postgresql_engine(url: URL, *, lock_seconds: float, statement_seconds: float | None) -> Engine:
    """Make the engine; connections have the limits and speak UTC."""
    engine = create_engine(
        url,
        pool_pre_ping=True,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        connect_args={**CONNECT_DEFAULTS, **url.query},
    )

    def connect(
        _dialect: Dialect, _entry: ConnectionPoolEntry, arguments: Any, options: Any
    ) -> DBAPIConnection:
        connection = BoundedConnection.connect(*arguments, **options)
        if statement_seconds is not None:
            connection.answer_seconds = statement_seconds + min(GRACE_SECONDS, statement_seconds)
        return connection  # type: ignore[return-value]  # SQLAlchemy's protocol is narrower

    def set_up(connection: Any, _entry: ConnectionPoolEntry) -> None:
        # In autocommit, else the roll-back of the first transaction undoes the SET.
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("SET timezone TO 'UTC'")
        cursor.execute(f"SET lock_timeout TO '{lock_seconds:g}s'")
        if statement_seconds is not None:
            cursor.execute(f"SET statement_timeout TO '{statement_seconds * 1000:.0f}ms'")
        cursor.close()
        connection.autocommit = False

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", set_up)
    return engine
