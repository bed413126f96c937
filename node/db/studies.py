"""The rows of a study: of which images its report speaks, how a closed one opens again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import Session

from node.db.events import Event
from node.db.tables import Instance, Study
from node.db.transitions import move
from node.dicom.reasons import NEVER_REPORTED
from node.states import InstanceState, StudyState


def is_to_report() -> ColumnElement[bool]:
    """Ask in SQL for the images that completion waits for and reports speak of.

    Others are stored, and that is all: objects that are no images to analyse, our own
    among them, and what a person set aside.
    """
    return or_(
        Instance.state != InstanceState.REJECTED,
        Instance.reason.not_in([str(reason) for reason in sorted(NEVER_REPORTED)]),
    )


def reopen_study(session: Session, study: Study, *, at: datetime, actor: str, reason: str) -> None:
    """Move a COMPLETE, REPORTED or FAILED study to OPEN; its next report supersedes the last."""
    move(
        session,
        study,
        StudyState.OPEN,
        at=at,
        event=Event.STUDY_REOPENED,
        actor=actor,
        reason=reason,
        opened_at=at,
        completed_at=None,
        completed_because="",
        report_attempts=0,
        published_at=None,
        not_before=None,
        lease_until=None,
    )
