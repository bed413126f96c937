"""The rows of one study's report: what to build it from, and what was built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from node.db import audit
from node.db.events import Event
from node.db.refusals import refused_images
from node.db.report_images import ImageToReport, images_to_report
from node.db.report_results import DueResult, EarlierResult, add_results, earlier_results
from node.db.retention import removed_images
from node.db.tables import Study
from node.db.transitions import move
from node.dicom.findings import RefusedImage
from node.errors import StateConflict
from node.states import StudyState
from node.store.claim_sheet import LEASE_EXPIRED


@dataclass(frozen=True, slots=True)
class StudyToReport:
    """One complete study; ``completed_at`` is the only clock its objects know.

    ``earlier`` are the results of every earlier generation, whose files are never made
    again. ``model`` is the one that a person asked for. ``refused`` are images that were
    sent and not taken. ``removed`` counts images that the report would need and whose file
    the retention policy has removed.
    """

    study_id: int
    study_instance_uid: str
    source_ae: str
    model: str
    generation: int
    completed_at: datetime
    report_attempts: int
    images: tuple[ImageToReport, ...]
    removed: int
    earlier: tuple[EarlierResult, ...]
    refused: tuple[RefusedImage, ...]


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
            reason=study.reason or LEASE_EXPIRED,
            details={"attempts": study.report_attempts},
            lease_until=None,
        )
        return None
    study.report_attempts += 1
    study.lease_until = lease_until
    return StudyToReport(
        study_id=study.id,
        study_instance_uid=study.study_instance_uid,
        source_ae=study.source_ae,
        model=study.model,
        generation=study.generation + 1,
        completed_at=study.completed_at,
        report_attempts=study.report_attempts,
        images=images_to_report(session, study_id),
        removed=removed_images(session, study_id),
        earlier=earlier_results(session, study_id),
        refused=refused_images(session, study.study_instance_uid),
    )


def record_report(
    session: Session,
    study: StudyToReport,
    results: list[DueResult],
    *,
    parted: Mapping[str, Any] | None = None,
    at: datetime,
    actor: str,
) -> None:
    """Move COMPLETE to REPORTED with every result and delivery, in one transaction.

    ``parted`` says what the images disagree about, and which belong together: names of
    attributes and SOP Instance UIDs, no values.

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
        details={
            "generation": study.generation,
            "results": sum(due.built is not None for due in results),
        },
        where=(
            Study.generation == study.generation - 1,
            Study.completed_at == study.completed_at,
        ),
        traceback="",
        reported_at=at,
        generation=study.generation,
        published_at=None,
        lease_until=None,
    )
    if parted is not None:
        audit.append(
            session,
            at=at,
            event=Event.STUDY_SEPARATED,
            entity="study",
            entity_id=row.id,
            uid=row.study_instance_uid,
            study_instance_uid=row.study_instance_uid,
            actor=actor,
            details={"generation": study.generation, **parted},
        )
    add_results(session, row, results, at=at, actor=actor)


def record_failed_report(
    session: Session,
    study: StudyToReport,
    *,
    reason: str,
    traceback: str = "",
    details: Mapping[str, Any] | None = None,
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
            details=details,
            lease_until=None,
            traceback=traceback,
        )
        return
    row.traceback = traceback
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
        traceback="",
    )
