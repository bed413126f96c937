"""The rows of one study's report: what to build it from, and what was built."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.db import audit
from node.db.events import Event
from node.db.report_images import ImageToReport, images_to_report
from node.db.tables import Delivery, Result, Study
from node.db.transitions import move
from node.errors import StateConflict
from node.states import DeliveryState, StudyState


@dataclass(frozen=True, slots=True)
class StudyToReport:
    """One complete study; ``completed_at`` is the only clock its objects know.

    ``predecessors`` are (SOP Class, SOP Instance, Series Instance UID) of the reports
    of the generation before; ``results_already_made`` are SOP Instance UIDs of every
    earlier generation, whose files are never made again.
    """

    study_id: int
    study_instance_uid: str
    source_ae: str
    generation: int
    completed_at: datetime
    report_attempts: int
    images: tuple[ImageToReport, ...]
    predecessors: tuple[tuple[str, str, str], ...]
    results_already_made: frozenset[str]


@dataclass(frozen=True, slots=True)
class BuiltResult:
    """One object whose file is durable."""

    kind: str
    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    sha256: str
    bytes: int
    path: str
    source_instance_id: int | None


def claim_report(
    session: Session,
    study_id: int,
    *,
    lease_until: datetime,
    max_attempts: int,
    at: datetime,
    actor: str,
) -> StudyToReport | None:
    """Take a COMPLETE study under a lease and read what its report is made from.

    None in any other state, during the pause after a failed attempt, and while another
    worker holds it. The attempt counts from here: a study that ends its worker each time
    moves to FAILED after ``max_attempts`` and leaves the others alone.
    """
    study = session.get(Study, study_id)
    if study is None or study.state is not StudyState.COMPLETE or study.completed_at is None:
        return None
    if any(until is not None and until > at for until in (study.not_before, study.lease_until)):
        return None
    if study.report_attempts >= max_attempts:
        move(
            session,
            study,
            StudyState.FAILED,
            at=at,
            event=Event.STUDY_FAILED,
            actor=actor,
            reason="LEASE_EXPIRED",
            details={"attempts": study.report_attempts},
            lease_until=None,
        )
        return None
    study.report_attempts += 1
    study.lease_until = lease_until
    results = session.scalars(
        select(Result).where(Result.study_id == study_id).order_by(Result.id)
    ).all()
    return StudyToReport(
        study_id=study.id,
        study_instance_uid=study.study_instance_uid,
        source_ae=study.source_ae,
        generation=study.generation + 1,
        completed_at=study.completed_at,
        report_attempts=study.report_attempts,
        images=images_to_report(session, study_id),
        predecessors=tuple(
            (row.sop_class_uid, row.sop_instance_uid, row.series_instance_uid)
            for row in results
            if row.generation == study.generation and row.source_instance_id is None
        ),
        results_already_made=frozenset(row.sop_instance_uid for row in results),
    )


def record_report(
    session: Session,
    study: StudyToReport,
    results: list[BuiltResult],
    destinations: tuple[str, ...],
    *,
    at: datetime,
    actor: str,
) -> None:
    """Move COMPLETE to REPORTED with every result and delivery, in one transaction.

    Raises
    ------
    StateConflict
        A late image came, or another worker was first; nothing is recorded.
    """
    row = session.get(Study, study.study_id)
    if row is None or row.state is not StudyState.COMPLETE:
        raise StateConflict(f"study {study.study_instance_uid} left COMPLETE before its report")
    move(
        session,
        row,
        StudyState.REPORTED,
        at=at,
        event=Event.STUDY_REPORTED,
        actor=actor,
        details={"generation": study.generation, "results": len(results)},
        where=(
            Study.generation == study.generation - 1,
            Study.completed_at == study.completed_at,
        ),
        reported_at=at,
        generation=study.generation,
        published_at=None,
        lease_until=None,
    )
    for built in results:
        result = Result(
            study_id=study.study_id,
            source_instance_id=built.source_instance_id,
            generation=study.generation,
            kind=built.kind,
            sop_instance_uid=built.sop_instance_uid,
            sop_class_uid=built.sop_class_uid,
            series_instance_uid=built.series_instance_uid,
            transfer_syntax_uid=built.transfer_syntax_uid,
            sha256=built.sha256,
            bytes=built.bytes,
            path=built.path,
            created_at=at,
            deliveries=[
                Delivery(destination=name, state=DeliveryState.PENDING, created_at=at)
                for name in destinations
            ],
        )
        session.add(result)
        session.flush()
        audit.append(
            session,
            at=at,
            event=Event.RESULT_CREATED,
            entity="result",
            entity_id=result.id,
            uid=built.sop_instance_uid,
            study_instance_uid=study.study_instance_uid,
            actor=actor,
            details={"kind": built.kind, "sha256": built.sha256, "bytes": built.bytes},
        )
        for delivery in result.deliveries:
            audit.append(
                session,
                at=at,
                event=Event.DELIVERY_CREATED,
                entity="delivery",
                entity_id=delivery.id,
                uid=built.sop_instance_uid,
                study_instance_uid=study.study_instance_uid,
                new=DeliveryState.PENDING,
                actor=actor,
                details={"destination": delivery.destination},
            )


def record_failed_report(
    session: Session,
    study: StudyToReport,
    *,
    reason: str,
    is_final: bool,
    not_before: datetime,
    at: datetime,
    actor: str,
) -> None:
    """Put a failed attempt off; a final one moves COMPLETE to FAILED, replayable.

    Raises
    ------
    StateConflict
        The study was re-opened meanwhile: the attempt was at what is no more.
    """
    row = session.get(Study, study.study_id)
    if row is None or (row.state, row.completed_at) != (StudyState.COMPLETE, study.completed_at):
        raise StateConflict(f"study {study.study_instance_uid} left COMPLETE before its failure")
    if is_final:
        move(
            session,
            row,
            StudyState.FAILED,
            at=at,
            event=Event.STUDY_FAILED,
            actor=actor,
            reason=reason,
            lease_until=None,
        )
        return
    row.not_before = not_before
    row.lease_until = None
    row.published_at = None
    row.reason = reason
    audit.append(
        session,
        at=at,
        event=Event.STUDY_RETRY,
        entity="study",
        entity_id=row.id,
        uid=row.study_instance_uid,
        study_instance_uid=row.study_instance_uid,
        reason=reason,
        actor=actor,
        details={"attempt": row.report_attempts},
    )


def replay_study(session: Session, row: Study, *, at: datetime, actor: str) -> None:
    """Move FAILED back to COMPLETE with a fresh count of attempts."""
    move(
        session,
        row,
        StudyState.COMPLETE,
        at=at,
        event=Event.STUDY_REPLAYED,
        actor=actor,
        report_attempts=0,
        not_before=None,
        lease_until=None,
        published_at=None,
    )
