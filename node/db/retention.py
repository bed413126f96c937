"""Which files the retention policy may remove, and what the rows say of it.

A study is *done* when it is reported, every image of it is dealt with, nothing about it is
an open discrepancy, and every delivery of its results is confirmed, or delivered where the
destination is not asked. A study that nobody was due anything of is never done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from node.db import audit
from node.db.assurance import Discrepancy
from node.db.events import Event
from node.db.session import require_writer
from node.db.studies import is_to_report, reopen_study
from node.db.tables import Delivery, Instance, Result, Study
from node.states import UNFINISHED_INSTANCE, DeliveryState, InstanceState, StudyState

IMAGES_REMOVED: Final = "IMAGES_REMOVED"
"""Why a study FAILED that needs another report when its images are gone."""

IMAGES_RESTORED: Final = "IMAGES_RESTORED"
"""Why such a study is open again."""

STUDIES_AT_ONCE: Final = 200
FILES_AT_ONCE: Final = 50

_UNDECIDED: Final = UNFINISHED_INSTANCE | {InstanceState.FAILED}


@dataclass(frozen=True, slots=True)
class Policy:
    """How long files of one kind stay; ``unasked`` are destinations whose `confirm` is none."""

    kind: type[Instance] | type[Result]
    days: float
    unasked: frozenset[str]

    def before(self, at: datetime) -> datetime:
        """Give the moment before which everything about a study must have ended."""
        return at - timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """The file of one row that may go."""

    row_id: int
    sop_instance_uid: str
    path: str
    bytes: int


def next_studies(session: Session, after: int) -> Sequence[int]:
    """Give the ids of the next studies, done or not; none at the end."""
    query = select(Study.id).where(Study.id > after).order_by(Study.id).limit(STUDIES_AT_ONCE)
    return session.scalars(query).all()


def due_files(
    session: Session,
    policy: Policy,
    study_ids: Sequence[int],
    *,
    at: datetime,
    limit: int | None = FILES_AT_ONCE,
) -> list[StoredFile]:
    """Give files of done studies that have stayed long enough; all of them without a limit."""
    kind = policy.kind
    rows = session.execute(
        select(kind.id, kind.sop_instance_uid, kind.path, kind.bytes)
        .join(Study, Study.id == kind.study_id)
        .where(Study.id.in_(study_ids), kind.removed_at.is_(None), _is_done(policy, at))
        .order_by(kind.id)
        .limit(limit)
    ).all()
    return [StoredFile(*row) for row in rows]


def record_removed(
    session: Session, policy: Policy, row_id: int, *, at: datetime, actor: str
) -> bool:
    """Say in the row and in the audit log that its file goes; False when it must not any more."""
    require_writer(session)
    row: Instance | Result = (
        session.get_one(Instance, row_id)
        if policy.kind is Instance
        else session.get_one(Result, row_id)
    )
    is_due = select(Study.id).where(Study.id == row.study_id, _is_done(policy, at))
    if row.removed_at is not None or session.scalar(is_due) is None:
        return False
    row.removed_at = at
    audit.append(
        session,
        at=at,
        event=Event.INSTANCE_REMOVED if isinstance(row, Instance) else Event.RESULT_REMOVED,
        entity=row.__tablename__,
        entity_id=row.id,
        uid=row.sop_instance_uid,
        study_instance_uid=row.study.study_instance_uid,
        reason="RETENTION",
        actor=actor,
        details={
            "path": row.path,
            "bytes": row.bytes,
            "sha256": row.sha256,
            "days": policy.days,
        },
    )
    return True


def is_removed(session: Session, kind: type[Instance] | type[Result], row_id: int) -> bool:
    """Say whether the row says that its file is gone."""
    return session.scalar(select(kind.removed_at).where(kind.id == row_id)) is not None


def removed_files(
    session: Session, kind: type[Instance] | type[Result], *, after: int
) -> list[StoredFile]:
    """Give the next rows whose file was removed, or should have been."""
    rows = session.execute(
        select(kind.id, kind.sop_instance_uid, kind.path, kind.bytes)
        .where(kind.id > after, kind.removed_at.is_not(None))
        .order_by(kind.id)
        .limit(STUDIES_AT_ONCE)
    ).all()
    return [StoredFile(*row) for row in rows]


def removed_images(session: Session, study_id: int) -> int:
    """Count the images that another report or analysis of a study would need and are gone."""
    first = select(Result.first_instance_id).where(
        Result.study_id == study_id, Result.first_instance_id.is_not(None)
    )
    return (
        session.scalar(
            select(func.count())
            .select_from(Instance)
            .where(
                Instance.study_id == study_id,
                Instance.removed_at.is_not(None),
                or_(is_to_report(), Instance.id.in_(first)),
            )
        )
        or 0
    )


def record_restored(
    session: Session, row: Instance, *, association_id: int | None, at: datetime, actor: str
) -> None:
    """Take note that the same bytes came again: the file is there, and stays as a new one does.

    A study that waits for nothing but its images opens again.
    """
    row.removed_at = None
    study = row.study
    study.last_received_at = max(study.last_received_at, at)
    audit.append(
        session,
        at=at,
        event=Event.INSTANCE_RESTORED,
        entity="instance",
        entity_id=row.id,
        uid=row.sop_instance_uid,
        study_instance_uid=study.study_instance_uid,
        actor=actor,
        details={"association_id": association_id, "path": row.path},
    )
    waits = study.state is StudyState.FAILED and study.reason == IMAGES_REMOVED
    if waits and not removed_images(session, study.id):
        reopen_study(session, study, at=at, actor=actor, reason=IMAGES_RESTORED)


def record_quarantine_removed(
    session: Session, *, path: str, size: int, came_at: datetime, at: datetime, actor: str
) -> None:
    """Say in the audit log that a quarantined data set goes; it has no row."""
    audit.append(
        session,
        at=at,
        event=Event.QUARANTINE_REMOVED,
        reason="RETENTION",
        actor=actor,
        details={"path": path, "bytes": size, "came_at": came_at.isoformat()},
    )


def _is_done(policy: Policy, at: datetime) -> ColumnElement[bool]:
    before = policy.before(at)
    # Aliases: the query around may be about these tables itself.
    made, image = aliased(Result), aliased(Instance)
    of_study = exists().where(Delivery.result_id == made.id, made.study_id == Study.id)
    is_over = or_(
        Delivery.state == DeliveryState.CONFIRMED,
        and_(
            Delivery.state == DeliveryState.DELIVERED,
            Delivery.destination.in_(sorted(policy.unasked)),
            Delivery.alarmed_at.is_(None),
        ),
    )
    ended_at = func.coalesce(Delivery.confirmed_at, Delivery.delivered_at)
    return and_(
        Study.state == StudyState.REPORTED,
        Study.last_received_at <= before,
        of_study,
        ~of_study.where(or_(~is_over, ended_at > before)),
        ~exists().where(image.study_id == Study.id, image.state.in_(sorted(_UNDECIDED))),
        ~exists().where(
            Discrepancy.study_instance_uid == Study.study_instance_uid,
            Discrepancy.resolved_at.is_(None),
        ),
    )
