"""Step 8 of a mammogram's way: a complete study becomes DICOM objects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray
from pydicom import Dataset

from node.db.installation import uid_namespace
from node.db.lost_work import token
from node.db.report_results import BuiltResult, DueResult, EarlierResult
from node.db.reporting import (
    StudyToReport,
    claim_report,
    record_failed_report,
    record_report,
)
from node.db.retention import IMAGES_REMOVED
from node.db.session import UNAVAILABLE
from node.dicom.findings import ImageResult, StudyResult
from node.dicom.identity import check_same_identity
from node.dicom.part10 import to_bytes
from node.dicom.reasons import Reason
from node.dicom.separation import parts
from node.errors import IdentityConflict, StateConflict
from node.store.files import intact, write_durably
from node.store.paths import result_path
from workers.failure import Failure, FailuresGoTo
from workers.objects import planned_objects
from workers.outputs import outputs
from workers.patients import PatientResult, by_patient, described, headers_of
from workers.retry import FIRST_PAUSE_AT_WORK, LONGEST_PAUSE_AT_WORK, pause_before
from workers.runtime import Runtime
from workers.study_result import read_study

log = structlog.get_logger(__name__)


def report_study(runtime: Runtime, study_id: int) -> None:
    """Take one COMPLETE study to REPORTED, with its results and deliveries, or to FAILED.

    Running twice makes the same files and records them once: UIDs and bytes follow
    from the rows, and the change of state decides who was first.
    """
    now = runtime.clock()
    settings = runtime.settings.analysis
    lease_until = now + timedelta(seconds=settings.lease_seconds)
    with runtime.watchdog.watching(settings.lease_seconds) as watch:
        with runtime.database.begin() as session:
            study = claim_report(
                session,
                study_id,
                lease_until=lease_until,
                max_attempts=settings.max_attempts,
                at=now,
                actor=runtime.actor,
            )
            namespace = uid_namespace(session)
        if study is None:
            return
        watch.hold("study", [(study_id, token(study.report_attempts, lease_until))])
        with FailuresGoTo(partial(_count_failure, runtime, study)):
            try:
                _report(runtime, study, namespace)
            except StateConflict as conflict:
                # A late image came, or another worker was first: the rows say what is next.
                log.info("report_dropped", reason=str(conflict))


def _report(runtime: Runtime, study: StudyToReport, namespace: UUID) -> None:
    if study.removed:
        why = f"{study.removed} images were removed by the retention policy: send them again"
        _stop(runtime, study, why, IMAGES_REMOVED, {"images": study.removed})
        return
    result = read_study(runtime, study, namespace)
    if result is None:
        _stop(runtime, study, "no header can be read", Reason.UNREADABLE_HEADER)
        return
    headers = headers_of(result)
    found = parts(headers)
    parted = described(study, found) if found.disputed else None
    if parted is not None and runtime.settings.results.identity_conflict == "stop":
        try:
            check_same_identity(headers)
        except IdentityConflict as conflict:
            _stop(runtime, study, str(conflict), "IDENTITY_CONFLICT", parted)
            return
    patients = by_patient(runtime, study, result, found)
    results = [due for patient in patients for due in _results(runtime, study, patient)]
    _record(runtime, study, results, parted)


def _results(runtime: Runtime, study: StudyToReport, patient: PatientResult) -> Iterator[DueResult]:
    """Make one patient's objects, each in every form that a destination wants.

    What an earlier generation made is not made again: only a destination that has not got
    it yet will.
    """
    rows = {row.facts.sop_instance_uid: row for row in study.images}

    def grey(image: ImageResult) -> NDArray[np.uint8]:
        path = runtime.layout.absolute(rows[image.sop_instance_uid].path)
        return runtime.decoder.decode(path, image.sop_instance_uid).grey

    result = patient.result
    made = {earlier.reference[1] for earlier in study.earlier}
    has_findings = any(image.findings for image in result.images)
    own = replace(study, earlier=patient.earlier)
    for output in outputs(runtime.settings, own, has_findings=has_findings):
        kind = output.kind

        def plan(form: StudyResult, kind: str = kind) -> set[str]:
            return {planned.sop_instance_uid for planned in planned_objects(kind, form, grey)}

        wanted = replace(result, profile=output.profile, device=runtime.device_of(output.profile))
        form = output.form(wanted, patient.earlier, plan=plan, is_whole=partial(_is_whole, runtime))
        for planned in planned_objects(output.kind, form, grey):
            uid = planned.sop_instance_uid
            if uid in made:
                yield DueResult(uid, output.destinations, None)
                continue
            image = planned.image
            source = None if image is None else rows[image.sop_instance_uid].instance_id
            built = _store(
                runtime,
                output.kind,
                planned.build(),
                source_instance_id=source,
                first_instance_id=patient.first_instance_id,
            )
            yield DueResult(uid, output.destinations, built)


def _is_whole(runtime: Runtime, earlier: EarlierResult) -> bool:
    path = runtime.layout.absolute(earlier.path)
    return intact(path, sha256=earlier.sha256, size=earlier.bytes)


def _store(
    runtime: Runtime,
    kind: str,
    dataset: Dataset,
    *,
    source_instance_id: int | None,
    first_instance_id: int,
) -> BuiltResult:
    content = to_bytes(dataset)
    sha256 = hashlib.sha256(content).hexdigest()
    path = result_path(sha256)
    write_durably(runtime.layout.absolute(path), content)
    return BuiltResult(
        kind=kind,
        sop_instance_uid=str(dataset.SOPInstanceUID),
        sop_class_uid=str(dataset.SOPClassUID),
        series_instance_uid=str(dataset.SeriesInstanceUID),
        transfer_syntax_uid=str(dataset.file_meta.TransferSyntaxUID),
        sha256=sha256,
        bytes=len(content),
        path=path,
        source_instance_id=source_instance_id,
        first_instance_id=first_instance_id,
    )


def _record(
    runtime: Runtime,
    study: StudyToReport,
    results: list[DueResult],
    parted: dict[str, Any] | None,
) -> None:
    with runtime.database.begin() as session:
        record_report(
            session,
            study,
            results,
            parted=parted,
            at=runtime.clock(),
            actor=runtime.actor,
        )
    log.info(
        "study_reported",
        study_instance_uid=study.study_instance_uid,
        results=sum(result.built is not None for result in results),
        deliveries=sum(len(result.destinations) for result in results),
    )


def _stop(
    runtime: Runtime,
    study: StudyToReport,
    why: str,
    reason: str,
    details: dict[str, Any] | None = None,
) -> None:
    """Give a study up for what its images are: another attempt cannot help."""
    log.warning("study_stopped", study_instance_uid=study.study_instance_uid, reason=why)
    now = runtime.clock()
    with runtime.database.begin() as session:
        record_failed_report(
            session,
            study,
            reason=reason,
            details=details,
            is_final=True,
            not_before=now,
            at=now,
            actor=runtime.actor,
        )


def _count_failure(runtime: Runtime, study: StudyToReport, failure: Failure) -> None:
    now = runtime.clock()
    attempt = study.report_attempts
    log.error(
        "report_failed",
        study_instance_uid=study.study_instance_uid,
        attempt=attempt,
        kind=failure.kind,
        place=failure.place,
    )
    pause = pause_before(
        attempt + 1, first=FIRST_PAUSE_AT_WORK, longest=LONGEST_PAUSE_AT_WORK, random=runtime.random
    )
    try:
        with runtime.database.begin() as session:
            record_failed_report(
                session,
                study,
                reason=f"{failure.kind}: {failure.place}",
                traceback=failure.traceback,
                is_final=attempt >= runtime.settings.analysis.max_attempts,
                not_before=now + pause,
                at=now,
                actor=runtime.actor,
            )
    except (StateConflict, *UNAVAILABLE):
        # The dispatch sweep publishes the study again when the message is old enough.
        log.warning("attempt_not_recorded", study_instance_uid=study.study_instance_uid)
