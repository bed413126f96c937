"""Rows and stored objects for the database tests."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from node.db.receiving import StoredObject
from node.db.tables import Delivery, Instance, Result, Study
from node.states import DeliveryState, InstanceState, StudyState

NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
"""A moment with microseconds, because a database that rounds them breaks the chain."""

STUDY_UID = "1.2.826.0.1.3680043.8.498.1"


def a_stored_object(
    number: int = 1, *, study_instance_uid: str = STUDY_UID, content: str = "first"
) -> StoredObject:
    """Make the facts of one object; ``content`` stands for its bytes."""
    return StoredObject(
        sop_instance_uid=f"{study_instance_uid}.1.{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.2",
        study_instance_uid=study_instance_uid,
        series_instance_uid=f"{study_instance_uid}.1",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        laterality="L",
        view="MLO",
        is_standard_view=True,
        sha256=hashlib.sha256(f"{number} {content}".encode()).hexdigest(),
        bytes=17_000_000,
        path=f"instances/{number}.dcm",
    )


def a_study(session: Session, number: int = 1, *, state: StudyState = StudyState.OPEN) -> Study:
    """Add a study."""
    row = Study(
        study_instance_uid=f"2.25.{number}",
        state=state,
        source_ae="MODALITY",
        first_received_at=NOON,
        last_received_at=NOON,
        opened_at=NOON,
    )
    session.add(row)
    session.flush()
    return row


def an_instance(
    session: Session, number: int = 1, *, state: InstanceState = InstanceState.RECEIVED
) -> Instance:
    """Add an instance in a study of its own."""
    row = Instance(
        study=a_study(session, number),
        sop_instance_uid=f"2.25.{number}.1",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.2",
        series_instance_uid=f"2.25.{number}.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sha256="0" * 64,
        bytes=1,
        path="instances/0.dcm",
        received_at=NOON,
        state=state,
    )
    session.add(row)
    session.flush()
    return row


def a_delivery(
    session: Session, number: int = 1, *, state: DeliveryState = DeliveryState.PENDING
) -> Delivery:
    """Add a delivery of a result in a study of its own."""
    row = Delivery(
        result=Result(
            study=a_study(session, number),
            generation=1,
            kind="report",
            sop_instance_uid=f"2.25.{number}.3",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.88.33",
            series_instance_uid=f"2.25.{number}.4",
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            sha256="0" * 64,
            bytes=1,
            path="results/0.dcm",
            created_at=NOON,
        ),
        destination="pacs",
        state=state,
        created_at=NOON,
    )
    session.add(row)
    session.flush()
    return row
