"""The questions about queues go over indexes, however many rows there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from config.sending import Destination
from config.settings import Settings
from node.db import outbox
from node.db.confirmations import count_alarms
from node.db.session import Database
from node.dispatch.reconcile_failures import find_failed
from node.dispatch.reconcile_queues import find_in_queues, has_claims_without_lease
from tests.rows import NOON, received

LARGE = ("instance", "result", "delivery", "audit_event", "study")


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Note what is asked of every database."""
    seen: list[tuple[str, Any]] = []

    def note(
        _connection: object, _cursor: object, statement: str, parameters: Any, *_: object
    ) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_question_about_queues_reads_a_whole_table(
    database: Database, database_url: str
) -> None:
    received(database)
    settings = Settings(destinations={"pacs": Destination(ae_title="P", host="h", port=104)})
    with statements() as seen, database.read() as session:
        find_in_queues(session, settings, at=NOON + timedelta(days=1))
        list(find_failed(session, settings))
        has_claims_without_lease(session)
        count_alarms(session)
        outbox.confirmations_to_publish(session, at=NOON, republish=timedelta(seconds=30))

    connection = sqlite3.connect(database_url.removeprefix("sqlite:///"))
    whole = []
    for statement, parameters in seen:
        for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters):
            if step.startswith(tuple(f"SCAN {table}" for table in LARGE)) and "USING" not in step:
                whole.append((step, statement))
    connection.close()
    assert len(seen) > 10
    assert whole == []
