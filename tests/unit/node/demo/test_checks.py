"""The checks pass on what the node makes, and each fails on the fault it is there for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydicom import FileDataset, dcmread

from node.demo.checks import LOOKS, check_results
from node.demo.received import content_items, reported_boxes
from node.dicom.geometry import Box
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    four_view_study,
    save_to_folder,
)

if TYPE_CHECKING:
    from tests.unit.node.demo.conftest import Exchanged

LCC_BOX = Box(10.25, 200.5, 90.0, 330.75)

IDENTITY = "identity is the images', byte for byte"
ONE_REPORT = "one report of each kind for the study"
KINDS = "nothing but reports and overlays came"
UIDS = "UIDs are new and unique, one series for each kind"
REFERENCES = "the reports refer to every image, and to no other"
EVIDENCE = "the reports' evidence lists each image once"
BOXES = "every box lies inside its image"
MARKS = "the CAD SR marks the boxes of the report"
CAD_SR = 5
OVERLAYS = "each overlay has one source, its side, view and shape"
DRAWN = "every image with a box has an overlay"


def test_untouched_results_pass_every_check(exchanged: Exchanged) -> None:
    checks = check_results(exchanged.sources, exchanged.results)

    assert [(check.name, check.detail) for check in checks if not check.passed] == []
    assert [check.name for check in checks] == [name for name, _, _ in LOOKS]


def test_the_report_is_read_back_with_its_box_and_score(exchanged: Exchanged) -> None:
    (found,) = reported_boxes(dcmread(exchanged.results[0]))

    assert found.box == pytest.approx(LCC_BOX)
    assert found.score_percent == pytest.approx(81.2, abs=0.06)
    assert found.sop_instance_uid == dcmread(exchanged.sources[1]).SOPInstanceUID


@pytest.mark.parametrize("number", [0, 1, 4])
def test_a_name_in_other_bytes_is_noticed(number: int, exchanged: Exchanged) -> None:
    """The same letters in UTF-8: a viewer shows the same name, an archive may not find it."""

    def tamper(dataset: FileDataset) -> None:
        dataset.decode()
        dataset.SpecificCharacterSet = "ISO_IR 192"

    exchanged.change(number, tamper)

    assert str(dcmread(exchanged.results[number]).PatientName) == JAPANESE_NAME
    assert exchanged.failed() == {IDENTITY}


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "Yamada^Hanako"),
        ("PatientID", "MG-0002"),
        ("PatientBirthDate", "19600301"),
        ("StudyInstanceUID", "2.25.4"),
        ("StudyDate", "20240301"),
        ("AccessionNumber", "A-0000"),
    ],
)
def test_each_changed_attribute_of_the_identity_is_noticed(
    keyword: str, value: str, exchanged: Exchanged
) -> None:
    exchanged.change(2, lambda dataset: setattr(dataset, keyword, value))

    assert exchanged.failed() == {IDENTITY}


def test_trailing_padding_is_no_other_value(exchanged: Exchanged) -> None:
    def pad(dataset: FileDataset) -> None:
        dataset.PatientID = f"{dataset.PatientID}  "

    exchanged.change(1, pad)

    assert exchanged.failed() == set()


def test_a_box_that_leaves_its_image_is_noticed(exchanged: Exchanged) -> None:
    def widen(report: FileDataset) -> None:
        for item, _ in content_items(report):
            if item.ValueType == "SCOORD":
                x0, y0 = LCC_BOX.x0, LCC_BOX.y0
                x1, y1 = 257.5, LCC_BOX.y1  # the image has 257 columns
                item.GraphicData = [x0, y0, x1, y0, x1, y1, x0, y1, x0, y0]

    exchanged.change(0, widen)

    assert exchanged.failed() == {BOXES, MARKS}


def test_a_box_that_touches_the_last_column_is_inside(exchanged: Exchanged) -> None:
    def widen(report: FileDataset) -> None:
        for item, _ in content_items(report):
            if item.ValueType == "SCOORD":
                item.GraphicData = [0.0, 0.0, 257.0, 0.0, 257.0, 331.0, 0.0, 331.0, 0.0, 0.0]

    exchanged.change(0, widen)

    assert exchanged.failed() == {MARKS}


def test_an_open_or_flat_box_is_noticed(exchanged: Exchanged) -> None:
    def flatten(report: FileDataset) -> None:
        for item, _ in content_items(report):
            if item.ValueType == "SCOORD":
                item.GraphicData = [1.0, 5.0, 9.0, 5.0, 9.0, 5.0, 1.0, 5.0, 1.0, 5.0]

    exchanged.change(0, flatten)

    assert exchanged.failed() == {BOXES, MARKS}


def test_a_reference_to_an_image_that_was_not_sent_is_noticed(exchanged: Exchanged) -> None:
    def redirect(report: FileDataset) -> None:
        for item, _ in content_items(report):
            if item.ValueType == "SCOORD":
                below = item.ContentSequence[0].ReferencedSOPSequence[0]
                below.ReferencedSOPInstanceUID = "2.25.99"

    exchanged.change(0, redirect)

    assert exchanged.failed() == {REFERENCES, BOXES, MARKS, DRAWN}


def test_an_image_that_the_report_leaves_out_is_noticed(exchanged: Exchanged) -> None:
    exchanged.sources.extend(
        save_to_folder(
            four_view_study(
                patient_name=JAPANESE_NAME,
                specific_character_set=JAPANESE_CHARACTER_SET,
                sop_instance_uid="2.25.5",
            )[:1],
            exchanged.sources[0].parent,
        )
    )

    assert exchanged.failed() == {REFERENCES, EVIDENCE}


def test_evidence_of_another_series_is_noticed(exchanged: Exchanged) -> None:
    def move(report: FileDataset) -> None:
        study = report.CurrentRequestedProcedureEvidenceSequence[0]
        study.ReferencedSeriesSequence[0].SeriesInstanceUID = "2.25.77"

    exchanged.change(0, move)

    assert exchanged.failed() == {EVIDENCE}


def test_evidence_listed_twice_is_noticed(exchanged: Exchanged) -> None:
    def repeat(report: FileDataset) -> None:
        series = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
        items = series[0].ReferencedSOPSequence
        items.append(copy.deepcopy(items[0]))

    exchanged.change(0, repeat)

    assert exchanged.failed() == {EVIDENCE}


def test_no_report_fails_every_check_of_the_report(exchanged: Exchanged) -> None:
    del exchanged.results[0]

    assert exchanged.failed() == {ONE_REPORT, REFERENCES, EVIDENCE, BOXES, MARKS, DRAWN}


def test_no_cad_sr_is_noticed(exchanged: Exchanged) -> None:
    del exchanged.results[CAD_SR]

    assert exchanged.failed() == {ONE_REPORT, REFERENCES, EVIDENCE, MARKS}


def test_a_mark_at_another_place_is_noticed(exchanged: Exchanged) -> None:
    def move(report: FileDataset) -> None:
        for item, _ in content_items(report):
            if item.get("GraphicType") == "POLYLINE":
                item.GraphicData = [value + 1.0 for value in item.GraphicData]

    exchanged.change(CAD_SR, move)

    assert exchanged.failed() == {MARKS}


@pytest.mark.parametrize("place", [[1, 2, 3], [1, 2, 9], [1, 1]])
def test_a_mark_that_refers_to_another_item_is_noticed(
    place: list[int], exchanged: Exchanged
) -> None:
    """An item in front of the image library would move every image by one."""

    def redirect(report: FileDataset) -> None:
        for item, parent in content_items(report):
            if parent.get("GraphicType") == "POLYLINE":
                item.ReferencedContentItemIdentifier = place

    exchanged.change(CAD_SR, redirect)

    assert exchanged.failed() == {MARKS}


@pytest.mark.parametrize("number", [0, CAD_SR])
def test_a_second_report_is_noticed(number: int, exchanged: Exchanged, tmp_path: Path) -> None:
    second = tmp_path / "second.dcm"
    report = dcmread(exchanged.results[number])
    report.SOPInstanceUID = report.file_meta.MediaStorageSOPInstanceUID = "2.25.8"
    report.save_as(second)
    exchanged.results.append(second)

    assert exchanged.failed() >= {ONE_REPORT}
    assert exchanged.failed() <= {ONE_REPORT, MARKS}


def test_nothing_at_all_fails_everything_about_results(exchanged: Exchanged) -> None:
    exchanged.results.clear()

    assert {IDENTITY, ONE_REPORT, REFERENCES, EVIDENCE, BOXES} <= exchanged.failed()


def test_an_object_of_another_kind_is_noticed(exchanged: Exchanged) -> None:
    exchanged.results.append(exchanged.sources[0])

    assert KINDS in exchanged.failed()


def test_an_overlay_in_the_series_of_the_images_is_noticed(exchanged: Exchanged) -> None:
    series = dcmread(exchanged.sources[0]).SeriesInstanceUID
    for number in (1, 2, 3, 4):
        exchanged.change(number, lambda dataset: setattr(dataset, "SeriesInstanceUID", series))

    assert exchanged.failed() == {UIDS}


@pytest.mark.parametrize(
    "tamper",
    [
        lambda overlay: setattr(overlay, "ImageLaterality", "L"),
        lambda overlay: setattr(overlay, "PatientOrientation", ["A", "R"]),
        lambda overlay: setattr(overlay.ViewCodeSequence[0], "CodeValue", "399368009"),
        lambda overlay: setattr(overlay, "Rows", overlay.Rows - 7),
        lambda overlay: setattr(
            overlay.SourceImageSequence[0], "ReferencedSOPInstanceUID", "2.25.9"
        ),
        lambda overlay: delattr(overlay, "SourceImageSequence"),
    ],
    ids=["side", "orientation", "view", "shape", "source", "no source"],
)
def test_an_overlay_that_does_not_fit_its_image_is_noticed(
    tamper: Callable[[FileDataset], object], exchanged: Exchanged
) -> None:
    exchanged.change(1, tamper)

    assert exchanged.failed() == {OVERLAYS}


def test_a_missing_overlay_of_a_box_is_noticed(exchanged: Exchanged) -> None:
    del exchanged.results[2]

    assert exchanged.failed() == {DRAWN}


def test_a_report_without_its_mandatory_parts_is_a_finding_and_no_crash(
    exchanged: Exchanged,
) -> None:
    def gut(report: FileDataset) -> None:
        for item, _ in content_items(report):
            if item.ValueType == "SCOORD":
                del item.GraphicData

    exchanged.change(0, gut)

    assert {BOXES, MARKS, DRAWN} <= exchanged.failed()
