"""The database refuses to break the audit chain, whoever asks."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import IntegrityError

from node.db.session import Database
from tests.audit_log import COLUMNS, check, run, write


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("UPDATE audit_event SET reason = 'nicer' WHERE id = 2", "append-only"),
        ("UPDATE audit_event SET id = 7 WHERE id = 3", "append-only"),
        ("DELETE FROM audit_event WHERE id = 3", "append-only"),
        ("DELETE FROM audit_event", "append-only"),
        ("INSERT INTO audit_event SELECT * FROM audit_event WHERE id = 2", "continue the chain"),
    ],
)
def test_the_database_refuses_to_change_the_log(
    database: Database, database_url: str, statement: str, match: str
) -> None:
    write(database, 3)

    with pytest.raises(IntegrityError, match=match):
        run(database_url, statement)

    assert check(database).checked == 3


def test_an_upsert_is_refused(database: Database, database_url: str) -> None:
    write(database, 3)

    with pytest.raises(IntegrityError, match="continue the chain"):
        run(
            database_url,
            "INSERT INTO audit_event SELECT * FROM audit_event WHERE id = 2"
            " ON CONFLICT (id) DO UPDATE SET reason = 'nicer'"
            if database_url.startswith("postgresql")
            else "INSERT INTO audit_event SELECT * FROM audit_event WHERE id = 2"
            " AND true ON CONFLICT (id) DO UPDATE SET reason = 'nicer'",
        )


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.postgresql
def test_postgresql_refuses_truncate(database: Database, database_url: str) -> None:
    write(database, 3)

    with pytest.raises(IntegrityError, match="append-only"):
        run(database_url, "TRUNCATE audit_event")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("recursive_triggers", ["ON", "OFF"])
def test_sqlite_refuses_insert_or_replace_from_any_program(
    database: Database, database_url: str, recursive_triggers: str
) -> None:
    write(database, 3)
    connection = sqlite3.connect(make_url(database_url).database or "")
    connection.execute(f"PRAGMA recursive_triggers={recursive_triggers}")
    columns = ", ".join(name if name != "reason" else "'nicer'" for name in COLUMNS)

    with pytest.raises(sqlite3.IntegrityError, match="continue the chain"):
        connection.execute(
            f"INSERT OR REPLACE INTO audit_event SELECT {columns} FROM audit_event WHERE id = 2"
        )

    connection.close()
    assert check(database).checked == 3
