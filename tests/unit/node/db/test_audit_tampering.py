"""What the owner of the database does to the audit log without its triggers is found."""

from __future__ import annotations

from datetime import datetime

import pytest

from node.db.session import Database
from tests.audit_log import COLUMNS, check, run_as_owner, write

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
