"""Many writers at once, and writers that die, on both databases."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from multiprocessing.synchronize import Event as ProcessEvent

from sqlalchemy import func, select

from node.db import audit
from node.db.events import Event
from node.db.receiving import record_instance
from node.db.session import Database
from node.db.tables import AuditEvent, Instance, Study
from node.db.transitions import move
from node.errors import ConflictingInstance, StateConflict
from node.states import InstanceState
from tests.table_rows import NOON, STUDY_UID, a_stored_object, an_instance

PROCESSES = 8
APPENDS = 100
WAIT_SECONDS = 60
SPAWN = get_context("spawn")


def append_many(url: str, start: Barrier, name: str) -> None:
    database = Database(url)
    for number in range(APPENDS):
        # Each time: on a fast machine one writer is done before the next has started.
        start.wait(WAIT_SECONDS)
        with database.begin() as session:
            audit.append(
                session,
                at=datetime.now(UTC),
                event=Event.NODE_STARTED,
                actor=name,
                details={"number": number},
            )
    database.dispose()


def write_and_wait_to_be_killed(url: str, written: ProcessEvent) -> None:
    database = Database(url)
    with database.begin() as session:
        audit.append(session, at=NOON, event=Event.NODE_STARTED, actor="dies")
        record_instance(
            session,
            a_stored_object(),
            calling_ae="MODALITY",
            association_id=None,
            at=NOON,
            actor="dies",
        )
        written.set()
        signal.pause()


def test_eight_processes_leave_one_whole_chain(database: Database, database_url: str) -> None:
    start = SPAWN.Barrier(PROCESSES)
    names = [f"writer-{number}" for number in range(PROCESSES)]
    processes = [
        SPAWN.Process(target=append_many, args=(database_url, start, name)) for name in names
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(WAIT_SECONDS)

    assert [process.exitcode for process in processes] == [0] * PROCESSES
    with database.read() as session:
        found = audit.verify(session)
        assert (found.problem, found.checked) == (None, PROCESSES * APPENDS)
        counted = select(AuditEvent.actor, func.count()).group_by(AuditEvent.actor)
        assert dict(session.execute(counted).all()) == dict.fromkeys(names, APPENDS)


def test_a_writer_that_is_killed_leaves_nothing_and_holds_nothing(
    database: Database, database_url: str
) -> None:
    written = SPAWN.Event()
    process = SPAWN.Process(target=write_and_wait_to_be_killed, args=(database_url, written))
    process.start()
    assert written.wait(WAIT_SECONDS)
    assert process.pid is not None

    os.kill(process.pid, signal.SIGKILL)
    process.join(WAIT_SECONDS)
    with database.begin() as session:
        audit.append(session, at=NOON, event=Event.NODE_STARTED, actor="lives")

    with database.read() as session:
        assert audit.verify(session).problem is None
        assert session.scalars(select(AuditEvent.actor)).all() == ["lives"]
        assert session.scalars(select(Instance)).all() == []


def receive_at_once(database: Database, contents: list[tuple[int, str]]) -> list[object]:
    """Record each (number, content) over an association of its own, all at one moment."""
    start = threading.Barrier(len(contents))

    def receive(number: int, content: str) -> object:
        start.wait(WAIT_SECONDS)
        try:
            with database.begin() as session:
                return record_instance(
                    session,
                    a_stored_object(number, content=content),
                    calling_ae="MODALITY",
                    association_id=None,
                    at=NOON,
                    actor="test",
                )
        except ConflictingInstance:
            return ConflictingInstance

    with ThreadPoolExecutor(len(contents)) as pool:
        answers = [pool.submit(receive, *content) for content in contents]
        return [answer.result(WAIT_SECONDS) for answer in answers]


def test_the_first_images_of_a_study_over_parallel_associations_open_it_once(
    database: Database,
) -> None:
    answers = receive_at_once(database, [(number, "first") for number in range(12)])

    assert answers == [True] * 12
    with database.read() as session:
        assert session.scalars(select(Study.study_instance_uid)).all() == [STUDY_UID]
        opened = select(func.count()).where(AuditEvent.event == Event.STUDY_OPENED)
        assert session.scalar(opened) == 1
        assert audit.verify(session).problem is None


def test_of_many_who_send_the_same_object_one_is_new(database: Database) -> None:
    answers = receive_at_once(database, [(1, "first")] * 12)

    assert sorted(map(bool, answers)) == [False] * 11 + [True]
    with database.read() as session:
        assert len(session.scalars(select(Instance)).all()) == 1


def test_of_many_who_send_other_bytes_under_one_uid_one_wins(database: Database) -> None:
    answers = receive_at_once(database, [(1, f"content {number}") for number in range(12)])

    assert answers.count(True) == 1
    assert answers.count(ConflictingInstance) == 11


def test_of_many_who_claim_an_image_one_gets_it(database: Database) -> None:
    with database.begin() as session:
        instance_id = an_instance(session, state=InstanceState.QUEUED).id
    start = threading.Barrier(8)

    def claim(name: int) -> bool:
        with database.read() as session:
            row = session.get_one(Instance, instance_id)
        start.wait(WAIT_SECONDS)
        try:
            with database.begin() as session:
                session.add(row)
                move(
                    session,
                    row,
                    InstanceState.ANALYSING,
                    at=NOON,
                    event=Event.INSTANCE_CLAIMED,
                    actor=f"worker-{name}",
                )
        except StateConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(claim, range(8))) == [False] * 7 + [True]
