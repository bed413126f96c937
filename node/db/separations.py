"""Studies whose images disagree about whose they are, as the audit log tells it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.db.events import Event
from node.db.tables import AuditEvent, Study
from node.states import StudyState


def disagreement(session: Session, study: Study) -> dict[str, Any] | None:
    """Give what the images of a study disagree about, and which belong together.

    ``attributes`` are names; ``groups`` and ``in_no_report`` hold SOP Instance UIDs. None
    where the newest report, or the stop that took its place, met no disagreement.
    """
    newest = session.scalars(
        select(AuditEvent)
        .where(
            AuditEvent.study_instance_uid == study.study_instance_uid,
            AuditEvent.event.in_([Event.STUDY_SEPARATED, Event.STUDY_FAILED]),
        )
        .order_by(AuditEvent.id.desc())
        .limit(1)
    ).one_or_none()
    if newest is None or "attributes" not in newest.details:
        return None
    if newest.event == Event.STUDY_FAILED:
        holds = study.state is StudyState.FAILED
    else:
        holds = newest.details["generation"] == study.generation
    if not holds:
        return None
    return {name: newest.details[name] for name in ("attributes", "groups", "in_no_report")}
