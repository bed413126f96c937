"""Bring a database to the schema of this version: ``mgnode db upgrade``."""

from __future__ import annotations

import os

from alembic import command
from sqlalchemy.engine import URL

from node.clock import utc_now
from node.db import installation, schema
from node.db.session import Database, is_sqlite, normalised, sqlite_path


def upgrade(url: str | URL) -> None:
    """Run every migration that is due and make the installation row; safe to repeat.

    All of it is one write transaction, so of two processes that start at once
    the second waits and then finds nothing to do, and one that is killed
    leaves the schema as it was. A missing SQLite file is made, readable by its
    owner alone; a PostgreSQL database must exist.

    Parameters
    ----------
    url : str
        As for ``Database``.

    Raises
    ------
    StopError
        When the URL cannot be used.
    """
    parsed = normalised(url)
    if is_sqlite(parsed):
        _make_private_file(parsed)
    database = Database(parsed)
    try:
        with database.begin() as session:
            command.upgrade(schema.alembic_config(session.connection()), "head")
            installation.ensure(session, at=utc_now())
    finally:
        database.dispose()


def _make_private_file(url: URL) -> None:
    path = sqlite_path(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    # SQLite gives its -wal and -shm files the mode of this one.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
