"""The one writer of the state columns, on every pair of states."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import func, select, update

from node.db import audit
from node.db.events import Event
from node.db.session import Database
from node.db.tables import AuditEvent, Delivery, Instance, Study
from node.db.transitions import move
from node.errors import StateConflict
from node.states import DeliveryState, InstanceState, StudyState
from tests.table_rows import NOON, a_delivery, a_study, an_instance

# This test's own copy of design.md's picture. Do not import it from node.states.
LEGAL: dict[type[Any], set[tuple[str, str]]] = {
    InstanceState: {
        ("RECEIVED", "QUEUED"),
        ("RECEIVED", "REJECTED"),
        ("QUEUED", "ANALYSING"),
        ("ANALYSING", "ANALYSED"),
        ("ANALYSING", "REJECTED"),
        ("ANALYSING", "QUEUED"),
        ("ANALYSING", "FAILED"),
        ("FAILED", "QUEUED"),
        ("ANALYSED", "QUEUED"),
        ("ANALYSED", "REJECTED"),
        ("FAILED", "REJECTED"),
        ("REJECTED", "REJECTED"),
        ("REJECTED", "QUEUED"),
    },
    StudyState: {
        ("OPEN", "COMPLETE"),
        ("COMPLETE", "REPORTED"),
        ("COMPLETE", "FAILED"),
        ("COMPLETE", "OPEN"),
        ("REPORTED", "OPEN"),
        ("FAILED", "OPEN"),
        ("FAILED", "COMPLETE"),
    },
    DeliveryState: {
        ("PENDING", "SENDING"),
        ("SENDING", "DELIVERED"),
        ("SENDING", "PENDING"),
        ("SENDING", "FAILED"),
        ("DELIVERED", "CONFIRMED"),
        ("DELIVERED", "PENDING"),
        ("FAILED", "PENDING"),
    },
}
MAKERS: dict[type[Any], Callable[..., Any]] = {
    InstanceState: an_instance,
    StudyState: a_study,
    DeliveryState: a_delivery,
}
ANY_EVENT = Event.NODE_STARTED


@pytest.mark.parametrize("states", list(LEGAL), ids=lambda states: states.__name__)
def test_exactly_the_drawn_arrows_can_be_followed(database: Database, states: type[Any]) -> None:
    with database.begin() as session:
        for number, (seen, new) in enumerate(product(states, repeat=2)):
            row = MAKERS[states](session, number, state=seen)
            if (seen, new) in LEGAL[states]:
                move(session, row, new, at=NOON, event=ANY_EVENT, actor="test")
                session.expire(row)
                assert row.state is new, f"{seen} -> {new}"
            else:
                with pytest.raises(ValueError, match=f"no way from {seen} to {new}"):
                    move(session, row, new, at=NOON, event=ANY_EVENT, actor="test")
                session.expire(row)
                assert row.state is seen, f"{seen} -> {new}"
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == len(LEGAL[states])


def test_a_row_of_one_kind_never_takes_a_state_of_another(database: Database) -> None:
    with database.begin() as session:
        row = a_study(session, state=StudyState.COMPLETE)

        with pytest.raises(ValueError, match="no way"):
            move(session, row, InstanceState.FAILED, at=NOON, event=ANY_EVENT, actor="test")


def test_the_audit_row_names_object_study_states_reason_and_actor(database: Database) -> None:
    with database.begin() as session:
        row = a_delivery(session, state=DeliveryState.SENDING)
        move(
            session,
            row,
            DeliveryState.FAILED,
            at=NOON,
            event=Event.DELIVERY_FAILED,
            actor="worker@here",
            reason="refused",
            details={"status": 0xA900},
        )

    with database.read() as session:
        line = session.scalars(select(AuditEvent)).one()
        assert (line.event, line.entity, line.entity_id) == ("delivery_failed", "delivery", row.id)
        assert (line.uid, line.study_instance_uid) == ("2.25.1.3", "2.25.1")
        assert (line.old, line.new, line.reason) == ("SENDING", "FAILED", "refused")
        assert (line.at, line.actor, line.details) == (NOON, "worker@here", {"status": 0xA900})


def test_other_columns_move_with_the_state_and_the_object_follows(database: Database) -> None:
    with database.begin() as session:
        row = an_instance(session, state=InstanceState.QUEUED)
        move(
            session,
            row,
            InstanceState.ANALYSING,
            at=NOON,
            event=Event.INSTANCE_CLAIMED,
            actor="test",
            lease_until=NOON + timedelta(seconds=300),
            attempts=Instance.attempts + 1,
        )
        in_memory = (row.state, row.attempts, row.lease_until)
        assert not session.dirty

    with database.read() as session:
        stored = session.get_one(Instance, row.id)
        assert (stored.state, stored.attempts, stored.lease_until) == in_memory
        assert in_memory == (InstanceState.ANALYSING, 1, NOON + timedelta(seconds=300))


def test_the_reason_column_holds_the_last_moves_reason_and_fits(database: Database) -> None:
    with database.begin() as session:
        row = an_instance(session, state=InstanceState.ANALYSING)
        arguments: dict[str, Any] = {"at": NOON, "event": ANY_EVENT, "actor": "test"}

        move(session, row, InstanceState.FAILED, reason="x" * 500, **arguments)
        assert row.reason == "x" * 64
        assert session.scalars(select(AuditEvent.reason)).one() == "x" * 500

        move(session, row, InstanceState.QUEUED, **arguments)
        assert row.reason == ""


def test_of_two_who_saw_the_same_state_the_second_is_told(database: Database) -> None:
    with database.begin() as session:
        first = an_instance(session, state=InstanceState.QUEUED)
    with database.read() as session:
        second = session.get_one(Instance, first.id)

    with database.begin() as session:
        session.add(first)
        move(session, first, InstanceState.ANALYSING, at=NOON, event=ANY_EVENT, actor="one")
    with database.begin() as session:
        session.add(second)
        with pytest.raises(StateConflict, match="left QUEUED before node_started"):
            move(session, second, InstanceState.ANALYSING, at=NOON, event=ANY_EVENT, actor="two")
        assert second.state is InstanceState.ANALYSING

    with database.read() as session:
        assert session.scalars(select(AuditEvent.actor)).all() == ["one"]


def test_a_condition_that_does_not_hold_any_more_is_a_conflict(database: Database) -> None:
    with database.begin() as session:
        row = an_instance(session, state=InstanceState.ANALYSING)
        row.lease_until = NOON
        with pytest.raises(StateConflict):
            move(
                session,
                row,
                InstanceState.QUEUED,
                at=NOON,
                event=Event.INSTANCE_LEASE_EXPIRED,
                actor="test",
                where=(Instance.lease_until < NOON,),
            )
        assert row.state is InstanceState.ANALYSING


def test_a_rolled_back_move_leaves_no_audit_row(database: Database) -> None:
    with database.begin() as session:
        row = a_study(session)

    def move_and_fail() -> None:
        with database.begin() as session:
            study = session.get_one(Study, row.id)
            move(session, study, StudyState.COMPLETE, at=NOON, event=ANY_EVENT, actor="test")
            raise KeyError

    with pytest.raises(KeyError):
        move_and_fail()
    with database.read() as session:
        assert session.get_one(Study, row.id).state is StudyState.OPEN
        assert audit.verify(session).checked == 0


def test_a_state_that_was_set_by_hand_is_a_programming_error(database: Database) -> None:
    with database.begin() as session:
        row = a_delivery(session)
        row.state = DeliveryState.SENDING

        with pytest.raises(ValueError, match="by move"):
            move(session, row, DeliveryState.FAILED, at=NOON, event=ANY_EVENT, actor="test")
        session.expire(row)


def test_moving_one_row_leaves_the_others(database: Database) -> None:
    with database.begin() as session:
        moved, other = a_study(session, 1), a_study(session, 2)
        move(session, moved, StudyState.COMPLETE, at=NOON, event=ANY_EVENT, actor="test")
        session.expire(other)

        assert other.state is StudyState.OPEN


def test_an_unsaved_change_of_another_column_is_kept(database: Database) -> None:
    with database.begin() as session:
        row = a_delivery(session, state=DeliveryState.SENDING)
        session.execute(update(Delivery).values(attempts=3))
        row.last_error = "busy"
        move(session, row, DeliveryState.PENDING, at=NOON, event=ANY_EVENT, actor="test")
        session.expire(row)

        assert (row.last_error, row.attempts) == ("busy", 3)
