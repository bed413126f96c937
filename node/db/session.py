"""Connections and transactions, the same on SQLite and PostgreSQL.

There is one writer at a time on both databases: ``Database.begin`` opens with
``BEGIN IMMEDIATE`` on SQLite and takes an advisory transaction lock on
PostgreSQL. Each write appends to the audit chain, whose head only one
transaction may hold, so this costs nothing and leaves no order of row locks
that could dead-lock. Keep write transactions short: no file, no pixel and no
network inside one.

A database that is away, stopped or locked for longer than ``LOCK_WAIT_SECONDS``
shows as one of the classes in ``UNAVAILABLE``. Nothing here retries or
translates them: the SCP answers 0xA700, a worker tries again later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from node.db import schema
from node.db.postgresql import postgresql_engine
from node.errors import StopError

UNAVAILABLE: Final = (OperationalError, InterfaceError, InternalError, PoolTimeoutError)
"""What a caller catches to say "no database now".

InternalError is how PostgreSQL says that it ended a stalled writer, or that it has
become a read-only standby.
"""

LOCK_WAIT_SECONDS: Final = 30
"""A transaction waits this long for the one before it, then OperationalError."""

STATEMENT_SECONDS: Final = 60.0
"""PostgreSQL ends a statement after this time; one that does not answer is left soon after."""

STALLED_WRITER_SECONDS: Final = 60
"""PostgreSQL ends a write transaction whose process does nothing for this long."""

WRITER_LOCK: Final = 0x6D676E6F6465
"""Key of PostgreSQL's advisory lock: "mgnode" in ASCII; local to the database."""

_WRITES: Final = "mgnode_writes"


def _close(_connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.close()


class Database:
    """The SQL truth of one installation.

    Parameters
    ----------
    url : str
        ``sqlite:///PATH`` or ``postgresql+psycopg://...``. The SQLite file must
        exist: ``node.db.upgrade.upgrade`` makes it, with mode 0600.
    statement_seconds : float or None
        Limit of one statement on PostgreSQL; None for a migration, which takes as long as
        it takes.

    Raises
    ------
    StopError
        When the URL names another database, or SQLite without a file.
    """

    def __init__(
        self, url: str | URL, *, statement_seconds: float | None = STATEMENT_SECONDS
    ) -> None:
        self._url = normalised(url)
        if is_sqlite(self._url):
            engine = _sqlite_engine(self._url)
        else:
            engine = postgresql_engine(
                self._url, lock_seconds=LOCK_WAIT_SECONDS, statement_seconds=statement_seconds
            )
        self._writer = engine.execution_options(**{_WRITES: True})
        self._reader = engine.execution_options(**{_WRITES: False, "postgresql_readonly": True})
        self._snapshots = (
            self._reader
            if is_sqlite(self._url)
            else self._reader.execution_options(isolation_level="REPEATABLE READ")
        )

    def __repr__(self) -> str:
        return f"Database({self._url.render_as_string(hide_password=True)!r})"

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Open a write transaction; commit at the end, roll back on any exception.

        Rows stay readable after the commit. See the module for what is raised
        when the database is not available.
        """
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            _begin_writing(session)
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction that only reads; the database refuses a write in it."""
        with Session(self._reader, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """Open a transaction that only reads, whose statements all see one moment.

        On SQLite each transaction is so; on PostgreSQL this one is REPEATABLE READ.
        """
        with Session(self._snapshots, expire_on_commit=False) as session, session.begin():
            yield session

    def dispose(self) -> None:
        """Close every idle connection now, and each that is in use when it is given back."""
        event.listen(self._writer.pool, "checkin", _close)
        self._writer.dispose()

    def require_current_schema(self) -> None:
        """Refuse to work on a schema that this version was not written for.

        Raises
        ------
        StopError
            When there is no schema, an older one or a newer one.
        """
        remedy = "run `mgnode db upgrade`"
        if is_sqlite(self._url) and not sqlite_path(self._url).exists():
            raise StopError(f"there is no database {sqlite_path(self._url)}: {remedy}")
        with self.read() as session:
            found = schema.current(session.connection())
        wanted = schema.head()
        if found == wanted:
            return
        if found is None:
            raise StopError(f"the database is empty: {remedy}")
        if not schema.is_known(found):
            raise StopError(
                f"the database has schema {found}, which this version ({wanted}) does not know: "
                "a newer mgnode made it; upgrade mgnode"
            )
        raise StopError(f"the database has schema {found}, this version needs {wanted}: {remedy}")


def normalised(url: str | URL) -> URL:
    """Return the URL with its driver named; StopError for what the node cannot use."""
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise StopError("the SQLite database needs a file: sqlite:///PATH")
            return parsed.set(drivername="sqlite+pysqlite")
        case "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise StopError(f"database {other} is not supported: use sqlite or postgresql")


def is_sqlite(url: URL) -> bool:
    """Say whether the normalised URL is one of SQLite's."""
    return url.get_backend_name() == "sqlite"


def sqlite_path(url: URL) -> Path:
    """Return the file of a normalised SQLite URL."""
    return Path(url.database or "").absolute()


def require_writer(session: Session) -> None:
    """Raise RuntimeError, a mistake in the program, unless ``Database.begin`` gave the session."""
    if not session.info.get(_WRITES):
        raise RuntimeError("only a session of Database.begin() may write")


def _begin_writing(session: Session) -> None:
    # On SQLite this statement is where BEGIN IMMEDIATE is sent.
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(
            text(
                "SELECT set_config('idle_in_transaction_session_timeout', :stalled, true),"
                " pg_advisory_xact_lock(:lock)"
            ),
            {"stalled": f"{STALLED_WRITER_SECONDS}s", "lock": WRITER_LOCK},
        )
    session.info[_WRITES] = True


def _sqlite_engine(url: URL) -> Engine:
    # mode=rw: a missing file is an error here, not an empty database.
    address = f"{sqlite_path(url).as_uri()}?mode=rw"

    def connect() -> sqlite3.Connection:
        # isolation_level None: sqlite3 sends no BEGIN of its own, on every Python.
        return sqlite3.connect(
            address,
            uri=True,
            timeout=LOCK_WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )

    engine = create_engine(url, creator=connect, hide_parameters=True)
    _listen(engine, "connect", _set_pragmas)
    _listen(engine, "begin", _begin_sqlite)
    return engine


def _set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # busy_timeout first: the switch to WAL waits for a lock as well.
    cursor.execute(f"PRAGMA busy_timeout={LOCK_WAIT_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    # Without it INSERT OR REPLACE deletes a row past the triggers of audit_event.
    cursor.execute("PRAGMA recursive_triggers=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
    # BEGIN alone takes the write lock at the first write, and then fails with
    # SQLITE_BUSY at once when another process wrote since the first read.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _listen(engine: Engine, name: str, listener: Callable[..., None]) -> None:
    event.listen(engine, name, listener)
