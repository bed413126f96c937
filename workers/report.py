"""Step 8 of a mammogram's way: a complete study becomes DICOM objects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from pydicom import Dataset, dcmread

from models.spec import SPECS
from node.db.installation import uid_namespace
from node.db.reporting import (
    BuiltResult,
    ImageToReport,
    ModelIdentity,
    StudyToReport,
    claim_report,
    record_failed_report,
    record_report,
)
from node.db.session import UNAVAILABLE
from node.dicom.findings import Algorithm, ImageResult, StudyResult
from node.dicom.identity import check_same_identity
from node.dicom.measurement_report import build_measurement_report
from node.dicom.overlay import build_overlay
from node.dicom.part10 import to_bytes
from node.dicom.pixels import to_grey
from node.dicom.uids import derive
from node.errors import IdentityConflict, StateConflict
from node.store.files import write_durably
from node.store.paths import result_path
from workers.failure import Failure, FailuresGoTo
from workers.retry import FIRST_PAUSE_AT_WORK, LONGEST_PAUSE_AT_WORK, pause_before
from workers.runtime import Runtime

log = structlog.get_logger(__name__)


def report_study(runtime: Runtime, study_id: int) -> None:
    """Take one COMPLETE study to REPORTED, with its results and deliveries, or to FAILED.

    Running twice makes the same files and records them once: UIDs and bytes follow
    from the rows, and the change of state decides who was first.
    """
    now = runtime.clock()
    settings = runtime.settings.analysis
    with runtime.database.begin() as session:
        study = claim_report(
            session,
            study_id,
            lease_until=now + timedelta(seconds=settings.lease_seconds),
            max_attempts=settings.max_attempts,
            at=now,
            actor=runtime.actor,
        )
        namespace = uid_namespace(session)
    if study is None:
        return
    with FailuresGoTo(partial(_count_failure, runtime, study)):
        try:
            _conclude(runtime, study, namespace)
        except StateConflict as conflict:
            # A late image came, or another worker was first: the rows say what is next.
            log.info("report_dropped", reason=str(conflict))


def _conclude(runtime: Runtime, study: StudyToReport, namespace: UUID) -> None:
    try:
        _report(runtime, study, namespace)
    except IdentityConflict as conflict:
        log.warning(
            "study_stopped", study_instance_uid=study.study_instance_uid, reason=str(conflict)
        )
        _give_up(runtime, study, "IDENTITY_CONFLICT")


def _report(runtime: Runtime, study: StudyToReport, namespace: UUID) -> None:
    headers = [_header(runtime, image) for image in study.images]
    check_same_identity(headers)
    model = _model(runtime, study)
    result = StudyResult(
        images=tuple(
            _image_result(header, image, model, namespace)
            for header, image in zip(headers, study.images, strict=True)
        ),
        algorithm=_algorithm(model, namespace),
        device=runtime.device,
        completed_at=study.completed_at,
        namespace=namespace,
        score_threshold=_threshold(runtime, model),
        predecessors=study.predecessors,
    )
    built = [
        _store(runtime, kind, dataset, source_instance_id)
        for kind, dataset, source_instance_id in _objects(runtime, study, result)
        if str(dataset.SOPInstanceUID) not in study.results_already_made
    ]
    _record(runtime, study, built)


def _image_result(
    header: Dataset, image: ImageToReport, model: ModelIdentity, namespace: UUID
) -> ImageResult:
    other = None if image.model in (None, model) else image.model
    return ImageResult(
        header=header,
        findings=image.findings,
        not_analysed=image.not_analysed,
        notes=image.notes,
        algorithm=None if other is None else _algorithm(other, namespace),
    )


def _objects(
    runtime: Runtime, study: StudyToReport, result: StudyResult
) -> Iterator[tuple[str, Dataset, int | None]]:
    """Build the study's objects one after the other: kind, object, source instance id."""
    yield "measurement_report", build_measurement_report(result), None
    overlays = runtime.settings.results.overlays
    for image, row in zip(result.images, study.images, strict=True):
        if image.not_analysed or overlays == "none":
            continue
        if overlays == "with_findings" and not image.findings:
            continue
        grey = to_grey(dcmread(runtime.layout.absolute(row.path)))
        overlay = build_overlay(
            _as_analysed(runtime, row, result),
            image,
            grey,
            long_side=runtime.settings.results.overlay_long_side,
        )
        yield "overlay", overlay, row.instance_id


def _header(runtime: Runtime, image: ImageToReport) -> Dataset:
    return dcmread(runtime.layout.absolute(image.path), stop_before_pixels=True)


def _as_analysed(runtime: Runtime, row: ImageToReport, result: StudyResult) -> StudyResult:
    """Give the study as the model of this one image saw it.

    Another model may look at an image that comes later; what was made of this one
    stays true, and keeps its UID.
    """
    if row.model is None:
        return result
    return replace(
        result,
        algorithm=_algorithm(row.model, result.namespace),
        score_threshold=_threshold(runtime, row.model),
    )


def _model(runtime: Runtime, study: StudyToReport) -> ModelIdentity:
    models = [image.model for image in study.images if image.model is not None]
    # When nothing was analysed no weights have looked: the report says which were due.
    return (
        models[-1] if models else ModelIdentity(runtime.settings.detector.model, "not run", "", ())
    )


def _threshold(runtime: Runtime, model: ModelIdentity) -> float:
    """Give the threshold that the boxes passed, whatever the settings say by now."""
    parameters = dict(model.parameters)
    return float(parameters.get("score_threshold", runtime.settings.detector.score_threshold))


def _algorithm(model: ModelIdentity, namespace: UUID) -> Algorithm:
    return Algorithm(
        name=SPECS[model.name].title,
        version=model.version,
        weights_sha256=model.weights_sha256,
        device_uid=derive(namespace, "device", model.name, model.version),
        parameters=tuple(f"{key}={value}" for key, value in model.parameters),
    )


def _store(
    runtime: Runtime, kind: str, dataset: Dataset, source_instance_id: int | None
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
    )


def _record(runtime: Runtime, study: StudyToReport, built: list[BuiltResult]) -> None:
    destinations = runtime.settings.destinations_for(study.source_ae)
    with runtime.database.begin() as session:
        record_report(
            session,
            study,
            built,
            destinations,
            at=runtime.clock(),
            actor=runtime.actor,
        )
    log.info(
        "study_reported",
        study_instance_uid=study.study_instance_uid,
        results=len(built),
        destinations=len(destinations),
    )


def _give_up(runtime: Runtime, study: StudyToReport, reason: str) -> None:
    now = runtime.clock()
    with runtime.database.begin() as session:
        record_failed_report(
            session,
            study,
            reason=reason,
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
                is_final=attempt >= runtime.settings.analysis.max_attempts,
                not_before=now + pause,
                at=now,
                actor=runtime.actor,
            )
    except (StateConflict, *UNAVAILABLE):
        # The dispatch sweep publishes the study again when the message is old enough.
        log.warning("attempt_not_recorded", study_instance_uid=study.study_instance_uid)
