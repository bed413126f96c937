"""Connections and transactions: what both databases promise."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, make_url, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError

from node.db import audit
from node.db import session as session_module
from node.db.events import Event
from node.db.session import UNAVAILABLE, Database
from node.db.tables import AuditEvent, Study
from node.errors import StopError
from tests.table_rows import NOON, a_study

WAIT_SECONDS = 20


def studies(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Study)) or 0


def test_a_transaction_is_kept_and_its_rows_stay_readable(database: Database) -> None:
    with database.begin() as session:
        row = a_study(session)

    assert row.study_instance_uid == "2.25.1"
    assert studies(database) == 1


def test_an_exception_undoes_the_transaction(database: Database) -> None:
    def fail() -> None:
        with database.begin() as session:
            a_study(session)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert studies(database) == 0


def test_reading_refuses_to_write(database: Database) -> None:
    with database.read() as session, pytest.raises(DBAPIError, match=r"read-?only"):
        a_study(session)

    with database.begin() as session:
        a_study(session)
    assert studies(database) == 1


def test_the_audit_log_takes_rows_from_a_writer_alone(database: Database) -> None:
    with database.read() as session, pytest.raises(RuntimeError, match=r"Database\.begin"):
        audit.append(session, at=NOON, event=Event.NODE_STARTED, actor="test")


def test_moments_come_back_aware_and_exact(database: Database) -> None:
    with database.begin() as session:
        row = a_study(session)
        session.expire(row)
        assert row.first_received_at == NOON
        assert row.first_received_at.tzinfo is not None


def test_a_naive_moment_is_refused(database: Database) -> None:
    naive = datetime.fromisoformat("2026-03-04T12:00:00")
    with database.begin() as session, pytest.raises(StatementError, match="naive datetime"):
        session.execute(update(Study).values(last_received_at=naive))


def test_a_second_writer_waits_and_then_sees_the_firsts_rows(database: Database) -> None:
    second_has_begun = threading.Event()

    def second() -> int:
        with database.begin() as session:
            second_has_begun.set()
            return session.scalar(select(func.count()).select_from(Study)) or 0

    with ThreadPoolExecutor() as pool:
        with database.begin() as session:
            a_study(session)
            answer = pool.submit(second)
            assert not second_has_begun.wait(0.2)
            assert studies(database) == 0, "a reader neither waits nor sees what is not kept"
        assert answer.result(WAIT_SECONDS) == 1


def test_a_writer_that_waits_too_long_is_told_that_the_database_is_unavailable(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "LOCK_WAIT_SECONDS", 1)
    database = Database(database_url)

    def second() -> None:
        with database.begin():
            raise AssertionError("two writers at a time")

    with ThreadPoolExecutor() as pool, database.begin(), pytest.raises(OperationalError):
        pool.submit(second).result(WAIT_SECONDS)
    with database.begin() as session:
        a_study(session)
    assert studies(database) == 1
    database.dispose()


def test_the_audit_log_can_be_appended_to_under_a_lock_that_is_held(database: Database) -> None:
    with database.begin() as session:
        for _ in range(2):
            audit.append(session, at=NOON, event=Event.NODE_STARTED, actor="test")
    with database.read() as session:
        assert session.scalars(select(AuditEvent.id)).all() == [1, 2]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("busy_timeout", 30000),
        ("foreign_keys", 1),
        ("recursive_triggers", 1),
    ],
)
def test_sqlite_is_set_up(database: Database, pragma: str, value: object) -> None:
    with database.begin() as session:
        assert session.scalar(text(f"PRAGMA {pragma}")) == value


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlites_files_are_for_their_owner_alone(database: Database, database_url: str) -> None:
    path = Path(make_url(database_url).database or "")
    with database.begin() as session:
        a_study(session)
        files = sorted(path.parent.glob(f"{path.name}*"))
        assert [file.name for file in files] == [
            f"{path.name}{end}" for end in ("", "-shm", "-wal")
        ]
        assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 3


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("setting", "value"),
    [("TimeZone", "UTC"), ("transaction_isolation", "read committed"), ("lock_timeout", "30s")],
)
def test_postgresql_is_set_up(database: Database, setting: str, value: str) -> None:
    for _ in range(2):  # the second time on a connection that was rolled back once
        with database.begin() as session:
            assert session.scalar(text(f"SHOW {setting}")) == value
            session.rollback()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.postgresql
def test_postgresql_frees_the_lock_of_a_writer_that_does_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "STALLED_WRITER_SECONDS", 1)

    def stall_until_another_has_written() -> None:
        with database.begin() as session:
            a_study(session, 1)
            with database.begin() as other:
                a_study(other, 2)
            a_study(session, 3)

    with pytest.raises(UNAVAILABLE):
        stall_until_another_has_written()
    with database.read() as session:
        assert session.scalars(select(Study.study_instance_uid)).all() == ["2.25.2"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.postgresql
def test_a_connection_that_died_in_the_pool_is_replaced(database: Database) -> None:
    with database.read() as session:
        session.scalar(text("SELECT pg_backend_pid()"))
    other = Database(database._url)
    with other.begin() as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    other.dispose()

    assert studies(database) == 0


def test_a_connection_that_is_given_back_after_the_end_is_closed(database: Database) -> None:
    """A thread that comes late leaves nothing open for the collector to find."""
    with database.read() as session:
        in_use = session.connection().connection.dbapi_connection
        database.dispose()
        assert session.scalar(text("SELECT 1")) == 1

    assert in_use is not None
    with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
        in_use.cursor().execute("SELECT 1")


@pytest.mark.postgresql
def test_a_database_that_is_away_is_unavailable() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(UNAVAILABLE), database.read() as session:
        session.scalar(text("SELECT 1"))
    database.dispose()


def test_a_sqlite_file_that_is_missing_is_not_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'none.db'}")

    with pytest.raises(OperationalError), database.begin():
        pass
    with pytest.raises(StopError, match="mgnode db upgrade"):
        database.require_current_schema()
    database.dispose()

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/name"])
def test_a_database_that_cannot_serve_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(StopError):
        Database(url)


def test_the_password_is_not_shown() -> None:
    database = Database("postgresql://node:secret@localhost/mgnode")

    assert "secret" not in repr(database)
    database.dispose()


def test_the_values_of_a_statement_are_not_in_the_text_of_its_error(database: Database) -> None:
    with database.read() as session, pytest.raises(DBAPIError, match="nowhere") as error:
        session.execute(text("SELECT * FROM nowhere WHERE name = :name"), {"name": "SATO"})

    assert "SATO" not in str(error.value)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_path_with_every_odd_character_is_a_path(tmp_path: Path, database_url: str) -> None:
    odd = tmp_path / "a b%20c#d乳"
    odd.mkdir()
    Path(make_url(database_url).database or "").rename(odd / "e&f.db")

    database = Database(make_url("sqlite://").set(database=str(odd / "e&f.db")))
    with database.begin() as session:
        a_study(session)

    assert studies(database) == 1
    database.dispose()
