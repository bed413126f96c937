"""Whatever one row of the audit log is made to say, and wherever it is put, it is found."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from node.db.audit_problems import Kind
from node.db.audit_verification import Verification
from node.db.session import Database
from node.db.upgrade import upgrade
from tests.audit_log import COLUMNS
from tests.checkpointed_log import CheckpointedLog

EVENTS = 16
few = settings(max_examples=12)
"""For each of 14 columns and 5 other ways; each example has a database of its own."""
IDS = st.integers(1, EVENTS)
READ_ONE = "SELECT * FROM audit_event WHERE id = ?"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=70)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(COLUMNS, TEXT),
    "id": st.integers(-(2**40), 2**40),
    "at": TEXT | st.datetimes().map(lambda at: at.isoformat(" ", "microseconds")),
    "entity_id": st.none() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False),
    "details": TEXT | st.binary(max_size=20) | st.just('{"number": 1,  "score": 1.1}'),
    "hash": st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    "previous_hash": st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
}


class ForgedLog:
    """A log of 16 events, signed at 6, 11 and 16, in a file without its triggers."""

    def __init__(self, folder: Path) -> None:
        self.template = folder / "template.db"
        self.path = folder / "forged.db"
        upgrade(f"sqlite:///{self.template}")
        database = Database(f"sqlite:///{self.template}")
        log = CheckpointedLog(database, f"sqlite:///{self.template}", folder)
        assert [log.grow(5) for _ in range(3)] == [6, 11, EVENTS]
        log.forge("SELECT 1")
        database.dispose()
        self.url = f"sqlite:///{self.path}"
        self.database = Database(self.url)
        self.log = log
        self.log.database, self.log.url = self.database, self.url

    @contextmanager
    def fresh(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to a new copy, closed before anything else opens it."""
        self.database.dispose()
        for ending in ("-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        shutil.copy(self.template, self.path)
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            yield connection


@pytest.fixture(scope="module")
def forged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgedLog]:
    forged = ForgedLog(tmp_path_factory.mktemp("forged"))
    yield forged
    forged.database.dispose()


def names(found: Verification, event_id: int) -> bool:
    return any(each.first_id <= event_id <= each.last_id for each in found.problems)


def test_the_log_is_whole_before_anybody_touches_it(forged: ForgedLog) -> None:
    with forged.fresh():
        pass

    assert forged.log.verify(exported=True).problems == ()


@pytest.mark.parametrize("column", COLUMNS)
@few
@given(data=st.data(), event_id=IDS)
def test_another_value_in_any_column_of_any_row_is_found(
    forged: ForgedLog, column: str, data: st.DataObject, event_id: int
) -> None:
    value = data.draw(VALUES[column])
    with forged.fresh() as connection:
        read = f"SELECT typeof({column}), {column} FROM audit_event WHERE id = ?"
        before = connection.execute(read, [event_id]).fetchone()
        try:
            connection.execute(
                f"UPDATE audit_event SET {column} = ? WHERE id = ?", [value, event_id]
            )
        except sqlite3.IntegrityError:
            assume(False)
        row = value if column == "id" else event_id
        after = connection.execute(read, [row]).fetchone()
    assume(before != after)

    found = forged.log.verify()

    assert names(found, row), found
    if column != "id":
        assert {each.kind for each in found.problems} == {Kind.CHANGED}


@few
@given(first=IDS, count=st.integers(1, 4))
def test_removed_rows_are_found(forged: ForgedLog, first: int, count: int) -> None:
    last = min(first + count - 1, EVENTS)
    with forged.fresh() as connection:
        connection.execute("DELETE FROM audit_event WHERE id BETWEEN ? AND ?", [first, last])

    found = forged.log.verify()

    kind = Kind.CUT_OFF if last == EVENTS else Kind.REMOVED
    assert (kind, first, last) in [(p.kind, p.first_id, p.last_id) for p in found.problems]


@few
@given(one=IDS, other=IDS)
def test_two_rows_that_changed_places_are_found(forged: ForgedLog, one: int, other: int) -> None:
    assume(one != other)
    with forged.fresh() as connection:
        for old, new in ((one, 99), (other, one), (99, other)):
            connection.execute("UPDATE audit_event SET id = ? WHERE id = ?", [new, old])

    found = forged.log.verify()

    assert [(each.kind, each.first_id) for each in found.problems] == [
        (Kind.MOVED, min(one, other)),
        (Kind.MOVED, max(one, other)),
    ]


@few
@given(place=st.integers(2, EVENTS), copied=IDS)
def test_a_row_that_was_put_in_is_found(forged: ForgedLog, place: int, copied: int) -> None:
    columns = {name: name for name in COLUMNS}
    columns |= {"id": str(place), "hash": f"'{'a' * 64}'", "previous_hash": f"'{'b' * 64}'"}
    with forged.fresh() as connection:
        connection.execute(f"CREATE TEMP TABLE copied AS {READ_ONE}", [copied])
        connection.execute("UPDATE audit_event SET id = -id WHERE id >= ?", [place])
        connection.execute("UPDATE audit_event SET id = 1 - id WHERE id < 0")
        connection.execute(
            f"INSERT INTO audit_event ({', '.join(columns)})"
            f" SELECT {', '.join(columns.values())} FROM copied"
        )

    found = forged.log.verify()

    assert (Kind.INSERTED, place) in [(each.kind, each.first_id) for each in found.problems]
    assert names(found, EVENTS + 1), "every later row has another number"


@few
@given(first=IDS)
def test_a_chain_that_was_computed_anew_is_found_by_its_checkpoints(
    forged: ForgedLog, first: int
) -> None:
    with forged.fresh() as connection:
        connection.execute("UPDATE audit_event SET reason = 'nicer' WHERE id = ?", [first])
    forged.log.compute_anew(first)

    found = forged.log.verify()

    assert {each.kind for each in found.problems} == {Kind.REWRITTEN}
    assert names(found, first)
