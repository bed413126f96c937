"""Bring a database to the schema of this version: ``mgnode db upgrade``."""

from __future__ import annotations

import os

from alembic import command
from sqlalchemy.engine import URL

from node.clock import utc_now
from node.db import installation, schema
from node.db.grants import apply_grants
from node.db.session import Database, is_sqlite, normalised, sqlite_path
from node.errors import StopError
from node.store.folders import make_folder


def upgrade(url: str | URL, *, application_role: str = "") -> None:
    """Run every migration that is due and make the installation row; safe to repeat.

    All of it is one write transaction, so of two processes that start at once
    the second waits and then finds nothing to do, and one that is killed
    leaves the schema as it was. A missing SQLite file is made, readable by its
    owner alone; a PostgreSQL database must exist.

    Parameters
    ----------
    url : str
        As for ``Database``.
    application_role : str
        On PostgreSQL, the role of the processes, which then gets what they need of the
        tables of this version; empty: nobody gets anything.

    Raises
    ------
    StopError
        When the URL or the role cannot be used.
    """
    parsed = normalised(url)
    if is_sqlite(parsed):
        if application_role:
            raise StopError("SQLite has no roles: whoever may write its file may do everything")
        _make_private_file(parsed)
    database = Database(parsed, statement_seconds=None)
    try:
        with database.begin() as session:
            command.upgrade(schema.alembic_config(session.connection()), "head")
            installation.ensure(session, at=utc_now())
            if application_role:
                apply_grants(session, application_role)
    finally:
        database.dispose()


def _make_private_file(url: URL) -> None:
    path = sqlite_path(url)
    make_folder(path.parent)
    # SQLite gives its -wal and -shm files the mode of this one.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
