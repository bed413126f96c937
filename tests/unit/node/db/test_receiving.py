"""What the SCP writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from node.db import audit
from node.db.associations import (
    close_association,
    close_orphaned_associations,
    open_association,
)
from node.db.declarative import Base
from node.db.events import Event
from node.db.receiving import StoredObject, record_instance, record_refusal
from node.db.session import Database
from node.db.tables import Association, AuditEvent, Instance, Study
from node.db.transitions import move
from node.errors import ConflictingInstance
from node.states import InstanceState, StudyState
from tests.table_rows import NOON, STUDY_UID, a_stored_object

LATER = NOON + timedelta(minutes=10)


def receive(database: Database, stored: StoredObject, **changes: Any) -> bool:
    arguments = {"calling_ae": "MODALITY", "association_id": None, "at": NOON, "actor": "scp@here"}
    with database.begin() as session:
        return record_instance(session, stored, **{**arguments, **changes})


def events(database: Database) -> list[str]:
    with database.read() as session:
        assert audit.verify(session).problem is None
        return list(session.scalars(select(AuditEvent.event).order_by(AuditEvent.id)))


def counts(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
        }


def open_one(database: Database, *, scp: str = "scp@here") -> int:
    with database.begin() as session:
        return open_association(
            session,
            scp=scp,
            calling_ae="MODALITY",
            called_ae="MGNODE",
            peer_host="192.0.2.1",
            peer_port=50000,
            at=NOON,
        )


def test_the_first_image_opens_its_study(database: Database) -> None:
    stored = a_stored_object()

    assert receive(database, stored) is True

    assert events(database) == ["study_opened", "instance_received"]
    with database.read() as session:
        instance = session.scalars(select(Instance)).one()
        assert instance.state is InstanceState.RECEIVED
        assert instance.study.study_instance_uid == STUDY_UID
        assert (instance.study.state, instance.study.source_ae) == (StudyState.OPEN, "MODALITY")
        for name in StoredObject.__dataclass_fields__.keys() - {"study_instance_uid", "rejected"}:
            assert getattr(instance, name) == getattr(stored, name), name


def test_a_second_image_joins_the_study_and_keeps_its_first_sender(database: Database) -> None:
    receive(database, a_stored_object(1))
    receive(database, a_stored_object(2), at=LATER, calling_ae="PACS")

    assert events(database) == ["study_opened", "instance_received", "instance_received"]
    with database.read() as session:
        study = session.scalars(select(Study)).one()
        assert (study.source_ae, study.first_received_at) == ("MODALITY", NOON)
        assert (study.opened_at, study.last_received_at) == (NOON, LATER)


def test_a_clock_that_is_behind_does_not_set_the_study_back(database: Database) -> None:
    receive(database, a_stored_object(1), at=LATER)
    receive(database, a_stored_object(2), at=NOON)

    with database.read() as session:
        assert session.scalars(select(Study.last_received_at)).one() == LATER


def test_the_same_bytes_again_are_known_and_change_no_row(database: Database) -> None:
    receive(database, a_stored_object())
    before = counts(database)

    assert receive(database, a_stored_object(), at=LATER) is False

    assert counts(database) == {**before, "audit_event": before["audit_event"] + 1}
    assert events(database)[-1] == "instance_duplicate"
    with database.read() as session:
        assert session.scalars(select(Study.last_received_at)).one() == NOON


def test_a_duplicate_does_not_reopen_a_reported_study(database: Database) -> None:
    receive(database, a_stored_object())
    bring_study_to(database, StudyState.REPORTED)

    receive(database, a_stored_object())

    with database.read() as session:
        assert session.scalars(select(Study.state)).one() is StudyState.REPORTED


@pytest.mark.parametrize("study_instance_uid", [STUDY_UID, "2.25.99"])
def test_other_bytes_under_the_same_uid_change_nothing(
    database: Database, study_instance_uid: str
) -> None:
    known = a_stored_object()
    receive(database, known)
    before = counts(database)
    other = a_stored_object(content="second")
    changed = StoredObject(
        **{
            name: getattr(other, name)
            for name in StoredObject.__dataclass_fields__
            if name not in {"sop_instance_uid", "study_instance_uid"}
        },
        sop_instance_uid=known.sop_instance_uid,
        study_instance_uid=study_instance_uid,
    )

    # Caught inside the transaction, so that a half-made study would be committed.
    with database.begin() as session, pytest.raises(ConflictingInstance, match="other bytes"):
        record_instance(
            session, changed, calling_ae="MODALITY", association_id=None, at=LATER, actor="scp"
        )

    assert counts(database) == before


def test_the_same_bytes_in_another_transfer_syntax_are_another_image(database: Database) -> None:
    """The syntax stands outside of the hashed bytes, and decides which codec reads them."""
    known = a_stored_object()
    receive(database, known)
    before = counts(database)
    changed = replace(known, transfer_syntax_uid="1.2.840.10008.1.2.4.80")

    with database.begin() as session, pytest.raises(ConflictingInstance, match="transfer syntax"):
        record_instance(
            session, changed, calling_ae="MODALITY", association_id=None, at=LATER, actor="scp"
        )

    assert counts(database) == before


@pytest.mark.parametrize("state", [StudyState.COMPLETE, StudyState.REPORTED, StudyState.FAILED])
def test_a_late_image_reopens_its_study(database: Database, state: StudyState) -> None:
    receive(database, a_stored_object(1))
    bring_study_to(database, state)

    receive(database, a_stored_object(2), at=LATER)

    assert events(database)[-2:] == ["study_reopened", "instance_received"]
    with database.read() as session:
        study = session.scalars(select(Study)).one()
        assert (study.state, study.opened_at) == (StudyState.OPEN, LATER)
        assert (study.completed_at, study.completed_because) == (None, "")
        assert (study.report_attempts, study.not_before, study.published_at) == (0, None, None)
        assert study.first_received_at == NOON


@pytest.mark.parametrize("state", [StudyState.COMPLETE, StudyState.REPORTED, StudyState.FAILED])
def test_an_object_that_is_stored_only_reopens_nothing(
    database: Database, state: StudyState
) -> None:
    receive(database, a_stored_object(1))
    bring_study_to(database, state)

    receive(database, replace(a_stored_object(2), rejected="OWN_OBJECT"), at=LATER)

    assert events(database)[-2:] == ["instance_received", "instance_rejected"]
    with database.read() as session:
        assert session.scalars(select(Study.state)).one() is state
        late = session.scalars(select(Instance).order_by(Instance.id.desc())).first()
        assert late is not None
        assert (late.state, late.reason) == (InstanceState.REJECTED, "OWN_OBJECT")


def bring_study_to(database: Database, state: StudyState) -> None:
    with database.begin() as session:
        study = session.scalars(select(Study)).one()
        path = [StudyState.COMPLETE] + ([state] if state is not StudyState.COMPLETE else [])
        for step in path:
            move(
                session,
                study,
                step,
                at=NOON,
                event=Event.STUDY_COMPLETE,
                actor="test",
                completed_at=NOON,
                completed_because="four views",
                report_attempts=2,
                not_before=NOON,
                published_at=NOON,
            )


def test_an_association_is_open_until_its_first_end(database: Database) -> None:
    opened = open_one(database)
    for outcome, at in [("released", LATER), ("aborted", LATER + timedelta(seconds=1))]:
        with database.begin() as session:
            close_association(session, opened, outcome=outcome, at=at)

    assert events(database) == ["association_opened", "association_closed"]
    with database.read() as session:
        row = session.get_one(Association, opened)
        assert (row.opened_at, row.closed_at, row.outcome) == (NOON, LATER, "released")


def test_a_restarted_scp_closes_what_it_left_open_and_nothing_else(database: Database) -> None:
    ours = [open_one(database, scp="scp-1"), open_one(database, scp="scp-1")]
    theirs = open_one(database, scp="scp-2")

    with database.begin() as session:
        assert close_orphaned_associations(session, scp="scp-1", at=LATER) == 2
    with database.begin() as session:
        assert close_orphaned_associations(session, scp="scp-1", at=LATER) == 0

    with database.read() as session:
        for each in ours:
            row = session.get_one(Association, each)
            assert (row.closed_at, row.outcome) == (LATER, "orphaned")
        assert session.get_one(Association, theirs).closed_at is None


def test_a_refusal_is_in_the_audit_log_and_nowhere_else(database: Database) -> None:
    with database.begin() as session:
        record_refusal(
            session,
            event=Event.INSTANCE_REFUSED,
            uid="not a uid \x00 " + "9" * 200,
            study_instance_uid="",
            reason="MISMATCHED_UID",
            at=NOON,
            actor="scp@here",
            details={"status": 0xA900},
        )

    assert events(database) == ["instance_refused"]
    assert {table for table, rows in counts(database).items() if rows} == {
        "audit_event",
        "installation",
    }
