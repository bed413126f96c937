"""An image that was answered with a failure is missing in the report, and not in silence."""

from __future__ import annotations

from typing import Any

import pytest

from node.clock import utc_now
from node.dicom import codes
from node.dicom.part10 import encode
from tests.factories import four_view_study, stable_uid
from tests.pdus import EXPLICIT
from tests.peer import RawRequestor
from tests.receiving import running_scp, scp_settings
from tests.refusing import MG, refuse
from tests.report_tree import items
from tests.working_node import WorkingNode, spoken

STUDY = stable_uid("a study")
LOST = stable_uid("lost")
CAD_SR = "1.2.840.10008.5.1.4.1.1.88.50"


def images(**common: Any) -> Any:
    return four_view_study(study_instance_uid=STUDY, **common)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("0x0110", "NODE_FAULT"),
        ("0xA700", "NO_RESOURCES"),
        ("0xA900", "CONTRADICTION"),
        ("0xC000", "DAMAGED"),
        ("0xC123", "REFUSED"),
    ],
)
def test_a_refused_image_is_named_with_the_reason(
    node: WorkingNode, status: str, reason: str
) -> None:
    refuse(node, LOST, study=STUDY, status=status)

    node.report(node.complete(images()))

    report = node.report_of()
    assert f"Not received: image {LOST}: {reason}" in spoken(report)
    assert report.CompletionFlag == "PARTIAL"


def test_an_image_that_came_in_the_end_is_not_missing(node: WorkingNode) -> None:
    first, *others = images()
    refuse(node, str(first.SOPInstanceUID), study=STUDY, status="0xA700")

    node.report(node.complete([first, *others]))

    assert "Not received" not in spoken(node.report_of())
    assert node.report_of().CompletionFlag == "COMPLETE"


def test_the_last_refusal_of_an_image_counts(node: WorkingNode) -> None:
    refuse(node, LOST, study=STUDY, status="0xA700")
    refuse(node, LOST, study=STUDY, status="0xC000")

    node.report(node.complete(images()))

    assert spoken(node.report_of()).count(f"image {LOST}") == 1
    assert "DAMAGED" in spoken(node.report_of())


def test_what_is_no_image_is_not_missing(node: WorkingNode) -> None:
    refuse(node, LOST, study=STUDY, status="0xC000", sop_class_uid=CAD_SR)

    node.report(node.complete(images()))

    assert LOST not in spoken(node.report_of())


def test_a_report_after_the_image_came_supersedes_the_one_that_missed_it(
    node: WorkingNode,
) -> None:
    *first, late = images()
    refuse(node, str(late.SOPInstanceUID), study=STUDY, status="0xA700")
    node.report(node.complete(first))

    node.report(node.complete([late]))

    assert "Not received" in spoken(node.report_of(1))
    assert "Not received" not in spoken(node.report_of(2))
    assert node.report_of(2).PredecessorDocumentsSequence


def test_nothing_analysable_and_one_refused_is_no_result_without_findings(
    node: WorkingNode,
) -> None:
    refuse(node, LOST, study=STUDY, status="0xC000")

    node.report(node.complete(images(BodyPartExamined="PHANTOM")))

    report = node.report_of()
    (summary,) = items(report, codes.QUALITATIVE_EVALUATIONS.value, codes.SUMMARY.value)
    assert summary.ConceptCodeSequence[0].CodeValue == codes.NONE_WITHOUT_FINDINGS.value
    assert "No image was analysed: 0 of 4" in spoken(report)
    assert f"Not received: image {LOST}" in spoken(report)


def test_an_image_that_was_cut_on_its_way_is_named_by_the_report_of_the_others(
    node: WorkingNode,
) -> None:
    """From the real SCP's 0xC000 to the report, whatever stands between them."""
    *whole, cut = images()
    settings = scp_settings(node.layout.root)
    with running_scp(settings, node.database) as scp, RawRequestor(scp.address) as line:
        line.associate((MG, [EXPLICIT]))
        answers = [
            line.store(data_set, sop_class=MG, sop_instance=str(image.SOPInstanceUID))[0]
            for image, data_set in [
                *((image, encode(image)) for image in whole),
                (cut, encode(cut)[:-1000]),
            ]
        ]
        line.release()
    node.clock.now = utc_now()
    node.sweep()
    node.analyse(1, 2, 3)
    node.clock.pass_(minutes=10)
    node.sweep()

    node.report(node.study(STUDY).id)

    said = spoken(node.report_of())
    assert answers == [0x0000, 0x0000, 0x0000, 0xC000]
    assert f"Not received: image {cut.SOPInstanceUID}: DAMAGED" in said
    assert "3 of 3 images analysed. 1 more image was sent and could not be received." in said
