"""A result is its source's patient's, to the byte; two patients never share one."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from node.dicom.identity import (
    ENCODING,
    PATIENT,
    STUDY,
    check_same_identity,
    copy_identity,
    most_complete,
    unreadable,
)
from node.errors import IdentityConflict
from tests.character_sets import SETS, header_in, set_raw
from tests.factories import JAPANESE_CHARACTER_SET, JAPANESE_NAME, make_mammogram
from tests.results import stored


def header(**attributes: Any) -> Dataset:
    return stored(make_mammogram(**attributes))


def pair(one: dict[str, Any], other: dict[str, Any]) -> list[Dataset]:
    return [
        header(sop_instance_uid="1.2.1", **one),
        header(sop_instance_uid="1.2.2", **other),
    ]


def test_every_attribute_that_the_source_has_is_copied() -> None:
    item = Dataset()
    item.PatientID = "X9"
    source = header(OtherPatientIDsSequence=[item], TimezoneOffsetFromUTC="+0900")
    target = Dataset()

    copy_identity(source, target)

    present = {keyword for keyword in (*ENCODING, *PATIENT, *STUDY) if keyword in source}
    assert {"PatientName", "OtherPatientIDsSequence", "StudyDescription"} < present
    # pydicom decodes the character set while it reads; the contract tests compare the files.
    for keyword in present - {"OtherPatientIDsSequence", "SpecificCharacterSet"}:
        assert target.get_item(keyword).value == source.get_item(keyword).value, keyword
    assert target.OtherPatientIDsSequence[0].get_item("PatientID").value == b"X9"


def test_what_is_the_acquisition_s_stays_behind() -> None:
    target = Dataset()

    copy_identity(header(OperatorsName="Operator^Otto", StationName="MG1"), target)

    for keyword in ("OperatorsName", "StationName", "Manufacturer", "Modality", "Rows"):
        assert keyword not in target


def test_type_2_attributes_are_there_and_empty_where_the_source_lacks_them() -> None:
    absent = ("AccessionNumber", "StudyID", "PatientBirthDate", "ReferringPhysicianName")
    target = Dataset()

    copy_identity(header(**dict.fromkeys(absent)), target)

    for keyword in absent:
        assert target[keyword].is_empty, keyword


def test_images_of_one_patient_agree() -> None:
    check_same_identity([header(view="CC"), header(view="MLO"), header(laterality="R")])


@pytest.mark.parametrize(
    ("attribute", "values"),
    [
        ("PatientID", ("MG-0001", "MG-0002")),
        ("PatientName", ("Example^Anna", "Example^Berta")),
        ("PatientBirthDate", ("19610203", "19610302")),
        ("PatientSex", ("F", "M")),
        ("AccessionNumber", ("A1", "A2")),
        ("IssuerOfPatientID", ("SITE A", "SITE B")),
        ("StudyInstanceUID", ("1.2.3", "1.2.4")),
    ],
)
def test_images_that_disagree_stop_the_study(attribute: str, values: tuple[str, str]) -> None:
    images = pair({attribute: values[0]}, {attribute: values[1]})

    with pytest.raises(IdentityConflict, match=attribute) as conflict:
        check_same_identity(images)

    text = str(conflict.value)
    assert "1.2.1" in text
    assert "1.2.2" in text
    if attribute != "StudyInstanceUID":
        assert not any(value in text.replace(attribute, "") for value in values)


def test_a_third_image_is_compared_with_all_before_it() -> None:
    silent = header(PatientBirthDate=None)

    with pytest.raises(IdentityConflict, match="PatientBirthDate"):
        check_same_identity([silent, header(), header(PatientBirthDate="19700101")])


def test_an_empty_value_disagrees_with_nothing() -> None:
    check_same_identity([*pair({"AccessionNumber": ""}, {}), header(AccessionNumber=None)])


@pytest.mark.parametrize(
    "other",
    [
        {"patient_name": "Example^Anna^^^"},
        {"patient_name": "Example^Anna "},
        {"patient_name": "Example^Anna", "specific_character_set": "ISO_IR 192"},
        {"patient_name": "Example^Anna=例^花", "specific_character_set": "ISO_IR 192"},
    ],
)
def test_ways_to_write_one_name_agree(other: dict[str, Any]) -> None:
    check_same_identity(pair({}, other))


def test_one_japanese_name_in_two_character_sets_agrees() -> None:
    check_same_identity(
        pair(
            {"patient_name": JAPANESE_NAME, "specific_character_set": JAPANESE_CHARACTER_SET},
            {"patient_name": JAPANESE_NAME, "specific_character_set": "ISO_IR 192"},
        )
    )


def test_one_chinese_name_with_and_without_code_extensions_agrees() -> None:
    """pydicom leaves the escape sequences of ISO 2022 IR 58 in what it decodes."""
    extended, unicode = header_in(SETS["IR 58"]), header_in(SETS["none"])
    set_raw(unicode, "SpecificCharacterSet", "CS", b"ISO_IR 192")
    set_raw(unicode, "PatientName", "PN", SETS["IR 58"].says.encode())

    check_same_identity([extended, unicode])


@pytest.mark.parametrize("other", ["example^anna", "Example Anna", "Anna^Example", "Example^Ann"])
def test_names_that_are_written_otherwise_disagree(other: str) -> None:
    """A PACS may take them for two: a person decides, not the node."""
    with pytest.raises(IdentityConflict, match="PatientName group 1"):
        check_same_identity(pair({"patient_name": "Example^Anna"}, {"patient_name": other}))


def test_two_japanese_names_that_sound_alike_disagree() -> None:
    homophone = JAPANESE_NAME.replace("花子", "華子")

    with pytest.raises(IdentityConflict, match="PatientName group 2"):
        check_same_identity(
            pair(
                {"patient_name": JAPANESE_NAME, "specific_character_set": JAPANESE_CHARACTER_SET},
                {"patient_name": homophone, "specific_character_set": "ISO_IR 192"},
            )
        )


def test_the_fullest_header_is_copied_from_and_the_first_of_equals() -> None:
    poor, rich, rich_too = header(PatientBirthDate=None), header(), header(view="MLO")

    assert most_complete([poor, rich, rich_too]) is rich


def test_checking_decodes_nothing_in_the_header() -> None:
    """A decoded element would be encoded again when it is copied."""
    images = pair({}, {})

    check_same_identity(images)
    most_complete(images)

    assert all(image.get_item(keyword).is_raw for image in images for keyword in ("PatientName",))


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("OtherPatientIDsSequence", "LO", b"12345 "),
        ("ProcedureCodeSequence", "UN", b"\0\0"),
        ("AccessionNumber", "US", b"\1\0"),
        ("RequestAttributesSequence", "IS", b"12"),
    ],
)
def test_one_malformed_attribute_is_named_and_costs_no_other(
    keyword: str, vr: str, value: bytes
) -> None:
    image, target = header(), Dataset()
    tag = Tag(keyword)
    image[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)

    check_same_identity([image, header(view="MLO")])
    copy_identity(image, target)

    assert unreadable(image) == (keyword,)
    assert tag not in target or target[tag].is_empty
    assert target.get_item("PatientID").value == image.get_item("PatientID").value
    assert unreadable(header()) == ()


def test_a_misspelt_character_set_is_compared_and_copied() -> None:
    image = header()
    tag = Tag("SpecificCharacterSet")
    image[tag] = RawDataElement(tag, "CS", 10, b"ISO-IR 100", 0, False, True)
    target = Dataset()

    check_same_identity([image, header(view="MLO")])
    copy_identity(image, target)

    assert target.get_item(tag).value == b"ISO-IR 100"
