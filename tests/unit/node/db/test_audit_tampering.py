"""What the owner of the database does to the audit log without its triggers is found and named."""

from __future__ import annotations

from datetime import datetime

import pytest

from node.db.audit_problems import AT_MOST, Kind
from node.db.session import Database
from tests.audit_log import COLUMNS, check, run_as_owner, write

CHANGES = {
    "at": "'2020-01-01 00:00:00.000000'",
    "entity_id": "entity_id + 1",
    "details": "'{\"number\": 2}'",
    "previous_hash": f"'{'f' * 64}'",
    "hash": f"'{'f' * 64}'",
}
NAMED = {
    "previous_hash": "event 3 was changed in previous_hash",
    "hash": "event 3 was changed in hash",
}
SEVEN_TO_3 = range(7, 2, -1)


def found_in(database: Database) -> list[tuple[Kind, int, int]]:
    return [(each.kind, each.first_id, each.last_id) for each in check(database).problems]


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "id"])
def test_a_change_of_any_column_is_found_and_named_and_nothing_else(
    database: Database, database_url: str, column: str
) -> None:
    write(database, 5)
    changed = CHANGES.get(column, "'changed'")
    run_as_owner(
        database_url,
        f"UPDATE audit_event SET {column} = {changed} WHERE id = 3".replace(":", "\\:"),
    )

    found = check(database)

    assert [str(each) for each in found.problems] == [NAMED.get(column, "event 3 was changed")]
    assert (found.checked, found.first_bad_id, found.head) == (5, 3, None)


def test_every_change_is_listed_not_the_first_alone(database: Database, database_url: str) -> None:
    write(database, 20)
    run_as_owner(
        database_url,
        "UPDATE audit_event SET reason = 'x' WHERE id IN (3, 9, 10)",
        "DELETE FROM audit_event WHERE id IN (14, 15)",
        "UPDATE audit_event SET actor = 'x' WHERE id = 20",
    )

    assert found_in(database) == [
        (Kind.CHANGED, 3, 3),
        (Kind.CHANGED, 9, 10),
        (Kind.REMOVED, 14, 15),
        (Kind.CHANGED, 20, 20),
    ]


def test_what_is_not_listed_is_counted(database: Database, database_url: str) -> None:
    write(database, 2 * AT_MOST + 20)
    run_as_owner(database_url, "UPDATE audit_event SET reason = 'x' WHERE id % 2 = 0")

    found = check(database)

    assert (len(found.problems), found.total) == (AT_MOST, AT_MOST + 10)


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
    [
        ("at", "garbage"),
        ("at", 7),
        ("at", "2026-03-04 12:00:00.123457+05:00"),
        ("at", "2026-03-04T12:00:00.123457"),
        ("details", "{"),
        ("details", "NaN"),
        ("details", '{"number": 7, "number": 1, "score": 1.1, "name": "\\u4e73\\u623f"}'),
        ("details", "[" * 100_000),
        ("reason", b"\xff"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_the_node_does_not_write_is_reported_not_raised(
    database: Database, database_url: str, column: str, value: object
) -> None:
    """Another zone, or a second value under one key, would leave the hash as it was."""
    write(database, 3)
    run_as_owner(
        database_url, f"UPDATE audit_event SET {column} = :value WHERE id = 2", value=value
    )

    found = check(database)

    assert (found.problem, found.first_bad_id) == ("event 2 was changed: it cannot be read", 2)


@pytest.mark.parametrize(
    ("removed", "first", "last", "problem"),
    [
        ("id = 3", 3, 3, "event 3 was removed"),
        ("id IN (2, 3, 4)", 2, 4, "events 2 to 4 were removed"),
        ("id = 1", 1, 1, "event 1 was removed"),
    ],
)
def test_a_removed_row_is_found(
    database: Database, database_url: str, removed: str, first: int, last: int, problem: str
) -> None:
    write(database, 5)
    run_as_owner(database_url, f"DELETE FROM audit_event WHERE {removed}")

    assert check(database).problem == problem
    assert found_in(database) == [(Kind.REMOVED, first, last)]


def test_a_removed_row_whose_place_was_closed_is_found(
    database: Database, database_url: str
) -> None:
    write(database, 200)
    run_as_owner(
        database_url,
        "DELETE FROM audit_event WHERE id = 3",
        "UPDATE audit_event SET id = -id WHERE id > 3",
        "UPDATE audit_event SET id = -id - 1 WHERE id < 0",
    )

    assert found_in(database) == [(Kind.REMOVED, 3, 3), (Kind.MOVED, 3, 199)]


def test_an_inserted_row_is_found(database: Database, database_url: str) -> None:
    write(database, 7)
    columns = {
        **{name: name for name in COLUMNS},
        "id": "3",
        "hash": f"'{'a' * 64}'",
        "previous_hash": f"'{'b' * 64}'",
    }
    run_as_owner(
        database_url,
        *(f"UPDATE audit_event SET id = {number + 1} WHERE id = {number}" for number in SEVEN_TO_3),
        f"INSERT INTO audit_event ({', '.join(columns)})"
        f" SELECT {', '.join(columns.values())} FROM audit_event WHERE id = 2",
    )

    assert found_in(database) == [(Kind.INSERTED, 3, 3), (Kind.MOVED, 4, 8)]


def test_two_swapped_rows_are_found(database: Database, database_url: str) -> None:
    write(database, 5)
    run_as_owner(
        database_url,
        "UPDATE audit_event SET id = 99 WHERE id = 2",
        "UPDATE audit_event SET id = 2 WHERE id = 4",
        "UPDATE audit_event SET id = 4 WHERE id = 99",
    )

    found = check(database)

    assert found_in(database) == [(Kind.MOVED, 2, 2), (Kind.MOVED, 4, 4)]
    assert found.problem == "event 2 moved: its number was 2 higher"


def test_rows_in_reverse_order_are_found(database: Database, database_url: str) -> None:
    write(database, 12)
    run_as_owner(
        database_url,
        "UPDATE audit_event SET id = -id WHERE id BETWEEN 3 AND 9",
        "UPDATE audit_event SET id = 12 + id WHERE id < 0",
    )

    assert {each.kind for each in check(database).problems} == {Kind.MOVED}
    assert {each.first_id for each in check(database).problems} == {3, 4, 5, 7, 8, 9}


def test_a_cut_off_end_is_found_with_a_head_that_was_noted(
    database: Database, database_url: str
) -> None:
    write(database, 5)
    noted = check(database).head
    run_as_owner(database_url, "DELETE FROM audit_event WHERE id > 3")

    assert check(database).problem is None, "the chain alone cannot tell"
    found = check(database, noted=noted)
    assert (found.problem, found.first_bad_id) == (
        "events 4 to 5 cut off: a head that was noted elsewhere is beyond the log's end",
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
    assert [each.kind for each in found.problems] == [Kind.REWRITTEN]
    assert found.problems[0].last_id == 5
