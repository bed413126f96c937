"""The databases of the self-test: kept in known states, and given back in one of them."""

from __future__ import annotations

import shutil
import sqlite3
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from sqlalchemy import make_url
from typing_extensions import override

from node.db.session import WRITER_LOCK
from node.db.upgrade import upgrade
from node.errors import StopError

if TYPE_CHECKING:
    from collections.abc import Iterator

_DISK_FULL: Final = """
create function selftest_disk_full() returns trigger language plpgsql as
    $$ begin raise exception 'no space left on device' using errcode = 'disk_full'; end $$;
create trigger selftest_disk_full before insert on audit_event
    execute function selftest_disk_full();
"""
_DISK_FREE: Final = """
drop trigger if exists selftest_disk_full on audit_event;
drop function if exists selftest_disk_full;
"""


class ScratchDatabase(ABC):
    """One database that can be kept under a name and put back."""

    kind: str

    @property
    @abstractmethod
    def url(self) -> str:
        """Give SQLAlchemy's URL of the one that is worked on."""

    @abstractmethod
    def make(self) -> None:
        """Make it new: the schema, no rows."""

    @abstractmethod
    def keep(self, name: str) -> None:
        """Remember its rows; nobody may be connected."""

    @abstractmethod
    def put_back(self, name: str) -> None:
        """Make it what it was when ``name`` was kept; whoever is still connected is cut off."""

    @abstractmethod
    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the writer's lock."""

    @abstractmethod
    def cut_off(self) -> None:
        """End every connection from the server's side."""

    @abstractmethod
    @contextmanager
    def full(self) -> Iterator[None]:
        """Let every write transaction fail for want of room, where the server can do that."""

    @abstractmethod
    def close(self) -> None:
        """Remove what was made outside of the scratch folder."""


class SqliteScratch(ScratchDatabase):
    """A file below the scratch folder."""

    kind = "sqlite"

    def __init__(self, file: Path, kept: Path) -> None:
        self._file = file
        self._kept = kept
        kept.mkdir(parents=True, exist_ok=True)

    @property
    @override
    def url(self) -> str:
        return f"sqlite:///{self._file}"

    @override
    def make(self) -> None:
        self._remove()
        upgrade(self.url)

    @override
    def keep(self, name: str) -> None:
        for file in self._files():
            shutil.copy2(file, self._kept / f"{name}{file.name.removeprefix(self._file.name)}")

    @override
    def put_back(self, name: str) -> None:
        self._remove()
        for ending in ("", "-wal"):
            kept = self._kept / f"{name}{ending}"
            if kept.exists():
                shutil.copy2(kept, f"{self._file}{ending}")

    @override
    @contextmanager
    def locked(self) -> Iterator[None]:
        connection = sqlite3.connect(self._file, isolation_level=None, timeout=5.0)
        try:
            connection.execute("begin immediate")
            yield
            connection.execute("rollback")
        finally:
            connection.close()

    @override
    def cut_off(self) -> None:
        raise NotImplementedError("SQLite has no server")

    @override
    @contextmanager
    def full(self) -> Iterator[None]:
        # The child's own limit on files does it: `gate.Reply.full`.
        yield

    @override
    def close(self) -> None:
        return

    def _files(self) -> list[Path]:
        names = (f"{self._file}{ending}" for ending in ("", "-wal"))
        return [path for path in map(Path, names) if path.exists()]

    def _remove(self) -> None:
        for ending in ("", "-wal", "-shm"):
            Path(f"{self._file}{ending}").unlink(missing_ok=True)


class PostgresqlScratch(ScratchDatabase):
    """Databases of its own beside the one that the URL names, which is not touched.

    Parameters
    ----------
    url : str
        ``postgresql+psycopg://...``, of a role that may create databases.

    Raises
    ------
    StopError
        One of its names is taken: it would be removed at the end.
    """

    kind = "postgresql"

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._work = self._name("work")
        self._made: set[str] = set()
        with psycopg.connect(self._address(self._url.database or "")) as connection:
            taken = connection.execute(
                "select datname from pg_database where starts_with(datname, %s)", [self._name("")]
            ).fetchone()
        if taken is not None:
            raise StopError(f"database {taken[0]} is there already: drop it, or name another URL")

    @property
    @override
    def url(self) -> str:
        return self._url.set(database=self._work).render_as_string(hide_password=False)

    @override
    def make(self) -> None:
        self._copy(self._work, of="template1")
        upgrade(self.url)

    @override
    def keep(self, name: str) -> None:
        self._copy(self._name(name), of=self._work)

    @override
    def put_back(self, name: str) -> None:
        self._copy(self._work, of=self._name(name))

    @override
    @contextmanager
    def locked(self) -> Iterator[None]:
        with psycopg.connect(self._address(self._work)) as connection:
            connection.execute("select pg_advisory_xact_lock(%s)", [WRITER_LOCK])
            yield
            connection.rollback()

    @override
    def cut_off(self) -> None:
        self._run(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", self._work
        )

    @override
    @contextmanager
    def full(self) -> Iterator[None]:
        with psycopg.connect(self._address(self._work), autocommit=True) as connection:
            connection.execute(_DISK_FULL)
            try:
                yield
            finally:
                connection.execute(_DISK_FREE)

    @override
    def close(self) -> None:
        for name in self._made:
            self._run(f'drop database if exists "{name}" with (force)')

    def _name(self, kept: str) -> str:
        return f"{self._url.database}_selftest_{kept}"

    def _copy(self, name: str, *, of: str) -> None:
        self._made.add(name)
        self._run(f'drop database if exists "{name}" with (force)')
        self._run(f'create database "{name}" template "{of}"')

    def _run(self, statement: str, *values: str) -> None:
        name = self._url.database or "postgres"
        with psycopg.connect(self._address(name), autocommit=True) as connection:
            connection.execute(statement.encode(), values or None)

    def _address(self, database: str) -> str:
        plain = self._url.set(drivername="postgresql", database=database)
        return plain.render_as_string(hide_password=False)
