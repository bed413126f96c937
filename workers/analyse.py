"""Steps 5 to 7 of a mammogram's way: claim it, decode it, let the detector look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import structlog
from numpy.typing import NDArray

from node.db.analysis import (
    AnalysisRecord,
    ClaimedInstance,
    claim_instance,
    claim_more,
    record_analysis,
    record_failed_attempt,
    record_rejection,
)
from node.db.lost_work import token
from node.db.session import UNAVAILABLE
from node.dicom.findings import Finding
from node.dicom.geometry import Box, clip
from node.errors import RejectedInstance, StateConflict
from workers.detectors import MODEL_NOT_USABLE, Detectors, InUse, ModelNotUsable
from workers.failure import Failure, FailuresGoTo
from workers.gpu import batch_size
from workers.operating_point import OperatingPoint, candidate_thresholds, operating_point
from workers.retry import FIRST_PAUSE_AT_WORK, LONGEST_PAUSE_AT_WORK, pause_before
from workers.runtime import Runtime

if TYPE_CHECKING:
    # The network worker imports this module too and must not load TensorFlow.
    from models.detector import Detection, Detections

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A claimed image as the detector takes it, (rows, columns)."""

    claim: ClaimedInstance
    grey: NDArray[np.uint8]
    notes: tuple[str, ...]
    started_at: datetime


def analyse_instance(runtime: Runtime, detectors: Detectors, instance_id: int) -> None:
    """Take a QUEUED instance to ANALYSED, REJECTED or FAILED, or back to QUEUED.

    The model that its study asks for looks. On a GPU further instances that wait for it go
    with this one, each with a claim, a lease and an end of its own; the messages about them
    find nothing to do. Whatever goes wrong is counted in the row; an image that fails every
    time is set aside as FAILED with the place of its last failure, and the queue goes on.
    """
    at_most = batch_size(runtime.settings, detectors.own)
    with runtime.watchdog.watching(runtime.settings.analysis.lease_seconds) as watch:
        claims = _claim(runtime, instance_id, at_most=at_most)
        watch.hold("instance", [(c.instance_id, token(c.attempt, c.lease_until)) for c in claims])
        _analyse(runtime, detectors, claims)


def _analyse(runtime: Runtime, detectors: Detectors, claims: list[ClaimedInstance]) -> None:
    model = _model(runtime, detectors, claims)
    if model is None:
        return
    images = []
    for claim in claims:
        with _ending_in_its_row(runtime, claim):
            images.append(_decode(runtime, claim))
    together = _look_together(model, images)
    for index, image in enumerate(images):
        with _ending_in_its_row(runtime, image.claim):
            found = together[index] if together else _look(model, [image])[0]
            _record(runtime, model, image, found)


def _claim(runtime: Runtime, instance_id: int, *, at_most: int) -> list[ClaimedInstance]:
    now = runtime.clock()
    lease_until = now + timedelta(seconds=runtime.settings.analysis.lease_seconds)
    with runtime.database.begin() as session:
        first = claim_instance(
            session, instance_id, lease_until=lease_until, at=now, actor=runtime.actor
        )
        if first is None:
            return []
        # An image that ends its worker would else take its neighbours along, every time.
        if first.attempt > 1 or at_most == 1:
            return [first]
        return [
            first,
            *claim_more(
                session,
                first,
                at_most=at_most - 1,
                lease_until=lease_until,
                at=now,
                actor=runtime.actor,
            ),
        ]


def _model(runtime: Runtime, detectors: Detectors, claims: list[ClaimedInstance]) -> InUse | None:
    """Give the model for images that wait for the same one; None when it cannot look."""

    def count(failure: Failure) -> None:
        for claim in claims:
            _count_failure(runtime, claim, failure)

    if claims:
        with FailuresGoTo(count):
            try:
                return detectors.of(claims[0].model)
            except ModelNotUsable as error:
                # Our own text, without a patient in it: it says what a person has to do.
                count(Failure(MODEL_NOT_USABLE, str(error)))
    return None


@contextmanager
def _ending_in_its_row(runtime: Runtime, claim: ClaimedInstance) -> Iterator[None]:
    """Write what goes wrong with an image to its row, and go on with the next."""
    with FailuresGoTo(partial(_count_failure, runtime, claim)):
        try:
            try:
                yield
            except RejectedInstance as error:
                _reject(runtime, claim, error)
        except StateConflict as conflict:
            # The lease ended while we worked and somebody else has it: nothing is lost.
            log.warning("instance_lease_lost", error=str(conflict))


def _decode(runtime: Runtime, claim: ClaimedInstance) -> _Decoded:
    started_at = runtime.clock()
    path = runtime.layout.absolute(claim.path)
    picture = runtime.decoder.decode(path, claim.sop_instance_uid, only_eligible=True)
    return _Decoded(claim, picture.grey, picture.notes, started_at)


def _look_together(model: InUse, images: list[_Decoded]) -> list[Detections] | None:
    """Look at several images at once; None where that failed or there are not several.

    Each is then looked at alone, so that one image's trouble costs no other an attempt.
    """
    if len(images) > 1:
        with FailuresGoTo(partial(_say_together_failed, len(images))):
            return _look(model, images)
    return None


def _look(model: InUse, images: list[_Decoded]) -> list[Detections]:
    spec = model.detector.spec
    asked = operating_point(model.settings, spec)
    if below := candidate_thresholds(model.settings, spec):
        asked = OperatingPoint(below[-1], spec.max_detections)
    return model.detector.detect_many([image.grey for image in images], **asked._asdict())


def _say_together_failed(images: int, failure: Failure) -> None:
    log.warning("batch_failed", images=images, kind=failure.kind, place=failure.place)


def _record(runtime: Runtime, model: InUse, image: _Decoded, found: Detections) -> None:
    detector = model.detector
    rows, columns = image.grey.shape
    point = operating_point(model.settings, detector.spec)
    shown, kept = _shown_and_kept(found.boxes, point)
    findings = to_findings(shown, rows=rows, columns=columns)
    below = candidate_thresholds(model.settings, detector.spec)
    candidates = to_findings(kept, rows=rows, columns=columns, after=len(findings))
    record = AnalysisRecord(
        model_name=detector.spec.name,
        model_title=detector.spec.title,
        model_statement=detector.spec.statement,
        model_version=detector.version,
        weights_sha256=detector.weights_sha256,
        parameters={
            **point._asdict(),
            **({"candidate_thresholds": below} if below else {}),
            **detector.computed,
        },
        notes=image.notes,
        findings=findings,
        candidates=candidates,
        started_at=image.started_at,
        finished_at=runtime.clock(),
    )
    with runtime.database.begin() as session:
        record_analysis(session, image.claim, record, at=record.finished_at, actor=runtime.actor)
    log.info(
        "instance_analysed",
        sop_instance_uid=image.claim.sop_instance_uid,
        findings=len(findings),
        seconds=round((record.finished_at - image.started_at).total_seconds(), 3),
        network_seconds=round(found.network_seconds, 3),
    )


def _shown_and_kept(
    boxes: tuple[Detection, ...], point: OperatingPoint
) -> tuple[tuple[Detection, ...], tuple[Detection, ...]]:
    """Part the boxes at the threshold, ``max_boxes`` on either side; the best come first."""
    # float32, as the detector compares: 0.7 in float64 is more than 0.7 in float32.
    threshold = np.float32(point.score_threshold)
    shown = [box for box in boxes if np.float32(box.score) >= threshold]
    kept = [box for box in boxes if np.float32(box.score) < threshold]
    return tuple(shown[: point.max_boxes]), tuple(kept[: point.max_boxes])


def to_findings(
    detections: tuple[Detection, ...], *, rows: int, columns: int, after: int = 0
) -> tuple[Finding, ...]:
    """Clip detections to the stored image and rank them by falling score, ``after`` others.

    A box that lies in the padding alone has no pixel left and is dropped.
    """
    boxes = [
        (clip(Box(found.x0, found.y0, found.x1, found.y1), rows=rows, columns=columns), found)
        for found in sorted(detections, key=lambda found: -found.score)
    ]
    kept = [(box, found.score) for box, found in boxes if not box.is_empty]
    return tuple(
        Finding(box, score, rank) for rank, (box, score) in enumerate(kept, start=after + 1)
    )


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
                traceback=failure.traceback,
                max_attempts=runtime.settings.analysis.max_attempts,
                not_before=now + pause,
                at=now,
                actor=runtime.actor,
            )
    except (StateConflict, *UNAVAILABLE):
        # The row keeps its lease; the dispatch sweep takes it back when that ends.
        log.warning("attempt_not_recorded", sop_instance_uid=claim.sop_instance_uid)
