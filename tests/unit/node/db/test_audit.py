"""The audit chain: what is appended, how it is linked, and how it is checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from node.db import audit
from node.db.audit_row import _ROWS_AT_ONCE
from node.db.audit_verification import Verification
from node.db.events import Event
from node.db.session import Database
from tests.audit_log import COLUMNS, check, write
from tests.table_rows import NOON


def test_an_empty_log_is_whole(database: Database) -> None:
    assert check(database) == Verification(0)


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
    write(database, _ROWS_AT_ONCE + 2)

    assert check(database).checked == _ROWS_AT_ONCE + 2


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
