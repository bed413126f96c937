"""What the demo reads of the node's tables."""

from __future__ import annotations

from datetime import timedelta

import pytest

from node.db.analysis import AnalysisRecord, claim_instance, record_analysis
from node.db.receiving import record_instance
from node.db.session import Database
from node.db.tables import Delivery, Instance, Result, Study
from node.demo.rows import read_audit, read_study
from node.dicom.findings import Finding
from node.dicom.geometry import Box
from node.states import DeliveryState, InstanceState, StudyState
from tests.table_rows import NOON, STUDY_UID, a_stored_object

FINDINGS = (
    Finding(Box(1.0, 2.0, 3.0, 4.0), 0.75, 1),
    Finding(Box(5.0, 6.0, 7.0, 8.0), 0.5, 2),
)


def receive(database: Database, count: int) -> None:
    with database.begin() as session:
        for number in range(1, count + 1):
            record_instance(
                session,
                a_stored_object(number),
                calling_ae="MODALITY",
                association_id=None,
                at=NOON,
                actor="scp",
            )


def analyse(database: Database, number: int) -> None:
    with database.begin() as session:
        row = session.query(Instance).filter_by(sop_instance_uid=f"{STUDY_UID}.1.{number}").one()
        row.state = InstanceState.QUEUED
        session.flush()
        claim = claim_instance(session, row.id, lease_until=NOON, at=NOON, actor="worker")
        assert claim is not None
        record = AnalysisRecord(
            model_name="reference",
            model_title="Reference weights",
            model_statement="",
            model_version="1",
            weights_sha256="0" * 64,
            parameters={},
            notes=(),
            findings=FINDINGS,
            started_at=NOON,
            finished_at=NOON + timedelta(seconds=2.5),
        )
        record_analysis(session, claim, record, at=record.finished_at, actor="worker")


def deliver(database: Database, *states: DeliveryState) -> None:
    """Report the study, with one result for each state that its delivery is in."""
    with database.begin() as session:
        study = session.query(Study).one()
        study.state = StudyState.REPORTED
        for number, state in enumerate(states):
            source = session.query(Instance).first() if number else None
            session.add(
                Delivery(
                    result=Result(
                        study=study,
                        source_instance_id=source.id if source else None,
                        generation=1,
                        kind="overlay" if number else "measurement_report",
                        sop_instance_uid=f"2.25.{number}",
                        sop_class_uid="1.2.840.10008.5.1.4.1.1.7",
                        series_instance_uid="2.25.9",
                        transfer_syntax_uid="1.2.840.10008.1.2.1",
                        sha256="0" * 64,
                        bytes=1000,
                        path="results/0.dcm",
                        created_at=NOON,
                    ),
                    destination="pacs",
                    state=state,
                    created_at=NOON,
                    delivered_at=NOON + timedelta(seconds=1),
                )
            )


def test_a_study_that_nobody_sent_has_no_state(database: Database) -> None:
    with database.read() as session:
        rows = read_study(session, STUDY_UID)

    assert (rows.state, rows.images, rows.has_ended) == (None, (), False)


def test_an_image_shows_its_scores_and_the_seconds_of_its_analysis(database: Database) -> None:
    receive(database, 2)
    analyse(database, 1)

    with database.read() as session:
        rows = read_study(session, STUDY_UID)

    first, second = rows.images
    assert (first.state, first.scores, first.seconds) == (InstanceState.ANALYSED, (0.75, 0.5), 2.5)
    assert (second.state, second.scores, second.seconds) == (InstanceState.RECEIVED, (), None)
    assert rows.analysed == 1
    assert not rows.has_ended


def test_a_result_names_the_image_it_was_drawn_on(database: Database) -> None:
    receive(database, 1)
    deliver(database, DeliveryState.DELIVERED, DeliveryState.DELIVERED)

    with database.read() as session:
        rows = read_study(session, STUDY_UID)

    assert [(row.kind, row.source_uid) for row in rows.deliveries] == [
        ("measurement_report", ""),
        ("overlay", f"{STUDY_UID}.1.1"),
    ]
    assert rows.deliveries[0].seconds == 1.0


@pytest.mark.parametrize(
    ("states", "has_ended", "delivered"),
    [
        ((DeliveryState.DELIVERED, DeliveryState.PENDING), False, 1),
        ((DeliveryState.DELIVERED, DeliveryState.SENDING), False, 1),
        ((DeliveryState.DELIVERED, DeliveryState.DELIVERED), True, 2),
        ((DeliveryState.CONFIRMED, DeliveryState.DELIVERED), True, 2),
        ((DeliveryState.DELIVERED, DeliveryState.FAILED), True, 1),
    ],
)
def test_a_study_has_ended_when_no_result_is_on_its_way(
    states: tuple[DeliveryState, ...], has_ended: bool, delivered: int, database: Database
) -> None:
    receive(database, 1)
    deliver(database, *states)

    with database.read() as session:
        rows = read_study(session, STUDY_UID)

    assert (rows.has_ended, rows.delivered) == (has_ended, delivered)


def test_the_audit_trail_is_that_of_one_study_in_order(database: Database) -> None:
    receive(database, 1)
    with database.begin() as session:
        other = a_stored_object(1, study_instance_uid="2.25.1000")
        record_instance(session, other, calling_ae="A", association_id=None, at=NOON, actor="scp")
    analyse(database, 1)

    with database.read() as session:
        events = read_audit(session, STUDY_UID)

    assert [event.event for event in events] == [
        "study_opened",
        "instance_received",
        "instance_claimed",
        "instance_analysed",
    ]
