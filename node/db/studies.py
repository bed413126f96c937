"""The rows of a study: how a closed one opens again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from node.db.events import Event
from node.db.tables import Study
from node.db.transitions import move
from node.states import StudyState


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
