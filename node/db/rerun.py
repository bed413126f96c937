"""A person has a study analysed again, by the node's model or by another one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from node.db import audit
from node.db.events import Event
from node.db.session import require_writer
from node.db.studies import reopen_study
from node.db.tables import Instance, Study
from node.db.transitions import move
from node.states import InstanceState, StudyState

RERUN: Final = "RERUN"
"""Why such a study is open again."""

_WAITING: Final = (InstanceState.RECEIVED, InstanceState.QUEUED)
_TAKEN_BACK: Final = (InstanceState.ANALYSED, InstanceState.FAILED, InstanceState.ANALYSING)


def rerun_study(session: Session, study: Study, *, model: str, at: datetime, actor: str) -> int:
    """Queue every image of a study that is not rejected, and open the study again.

    An image that a worker has in hand is taken back too: the worker looks with the model
    that was asked for before, and finds its lease gone. The study remembers ``model``
    (empty: the node's own) for images that are still to come.

    Returns
    -------
    int
        How many images are to be analysed; with none nothing was changed.
    """
    # Nobody else writes from here to the commit: no image changes hands meanwhile.
    require_writer(session)
    rows = session.scalars(
        select(Instance)
        .options(joinedload(Instance.study))
        .where(Instance.study_id == study.id, Instance.state.in_(_TAKEN_BACK + _WAITING))
        .order_by(Instance.id)
    ).all()
    if not rows:
        return 0
    details = {"model": model, "before": study.model, "images": len(rows)}
    study.model = model
    audit.append(
        session,
        at=at,
        event=Event.STUDY_RERUN,
        entity="study",
        entity_id=study.id,
        uid=study.study_instance_uid,
        study_instance_uid=study.study_instance_uid,
        actor=actor,
        details=details,
    )
    for row in rows:
        if row.state in _TAKEN_BACK:
            _queue_again(session, row, at=at, actor=actor)
    # What waits, perhaps for a later attempt with the model of before, is due at once.
    session.execute(
        update(Instance)
        .where(Instance.study_id == study.id, Instance.state == InstanceState.QUEUED)
        .values(attempts=0, not_before=None, published_at=None)
        .execution_options(synchronize_session="fetch")
    )
    if study.state is not StudyState.OPEN:
        reopen_study(session, study, at=at, actor=actor, reason=RERUN)
    return len(rows)


def _queue_again(session: Session, row: Instance, *, at: datetime, actor: str) -> None:
    move(
        session,
        row,
        InstanceState.QUEUED,
        at=at,
        event=Event.INSTANCE_RERUN,
        actor=actor,
        lease_until=None,
        finished_at=None,
        detail="",
    )
