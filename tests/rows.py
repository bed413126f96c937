"""Rows as the SCP leaves them, for tests that begin behind it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from node.db.associations import open_association
from node.db.receiving import StoredObject, record_instance
from node.db.session import Database
from node.db.tables import Instance
from tests.factories import stable_uid

NOON = datetime(2025, 3, 4, 12, tzinfo=UTC)
STANDARD_VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))


def received(
    database: Database,
    *,
    study: str = "study",
    laterality: str = "R",
    view: str = "CC",
    path: str = "instances/none",
    association_id: int | None = None,
    at: datetime = NOON,
    calling_ae: str = "MODALITY",
) -> int:
    """Record one image as the SCP does; give its row's id."""
    uid = stable_uid(study, laterality, view, "image")
    stored = StoredObject(
        sop_instance_uid=uid,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.2",
        study_instance_uid=stable_uid(study),
        series_instance_uid=stable_uid(study, "series"),
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        laterality=laterality,
        view=view,
        is_standard_view=(laterality, view) in STANDARD_VIEWS,
        sha256=uid[-32:].rjust(64, "0"),
        bytes=1,
        path=path,
    )
    with database.begin() as session:
        record_instance(
            session,
            stored,
            calling_ae=calling_ae,
            association_id=association_id,
            at=at,
            actor="test",
        )
    with database.read() as session:
        return session.scalars(select(Instance.id).where(Instance.sop_instance_uid == uid)).one()


def association(database: Database, *, at: datetime = NOON) -> int:
    """Open an association as the SCP does; give its row's id."""
    with database.begin() as session:
        return open_association(
            session,
            scp="test",
            calling_ae="MODALITY",
            called_ae="MGNODE",
            peer_host="127.0.0.1",
            peer_port=104,
            at=at,
        )
