"""The study's report: a Comprehensive SR after TID 1500.

The form is the one that viewers read: OHIF and Stone look for exactly these titles,
templates and purposes of reference, cornerstone for the region below the first number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.dicom import codes, outcome
from node.dicom.content_items import (
    Relation,
    code,
    container,
    image,
    number,
    polyline,
    text,
    uid_reference,
)
from node.dicom.geometry import clip, closed_polyline
from node.dicom.header import laterality, short
from node.dicom.identity import check_same_identity, most_complete
from node.dicom.image_label import in_viewing_order, label
from node.dicom.image_library import image_library, referable
from node.dicom.plain_text import plain
from node.dicom.references import by_study, object_reference, requests
from node.dicom.result_header import MEASUREMENT_REPORT, start_result
from node.dicom.result_uids import report_uid, tracking_uid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from highdicom.sr import ContentItem
    from pydicom import Dataset

    from node.dicom.findings import Algorithm, Finding, ImageResult, StudyResult


def build_measurement_report(study: StudyResult) -> Dataset:
    """Build the one report of a study.

    It is built in every case: with boxes; without findings; with images that were not
    analysed, which it names with the reason, even when that is all of them.

    Raises
    ------
    IdentityConflict
        The images disagree about patient, study or order.
    """
    images = in_viewing_order(study.images)
    headers = [result.header for result in images]
    check_same_identity(headers)
    source = most_complete(headers)
    report = start_result(
        MEASUREMENT_REPORT,
        study,
        source,
        algorithm=study.algorithm,
        sop_instance_uid=report_uid(MEASUREMENT_REPORT.name, study),
        instance_number=1,
    )
    _add_document(report, study, source, images)
    report.update(_root(study, images))
    return report


def _add_document(
    report: Dataset, study: StudyResult, source: Dataset, images: tuple[ImageResult, ...]
) -> None:
    """Add the SR Document modules (PS3.3 C.17.1 and C.17.2)."""
    report.ReferencedPerformedProcedureStepSequence = []
    report.PerformedProcedureCodeSequence = []
    if outcome.is_complete(study):
        report.CompletionFlag = "COMPLETE"
    else:
        report.CompletionFlag = "PARTIAL"
        report.CompletionFlagDescription = "Time limit reached before every image was analysed"
    report.VerificationFlag = "UNVERIFIED"
    report.PreliminaryFlag = "FINAL"
    study_instance_uid = study.study_instance_uid
    evidence = [object_reference(result.header) for result in referable(images)]
    if evidence:
        report.CurrentRequestedProcedureEvidenceSequence = by_study(study_instance_uid, evidence)
    if study.predecessors:
        report.PredecessorDocumentsSequence = by_study(study_instance_uid, study.predecessors)
    orders = requests(source, [result.header for result in images])
    if orders:
        report.ReferencedRequestSequence = orders


def _root(study: StudyResult, images: tuple[ImageResult, ...]) -> ContentItem:
    groups = list(_measurement_groups(study, images))
    remarks = outcome.remarks(images)
    children = [
        code(Relation.HAS_CONCEPT_MOD, codes.LANGUAGE, codes.ENGLISH),
        *_observer(study),
        code(Relation.HAS_CONCEPT_MOD, codes.PROCEDURE_REPORTED, codes.MAMMOGRAPHY),
        *image_library(images),
    ]
    if groups:
        children.append(container(Relation.CONTAINS, codes.IMAGING_MEASUREMENTS, *groups))
    if remarks or not groups:
        children.append(_evaluations(study, remarks))
    return container(None, codes.IMAGING_MEASUREMENT_REPORT, *children, template="1500")


def _observer(study: StudyResult) -> Iterator[ContentItem]:
    """Say that a device observed, and which (TID 1001, 1002, 1004)."""
    device = study.device
    context = Relation.HAS_OBS_CONTEXT
    yield code(context, codes.OBSERVER_TYPE, codes.DEVICE)
    yield uid_reference(context, codes.DEVICE_OBSERVER_UID, study.algorithm.device_uid)
    for name, value in (
        (codes.DEVICE_OBSERVER_NAME, device.station_name),
        (codes.DEVICE_OBSERVER_MANUFACTURER, device.manufacturer),
        (codes.DEVICE_OBSERVER_MODEL_NAME, device.model_name),
        (codes.DEVICE_OBSERVER_SERIAL_NUMBER, device.serial_number),
    ):
        if plain(value):
            yield text(context, name, plain(value))


def _measurement_groups(
    study: StudyResult, images: tuple[ImageResult, ...]
) -> Iterator[ContentItem]:
    used_identifiers: dict[str, int] = {}
    for result in images:
        name = label(result.header, separator="-")
        for finding in result.findings:
            identifier = f"{name}-{finding.rank}"
            times = used_identifiers[identifier] = used_identifiers.get(identifier, 0) + 1
            if times > 1:  # a second image of the same side and view
                identifier = f"{name}({times})-{finding.rank}"
            yield _measurement_group(study, result, finding, identifier)


def _measurement_group(
    study: StudyResult, result: ImageResult, finding: Finding, identifier: str
) -> ContentItem:
    """State one box (TID 1410)."""
    header = result.header
    rows, columns = short(header, "Rows") or 0, short(header, "Columns") or 0
    # PS3.3 C.18.6: no point lies outside the image, whatever the rows hold.
    points = closed_polyline(clip(finding.box, rows=rows, columns=columns))
    source = object_reference(header)[:2]
    contains, modifies = Relation.CONTAINS, Relation.HAS_CONCEPT_MOD
    side = laterality(header)
    # An image may show both breasts; a box lies in one, and nobody says in which.
    known = [code(modifies, codes.LATERALITY, codes.SIDES[side])] if side in ("L", "R") else []
    return container(
        contains,
        codes.MEASUREMENT_GROUP,
        text(Relation.HAS_OBS_CONTEXT, codes.TRACKING_IDENTIFIER, identifier),
        uid_reference(
            Relation.HAS_OBS_CONTEXT,
            codes.TRACKING_UNIQUE_IDENTIFIER,
            tracking_uid(study, result, finding),
        ),
        code(contains, codes.FINDING_CATEGORY, codes.ABNORMAL_STRUCTURE),
        code(contains, codes.FINDING, codes.LESION),
        code(modifies, codes.FINDING_SITE, codes.BREAST, *known),
        *_algorithm(study.algorithm_of(result)),
        number(
            contains,
            codes.PROBABILITY_OF_CANCER,
            finding.percent,
            codes.PERCENT,
            # cornerstone looks for the region below the group's first number.
            polyline(
                Relation.INFERRED_FROM,
                codes.SOURCE,
                points,
                image(Relation.SELECTED_FROM, codes.ORIGINAL_SOURCE, *source),
            ),
        ),
        polyline(
            contains,
            codes.IMAGE_REGION,
            points,
            image(Relation.SELECTED_FROM, codes.ORIGINAL_SOURCE, *source),
        ),
        text(contains, codes.COMMENT, f"Malignancy score {finding.percent} %"),
        template="1410",
    )


def _evaluations(study: StudyResult, remarks: list[str]) -> ContentItem:
    """Say what was analysed, what was not and why.

    A group without a region would say it too, but OHIF cannot load one.
    """
    algorithm = study.algorithm
    comments = [outcome.headline(study), *remarks]
    if algorithm.parameters:
        comments.append(plain(f"Algorithm parameters: {', '.join(algorithm.parameters)}"))
    return container(
        Relation.CONTAINS,
        codes.QUALITATIVE_EVALUATIONS,
        *_algorithm_name(algorithm),
        code(Relation.CONTAINS, codes.SUMMARY, outcome.summary(study)),
        *(text(Relation.CONTAINS, codes.COMMENT, comment) for comment in comments),
    )


def _algorithm(algorithm: Algorithm) -> Iterator[ContentItem]:
    """Identify the algorithm (TID 4019)."""
    modifies = Relation.HAS_CONCEPT_MOD
    yield from _algorithm_name(algorithm)
    for parameter in algorithm.parameters:
        yield text(modifies, codes.ALGORITHM_PARAMETERS, plain(parameter))
    yield code(modifies, codes.ALGORITHM_FAMILY, codes.ARTIFICIAL_INTELLIGENCE)


def _algorithm_name(algorithm: Algorithm) -> Iterator[ContentItem]:
    modifies = Relation.HAS_CONCEPT_MOD
    yield text(modifies, codes.ALGORITHM_NAME, plain(algorithm.name))
    yield text(modifies, codes.ALGORITHM_VERSION, plain(algorithm.version))
