"""The rows of one image's analysis: claim it, then say what became of it.

A claim holds a lease and the number of its attempt. Whoever comes back with another
lost the image meanwhile and gets a StateConflict: two workers can never both record a
result.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from node.db.events import Event
from node.db.studies import reopen_study
from node.db.tables import Analysis, FindingRow, Instance, Study
from node.db.transitions import move
from node.dicom.findings import Finding
from node.errors import StateConflict
from node.states import UNFINISHED_INSTANCE, InstanceState, StudyState


@dataclass(frozen=True, slots=True)
class ClaimedInstance:
    """One image in our hands until the lease ends; ``model`` is its study's (empty: the node's)."""

    instance_id: int
    sop_instance_uid: str
    path: str
    attempt: int
    lease_until: datetime
    model: str


@dataclass(frozen=True, slots=True)
class AnalysisRecord:
    """What the detector saw in one image, and which model looked.

    ``candidates`` are boxes below the threshold, ranked on after ``findings``;
    ``parameters`` hold the thresholds then.
    """

    model_name: str
    model_title: str
    model_statement: str
    model_version: str
    weights_sha256: str
    parameters: dict[str, Any]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    started_at: datetime
    finished_at: datetime
    candidates: tuple[Finding, ...] = ()


def claim_instance(
    session: Session, instance_id: int, *, lease_until: datetime, at: datetime, actor: str
) -> ClaimedInstance | None:
    """Move QUEUED to ANALYSING with a lease; None when it is not there to be had.

    A message that comes twice must not cut short the pause after a failure.
    """
    row = session.get(Instance, instance_id)
    if row is None or row.state is not InstanceState.QUEUED:
        return None
    if row.not_before is not None and row.not_before > at:
        return None
    attempt = row.attempts + 1
    try:
        move(
            session,
            row,
            InstanceState.ANALYSING,
            at=at,
            event=Event.INSTANCE_CLAIMED,
            actor=actor,
            details={"attempt": attempt},
            lease_until=lease_until,
            attempts=attempt,
            not_before=None,
        )
    except StateConflict:
        return None
    return ClaimedInstance(
        row.id, row.sop_instance_uid, row.path, attempt, lease_until, row.study.model
    )


def claim_more(
    session: Session,
    first: ClaimedInstance,
    *,
    at_most: int,
    lease_until: datetime,
    at: datetime,
    actor: str,
) -> list[ClaimedInstance]:
    """Claim images that nobody has tried yet, to be analysed together with ``first``.

    Those of its study come first, then the oldest, all for the same model. An image that
    was tried before is left to a task of its own, and so is what another worker is just
    taking.
    """
    study_id = session.get_one(Instance, first.instance_id).study_id
    ids = session.scalars(
        select(Instance.id)
        .where(
            Instance.state == InstanceState.QUEUED,
            Instance.attempts == 0,
            Instance.study.has(Study.model == first.model),
            or_(Instance.not_before.is_(None), Instance.not_before <= at),
        )
        .order_by(Instance.study_id != study_id, Instance.received_at, Instance.id)
        .limit(at_most)
        # Waiting for rows in an order of our own would make two workers wait for each other.
        .with_for_update(skip_locked=True)
    ).all()
    claims = (
        claim_instance(session, instance_id, lease_until=lease_until, at=at, actor=actor)
        for instance_id in ids
    )
    return [claim for claim in claims if claim is not None]


def record_analysis(
    session: Session, claim: ClaimedInstance, record: AnalysisRecord, *, at: datetime, actor: str
) -> None:
    """Move ANALYSING to ANALYSED and keep the findings.

    Raises
    ------
    StateConflict
        The lease ended and somebody else has the image; nothing is recorded.
    """
    session.add(
        Analysis(
            instance_id=claim.instance_id,
            model_name=record.model_name,
            model_title=record.model_title,
            model_statement=record.model_statement,
            model_version=record.model_version,
            weights_sha256=record.weights_sha256,
            parameters=record.parameters,
            notes=list(record.notes),
            started_at=record.started_at,
            finished_at=record.finished_at,
            findings=[
                FindingRow(rank=finding.rank, score=finding.score, **finding.box._asdict())
                for finding in (*record.findings, *record.candidates)
            ],
        )
    )
    _leave(
        session,
        claim,
        InstanceState.ANALYSED,
        at=at,
        event=Event.INSTANCE_ANALYSED,
        actor=actor,
        details={
            "model": record.model_name,
            "model_version": record.model_version,
            "weights_sha256": record.weights_sha256,
            "parameters": record.parameters,
            "findings": len(record.findings),
            **({"candidates": len(record.candidates)} if record.candidates else {}),
            "notes": list(record.notes),
        },
        finished_at=at,
    )


def record_rejection(
    session: Session,
    claim: ClaimedInstance,
    *,
    reason: str,
    detail: str,
    at: datetime,
    actor: str,
) -> None:
    """Move ANALYSING to REJECTED: the object is not ours to analyse."""
    _leave(
        session,
        claim,
        InstanceState.REJECTED,
        at=at,
        event=Event.INSTANCE_REJECTED,
        actor=actor,
        reason=reason,
        details={"detail": detail},
        detail=detail,
        finished_at=at,
    )


def record_failed_attempt(
    session: Session,
    claim: ClaimedInstance,
    *,
    reason: str,
    detail: str,
    traceback: str = "",
    max_attempts: int,
    not_before: datetime,
    at: datetime,
    actor: str,
) -> None:
    """Move ANALYSING back to QUEUED, or to FAILED when the attempts are used up."""
    if claim.attempt >= max_attempts:
        _leave(
            session,
            claim,
            InstanceState.FAILED,
            at=at,
            event=Event.INSTANCE_FAILED,
            actor=actor,
            reason=reason,
            details={"attempts": claim.attempt, "detail": detail},
            detail=detail,
            traceback=traceback,
            finished_at=at,
        )
    else:
        _leave(
            session,
            claim,
            InstanceState.QUEUED,
            at=at,
            event=Event.INSTANCE_RETRY,
            actor=actor,
            reason=reason,
            details={"attempt": claim.attempt, "detail": detail},
            detail=detail,
            traceback=traceback,
            not_before=not_before,
            published_at=None,
        )


def replay_instance(session: Session, row: Instance, *, at: datetime, actor: str) -> None:
    """Move FAILED or REJECTED back to QUEUED with a fresh count of attempts."""
    move(
        session,
        row,
        InstanceState.QUEUED,
        at=at,
        event=Event.INSTANCE_REPLAYED,
        actor=actor,
        attempts=0,
        not_before=None,
        published_at=None,
        finished_at=None,
        detail="",
        traceback="",
    )


def _leave(
    session: Session,
    claim: ClaimedInstance,
    new: InstanceState,
    *,
    at: datetime,
    event: Event,
    actor: str,
    reason: str = "",
    details: dict[str, Any],
    **values: object,
) -> None:
    row = session.get(Instance, claim.instance_id)
    if row is None or row.state is not InstanceState.ANALYSING:
        raise StateConflict(f"instance {claim.sop_instance_uid} left ANALYSING before {event}")
    move(
        session,
        row,
        new,
        at=at,
        event=event,
        actor=actor,
        reason=reason,
        details=details,
        # The count begins anew when a person puts the image back; the lease tells those apart.
        where=(
            Instance.attempts == claim.attempt,
            Instance.lease_until == claim.lease_until,
        ),
        **{"lease_until": None, "traceback": "", **values},
    )
    if new not in UNFINISHED_INSTANCE and row.study.state is not StudyState.OPEN:
        # The time limit has closed the study without this image: it needs another report.
        reopen_study(session, row.study, at=at, actor=actor, reason="ANALYSED_AFTER_LIMIT")
