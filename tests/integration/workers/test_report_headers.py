"""What a report makes of headers: a malformed one costs no study its report, dates are local."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydicom.tag import Tag
from sqlalchemy import update

from models.spec import SPECS
from node.db.tables import Analysis
from node.states import InstanceState, StudyState
from tests.factories import four_view_study, stable_uid
from tests.report_tree import texts
from tests.working_node import WorkingNode, spoken

STUDY = stable_uid("a study")


def images(**common: Any) -> Any:
    return four_view_study(study_instance_uid=STUDY, **common)


def spoil(node: WorkingNode, instance_id: int) -> None:
    """Make Specific Character Set of a stored file a number, which pydicom cannot read."""
    path = node.layout.absolute(node.instance(instance_id).path)
    content = path.read_bytes()
    spoiled = content.replace(b"\x08\x00\x05\x00CS\x0a\x00", b"\x08\x00\x05\x00US\x0a\x00")
    assert spoiled != content
    path.write_bytes(spoiled)


def test_an_image_whose_header_cannot_be_read_is_named_in_the_report_of_the_others(
    node: WorkingNode,
) -> None:
    study = node.complete(images())
    spoil(node, 2)

    node.report(study)

    assert node.study(STUDY).state is StudyState.REPORTED
    said = spoken(node.report_of())
    uid = node.instance(2).sop_instance_uid
    assert f"Not analysed: L CC image {uid}: UNREADABLE_HEADER." in said
    assert "3 regions at or above the reporting threshold; 3 of 4 images analysed." in said
    assert [row.source_instance_id for row in node.results() if row.kind == "overlay"] == [1, 3, 4]
    assert node.report_of().PatientName == "Example^Anna"


def test_a_reason_that_an_image_has_already_stays(node: WorkingNode) -> None:
    good, *_, raw = images()
    raw.PresentationIntentType = "FOR PROCESSING"
    study = node.complete([good, raw])
    spoil(node, 2)

    node.report(study)

    assert "FOR_PROCESSING" in spoken(node.report_of())
    assert "UNREADABLE_HEADER" not in spoken(node.report_of())


def test_a_study_without_any_readable_header_is_given_up_with_that_reason(
    node: WorkingNode,
) -> None:
    study = node.complete(images()[:2])
    spoil(node, 1)
    spoil(node, 2)

    node.report(study)

    row = node.study(STUDY)
    assert (row.state, row.reason) == (StudyState.FAILED, "UNREADABLE_HEADER")
    assert node.results() == []


def test_a_file_that_cannot_be_opened_is_no_fault_of_its_header(node: WorkingNode) -> None:
    study = node.complete(images())
    node.layout.absolute(node.instance(1).path).unlink()

    node.report(study)

    assert node.study(STUDY).reason.startswith("FileNotFoundError")


def test_a_model_that_nobody_knows_any_more_is_named_as_it_was(node: WorkingNode) -> None:
    """It may have left the registry, or be registered on another machine alone."""
    node.detector.spec = replace(SPECS["reference"], name="site-7", title="Model of site seven")

    node.report(node.complete(images()))

    assert texts(node.report_of(), "126010", "125007", "111001") == ["Model of site seven"] * 4


@pytest.mark.parametrize(
    ("name", "title"),
    [("reference", SPECS["reference"].title), ("of another version", "of another version")],
)
def test_a_row_from_before_titles_were_kept_is_reported_all_the_same(
    node: WorkingNode, name: str, title: str
) -> None:
    study = node.complete(images())
    with node.database.begin() as session:
        session.execute(update(Analysis).values(model_name=name, model_title=""))

    node.report(study)

    assert texts(node.report_of(), "126010", "125007", "111001") == [title] * 4


def test_one_attribute_of_the_wrong_kind_costs_no_report(node: WorkingNode) -> None:
    odd = images()
    for image in odd:
        image.add_new(Tag("OtherPatientIDsSequence"), "LO", "12345")

    node.report(node.complete(odd))

    assert node.study(STUDY).state is StudyState.REPORTED
    assert spoken(node.report_of()).count("malformed: OtherPatientIDsSequence") == 4
    assert "12345" not in spoken(node.report_of())


@pytest.mark.parametrize("kind", ["own", "foreign"])
def test_objects_that_are_stored_only_are_no_images_of_the_report(
    node: WorkingNode, kind: str
) -> None:
    image, other = images()[:2]
    if kind == "own":
        other.Manufacturer = other.ManufacturerModelName = "mgnode"
    else:
        other.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.59"
        other.file_meta.MediaStorageSOPClassUID = other.SOPClassUID

    node.report(node.complete([image, other]))

    assert node.instance(2).state is InstanceState.REJECTED
    assert "Not analysed" not in spoken(node.report_of())
    assert node.report_of().CompletionFlag == "COMPLETE"
    for row in node.results():
        content = node.layout.absolute(row.path).read_bytes()
        assert str(image.SOPInstanceUID).encode() in content
        assert str(other.SOPInstanceUID).encode() not in content


def test_a_study_of_nothing_but_stored_objects_is_never_complete(node: WorkingNode) -> None:
    own = images(Manufacturer="mgnode", ManufacturerModelName="mgnode")
    ids = node.receive(own)
    node.sweep()
    node.analyse(*ids)
    node.clock.pass_(days=2)

    node.sweep()

    assert node.study(STUDY).state is StudyState.OPEN


@pytest.fixture
def machine_in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("zone", "expected"), [("", 9), ("America/New_York", -5), ("UTC", 0)])
@pytest.mark.usefixtures("machine_in_tokyo")
def test_times_are_those_of_the_set_zone_or_of_the_machine(
    node: WorkingNode, zone: str, expected: int
) -> None:
    """No image says in which zone its own times are."""
    node = node.with_settings(results={"time_zone": zone})

    node.report(node.complete(images()))

    hour = (node.clock().hour + expected) % 24
    for row in node.results():
        assert node.result(row).ContentTime[:2] == f"{hour:02d}"
        assert "TimezoneOffsetFromUTC" not in node.result(row)


@pytest.mark.usefixtures("machine_in_tokyo")
def test_times_are_those_of_the_zone_that_the_images_name(node: WorkingNode) -> None:
    node.report(node.complete(images(TimezoneOffsetFromUTC="-0330")))

    assert node.report_of().ContentTime[2:4] == "32"
    assert node.report_of().TimezoneOffsetFromUTC == "-0330"
