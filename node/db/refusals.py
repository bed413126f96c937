"""Images of a study that were answered with a failure and never came: the audit log knows them.

A refused object has no row of its own. Its audit row names a study when enough of the data
set came to tell: not when the disk was full before its first byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.db.events import Event
from node.db.tables import AuditEvent, Instance
from node.dicom.findings import RefusedImage
from node.dicom.reasons import Refusal
from node.dicom.sop_classes import IMAGES

# The statuses of node.scp.status, as the audit log writes them.
_REASONS: Final = {
    "0x0110": Refusal.NODE_FAULT,
    "0xA700": Refusal.NO_RESOURCES,
    "0xA900": Refusal.CONTRADICTION,
    "0xC000": Refusal.DAMAGED,
}


@dataclass(frozen=True, slots=True)
class RefusedStore:
    """One C-STORE of a study that was answered with a failure.

    ``is_stored`` says that an object of that SOP Instance UID is stored, of these or
    other bytes. ``comment`` is what the sender was told.
    """

    at: datetime
    sop_instance_uid: str
    sop_class_uid: str
    reason: str
    status: str
    comment: str
    calling_ae: str
    quarantined: str
    is_stored: bool


def refused_stores(session: Session, study_instance_uid: str) -> tuple[RefusedStore, ...]:
    """List the refusals that name a study, the oldest first."""
    rows = session.scalars(
        select(AuditEvent)
        .where(
            AuditEvent.study_instance_uid == study_instance_uid,
            AuditEvent.event.in_([Event.INSTANCE_REFUSED, Event.INSTANCE_QUARANTINED]),
        )
        .order_by(AuditEvent.id)
    ).all()
    uids = {row.uid for row in rows}
    stored = set(
        session.scalars(
            select(Instance.sop_instance_uid).where(Instance.sop_instance_uid.in_(sorted(uids)))
        )
    )
    return tuple(_refusal(row, is_stored=row.uid in stored) for row in rows)


def refused_images(session: Session, study_instance_uid: str) -> tuple[RefusedImage, ...]:
    """Name each image of a study that was refused and is not stored, by its last refusal."""
    last = {
        refusal.sop_instance_uid: refusal
        for refusal in refused_stores(session, study_instance_uid)
        if not refusal.is_stored
        and refusal.sop_instance_uid
        and (not refusal.sop_class_uid or refusal.sop_class_uid in IMAGES)
    }
    return tuple(
        RefusedImage(uid, refusal.sop_class_uid, refusal.reason) for uid, refusal in last.items()
    )


def _refusal(row: AuditEvent, *, is_stored: bool) -> RefusedStore:
    status = _detail(row.details, "status")
    return RefusedStore(
        at=row.at,
        sop_instance_uid=row.uid,
        sop_class_uid=_detail(row.details, "sop_class_uid"),
        reason=str(_REASONS.get(status, Refusal.REFUSED)),
        status=status,
        comment=row.reason,
        calling_ae=_detail(row.details, "calling_ae"),
        quarantined=_detail(row.details, "path"),
        is_stored=is_stored,
    )


def _detail(details: Mapping[str, Any], name: str) -> str:
    return str(details.get(name) or "")
