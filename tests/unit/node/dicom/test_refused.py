"""What a report says of images that were sent and not taken."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from node.dicom import cad_codes, codes
from node.dicom.cad_report import build_cad_report
from node.dicom.codes import Code
from node.dicom.findings import RefusedImage, StudyResult
from node.dicom.outcome import headline, refusals, summary, why_incomplete
from node.dicom.reasons import Refusal
from node.dicom.result_uids import report_uid
from tests.factories import four_view_study, stable_uid
from tests.report_tree import items, report_of, texts
from tests.results import LESION, make_study, written

MG = "1.2.840.10008.5.1.4.1.1.1.2"
RAW = "1.2.840.10008.5.1.4.1.1.1.2.1"
UID = stable_uid("refused")


def study_with(*refused: RefusedImage, found: bool = False, analysed: bool = True) -> StudyResult:
    return make_study(
        four_view_study(),
        findings={0: (LESION,)} if found else {},
        not_analysed={} if analysed else dict.fromkeys(range(4), "FOR_PROCESSING"),
        refused=refused,
    )


DAMAGED = RefusedImage(UID, MG, "DAMAGED")


@pytest.mark.parametrize(
    ("sop_class", "found", "analysed", "expected"),
    [
        (MG, False, True, codes.SOME_WITHOUT_FINDINGS),
        (MG, True, True, codes.SOME_WITH_FINDINGS),
        ("", False, True, codes.SOME_WITHOUT_FINDINGS),
        (RAW, False, True, codes.ALL_WITHOUT_FINDINGS),
        (MG, False, False, codes.NONE_WITHOUT_FINDINGS),
    ],
)
def test_a_refused_image_that_may_have_been_analysed_is_an_algorithm_that_did_not_succeed(
    sop_class: str, found: bool, analysed: bool, expected: Code
) -> None:
    refused = RefusedImage(UID, sop_class, "DAMAGED")

    assert summary(study_with(refused, found=found, analysed=analysed)) == expected


def test_the_report_names_each_refused_image_and_why_it_was_not_taken() -> None:
    report = report_of(study_with(DAMAGED, found=True))

    comments = texts(report, codes.QUALITATIVE_EVALUATIONS.value, codes.COMMENT.value)
    said = f"Not received: image {UID}: DAMAGED. {Refusal.DAMAGED.text}"
    assert said in comments
    assert comments[0].endswith(
        "4 of 4 images analysed. 1 more image was sent and could not be received."
    )
    assert report.CompletionFlag == "PARTIAL"
    assert report.CompletionFlagDescription == "Not every image of the study could be received"


def test_a_refused_image_is_no_evidence_of_the_report() -> None:
    """Nobody has it: what the report refers to must be there to be looked at."""
    report = report_of(study_with(DAMAGED))

    assert UID not in str(report.CurrentRequestedProcedureEvidenceSequence)


def test_a_study_of_which_nothing_was_refused_says_nothing_of_it() -> None:
    study = study_with()

    assert (why_incomplete(study), refusals(study)) == ("", [])
    assert "received" not in headline(study)


def test_a_raw_image_that_was_refused_leaves_the_report_complete_and_is_named() -> None:
    study = study_with(RefusedImage(UID, RAW, "NO_RESOURCES"))

    assert why_incomplete(study) == ""
    assert UID in refusals(study)[0]


def test_two_refused_images_are_counted() -> None:
    other = RefusedImage(stable_uid("other"), MG, "NODE_FAULT")

    assert headline(study_with(DAMAGED, other)).endswith(
        "2 more were sent and could not be received."
    )


def test_a_report_that_names_another_refused_image_is_another_report() -> None:
    reasons = [(), (DAMAGED,), (RefusedImage(UID, MG, "NO_RESOURCES"),)]

    assert len({report_uid("measurement_report", study_with(*each)) for each in reasons}) == 3


def test_the_cad_report_says_it_too_and_lists_no_image_that_nobody_has() -> None:
    """TID 4015 wants an image for each failed detection; the refused one is in words alone."""
    report = written(build_cad_report(study_with(DAMAGED)))

    (summary_of_all,) = items(report, codes.SUMMARY.value)
    (of_detections,) = items(report, cad_codes.SUMMARY_OF_DETECTIONS.value)
    (description,) = texts(report, codes.SUMMARY.value, cad_codes.IMPRESSION_DESCRIPTION.value)
    assert code_of(summary_of_all) == codes.SOME_WITHOUT_FINDINGS.value
    assert code_of(of_detections) == cad_codes.SUCCEEDED.value
    assert items(of_detections, cad_codes.FAILED_DETECTIONS.value) == []
    assert f"Not received: image {UID}: DAMAGED" in description
    assert report.CompletionFlag == "PARTIAL"


def code_of(item: Dataset) -> str:
    return str(item.ConceptCodeSequence[0].CodeValue)
