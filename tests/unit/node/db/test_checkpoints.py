"""Signed checkpoints: when they are due, what they say, and what they show of a forged log."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from node.db.assurance import AuditCheckpoint
from node.db.audit_problems import Kind
from node.db.checkpoints import is_due
from node.db.session import Database
from node.db.tables import AuditEvent
from node.store.audit_key import make_key
from node.store.head_file import append_heads, read_heads, size_of
from node.store.signed_head import HeadKind, SignedHead
from tests.audit_log import run, write
from tests.checkpointed_log import CheckpointedLog, without_checkpoint_triggers
from tests.table_rows import NOON


@pytest.fixture
def log(database: Database, database_url: str, tmp_path: Path) -> CheckpointedLog:
    return CheckpointedLog(database, database_url, tmp_path)


def test_a_log_with_its_checkpoints_and_exported_heads_is_whole(log: CheckpointedLog) -> None:
    log.grow(5)
    log.grow(3)

    found = log.verify(exported=True)

    assert (found.problems, found.checked) == ((), 9)
    assert (found.checkpoints, found.exported) == (2, 2)


def test_a_signature_can_be_checked_without_this_program(log: CheckpointedLog) -> None:
    log.grow(2)
    line = json.loads(log.heads.read_text())
    (pem,) = log.key_file.parent.glob("*.pub.pem")
    signed = {name: line[name] for name in ("at", "event", "hash", "installation", "number")}
    canonical = json.dumps(signed, sort_keys=True, separators=(",", ":"))

    message = f"mgnode audit checkpoint v1\n{canonical}".encode()

    load_pem_public_key(pem.read_bytes()).verify(bytes.fromhex(line["signature"]), message)  # type: ignore[union-attr,call-arg]
    assert (line["event"], line["number"], line["at"]) == (3, 1, "2026-03-04T12:01:00.123456Z")


def test_a_checkpoint_is_due_after_so_many_events_or_so_much_time(log: CheckpointedLog) -> None:
    log.grow(2)
    signed_at = NOON + timedelta(minutes=1)

    def due(*, at_once: int, minutes: float) -> bool:
        with log.database.read() as session:
            at = signed_at + timedelta(minutes=minutes)
            return is_due(session, events=at_once, every=timedelta(minutes=10), at=at)

    assert not due(at_once=1, minutes=60), "nothing happened since"
    write(log.database, 2)
    assert not due(at_once=3, minutes=9)
    assert due(at_once=2, minutes=0)
    assert due(at_once=3, minutes=10)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_checkpoint SET event_id = 1", "DELETE FROM audit_checkpoint"],
)
def test_the_database_refuses_to_change_a_checkpoint(log: CheckpointedLog, statement: str) -> None:
    log.grow(2)

    with pytest.raises(IntegrityError, match="append-only"):
        run(log.url, statement)


@pytest.mark.parametrize("first", [2, 7, 12])
def test_a_chain_that_was_computed_anew_does_not_fit_the_next_checkpoint(
    log: CheckpointedLog, first: int
) -> None:
    """Events 1 to 6, the key's first event among them, then 7 to 11, then 12 to 16."""
    signed = [log.grow(5) for _ in range(3)]
    assert signed == [6, 11, 16]
    log.forge(f"UPDATE audit_event SET reason = 'nicer' WHERE id = {first}")
    log.compute_anew(first)

    found = log.verify()

    good = max((each for each in signed if each < first), default=0)
    assert [(each.kind, each.first_id, each.last_id) for each in found.problems] == [
        (Kind.REWRITTEN, good + 1, 16)
    ]


def test_a_cut_off_end_shows_by_a_checkpoint_that_was_left(log: CheckpointedLog) -> None:
    signed = log.grow(5)
    log.forge(f"DELETE FROM audit_event WHERE id > {signed - 2}")

    (problem,) = log.verify().problems
    assert (problem.kind, problem.first_id, problem.last_id) == (Kind.CUT_OFF, 5, 6)


def test_an_end_that_was_cut_off_with_its_checkpoints_shows_by_an_exported_head(
    log: CheckpointedLog,
) -> None:
    log.grow(5)
    log.grow(5)
    log.forge(
        *without_checkpoint_triggers(log.url),
        "DELETE FROM audit_event WHERE id > 8",
        "DELETE FROM audit_checkpoint WHERE id = 2",
    )

    assert log.verify().problems == (), "the database alone cannot tell"
    found = log.verify(exported=True).problems
    assert {each.kind for each in found} == {Kind.CUT_OFF, Kind.CHECKPOINT}
    assert (found[-1].first_id, found[-1].last_id) == (9, 11)


def test_a_log_that_was_computed_anew_and_signed_by_another_key_is_found(
    log: CheckpointedLog, tmp_path: Path
) -> None:
    log.grow(5)
    right = log.keys
    log.forge(
        *without_checkpoint_triggers(log.url),
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_event SET reason = 'nicer' WHERE id = 2",
    )
    log.compute_anew(2)
    log.key = make_key(tmp_path / "forger" / "audit.pem")
    log.grow(0)

    assert [each for each in right if each in log.keys] == list(right)
    kinds = {each.kind for each in log.verify().problems}
    assert kinds == {Kind.CHECKPOINT}


@pytest.mark.parametrize("column", ["at", "event_id", "event_hash", "key_id", "signature"])
def test_a_change_of_any_column_of_a_checkpoint_is_found(log: CheckpointedLog, column: str) -> None:
    for _ in range(3):
        log.grow(3)
    values = {
        "at": "'2020-01-01 00:00:00.000000'",
        "event_id": "3",
        "event_hash": f"'{'a' * 64}'",
        "key_id": f"'{'a' * 64}'",
        "signature": f"'{'a' * 128}'",
    }
    statement = f"UPDATE audit_checkpoint SET {column} = {values[column]} WHERE id = 2"
    log.forge(*without_checkpoint_triggers(log.url), statement.replace(":", "\\:"))

    (problem,) = log.verify().problems
    assert problem.kind is Kind.CHECKPOINT
    assert problem.text.startswith("checkpoint 2 ")


def test_a_removed_checkpoint_leaves_a_gap_that_nobody_can_close(log: CheckpointedLog) -> None:
    for _ in range(3):
        log.grow(3)
    log.forge(*without_checkpoint_triggers(log.url), "DELETE FROM audit_checkpoint WHERE id = 2")
    (problem,) = log.verify().problems
    assert problem.text == "checkpoint 2 missing before checkpoint 3"

    run(log.url, "UPDATE audit_checkpoint SET id = 2 WHERE id = 3")
    (problem,) = log.verify().problems
    assert "was changed, or forged" in problem.text


def test_all_checkpoints_gone_are_missed_by_the_event_that_tells_of_the_key(
    log: CheckpointedLog,
) -> None:
    log.grow(3)
    log.forge(*without_checkpoint_triggers(log.url), "DELETE FROM audit_checkpoint")

    (problem,) = log.verify().problems
    assert str(problem) == "the checkpoint that was made with event 4 was removed"


def test_after_a_rotation_the_old_key_still_verifies_what_it_signed(log: CheckpointedLog) -> None:
    log.grow(3)
    old = log.key
    log.key = make_key(log.key_file, replace=True)
    log.grow(3)

    assert log.verify(exported=True).problems == ()
    with log.database.read() as session:
        signed = session.scalars(select(AuditCheckpoint.key_id).order_by(AuditCheckpoint.id)).all()
        told = session.scalars(
            select(AuditEvent.details).where(AuditEvent.event == "audit_key_changed")
        ).all()
    assert signed == [old.key_id, log.key.key_id]
    assert told[1] == {"key": log.key.key_id, "before": old.key_id}


def test_an_exported_line_that_was_changed_is_no_head(log: CheckpointedLog) -> None:
    signed = log.grow(3)
    log.heads.write_text(log.heads.read_text().replace(f'"event":{signed}', '"event":2'))

    (problem,) = log.verify(exported=True).problems
    assert problem.kind is Kind.EXPORT
    assert problem.text.startswith("line 1 of the exported heads has a signature that is not")


def test_heads_after_half_a_line_are_read(log: CheckpointedLog) -> None:
    """A writer that is killed may leave half a line; what comes later stands on its own."""
    log.grow(3)
    with log.heads.open("a") as stream:
        stream.write('{"at":"20')
    log.grow(3)

    heads = [head for _, head in read_heads(log.heads, size=size_of(log.heads))]
    assert [head and head.number for head in heads] == [1, None, 2]


def test_heads_that_a_restore_left_behind_are_no_problem_but_only_with_a_signature(
    log: CheckpointedLog, tmp_path: Path
) -> None:
    signed = log.grow(3)
    log.grow(4)
    with log.database.read() as session:
        kept = session.execute(
            text("SELECT hash FROM audit_event WHERE id = :i"), {"i": signed}
        ).scalar_one()
    first = next(head for _, head in read_heads(log.heads, size=size_of(log.heads)) if head)
    log.forge(
        *without_checkpoint_triggers(log.url),
        f"DELETE FROM audit_event WHERE id > {signed}",
        "DELETE FROM audit_checkpoint WHERE id = 2",
    )
    restored = SignedHead(HeadKind.RESTORE, 1, signed, kept, first.at, first.installation)
    before = log.heads.read_text()

    append_heads(log.heads, [restored.signed(make_key(tmp_path / "other" / "audit.pem"))])
    assert log.verify(exported=True).problems != ()

    log.heads.write_text(before)
    append_heads(log.heads, [restored.signed(log.key)])
    found = log.verify(exported=True)
    assert (found.problems, found.void) == ((), 1)
