"""Images that a person set aside: they stay stored, and no report speaks of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from node.db.events import Event
from node.db.studies import reopen_study
from node.db.tables import Instance
from node.db.transitions import move
from node.dicom.reasons import Reason
from node.states import InstanceState, StudyState


def set_aside(session: Session, row: Instance, *, why: str, at: datetime, actor: str) -> None:
    """Move ANALYSED, FAILED or REJECTED to REJECTED as SET_ASIDE; the study opens again.

    Parameters
    ----------
    why : str
        The person's own words, for the audit log.
    actor : str
        The person.
    """
    move(
        session,
        row,
        InstanceState.REJECTED,
        at=at,
        event=Event.INSTANCE_REJECTED,
        actor=actor,
        reason=Reason.SET_ASIDE,
        details={"detail": why},
        detail=why,
    )
    if row.study.state is not StudyState.OPEN:
        reopen_study(session, row.study, at=at, actor=actor, reason=Reason.SET_ASIDE)


def is_set_aside(row: Instance) -> bool:
    """Say whether a person set this image aside."""
    return row.state is InstanceState.REJECTED and row.reason == Reason.SET_ASIDE
