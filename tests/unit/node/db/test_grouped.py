"""Several threads write in one transaction, and none pays for another's fault."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from node.clock import utc_now
from node.db import associations
from node.db.grouped import MOST_IN_ONE, GroupedWriter
from node.db.session import Database
from node.db.tables import Association
from tests.servers import wait_until

MANY = 20


def opening(seen: list[int], port: int) -> Callable[[Session], int]:
    """Open an association and note the transaction that did."""

    def work(session: Session) -> int:
        seen.append(id(session))
        return associations.open_association(
            session,
            scp="scp@test",
            calling_ae="MAMMO1",
            called_ae="MGNODE",
            peer_host="127.0.0.1",
            peer_port=port,
            at=utc_now(),
        )

    return work


def all_waiting(
    writer: GroupedWriter, threads: ThreadPoolExecutor, works: list[Callable[[Session], int]]
) -> list[Future[int]]:
    """Let all of them wait behind one write that goes on when they do."""
    begun, go_on = threading.Event(), threading.Event()

    def first(_session: Session) -> int:
        begun.set()
        assert go_on.wait(30.0)
        return 0

    leader = threads.submit(writer.write, first)
    assert begun.wait(30.0)
    waiting = [threads.submit(writer.write, work) for work in works]
    wait_until(lambda: len(writer._queue) == len(works), "all of them wait")
    go_on.set()
    assert leader.result(30.0) == 0
    return waiting


def test_those_that_wait_are_written_in_one_transaction(database: Database) -> None:
    seen: list[int] = []
    writer = GroupedWriter(database)
    works = [opening(seen, port) for port in range(MANY)]

    with ThreadPoolExecutor(MANY + 1) as threads:
        ids = [each.result(30.0) for each in all_waiting(writer, threads, works)]

    assert len(set(seen)) == 1
    with database.read() as session:
        rows = {row.id: row.peer_port for row in session.query(Association)}
    assert [rows[each] for each in ids] == list(range(MANY))


def test_one_fault_takes_nobody_along(sqlite_database: Database) -> None:
    def faulty(_session: Session) -> int:
        raise ZeroDivisionError("a bug")

    writer = GroupedWriter(sqlite_database)
    works = [opening([], 1), faulty, opening([], 3)]

    with ThreadPoolExecutor(4) as threads:
        one, two, three = all_waiting(writer, threads, works)
        with pytest.raises(ZeroDivisionError):
            two.result(30.0)
        assert one.result(30.0) != three.result(30.0)

    with sqlite_database.read() as session:
        assert {row.peer_port for row in session.query(Association)} == {1, 3}


def test_more_than_one_transaction_takes_wait_for_the_next(sqlite_database: Database) -> None:
    seen: list[int] = []
    writer = GroupedWriter(sqlite_database)
    works = [opening(seen, port) for port in range(MOST_IN_ONE + 5)]

    with ThreadPoolExecutor(len(works) + 1) as threads:
        ids = [each.result(30.0) for each in all_waiting(writer, threads, works)]

    assert len(set(ids)) == len(works)
    assert max(seen.count(each) for each in seen) <= MOST_IN_ONE


def test_without_a_database_each_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    (tmp_path / "empty.db").unlink()
    writer = GroupedWriter(database)

    for _ in range(2):
        with pytest.raises(OperationalError):
            writer.write(opening([], 1))
    database.dispose()
