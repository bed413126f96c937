"""Migrations: from nothing, again, at the same time, half-way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from node.db import (
    assurance,  # noqa: F401  (adds its tables to the metadata)
    installation,
    schema,
)
from node.db.declarative import Base
from node.db.session import Database
from node.db.tables import Analysis, Installation
from node.db.upgrade import upgrade
from node.errors import StopError
from tests.rows import NOON
from tests.servers import PostgresqlServer

OLD_ROWS = (
    (
        "INSERT INTO study (id, study_instance_uid, state, source_ae, first_received_at, "
        "last_received_at, opened_at, completed_because, generation, report_attempts, reason) "
        "VALUES (1, '1.2', 'OPEN', 'A', :at, :at, :at, '', 0, 0, '')"
    ),
    (
        "INSERT INTO instance (id, study_id, sop_instance_uid, sop_class_uid, series_instance_uid, "
        "transfer_syntax_uid, laterality, view, is_standard_view, sha256, bytes, path, "
        "received_at, state, reason, detail, attempts) VALUES (1, 1, '1.2.3', '1', '1', '1', "
        "'', '', false, 'ab', 1, 'p', :at, 'ANALYSED', '', '', 1)"
    ),
    (
        "INSERT INTO analysis (id, instance_id, model_name, model_version, weights_sha256, "
        "parameters, notes, started_at, finished_at) "
        "VALUES (1, 1, 'ueda2022', '1+old', 'ab', :json, :list, :at, :at)"
    ),
)
"""An analysis of version 0001, with what it belongs to."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give a database that was never migrated; SQLite's file does not exist yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new folder' / 'mgnode.db'}"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    name = f"empty_{tmp_path.name}"[:63]
    yield server.create(name)
    server.drop(name)


def test_the_migrations_make_the_tables_that_the_code_uses(database: Database) -> None:
    with database.begin() as session:
        context = MigrationContext.configure(
            session.connection(), opts={"compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_an_upgraded_database_has_the_schema_that_is_asked_for(database: Database) -> None:
    database.require_current_schema()


def test_an_upgrade_makes_the_file_private_and_the_installation_its_own(tmp_path: Path) -> None:
    namespaces = set()
    for name in ("one.db", "two.db"):
        upgrade(f"sqlite:///{tmp_path / name}")
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        namespaces.add(namespace(f"sqlite:///{tmp_path / name}"))

    assert len(namespaces) == 2
    assert {each.version for each in namespaces} == {4}


def test_a_second_upgrade_changes_nothing(empty_url: str) -> None:
    upgrade(empty_url)
    first = namespace(empty_url)

    upgrade(empty_url)

    assert namespace(empty_url) == first


def test_an_upgrade_keeps_the_rows_of_an_older_version(empty_url: str) -> None:
    database = _at_revision(empty_url, "0001")
    with database.begin() as session:
        for statement in OLD_ROWS:
            session.execute(text(statement), {"at": NOON, "json": "{}", "list": "[]"})

    upgrade(empty_url)

    database.require_current_schema()
    with database.read() as session:
        row = session.scalars(select(Analysis)).one()
        assert (row.model_name, row.model_version) == ("ueda2022", "1+old")
        assert (row.model_title, row.model_statement) == ("", "")
    database.dispose()


def _at_revision(url: str, revision: str) -> Database:
    """Bring a database to an older schema, as an older version of the node did."""
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir()
        path.touch()
    database = Database(url)
    with database.begin() as session:
        command.upgrade(schema.alembic_config(session.connection()), revision)
        installation.ensure(session, at=NOON)
    return database


def test_processes_that_upgrade_at_once_agree(empty_url: str) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        list(pool.map(upgrade, [empty_url] * 4))

    database = Database(empty_url)
    database.require_current_schema()
    with database.read() as session:
        assert len(session.scalars(select(Installation)).all()) == 1
    database.dispose()


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(session: Session, *, at: datetime) -> UUID:
        raise KeyError(session, at)

    with monkeypatch.context() as patch:
        patch.setattr(installation, "ensure", fail)
        with pytest.raises(KeyError):
            upgrade(empty_url)

    database = Database(empty_url)
    with pytest.raises(StopError, match="the database is empty: run `mgnode db upgrade`"):
        database.require_current_schema()
    with database.read() as session:
        assert schema.current(session.connection()) is None
        assert MigrationContext.configure(session.connection()).get_current_heads() == ()
    upgrade(empty_url)
    database.require_current_schema()
    database.dispose()


@pytest.mark.parametrize(
    ("here", "there", "match"),
    [
        ("0002", "0001", "has schema 0001, this version needs 0002: run `mgnode db upgrade`"),
        ("0001", "9999", "which this version .0001. does not know: a newer mgnode made it"),
    ],
)
def test_another_schema_is_refused_with_the_way_out(
    database: Database, monkeypatch: pytest.MonkeyPatch, here: str, there: str, match: str
) -> None:
    monkeypatch.setattr(schema, "head", lambda: here)
    with database.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": there})

    with pytest.raises(StopError, match=match):
        database.require_current_schema()


def test_a_database_without_installation_is_refused(database: Database) -> None:
    with database.begin() as session:
        session.execute(text("DELETE FROM installation"))
    with database.read() as session, pytest.raises(StopError, match="mgnode db upgrade"):
        installation.uid_namespace(session)


def namespace(url: str) -> UUID:
    database = Database(url)
    try:
        with database.read() as session:
            return installation.uid_namespace(session)
    finally:
        database.dispose()
