"""Steps 5 to 7 of a mammogram's way: claim it, decode it, let the detector look."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog
from pydicom import Dataset, dcmread

from node.db.analysis import (
    AnalysisRecord,
    ClaimedInstance,
    claim_instance,
    record_analysis,
    record_failed_attempt,
    record_rejection,
)
from node.db.session import UNAVAILABLE
from node.dicom.eligibility import check
from node.dicom.findings import Finding
from node.dicom.geometry import Box, clip
from node.dicom.pixels import to_grey
from node.errors import RejectedInstance, StateConflict
from workers.failure import Failure, FailuresGoTo
from workers.operating_point import operating_point
from workers.retry import FIRST_PAUSE_AT_WORK, LONGEST_PAUSE_AT_WORK, pause_before
from workers.runtime import Runtime

if TYPE_CHECKING:
    # The network worker imports this module too and must not load TensorFlow.
    from models.detector import Detection, Detector

log = structlog.get_logger(__name__)


def analyse_instance(runtime: Runtime, detector: Detector, instance_id: int) -> None:
    """Take one QUEUED instance to ANALYSED, REJECTED or FAILED, or back to QUEUED.

    Whatever goes wrong is counted in the row; an image that fails every time is
    set aside as FAILED with the place of its last failure, and the queue goes on.
    """
    now = runtime.clock()
    lease_until = now + timedelta(seconds=runtime.settings.analysis.lease_seconds)
    with runtime.database.begin() as session:
        claim = claim_instance(
            session, instance_id, lease_until=lease_until, at=now, actor=runtime.actor
        )
    if claim is None:
        return
    with FailuresGoTo(partial(_count_failure, runtime, claim)):
        try:
            _conclude(runtime, detector, claim)
        except StateConflict as conflict:
            # The lease ended while we worked and somebody else has it: nothing is lost.
            log.warning("instance_lease_lost", error=str(conflict))


def _conclude(runtime: Runtime, detector: Detector, claim: ClaimedInstance) -> None:
    try:
        _analyse(runtime, detector, claim)
    except RejectedInstance as error:
        _reject(runtime, claim, error)


def _analyse(runtime: Runtime, detector: Detector, claim: ClaimedInstance) -> None:
    started = runtime.clock()
    dataset = dcmread(runtime.layout.absolute(claim.path))
    device = runtime.device
    verdict = check(dataset, own_device=(device.manufacturer, device.model_name))
    if verdict.reason is not None:
        raise RejectedInstance(claim.sop_instance_uid, verdict.reason, verdict.detail)
    findings, network_seconds = _look(runtime, detector, dataset)
    record = AnalysisRecord(
        model_name=detector.spec.name,
        model_title=detector.spec.title,
        model_statement=detector.spec.statement,
        model_version=detector.version,
        weights_sha256=detector.weights_sha256,
        parameters=operating_point(runtime.settings.detector, detector.spec)._asdict(),
        notes=tuple(str(note) for note in verdict.notes),
        findings=findings,
        started_at=started,
        finished_at=runtime.clock(),
    )
    with runtime.database.begin() as session:
        record_analysis(session, claim, record, at=record.finished_at, actor=runtime.actor)
    log.info(
        "instance_analysed",
        sop_instance_uid=claim.sop_instance_uid,
        findings=len(findings),
        seconds=round((record.finished_at - started).total_seconds(), 3),
        network_seconds=round(network_seconds, 3),
    )


def _look(
    runtime: Runtime, detector: Detector, dataset: Dataset
) -> tuple[tuple[Finding, ...], float]:
    """Give the findings in stored pixels, and the seconds that the network took."""
    grey = to_grey(dataset)
    point = operating_point(runtime.settings.detector, detector.spec)
    detections = detector.detect(
        grey, score_threshold=point.score_threshold, max_boxes=point.max_boxes
    )
    rows, columns = grey.shape
    findings = to_findings(detections.boxes, rows=rows, columns=columns)
    return findings, detections.network_seconds


def to_findings(
    detections: tuple[Detection, ...], *, rows: int, columns: int
) -> tuple[Finding, ...]:
    """Clip detections to the stored image and rank them by falling score.

    A box that lies in the padding alone has no pixel left and is dropped.
    """
    boxes = [
        (clip(Box(found.x0, found.y0, found.x1, found.y1), rows=rows, columns=columns), found)
        for found in sorted(detections, key=lambda found: -found.score)
    ]
    kept = [(box, found.score) for box, found in boxes if not box.is_empty]
    return tuple(Finding(box, score, rank) for rank, (box, score) in enumerate(kept, start=1))


def _reject(runtime: Runtime, claim: ClaimedInstance, error: RejectedInstance) -> None:
    with runtime.database.begin() as session:
        record_rejection(
            session,
            claim,
            reason=error.reason,
            detail=error.detail,
            at=runtime.clock(),
            actor=runtime.actor,
        )
    log.info("instance_rejected", sop_instance_uid=claim.sop_instance_uid, reason=str(error.reason))


def _count_failure(runtime: Runtime, claim: ClaimedInstance, failure: Failure) -> None:
    now = runtime.clock()
    log.error(
        "analysis_failed",
        sop_instance_uid=claim.sop_instance_uid,
        attempt=claim.attempt,
        kind=failure.kind,
        place=failure.place,
    )
    pause = pause_before(
        claim.attempt + 1,
        first=FIRST_PAUSE_AT_WORK,
        longest=LONGEST_PAUSE_AT_WORK,
        random=runtime.random,
    )
    try:
        with runtime.database.begin() as session:
            record_failed_attempt(
                session,
                claim,
                reason=failure.kind,
                detail=failure.place,
                max_attempts=runtime.settings.analysis.max_attempts,
                not_before=now + pause,
                at=now,
                actor=runtime.actor,
            )
    except (StateConflict, *UNAVAILABLE):
        # The row keeps its lease; the dispatch sweep takes it back when that ends.
        log.warning("attempt_not_recorded", sop_instance_uid=claim.sop_instance_uid)
