"""A copy of the whole database in one file, made beside a running node, and put back.

SQLite by its online backup; PostgreSQL by ``pg_dump`` of the snapshot in which the rows were
read, and ``pg_restore``. The password goes by the environment, never by the command line.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from node.db.session import LOCK_WAIT_SECONDS, Database, is_sqlite, normalised, sqlite_path
from node.errors import StopError
from node.store.backup_files import copy_durably
from node.store.folders import sync_file, sync_folder

SQLITE_COPY: Final = "mgnode.sqlite3"
POSTGRESQL_COPY: Final = "mgnode.dump"


def copy_of(url: str) -> str:
    """Name the file of the copy."""
    return SQLITE_COPY if is_sqlite(normalised(url)) else POSTGRESQL_COPY


def dump(url: str, session: Session, target: Path) -> Database:
    """Copy the database into a new file; give where to read the rows that it has.

    Parameters
    ----------
    session : Session
        Of ``Database.snapshot``, not used before: on PostgreSQL the copy is what it sees.

    Raises
    ------
    StopError
        ``pg_dump`` is not there or does not work; the text says what to run.
    """
    parsed = normalised(url)
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    if not is_sqlite(parsed):
        snapshot = session.scalar(text("SELECT pg_export_snapshot()"))
        _run("pg_dump", parsed, ["--format=custom", f"--snapshot={snapshot}", f"--file={target}"])
        sync_file(target)
        return Database(parsed)
    _copy_sqlite(sqlite_path(parsed), target)
    return Database(f"sqlite:///{target}")


def load(url: str, source: Path) -> URL:
    """Put a copy back; give the URL at which it can be worked on before anybody else sees it.

    A SQLite copy is put beside its place: ``finish`` gives it its name.

    Raises
    ------
    StopError
        There is a database already, another process uses it, or ``pg_restore`` does not work.
    """
    parsed = normalised(url)
    if is_sqlite(parsed):
        path = sqlite_path(parsed)
        if path.exists():
            raise StopError(f"there is a database already: {path}")
        aside = _aside(path)
        aside.unlink(missing_ok=True)
        copy_durably(source, aside)
        return parsed.set(database=str(aside))
    require_empty(parsed)
    options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    _run("pg_restore", parsed, [*options, f"--dbname={parsed.database}", str(source)])
    return parsed


def finish(url: str) -> None:
    """Let everybody see what ``load`` put back."""
    parsed = normalised(url)
    if not is_sqlite(parsed):
        return
    path = sqlite_path(parsed)
    aside = _aside(path)
    connection = sqlite3.connect(aside)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    # Back to WAL at the first use; without it no other file belongs to this one.
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    sync_file(aside)
    aside.rename(path)
    sync_folder(path.parent)


def require_empty(url: URL) -> None:
    """Refuse a PostgreSQL database that has tables, or that a process of a node uses.

    Raises
    ------
    StopError
        It is not empty, or in use.
    """
    database = Database(url)
    try:
        with database.read() as session:
            tables = session.scalar(
                text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            )
        if tables:
            raise StopError("the database has tables already: restore into an empty one")
        require_unused(database)
    finally:
        database.dispose()


def require_unused(database: Database) -> None:
    """Refuse a PostgreSQL database that another process of a node uses.

    Raises
    ------
    StopError
        One does.
    """
    with database.read() as session:
        if session.get_bind().dialect.name == "sqlite":
            return
        others = session.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'mgnode' AND pid <> pg_backend_pid()"
            )
        )
    if others:
        raise StopError(f"{others} connections of a node are open: stop every process first")


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.restoring")


def _copy_sqlite(source: Path, target: Path) -> None:
    reader = sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=LOCK_WAIT_SECONDS)
    writer = sqlite3.connect(target)
    try:
        # All pages in one step: in parts, each write of the node would begin it anew.
        reader.backup(writer, pages=-1)
        writer.execute("PRAGMA journal_mode=DELETE")
    finally:
        writer.close()
        reader.close()
    sync_file(target)


def _run(program: str, url: URL, options: Sequence[str]) -> None:
    found = shutil.which(program)
    if found is None:
        raise StopError(
            f"{program} is not installed here; on a host that has it run `{program} "
            f"{' '.join(options)}`, and then this command with --database-by-hand"
        )
    environment = {
        **os.environ,
        "PGDATABASE": url.database or "",
        "PGHOST": url.host or "",
        "PGPORT": str(url.port or 5432),
        "PGUSER": url.username or "",
        "PGPASSWORD": url.password or "",
        # sslmode, sslrootcert and their like; a host may stand there too.
        **{f"PG{name.upper()}": str(value) for name, value in url.query.items()},
    }
    done = subprocess.run(  # noqa: S603 - our own words, and a path from the settings
        [found, *options], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StopError(f"{program} failed: {done.stderr.strip()[:1000]}")
