"""The audit chain: what breaks it is found, and the database refuses to break it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import IntegrityError

from node.db import audit
from node.db.audit import Head, Verification
from node.db.events import Event
from node.db.session import Database
from node.db.tables import AuditEvent
from tests.table_rows import NOON

COLUMNS = [column.name for column in AuditEvent.__table__.columns]


def write(database: Database, count: int) -> None:
    with database.begin() as session:
        for number in range(count):
            audit.append(
                session,
                at=NOON + timedelta(microseconds=number),
                event=Event.INSTANCE_RECEIVED,
                actor="test",
                entity="instance",
                entity_id=number,
                uid=f"2.25.{number}",
                study_instance_uid="2.25.1",
                old="a",
                new="b",
                reason="c",
                details={"number": number, "score": 0.1 + number, "name": "乳房"},
            )


def check(database: Database, noted: Head | None = None) -> Verification:
    with database.read() as session:
        return audit.verify(session, noted=noted)


def run(url: str, *statements: str, **values: Any) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), values)
    finally:
        engine.dispose()


def run_as_owner(url: str, *statements: str, **values: Any) -> None:
    """Do what only the owner of the database can: without the triggers."""
    if url.startswith("sqlite"):
        triggers = ["keeps_rows_on_update", "keeps_rows_on_delete", "continues_chain"]
        drops = [f"DROP TRIGGER audit_event_{name}" for name in triggers]
    else:
        triggers = ["keeps_rows", "keeps_rows_on_truncate", "continues_chain"]
        drops = [f"DROP TRIGGER audit_event_{name} ON audit_event" for name in triggers]
    run(url, *drops, *statements, **values)


def test_an_empty_log_is_whole(database: Database) -> None:
    assert check(database) == Verification(0, None, None, None)


def test_the_chain_is_what_the_module_says(database: Database, database_url: str) -> None:
    """Recomputed from the documentation, with the driver alone."""
    write(database, 3)
    engine = create_engine(database_url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM audit_event ORDER BY id")).mappings().all()
    engine.dispose()

    previous = "0" * 64
    for number, row in enumerate(rows):
        at = row["at"] if isinstance(row["at"], str) else f"{row['at']:%Y-%m-%d %H:%M:%S.%f}"
        details = row["details"]
        content = {
            **{name: row[name] for name in COLUMNS if name not in {"previous_hash", "hash"}},
            "at": at.replace(" ", "T") + "Z",
            "details": json.loads(details) if isinstance(details, str) else details,
        }
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        assert content["at"] == f"2026-03-04T12:00:00.12345{6 + number}Z"
        assert row["previous_hash"] == previous
        assert row["hash"] == hashlib.sha256(f"{previous}{canonical}".encode("ascii")).hexdigest()
        previous = row["hash"]


def test_a_whole_chain_gives_its_head_to_be_noted(database: Database) -> None:
    write(database, 5)
    first = check(database)
    write(database, 2)

    assert first.head is not None
    assert (first.checked, first.head.id) == (5, 5)
    assert check(database, noted=first.head).problem is None


def test_a_chain_longer_than_one_batch_of_rows_is_walked_to_its_end(database: Database) -> None:
    write(database, audit._ROWS_AT_ONCE + 2)

    assert check(database).checked == audit._ROWS_AT_ONCE + 2


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


CHANGES = {
    "at": "'2020-01-01 00:00:00.000000'",
    "entity_id": "entity_id + 1",
    "details": "'{\"number\": 2}'",
    "previous_hash": f"'{'f' * 64}'",
    "hash": f"'{'f' * 64}'",
}


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "id"])
def test_a_change_of_any_column_is_found_and_named(
    database: Database, database_url: str, column: str
) -> None:
    write(database, 5)
    changed = CHANGES.get(column, "'changed'")
    run_as_owner(
        database_url,
        f"UPDATE audit_event SET {column} = {changed} WHERE id = 3".replace(":", "\\:"),
    )

    found = check(database)

    assert (found.checked, found.first_bad_id) == (2, 3)
    assert found.problem in {"event 3 was changed", "event 3 does not follow the event before it"}
    assert found.head is not None
    assert found.head.id == 2


def test_a_moment_that_differs_by_one_microsecond_is_found(
    database: Database, database_url: str
) -> None:
    write(database, 3)
    moment = "2026-03-04 12:00:00.123458"
    run_as_owner(
        database_url,
        "UPDATE audit_event SET at = :at WHERE id = 2",
        at=moment if database_url.startswith("sqlite") else datetime.fromisoformat(moment + "Z"),
    )

    assert check(database).problem == "event 2 was changed"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("column", "value"),
    [("at", "garbage"), ("details", "{"), ("details", "NaN"), ("reason", b"\xff"), ("at", 7)],
)
def test_what_cannot_be_read_is_reported_not_raised(
    database: Database, database_url: str, column: str, value: object
) -> None:
    write(database, 3)
    run_as_owner(
        database_url, f"UPDATE audit_event SET {column} = :value WHERE id = 2", value=value
    )

    found = check(database)

    assert (found.problem, found.first_bad_id) == ("event 2 cannot be read", 2)


@pytest.mark.parametrize(
    ("removed", "first_bad_id", "problem"),
    [
        ("id = 3", 3, "event 3 missing before event 4"),
        ("id IN (2, 3, 4)", 2, "events 2 to 4 missing before event 5"),
        ("id = 1", 1, "event 1 missing before event 2"),
    ],
)
def test_a_removed_row_is_found(
    database: Database, database_url: str, removed: str, first_bad_id: int, problem: str
) -> None:
    write(database, 5)
    run_as_owner(database_url, f"DELETE FROM audit_event WHERE {removed}")

    found = check(database)

    assert (found.problem, found.first_bad_id) == (problem, first_bad_id)


def test_a_removed_row_whose_place_was_closed_is_found(
    database: Database, database_url: str
) -> None:
    write(database, 5)
    run_as_owner(
        database_url,
        "DELETE FROM audit_event WHERE id = 3",
        "UPDATE audit_event SET id = 3 WHERE id = 4",
        "UPDATE audit_event SET id = 4 WHERE id = 5",
    )

    found = check(database)

    assert found.problem == "event 3 does not follow the event before it"
    assert found.first_bad_id == 3


def test_an_inserted_row_is_found(database: Database, database_url: str) -> None:
    write(database, 5)
    columns = {
        **{name: name for name in COLUMNS},
        "id": "3",
        "hash": f"'{'a' * 64}'",
        "previous_hash": f"'{'b' * 64}'",
    }
    run_as_owner(
        database_url,
        "UPDATE audit_event SET id = 6 WHERE id = 5",
        "UPDATE audit_event SET id = 5 WHERE id = 4",
        "UPDATE audit_event SET id = 4 WHERE id = 3",
        f"INSERT INTO audit_event ({', '.join(columns)})"
        f" SELECT {', '.join(columns.values())} FROM audit_event WHERE id = 2",
    )

    assert check(database).first_bad_id == 3


def test_two_swapped_rows_are_found(database: Database, database_url: str) -> None:
    write(database, 5)
    run_as_owner(
        database_url,
        "UPDATE audit_event SET id = 99 WHERE id = 2",
        "UPDATE audit_event SET id = 2 WHERE id = 4",
        "UPDATE audit_event SET id = 4 WHERE id = 99",
    )

    found = check(database)

    assert (found.checked, found.first_bad_id) == (1, 2)


def test_a_cut_off_end_is_found_with_a_head_that_was_noted(
    database: Database, database_url: str
) -> None:
    write(database, 5)
    noted = check(database).head
    run_as_owner(database_url, "DELETE FROM audit_event WHERE id > 3")

    assert check(database).problem is None, "the chain alone cannot tell"
    found = check(database, noted=noted)
    assert (found.problem, found.first_bad_id) == (
        "the log ends at event 3, before the noted head",
        4,
    )


def test_a_chain_that_was_computed_anew_is_found_with_a_head_that_was_noted(
    database: Database, database_url: str
) -> None:
    write(database, 5)
    noted = check(database).head
    run_as_owner(database_url, "DELETE FROM audit_event WHERE id > 3")
    write(database, 4)

    assert check(database).problem is None
    found = check(database, noted=noted)
    assert (found.problem, found.first_bad_id) == ("event 5 has another hash than was noted", 5)


def test_a_rolled_back_transaction_leaves_no_gap(database: Database) -> None:
    write(database, 1)

    def append_and_fail() -> None:
        with database.begin() as session:
            audit.append(session, at=NOON, event=Event.NODE_STARTED, actor="test")
            raise KeyError

    with pytest.raises(KeyError):
        append_and_fail()
    write(database, 1)

    assert check(database).checked == 2


def test_moments_of_any_zone_are_kept_in_utc(database: Database) -> None:
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    with database.begin() as session:
        row = audit.append(session, at=tokyo, event=Event.NODE_STARTED, actor="test")

    assert row.at.utcoffset() == timedelta(0)
    assert check(database).problem is None


@pytest.mark.parametrize(
    "text_of_a_peer",
    ["\x00", "a\x00b", "\ud800", "\udc00x", "x" * 10_000, "\U0001f980", "\N{NO-BREAK SPACE}"],
    ids=ascii,
)
def test_any_text_of_a_peer_can_be_kept(database: Database, text_of_a_peer: str) -> None:
    with database.begin() as session:
        audit.append(
            session,
            at=NOON,
            event=Event.INSTANCE_REFUSED,
            actor=text_of_a_peer,
            uid=text_of_a_peer,
            study_instance_uid=text_of_a_peer,
            reason=text_of_a_peer,
            details={text_of_a_peer: [text_of_a_peer, 1, None, 0.1, (True,)], "1": 10**20},
        )

    assert check(database).problem is None


def naive() -> datetime:
    return NOON.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (lambda: {"at": naive()}, ValueError),
        (lambda: {"event": "instance_lost"}, ValueError),
        (lambda: {"details": {"score": float("nan")}}, ValueError),
        (lambda: {"details": {"at": NOON}}, TypeError),
    ],
    ids=["naive moment", "unknown event", "not a number", "not JSON"],
)
def test_a_mistake_of_the_caller_writes_nothing(
    database: Database, arguments: Callable[[], dict[str, Any]], error: type[Exception]
) -> None:
    right: dict[str, Any] = {"at": NOON, "event": Event.NODE_STARTED, "actor": "test"}
    with database.begin() as session, pytest.raises(error):
        audit.append(session, **{**right, **arguments()})

    assert check(database).checked == 0
