"""A report is its patient's to the byte, names the node as its author, and repeats."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ComprehensiveSRStorage

from node.dicom.findings import StudyResult
from node.dicom.measurement_report import build_measurement_report
from node.dicom.part10 import to_bytes
from node.errors import IdentityConflict
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    four_view_study,
    make_mammogram,
    stable_uid,
)
from tests.report_tree import every_item, items, report_of, with_box
from tests.results import (
    ALGORITHM,
    COMPLETED_AT,
    DEVICE,
    LESION,
    SECOND_LESION,
    make_study,
    raw_value,
    stored,
)


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

        for event in ("InstanceCreation", "Content"):
            assert report[f"{event}Date"].value == "20240305"
            assert report[f"{event}Time"].value == "233015"

    def test_dates_are_the_hospital_s_where_the_source_declares_no_time_zone(self) -> None:
        """At 08:30 in Tokyo it is still yesterday in UTC, a day before the exam."""
        moment = COMPLETED_AT.astimezone(ZoneInfo("Asia/Tokyo"))

        report = report_of(replace(with_box(), completed_at=moment))

        assert (report.ContentDate, report.ContentTime) == ("20240306", "083015")
        # It would say of the copied Study Time too in which zone that is.
        assert "TimezoneOffsetFromUTC" not in report

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

    dates = {"InstanceCreation", "Content"}
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
