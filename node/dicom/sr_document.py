"""What our Structured Reports have around their trees: the SR Document modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.dicom import outcome
from node.dicom.identity import check_same_identity, most_complete
from node.dicom.image_library import referable
from node.dicom.references import by_study, object_reference, requests
from node.dicom.result_header import start_result
from node.dicom.result_uids import report_uid

if TYPE_CHECKING:
    from pydicom import Dataset

    from node.dicom.findings import ImageResult, StudyResult
    from node.dicom.result_header import ResultKind


def start_document(
    kind: ResultKind, study: StudyResult, images: tuple[ImageResult, ...]
) -> Dataset:
    """Build a report on ``images``, all of the study's in viewing order, up to its tree.

    Raises
    ------
    IdentityConflict
        The images disagree about patient, study or order.

    References
    ----------
    PS3.3 C.17.1 and C.17.2.
    """
    headers = [result.header for result in images]
    check_same_identity(headers)
    source = most_complete(headers)
    report = start_result(
        kind,
        study,
        source,
        algorithm=study.algorithm,
        sop_instance_uid=report_uid(kind.name, study),
        instance_number=1,
    )
    report.ReferencedPerformedProcedureStepSequence = []
    report.PerformedProcedureCodeSequence = []
    _add_completion(report, study)
    _add_references(report, study, images)
    orders = requests(source, headers)
    if orders:
        report.ReferencedRequestSequence = orders
    return report


def _add_completion(report: Dataset, study: StudyResult) -> None:
    incomplete = outcome.why_incomplete(study)
    report.CompletionFlag = "PARTIAL" if incomplete else "COMPLETE"
    if incomplete:
        report.CompletionFlagDescription = incomplete
    report.VerificationFlag = "UNVERIFIED"
    report.PreliminaryFlag = "FINAL"


def _add_references(report: Dataset, study: StudyResult, images: tuple[ImageResult, ...]) -> None:
    study_instance_uid = study.study_instance_uid
    evidence = [object_reference(result.header) for result in referable(images)]
    if evidence:
        report.CurrentRequestedProcedureEvidenceSequence = by_study(study_instance_uid, evidence)
    if study.predecessors:
        report.PredecessorDocumentsSequence = by_study(study_instance_uid, study.predecessors)
