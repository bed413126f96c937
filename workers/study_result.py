"""The rows and files of a complete study as the one input of its results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import structlog
from pydicom import dcmread

from models.spec import SPECS
from node.db.report_images import ImageToReport, ModelIdentity
from node.db.reporting import StudyToReport
from node.dicom.cad_report import build_cad_report
from node.dicom.findings import Algorithm, ImageResult, StudyResult
from node.dicom.header import MALFORMED, stand_in
from node.dicom.measurement_report import build_measurement_report
from node.dicom.outcome import ANALYSIS_FAILED
from node.dicom.part10 import to_bytes
from node.dicom.reasons import Reason
from node.dicom.result_uids import device_uid
from workers.failure import describe
from workers.runtime import Runtime
from workers.weights import title_of

log = structlog.get_logger(__name__)


def read_study(runtime: Runtime, study: StudyToReport, namespace: UUID) -> StudyResult | None:
    """Read the headers of a study's images and name what became of each.

    One malformed header must not cost the others their report: its image keeps its UIDs
    and gets the reason UNREADABLE_HEADER. None when that is so of all of them: nobody
    knows then whose report it would be.
    """
    model = _model(runtime, study)
    empty = StudyResult(
        images=(),
        algorithm=_algorithm(model, namespace),
        device=runtime.device,
        completed_at=study.completed_at.astimezone(runtime.time_zone),
        namespace=namespace,
        model=study.model,
    )
    results = [_image_result(runtime, empty, row) for row in study.images]
    if not any(results):
        return None
    images = tuple(
        result or _stand_in(row) for result, row in zip(results, study.images, strict=True)
    )
    return replace(empty, images=images, refused=study.refused)


def _image_result(runtime: Runtime, study: StudyResult, row: ImageToReport) -> ImageResult | None:
    """Read one image; None when no report can be made of its header."""
    algorithm = _other_algorithm(study, row)
    with runtime.layout.absolute(row.path).open("rb") as stream:
        try:
            header = dcmread(stream, stop_before_pixels=True)
            image = ImageResult(
                header, row.findings, row.not_analysed, row.notes, algorithm, row.candidates
            )
            alone = replace(study, images=(image,))
            for build in (build_cad_report, build_measurement_report):
                to_bytes(build(alone))
        except MALFORMED as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's fault and not the header's
            failure = describe(error)
            log.warning(
                "header_unreadable",
                sop_instance_uid=row.facts.sop_instance_uid,
                kind=failure.kind,
                place=failure.place,
            )
            return None
    return image


def _stand_in(row: ImageToReport) -> ImageResult:
    """Name an image by what its row knows; a reason of the row's own stays."""
    is_unexplained = row.not_analysed in ("", ANALYSIS_FAILED)
    return ImageResult(
        header=stand_in(row.facts),
        findings=(),
        not_analysed=Reason.UNREADABLE_HEADER if is_unexplained else row.not_analysed,
    )


def _model(runtime: Runtime, study: StudyToReport) -> ModelIdentity:
    models = [image.model for image in study.images if image.model is not None]
    # When nothing was analysed no weights have looked: the report says which were due.
    if models:
        return models[-1]
    name = study.model or runtime.settings.detector.model
    return ModelIdentity(name, "not run", "", (), title_of(runtime.settings, name))


def _other_algorithm(study: StudyResult, row: ImageToReport) -> Algorithm | None:
    if row.model is None:
        return None
    algorithm = _algorithm(row.model, study.namespace)
    return None if algorithm == study.algorithm else algorithm


def _algorithm(model: ModelIdentity, namespace: UUID) -> Algorithm:
    return Algorithm(
        name=model.title or _title_of_an_old_row(model.name),
        version=model.version,
        weights_sha256=model.weights_sha256,
        device_uid=device_uid(namespace, model.name, model.version),
        parameters=tuple(_parameters(model)),
        candidate_thresholds=model.candidate_thresholds,
    )


def _title_of_an_old_row(name: str) -> str:
    """Give the title of a model whose row was written before titles were kept."""
    return SPECS[name].title if name in SPECS else name


def _parameters(model: ModelIdentity) -> Iterator[str]:
    """Say everything of a model that its name and version do not."""
    for key, value in model.parameters:
        yield f"{key}={value}"
    if model.weights_sha256:
        yield f"model={model.name}"
        yield f"weights_sha256={model.weights_sha256}"
    if model.statement:
        yield f"model_card={model.statement}"
