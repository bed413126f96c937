"""The report says what was found, where, by whom, and what was not looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    ComprehensiveSRStorage,
    KeyObjectSelectionDocumentStorage,
)

from node.dicom.findings import Finding, StudyResult
from node.dicom.geometry import Box
from node.dicom.measurement_report import build_measurement_report
from node.dicom.part10 import to_bytes
from node.dicom.result_uids import tracking_uid
from node.errors import IdentityConflict
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    four_view_study,
    make_mammogram,
    stable_uid,
)
from tests.results import (
    ALGORITHM,
    COMPLETED_AT,
    DEVICE,
    LESION,
    SECOND_LESION,
    make_study,
    raw_value,
    stored,
    written,
)


def report_of(study: StudyResult) -> Dataset:
    return written(build_measurement_report(study))


def items(parent: Dataset, *path: str) -> list[Dataset]:
    """Follow concept names by code value; the last step gives every match."""
    found = [parent]
    for step in path:
        found = [
            child
            for item in found
            for child in item.get("ContentSequence", [])
            if child.get("ConceptNameCodeSequence", [Dataset()])[0].get("CodeValue") == step
        ]
    return found


def every_item(parent: Dataset) -> Iterator[Dataset]:
    for child in parent.get("ContentSequence", []):
        yield child
        yield from every_item(child)


def texts(parent: Dataset, *path: str) -> list[str]:
    return [item.TextValue for item in items(parent, *path)]


def library_images(report: Dataset) -> list[str]:
    return [
        image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for group in items(report, "111028", "126200")
        for image in group.ContentSequence
    ]


def evidence(report: Dataset) -> list[str]:
    return [
        reference.ReferencedSOPInstanceUID
        for study in report.get("CurrentRequestedProcedureEvidenceSequence", [])
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    ]


def with_box() -> StudyResult:
    return make_study(four_view_study(), findings={1: (LESION, SECOND_LESION)})


class TestWithFindings:
    """Section TID 1410: one group for each box."""

    def test_a_box_is_a_closed_polyline_twice_in_its_group(self) -> None:
        group = items(report_of(with_box()), "126010", "125007")[0]

        region = items(group, "111030")[0]
        below_the_number = items(group, "111047", "260753009")[0]
        expected = [40.3, 50.7, 90.1, 50.7, 90.1, 120.9, 40.3, 120.9, 40.3, 50.7]
        for scoord in (region, below_the_number):
            assert scoord.GraphicType == "POLYLINE"
            assert list(scoord.GraphicData) == pytest.approx(expected, abs=1e-4)
            source = scoord.ContentSequence[0]
            assert source.RelationshipType == "SELECTED FROM"
            assert source.ConceptNameCodeSequence[0].CodeValue == "111040"
        assert region.RelationshipType == "CONTAINS"
        assert below_the_number.RelationshipType == "INFERRED FROM"

    def test_the_box_refers_to_its_own_image(self) -> None:
        study = with_box()

        for region in items(report_of(study), "126010", "125007", "111030"):
            reference = region.ContentSequence[0].ReferencedSOPSequence[0]
            assert reference.ReferencedSOPInstanceUID == study.images[1].sop_instance_uid

    def test_the_score_is_a_percentage_with_one_decimal(self) -> None:
        group = items(report_of(with_box()), "126010", "125007")[0]

        measured = items(group, "111047")[0].MeasuredValueSequence[0]
        assert str(measured.NumericValue) == "54.3"
        assert measured.MeasurementUnitsCodeSequence[0].CodeValue == "%"
        assert texts(group, "121106") == ["Malignancy score 54.3 %"]

    def test_the_group_is_tracked_and_names_side_and_algorithm(self) -> None:
        study = with_box()
        group = items(report_of(study), "126010", "125007")[0]

        assert texts(group, "112039") == ["L-CC-1"]
        tracked = items(group, "112040")[0]
        assert tracked["UID"].value == tracking_uid(study, study.images[1], LESION)
        side = items(group, "363698007", "272741003")[0]
        assert side.ConceptCodeSequence[0].CodeMeaning == "Left"
        assert texts(group, "111001") == [ALGORITHM.name]
        assert texts(group, "111003") == [ALGORITHM.version]
        assert texts(group, "111002") == list(ALGORITHM.parameters)
        assert group.ContentTemplateSequence[0].TemplateIdentifier == "1410"

    def test_a_second_image_of_a_view_keeps_identifiers_apart(self) -> None:
        images = [make_mammogram(sop_instance_uid=uid) for uid in ("1.2.1", "1.2.2")]
        study = make_study(images, findings={0: (LESION,), 1: (LESION,)})

        groups = items(report_of(study), "126010", "125007")

        assert [texts(group, "112039")[0] for group in groups] == ["L-CC-1", "L-CC(2)-1"]

    def test_nothing_is_said_of_images_when_all_were_analysed(self) -> None:
        assert items(report_of(with_box()), "C0034375") == []

    def test_what_was_not_analysed_is_said_beside_the_findings(self) -> None:
        study = make_study(
            four_view_study(), findings={0: (LESION,)}, not_analysed={3: "UNREADABLE_PIXELS"}
        )
        report = report_of(study)

        comments = texts(report, "C0034375", "121106")
        assert any(
            study.images[3].sop_instance_uid in comment and "UNREADABLE_PIXELS" in comment
            for comment in comments
        )
        summary = items(report, "C0034375", "111017")[0].ConceptCodeSequence[0]
        assert summary.CodeValue == "111244"
        assert len(items(report, "126010", "125007")) == 1

    def test_a_box_that_touches_the_border_stays_within_the_image(self) -> None:
        outside = Finding(Box(-0.4, 300.0, 257.00001, 331.2), 0.9, 1)
        report = report_of(make_study([make_mammogram()], findings={0: (outside,)}))

        data = items(report, "126010", "125007", "111030")[0].GraphicData
        assert min(data) >= 0
        assert max(data[0::2]) <= 257
        assert max(data[1::2]) <= 331


class TestWithoutFindings:
    """A study without findings has a report: no report means not processed."""

    def test_it_has_no_measurements_and_says_so(self) -> None:
        report = report_of(make_study(four_view_study()))

        assert items(report, "126010") == []
        summary = items(report, "C0034375", "111017")[0].ConceptCodeSequence[0]
        assert summary.CodeValue == "111241"
        assert texts(report, "C0034375", "121106")[0] == (
            "No region at or above the reporting threshold in 4 of 4 images."
        )

    def test_it_refers_to_every_image(self) -> None:
        study = make_study(four_view_study())
        uids = {image.sop_instance_uid for image in study.images}

        report = report_of(study)

        assert set(library_images(report)) == set(evidence(report)) == uids
        assert len(evidence(report)) == 4

    def test_a_study_of_which_nothing_was_analysed_has_a_report_too(self) -> None:
        study = make_study(
            four_view_study(), not_analysed=dict.fromkeys(range(4), "FOR_PROCESSING")
        )
        report = report_of(study)

        summary = items(report, "C0034375", "111017")[0].ConceptCodeSequence[0]
        assert summary.CodeValue == "111245"
        comments = texts(report, "C0034375", "121106")
        for image in study.images:
            assert sum(image.sop_instance_uid in comment for comment in comments) == 1

    def test_tomosynthesis_is_listed_and_other_objects_are_named_only(self) -> None:
        images = [
            make_mammogram(),
            make_mammogram(
                sop_instance_uid="1.2.7",
                SOPClassUID=BreastTomosynthesisImageStorage,
                NumberOfFrames="40",
            ),
            make_mammogram(sop_instance_uid="1.2.8", SOPClassUID=KeyObjectSelectionDocumentStorage),
        ]
        study = make_study(images, not_analysed={1: "TOMOSYNTHESIS", 2: "NOT_AN_ANALYSED_CLASS"})

        report = report_of(study)

        assert library_images(report) == [images[0].SOPInstanceUID, "1.2.7"]
        assert set(evidence(report)) == {images[0].SOPInstanceUID, "1.2.7"}
        comments = " ".join(texts(report, "C0034375", "121106"))
        assert "1.2.7: TOMOSYNTHESIS" in comments
        assert "1.2.8: NOT_AN_ANALYSED_CLASS" in comments

    def test_a_study_without_any_image_still_says_what_came(self) -> None:
        only = make_mammogram(SOPClassUID=KeyObjectSelectionDocumentStorage)
        report = report_of(make_study([only], not_analysed={0: "NOT_AN_ANALYSED_CLASS"}))

        assert evidence(report) == []
        assert "NOT_AN_ANALYSED_CLASS" in texts(report, "C0034375", "121106")[1]


class TestHeader:
    """Whose report it is, and who wrote it."""

    def test_series_and_device_are_the_node_s(self) -> None:
        report = report_of(with_box())

        assert report.SOPClassUID == ComprehensiveSRStorage
        assert (report.Modality, report.SeriesNumber) == ("SR", 9002)
        assert report.Manufacturer == DEVICE.manufacturer
        assert report.ManufacturerModelName == DEVICE.model_name
        assert report.DeviceUID == ALGORITHM.device_uid
        observer = items(report, "121012")[0]
        assert observer["UID"].value == ALGORITHM.device_uid
        unit = report.ContributingEquipmentSequence[0]
        assert unit.Manufacturer == "Phantom Works"
        assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")

    def test_every_date_is_the_completion_of_the_study(self) -> None:
        report = report_of(with_box())

        for event in ("InstanceCreation", "Content", "Series"):
            assert report[f"{event}Date"].value == "20240305"
            assert report[f"{event}Time"].value == "233015"

    @pytest.mark.parametrize(
        ("offset", "expected"),
        [
            ("+0900", ("20240306", "083015")),
            ("-0330", ("20240305", "200015")),
            ("0900", ("20240305", "233015")),
            ("+9900", ("20240305", "233015")),
        ],
    )
    def test_dates_are_in_the_time_zone_that_the_source_declares(
        self, offset: str, expected: tuple[str, str]
    ) -> None:
        image = stored(make_mammogram())
        tag = Tag("TimezoneOffsetFromUTC")
        image[tag] = RawDataElement(tag, "SH", len(offset), offset.encode(), 0, False, True)

        report = report_of(make_study([image]))

        assert (report.ContentDate, report.ContentTime) == expected

    def test_a_time_limit_makes_the_report_partial(self) -> None:
        report = report_of(make_study(four_view_study(), not_analysed={0: "PENDING_AT_TIME_LIMIT"}))

        assert report.CompletionFlag == "PARTIAL"
        assert report.CompletionFlagDescription

    def test_the_predecessor_is_named(self) -> None:
        predecessors = ((str(ComprehensiveSRStorage), "1.2.5", "1.2.6"),)

        report = report_of(make_study(four_view_study(), predecessors=predecessors))

        series = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
        assert series.SeriesInstanceUID == "1.2.6"
        assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.5"

    def test_an_order_of_all_images_is_named_once_and_completed_with_empty_values(self) -> None:
        report = report_of(make_study(four_view_study()))

        assert len(report.ReferencedRequestSequence) == 1
        order = report.ReferencedRequestSequence[0]
        assert order.RequestedProcedureID == "RP1"
        assert order.AccessionNumber == "A000017"
        assert order.StudyInstanceUID == report.StudyInstanceUID
        for keyword in (
            "FillerOrderNumberImagingServiceRequest",
            "PlacerOrderNumberImagingServiceRequest",
            "RequestedProcedureDescription",
            "RequestedProcedureCodeSequence",
            "ReferencedStudySequence",
        ):
            assert order[keyword].is_empty, keyword
        assert "ScheduledProcedureStepID" not in order

    def test_two_orders_are_named_both(self) -> None:
        second = Dataset()
        second.RequestedProcedureID = "RP2"
        second.AccessionNumber = "A000018"
        images = four_view_study()
        images[3].RequestAttributesSequence.append(second)

        orders = report_of(make_study(images)).ReferencedRequestSequence

        assert {order.RequestedProcedureID for order in orders} == {"RP1", "RP2"}
        assert {order.AccessionNumber for order in orders} == {"A000017", "A000018"}

    def test_images_of_two_patients_have_no_report(self) -> None:
        images = four_view_study()
        images[2].PatientID = "SOMEBODY ELSE"

        with pytest.raises(IdentityConflict):
            build_measurement_report(make_study(images))


SOURCES: dict[str, dict[str, Any]] = {
    "latin 1": {"patient_name": "Müller^Änne", "specific_character_set": "ISO_IR 100"},
    "UTF-8": {"patient_name": JAPANESE_NAME, "specific_character_set": "ISO_IR 192"},
    "Japanese": {
        "patient_name": JAPANESE_NAME,
        "specific_character_set": JAPANESE_CHARACTER_SET,
    },
    "Korean": {
        "patient_name": "Hong^Gildong=洪^吉洞=홍^길동",
        "specific_character_set": ["", "ISO 2022 IR 149"],
    },
    "Chinese": {"patient_name": "Wang^XiaoDong=王^小东", "specific_character_set": "GB18030"},
    "none": {"specific_character_set": None},
    "no orders": dict.fromkeys(("AccessionNumber", "StudyID", "RequestAttributesSequence")),
    "no dates": dict.fromkeys(("PatientBirthDate", "StudyDate", "StudyTime")),
    "no persons": dict.fromkeys(("PatientSex", "ReferringPhysicianName")),
    "no side, no view": dict.fromkeys(("ImageLaterality", "ViewCodeSequence")),
}


@pytest.mark.parametrize("source", SOURCES)
def test_the_name_in_the_report_is_that_of_the_image_to_the_byte(source: str) -> None:
    image = stored(make_mammogram(**SOURCES[source]))

    report = report_of(make_study([image], findings={0: (LESION,)}))

    assert raw_value(report, "PatientName") == raw_value(image, "PatientName")
    assert raw_value(report, "PatientID") == raw_value(image, "PatientID")
    assert report.get("SpecificCharacterSet") == image.get("SpecificCharacterSet")


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("PatientBirthDate", "DA", b"1960.01.01"),
        ("PatientSex", "CS", b"female"),
        ("PatientID", "LO", b" 00017  "),
        ("PatientName", "PN", b"A^B=\x1b$B;3ED\x1b(B\x1b(B^= "),
        ("AccessionNumber", "SH", b"12345678901234567890"),
        ("PatientAge", "AS", b"63"),
    ],
)
def test_invalid_values_are_never_repaired(keyword: str, vr: str, value: bytes) -> None:
    image = stored(make_mammogram())
    tag = Tag(keyword)
    image[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)

    report = report_of(make_study([image], findings={0: (LESION,)}))

    assert raw_value(report, keyword) == value


def test_a_misspelt_character_set_is_passed_on() -> None:
    image = stored(make_mammogram(patient_name="Müller^Änne"))
    tag = Tag("SpecificCharacterSet")
    image[tag] = RawDataElement(tag, "CS", 10, b"ISO-IR 100", 0, False, True)

    content = to_bytes(build_measurement_report(make_study([image])))

    assert b"\x08\x00\x05\x00CS\x0a\x00ISO-IR 100" in content
    assert "Müller^Änne".encode("latin-1") in content


def test_the_same_study_gives_the_same_bytes_whatever_order_its_images_came_in() -> None:
    def build() -> StudyResult:
        return make_study(
            four_view_study(patient_name=JAPANESE_NAME, specific_character_set="ISO_IR 192"),
            findings={0: (LESION,), 2: (SECOND_LESION,)},
            not_analysed={3: "UNREADABLE_PIXELS"},
        )

    backwards = replace(build(), images=build().images[::-1])

    first = to_bytes(build_measurement_report(build()))
    assert to_bytes(build_measurement_report(build())) == first
    assert to_bytes(build_measurement_report(backwards)) == first


def test_a_later_completion_moves_the_dates_and_nothing_else() -> None:
    later = replace(with_box(), completed_at=COMPLETED_AT + timedelta(hours=1))
    one, other = report_of(with_box()), report_of(later)

    differing = {element.keyword for element in one if other[element.tag] != element}

    dates = {"InstanceCreation", "Content", "Series"}
    assert differing == {f"{event}{part}" for event in dates for part in ("Date", "Time")}


def test_very_long_names_break_nothing() -> None:
    study = make_study(
        [make_mammogram()],
        findings={0: (LESION,)},
        device=replace(
            DEVICE, manufacturer="M" * 200, model_name="Müller" * 40, station_name="S" * 40
        ),
        algorithm=replace(ALGORITHM, name="n" * 500, version="v\\" * 200, parameters=("p" * 2000,)),
    )

    report = report_of(study)

    assert len(report.Manufacturer) == len(report.ManufacturerModelName) == 64
    assert len(report.SeriesDescription) == 64
    assert report.StationName == "S" * 16
    assert all(
        len(item.ConceptNameCodeSequence[0].CodeMeaning) <= 64
        for item in every_item(report)
        if "ConceptNameCodeSequence" in item
    )


def test_uids_of_two_studies_differ() -> None:
    one = build_measurement_report(make_study(four_view_study()))
    other = build_measurement_report(
        make_study(four_view_study(study_instance_uid=stable_uid("another")))
    )

    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.SeriesInstanceUID != other.SeriesInstanceUID
